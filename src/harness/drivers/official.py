# What BigCodeBench's evaluator replaces in `os` and `subprocess`, as far as the verdict on an
# honest program can depend on it. Its other precautions need no counterpart: the sandbox takes them.
#
# - A process started without `capture_output` gets pipes, so `run(...).stdout` is bytes, not None.
# - A started process leads its own session, and waiting for its output never raises TimeoutExpired.
# - Commands that mention `kill` succeed without running, `check_output` of ones with `ps` is empty.
# - Signals reach the process itself and processes that it started; others are ignored.
# - os.execv and its relatives do nothing.
import io, signal, subprocess


def imitate_evaluator():
    """Gives a function that a job calls at its start, in the process that is its own."""
    own = own_group = None
    children = []
    real_kill, real_killpg, real_system, real_popen = os.kill, os.killpg, os.system, os.popen
    real_call, real_check, real_run = subprocess.call, subprocess.check_output, subprocess.run

    def begin():
        nonlocal own, own_group
        own = os.getpid()
        own_group = os.getpgid(own)
        children.clear()

    # The evaluator knows only processes that Popen started. multiprocessing ends its workers by
    # signals too, and a pool whose workers do not get them waits for ever (tasks 205 and 363).
    def is_child(pid):
        with open("/proc/%d/stat" % pid, "rb") as stat:
            return int(stat.read().rpartition(b")")[2].split()[1]) == own

    def kill(pid, sig):
        try:
            os.getpgid(pid)
            if pid == own or pid in children or is_child(pid):
                real_kill(pid, sig)
        except (ProcessLookupError, FileNotFoundError):
            pass

    def killpg(pgid, sig):
        if pgid == own_group or pgid in {os.getpgid(pid) for pid in children}:
            real_killpg(pgid, sig)

    def asks_to_kill(command):
        return "kill" in command or "killall" in command

    def system(command):
        return 0 if asks_to_kill(command) else real_system(command)

    def popen(command):
        return real_popen("echo Intercepted" if asks_to_kill(command) else command)

    def call(command, *args, **kwargs):
        return 0 if asks_to_kill(command) else real_call(command, *args, **kwargs)

    def check_output(command, *args, **kwargs):
        return b"" if "ps" in command else real_check(command, *args, **kwargs)

    def piped(kwargs):
        if kwargs.get("capture_output"):
            kwargs.pop("stdout", None)
            kwargs.pop("stderr", None)
        else:
            kwargs.setdefault("stdout", subprocess.PIPE)
            kwargs.setdefault("stderr", subprocess.PIPE)
        return kwargs

    class SessionPopen(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            kwargs["preexec_fn"] = os.setsid
            super().__init__(*args, **kwargs)
            children.append(self.pid)

        def communicate(self, *args, **kwargs):
            try:
                return super().communicate(*args, **kwargs)
            except subprocess.TimeoutExpired:
                return None, None

        def kill(self):
            kill(self.pid, signal.SIGTERM)

        def terminate(self):
            kill(self.pid, signal.SIGTERM)

    def start(*args, **kwargs):
        return SessionPopen(*args, **piped(kwargs))

    def run(*args, **kwargs):
        kwargs = piped(kwargs)
        if asks_to_kill(args[0]):
            return subprocess.CompletedProcess(args, 0, b"", b"")
        return real_run(*args, **kwargs)

    os.kill, os.killpg, os.system, os.popen = kill, killpg, system, popen
    os.execv = os.execvp = os.execvpe = lambda *args, **kwargs: None
    subprocess.call, subprocess.check_output = call, check_output
    subprocess.run, subprocess.Popen = run, start
    return begin


class WriteOnly(io.StringIO):
    """Standard input, output and error during a test: it takes text and refuses to be read."""

    # Characters that are kept. What is beyond goes to the real standard output, where the output
    # limit ends a flood; kept here it would only eat memory.
    ROOM = 1 << 20

    def write(self, text, put=os.write):
        if self.tell() < self.ROOM:
            return super().write(text)
        put(1, text.encode("utf-8", "backslashreplace"))
        return len(text)

    def read(self, *args, **kwargs):
        raise OSError

    def readline(self, *args, **kwargs):
        raise OSError

    def readlines(self, *args, **kwargs):
        raise OSError

    def readable(self, *args, **kwargs):
        return False


def swallow_streams():
    stream = WriteOnly()
    sys.stdin = sys.stdout = sys.stderr = stream
