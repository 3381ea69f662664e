import json
import os
import sys
import threading
import logging
import multiprocessing
import random
import warnings
import locale
import resource
import signal
import tempfile
import atexit

def frames():
    frame, found = sys._getframe(), []
    while frame is not None:
        found.append((frame.f_code.co_filename, frame.f_code.co_name))
        frame = frame.f_back
    return found

def deep(n):
    try:
        return deep(n + 1)
    except RecursionError:
        return n

def descriptors():
    found = []
    for name in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            target = os.readlink("/proc/self/fd/" + name)
        except OSError:
            continue
        number = int(name)
        # The channel of events has a random number; what lists the folder is gone.
        found.append((number if number < 5 else "high", target.split(":")[0].split(" ")[0],
                      os.get_inheritable(number) if number < 5 else None))
    return found

def stream(it):
    return [it.name, it.mode, it.encoding, it.errors, it.isatty(), it.seekable(), it.line_buffering,
            it.write_through, it.buffer.raw._blksize, it.closed]

def trees():
    return [(folder, sorted(names), [os.path.getsize(os.path.join(folder, name)) for name in sorted(names)])
            for place in ("/tmp", "/work", "/dev/shm") for folder, _, names in os.walk(place)]

def read(path):
    with open(path) as file:
        return file.read()

main = sys.modules["__main__"]
state = {
    "modules": sorted(sys.modules), "path": sys.path, "argv": sys.argv, "orig": getattr(sys, "orig_argv", None),
    "flags": str(sys.flags), "main": sorted(vars(main)), "main types": sorted(type(v).__name__ for v in vars(main).values()),
    "environ": dict(os.environ), "cwd": os.getcwd(), "umask": os.umask(0o022), "locale": locale.setlocale(locale.LC_ALL),
    "handlers": [str(signal.getsignal(n)) for n in range(1, signal.NSIG)],
    "signals": [line for line in read("/proc/self/status").splitlines() if line.startswith(("SigBlk", "SigIgn", "SigCgt", "Threads", "NoNewPrivs", "Seccomp:", "CapEff", "CapBnd"))],
    "rlimits": {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")},
    "descriptors": descriptors(), "threads": [t.name for t in threading.enumerate()],
    "main thread": [threading.main_thread().ident == threading.get_ident(), threading.main_thread().native_id == os.getpid()],
    "warnings": [str(f) for f in warnings.filters],
    "logging": [str(logging.getLogger()), logging.getLogger().handlers, sorted(logging.root.manager.loggerDict)],
    "atexit": atexit._ncallbacks(), "hash": [hash("a"), hash(b"b"), list({"x", "y", "z", "w"})],
    "recursion": [sys.getrecursionlimit(), deep(0)], "switch": sys.getswitchinterval(),
    "session": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
    "command": read("/proc/self/cmdline"), "process": multiprocessing.current_process().name,
    "parent": str(multiprocessing.parent_process()), "method": multiprocessing.get_start_method(True),
    "streams": [stream(sys.__stdout__), stream(sys.__stderr__), [sys.__stdin__.name, sys.__stdin__.seekable(), sys.__stdin__.read()]],
    "own streams": [type(s).__name__ for s in (sys.stdin, sys.stdout, sys.stderr)],
    "tempdir": tempfile.gettempdir(), "trees": trees(), "frames": frames(),
    "nice": [os.getpriority(os.PRIO_PROCESS, 0), sorted(os.sched_getaffinity(0)), os.sched_getscheduler(0)],
    "uid": [os.getuid(), os.getgid(), os.getgroups()], "exit": [exit if "exit" in globals() else None],
    "hooks": [getattr(h, "__qualname__", type(h).__qualname__) for h in sys.meta_path + sys.path_hooks], "trace": [sys.gettrace(), sys.getprofile()],
    "oom": read("/proc/self/oom_score_adj"), "times": os.times().children_user,
    "builtins": sorted(vars(__builtins__)), "fresh": abs(__import__("time").time() - logging._startTime) < 300,
    "names": sorted(globals()), "codecs": __import__("codecs").lookup("utf-8").name,
    "timers": [signal.getitimer(signal.ITIMER_REAL), signal.getitimer(signal.ITIMER_PROF)],
    "dumpable": os.stat("/proc/self/environ").st_uid,
}
os.write(1, json.dumps(state, default=str).encode())
