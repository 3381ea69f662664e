#!/usr/bin/env python3
"""Runs the escape programs of fixtures/hostile under other sandboxes and prints a table by class.

    tools/peers.py [--json] [--user NAME] [bubblewrap] [firejail]

Each sandbox runs with the strictest options that its manual documents and that need no file of one's own (such as a
system-call filter compiled elsewhere). As root, the programs run as an ordinary user, NAME; they are
harmless where nothing holds them, and end by themselves or after 30 seconds. What counts is what a program says:
`ESCAPED` means that it got somewhere, `unclear` that the kernel turned it down for a reason that is no wall, only
`refused` that it was held. The exhaustion family is left out: bubblewrap has no limits of its own, and a fork bomb
is not for trying where nothing bounds it.
"""

import argparse
import base64
import collections
import concurrent.futures
import fcntl
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import tomllib
import zlib

CORPUS = os.path.join(os.path.dirname(__file__), "..", "fixtures", "hostile")
TIME = 30
INTERPRETERS = {"py": ["/usr/bin/python3", "-I", "-S", "-B", "-c"], "sh": ["/bin/sh", "-c"], "pl": ["/usr/bin/perl", "-e"]}


class Traps:
    """Things on the host that a contained program cannot touch; the same as `fumehood doctor --attack` sets."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="fumehood-peers-")
        self.secret = secrets.token_hex(16)
        self.name = "fumehood-" + secrets.token_hex(8)
        os.chmod(self.folder, 0o755)
        with open(self.path("secret"), "w") as file:
            file.write(self.secret)
        os.chmod(self.path("secret"), 0o644)
        os.mkdir(self.path("open"))
        os.chmod(self.path("open"), 0o777)
        self.kept = [socket.create_server(("127.0.0.1", 0))]
        for address in (self.path("socket"), self.path("shown-socket"), "\0" + self.name):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(address)
            listener.listen(64)
            self.kept.append(listener)
        os.chmod(self.path("socket"), 0o777)
        os.chmod(self.path("shown-socket"), 0o777)
        os.mkfifo(self.path("pipe"))
        os.chmod(self.path("pipe"), 0o666)
        self.pipe = os.open(self.path("pipe"), os.O_RDWR | os.O_NONBLOCK)
        os.write(self.pipe, b"of the host")
        self.locked = open(self.path("locked"), "w")
        fcntl.flock(self.locked, fcntl.LOCK_EX)

    def path(self, name):
        return os.path.join(self.folder, name)

    def environment(self):
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "SHELL": "/bin/sh", "LANG": "C.UTF-8", "TZ": "UTC",
            "HOST_SECRET": self.path("secret"), "HOST_SECRET_DIR": self.folder, "HOST_OPEN_DIR": self.path("open"),
            "HOST_SOCKET": self.path("socket"), "HOST_PID": str(os.getpid()),
            "HOST_PORT": str(self.kept[0].getsockname()[1]), "HOST_ABSTRACT": self.name,
            "HOST_NAME": socket.gethostname(),
        }


def bubblewrap(row, traps):
    options = ["bwrap", "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname",
               "peer", "--disable-userns", "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib64"):
        options += ["--symlink", "usr/" + name, "/" + name]
    options += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/work", "--chdir", "/work"]
    if row.get("shown"):
        options += ["--ro-bind", traps.folder, "/shown"]
    return options + ["--"]


def firejail(row, traps):
    if row.get("shown"):
        return None
    return ["firejail", "--quiet", "--noprofile", "--caps.drop=all", "--seccomp", "--seccomp.block-secondary",
            "--nonewprivs", "--noroot", "--restrict-namespaces", "--net=none", "--ipc-namespace", "--private",
            "--private-tmp", "--private-dev", "--private-cwd", "--nogroups", "--nodbus", "--disable-mnt",
            "--hostname=peer", "--read-only=/usr", "--"]


PEERS = {"bubblewrap": ("bwrap", bubblewrap), "firejail": ("firejail", firejail)}


def run(command, traps, user):
    identity, home = {}, os.environ.get("HOME", "/")
    if user:
        home = user.pw_dir
        identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    try:
        done = subprocess.run(command, env=traps.environment() | {"HOME": home}, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=TIME, cwd="/", start_new_session=True, **identity)
        return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as over:
        return None, (over.stdout or b"").decode("utf-8", "replace"), "still running after %d s" % TIME


def verdict(ended, secret):
    code, out, err = ended
    lines = out.splitlines()
    if secret in out or any(line.startswith("ESCAPED") for line in lines):
        what = [line for line in lines if line.startswith("ESCAPED")]
        return "got through", (what or ["it read the planted secret"])[0]
    for word, name in (("skipped: ", "not applicable"), ("unclear: ", "unclear"), ("refused: ", "held")):
        found = [line for line in lines if line.startswith(word)]
        if found:
            return name, found[0]
    if code is not None and code < 0:
        return "held", "killed by signal %d" % -code
    last = err.strip().splitlines()[-1:] or ["it said nothing"]
    return "unclear", "%s (exit code %s)" % (last[0], code)


def programs():
    with open(os.path.join(CORPUS, "escape", "manifest.toml"), "rb") as file:
        rows = tomllib.load(file)["program"]
    with open(os.path.join(CORPUS, "prelude.py")) as file:
        prelude = file.read()
    for row in rows:
        with open(os.path.join(CORPUS, "escape", row["file"])) as file:
            source = file.read()
        kind = row["file"].rsplit(".", 1)[1]
        if kind == "py":
            # firejail takes no argument beyond 4 KiB.
            packed = base64.b64encode(zlib.compress((prelude + source).encode(), 9)).decode()
            source = "import base64, zlib; exec(zlib.decompress(base64.b64decode(%r)))" % packed
        yield row, INTERPRETERS[kind] + [source]


def attack(wrap, user):
    traps = Traps()
    known = {row["name"]: (row, command) for row, command in programs()}
    partners = {row.get("beside") or row.get("after") for row, _ in known.values()} - {None}
    found = []

    def one(name):
        row, command = known[name]
        prefix = wrap(row, traps)
        if prefix is None:
            return "not applicable", "this sandbox shows no folder at another place to an ordinary user"
        return verdict(run(prefix + command, traps, user), traps.secret)

    try:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for name, (row, _) in known.items():
                if name in partners:
                    continue
                if row.get("after"):
                    first, second = one(row["after"]), one(name)
                elif row.get("beside"):
                    first, second = pool.map(one, (row["beside"], name))
                else:
                    first, second = None, one(name)
                if first:
                    partner = known[row.get("after") or row["beside"]][0]
                    found.append((partner["class"], partner["name"], *first))
                found.append((row["class"], name, *second))
    finally:
        for kept in traps.kept:
            kept.close()
        os.close(traps.pipe)
        traps.locked.close()
        shutil.rmtree(traps.folder)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="every program, instead of the table")
    parser.add_argument("--user", help="whom the programs run as, when this is root [the first ordinary user]")
    parser.add_argument("peers", nargs="*", metavar="PEER", help="of " + ", ".join(PEERS))
    arguments = parser.parse_args()
    user = None
    if os.geteuid() == 0:
        people = [user for user in pwd.getpwall() if 1000 <= user.pw_uid < 65534 and os.path.isdir(user.pw_dir)]
        if not arguments.user and not people:
            parser.error("as root, name an ordinary user with a home folder: --user NAME")
        user = pwd.getpwnam(arguments.user) if arguments.user else people[0]
    results = {}
    for name in arguments.peers or PEERS:
        if name not in PEERS:
            parser.error("no sandbox is known as `%s`" % name)
        program, wrap = PEERS[name]
        if shutil.which(program) is None:
            print("SKIPPED: %s is not installed" % program, file=sys.stderr)
            continue
        results[name] = attack(wrap, user)
    if arguments.json:
        keys = ("class", "name", "result", "detail")
        json.dump({peer: [dict(zip(keys, row)) for row in rows] for peer, rows in results.items()}, sys.stdout, indent=1)
        print()
        return
    order = ("held", "got through", "unclear", "not applicable")
    print("| class | programs |" + "".join(" %s |" % peer for peer in results))
    print("|---|---|" + "---|" * len(results))
    classes = list(dict.fromkeys(row["class"] for row, _ in programs()))
    for of_class in classes + ["all"]:
        cells, size = [], 0
        for rows in results.values():
            counts = collections.Counter(row[2] for row in rows if of_class in (row[0], "all"))
            size = sum(counts.values())
            cells.append(", ".join("%d %s" % (counts[name], name) for name in order if counts[name]))
        print("| %s | %d |" % (of_class, size) + "".join(" %s |" % cell for cell in cells))


if __name__ == "__main__":
    main()
