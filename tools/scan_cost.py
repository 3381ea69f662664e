#!/usr/bin/env python3
"""What `fumehood scan` adds to a scanner's own time: the same files, in turns, and fumehood's memory.

    tools/scan_cost.py make DATA FOLDER [--files 100000]
    tools/scan_cost.py time FOLDER [--scanners bandit,ruff-s] [--files N] [--rounds 3] [--workers 1]
    tools/scan_cost.py memory FOLDER [--scanners bandit,ruff-s] [--counts 20000,100000] [--workers 1]

make: writes FOLDER/files/*.py: the completions in DATA (BigCodeBench's, EvalPlus's for HumanEval and MBPP, SALLM's, in the layout of
  `../shared/data`), each once and then again with another last line, until there are so many. Where FOLDER is in memory
  (/dev/shm) no disk is measured.
time: `fumehood scan` against the tool itself, in one process over one folder, with the flags that fumehood gives it and the text
  that fumehood stages (`assert True` behind each file, silencing comments made inert, as `fumehood scan` writes it; copied from there once, before
  the clock starts). The tool runs as this user, in no sandbox. Both turns of a round follow each other; which is first alternates.
memory: the highest resident memory of fumehood's own process, and of all its children together with it.

Prints one JSON document.
"""

import argparse
import glob
import gzip
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def completions(data):
    for row in lines(os.path.join(data, "bigcodebench/qwen2.5-coder-7b-instruct.complete.verdicts.jsonl.gz")):
        yield row["solution"]
    for name in ("humaneval", "mbpp"):
        path = os.path.join(data, name, "llama-3-8b-instruct.eval_results.json.gz")
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for rows in json.load(file)["eval"].values():
                for row in rows:
                    yield row["solution"]
    for row in lines(os.path.join(data, "sallm/completions.jsonl.gz")):
        yield row["code"]


def make(args):
    folder = os.path.join(args.folder, "files")
    os.makedirs(folder)
    codes = sorted(set(code for code in completions(args.data) if code and "\0" not in code))
    total = 0
    for number in range(args.files):
        code = codes[number % len(codes)]
        turn = number // len(codes)
        if turn:
            code += "\n# again, %d\n" % turn
        data = code.encode("utf-8", "replace")
        total += len(data)
        with open(os.path.join(folder, "%06d.py" % number), "wb") as file:
            file.write(data)
    print(json.dumps({"files": args.files, "distinct": len(codes), "bytes": total}))


def part(args, count):
    """A folder with links to the first so many files, or the whole."""
    whole = os.path.join(args.folder, "files")
    names = sorted(os.listdir(whole))
    if not count or count >= len(names):
        return whole, len(names)
    folder = os.path.join(args.folder, "part-%d" % count)
    if not os.path.isdir(folder):
        os.makedirs(folder)
        for name in names[:count]:
            os.link(os.path.join(whole, name), os.path.join(folder, name))
    return folder, count



def staged(args, source, count):
    """The files as a tool is given them by fumehood: named by content, with the mark behind each."""
    folder = os.path.join(args.folder, "staged-%d" % count)
    if os.path.isdir(folder):
        return folder
    os.makedirs(os.path.join(folder, "s"))
    with open(os.path.join(folder, "bandit.ini"), "w", encoding="utf-8") as file:
        file.write("[bandit]\n")
    for name in sorted(os.listdir(source)):
        with open(os.path.join(source, name), encoding="utf-8", newline="") as file:
            text = file.read()
        if text and text[-1] not in "\n\r":
            text += "\n"
        with open(os.path.join(folder, "s", name), "w", encoding="utf-8", newline="") as file:
            file.write(text + "assert True\n")
    return folder


