# Tells fumehood about the interpreter that runs it: one line, behind a marker, because site
# customisations may print as well. Runs outside of the sandbox; this is the user's own interpreter.
import importlib.util
import json
import os
import sys
import sysconfig

# What the standard library loads from shared libraries; those outside of the usual folders must be
# shown in the sandbox as well.
for name in ("ssl", "ctypes", "sqlite3", "zlib", "lzma", "bz2", "hashlib", "readline", "curses"):
    try:
        __import__(name)
    except ImportError:
        pass

libraries = set()
try:
    with open("/proc/self/maps", "rb") as maps:
        for line in maps:
            fields = line.split(None, 5)
            if len(fields) == 6 and b".so" in fields[5]:
                libraries.add(os.fsdecode(fields[5].rstrip(b"\n")))
except OSError:
    pass

paths = sysconfig.get_paths()
packages = set()
for folder in dict.fromkeys(sys.path + [paths["purelib"], paths["platlib"]]):
    try:
        entries = os.listdir(folder)
    except OSError:
        continue
    packages.update(entry for entry in entries if entry.endswith((".dist-info", ".egg-info")))

facts = {
    "implementation": sys.implementation.name,
    "version": "%d.%d.%d" % sys.version_info[:3],
    "executable": sys.executable,
    "base_executable": getattr(sys, "_base_executable", None) or sys.executable,
    "prefixes": [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix],
    "folders": [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")],
    "path": [entry for entry in sys.path if entry],
    "libraries": sorted(libraries),
    "packages": sorted(packages),
    "missing": [m for m in ("venv", "ensurepip") if importlib.util.find_spec(m) is None],
}
sys.stdout.write("\nfumehood-probe:" + json.dumps(facts) + "\n")