def tool(args, scanner, folder):
    """The tool's own command line and environment, as in src/scan/{bandit,ruff}.rs."""
    environment = max(glob.glob(os.path.expanduser("~/.cache/fumehood/environments/scanners-*")), key=os.path.getmtime)
    programs = os.path.join(environment, "bin")
    tree = os.path.join(folder, "s")
    env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8", "NO_COLOR": "1"}
    if scanner == "bandit":
        return [os.path.join(programs, "python"), "-I", "-B", "-m", "bandit", "--quiet", "--exit-zero", "--ignore-nosec",
                "--ini", os.path.join(folder, "bandit.ini"), "--format", "json", "-n", "1", "--recursive", tree], env
    env.update(RAYON_NUM_THREADS="1", RUST_MIN_STACK="134217728")
    return [os.path.join(programs, "ruff"), "check", "--isolated", "--no-cache", "--ignore-noqa", "--no-respect-gitignore",
            "--no-fix", "--preview", "--select", "S", "--output-format", "json", "--exit-zero", tree], env


def clock(command, env=None):
    begun = time.monotonic()
    with open(os.devnull, "wb") as sink:
        done = subprocess.run(command, stdout=sink, stderr=subprocess.PIPE, env=env, check=False)
    taken = time.monotonic() - begun
    if done.returncode not in (0, 1):
        sys.exit("%s failed: %s" % (command[0], done.stderr.decode("utf-8", "replace")[-500:]))
    return taken


def scan(args, scanner, folder):
    return [args.fumehood, "scan", "--quiet", "--json", "--scanners", scanner, "--workers", str(args.workers), folder]


def measure_time(args):
    folder, count = part(args, args.files)
    tree = staged(args, folder, count)
    result = {"files": count, "workers": args.workers, "processors": os.cpu_count(), "scanners": {}}
    for scanner in args.scanners.split(","):
        command, env = tool(args, scanner, tree)
        rounds = []
        for number in range(args.rounds):
            turns = [("fumehood", lambda: clock(scan(args, scanner, folder))), ("tool", lambda: clock(command, env))]
            if number % 2:
                turns.reverse()
            seconds = {name: round(turn(), 2) for name, turn in turns}
            seconds["load"] = os.getloadavg()[0]
            rounds.append(seconds)
            print(scanner, seconds, file=sys.stderr)
        ratios = [one["fumehood"] / one["tool"] for one in rounds]
        result["scanners"][scanner] = {"rounds": rounds, "ratio": round(statistics.median(ratios), 3)}
    print(json.dumps(result, indent=1))


def tree_of(pid):
    """A process and all that descend from it."""
    found = [pid]
    for one in found:
        try:
            with open("/proc/%d/task/%d/children" % (one, one), encoding="ascii") as file:
                found += [int(child) for child in file.read().split()]
        except OSError:
            pass
    return found


def resident(pid, key="VmRSS"):
    try:
        with open("/proc/%d/status" % pid, encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0


def measure_memory(args):
    result = {"workers": args.workers, "scanners": {}}
    for scanner in args.scanners.split(","):
        rows = []
        for count in [int(count) for count in args.counts.split(",")]:
            folder, count = part(args, count)
            with open(os.devnull, "wb") as sink:
                child = subprocess.Popen(scan(args, scanner, folder), stdout=sink)
                own = together = 0
                while child.poll() is None:
                    own = max(own, resident(child.pid, "VmHWM"))
                    together = max(together, sum(resident(pid) for pid in tree_of(child.pid)))
                    time.sleep(0.05)
            rows.append({"files": count, "fumehood_mib": round(own), "with_all_children_mib": round(together)})
            print(scanner, rows[-1], file=sys.stderr)
        result["scanners"][scanner] = rows
    print(json.dumps(result, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    one = what.add_parser("make")
    one.add_argument("data")
    one.add_argument("folder")
    one.add_argument("--files", type=int, default=100000)
    one.set_defaults(run=make)
    for name, run in (("time", measure_time), ("memory", measure_memory)):
        one = what.add_parser(name)
        one.add_argument("folder")
        one.add_argument("--scanners", default="bandit,ruff-s")
        one.add_argument("--workers", type=int, default=1)
        one.add_argument("--fumehood", default=os.path.join(HERE, "../target/release/fumehood"))
        one.set_defaults(run=run)
        if name == "time":
            one.add_argument("--files", type=int, default=0)
            one.add_argument("--rounds", type=int, default=3)
        else:
            one.add_argument("--counts", default="20000,100000")
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
