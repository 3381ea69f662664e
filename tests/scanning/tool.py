"""A small scanner of the tests' own, as a user might bring one: `tool.py [--to FILE] [--lie] TREE` writes SARIF.

It flags calls of `eval` and `os.system`. On a file with the word CRASH it dies, with HANG it never ends, and with CUT
its report ends early.
"""

import json
import os
import pathlib
import signal
import sys
import time

arguments = sys.argv[1:]
to = arguments[arguments.index("--to") + 1] if "--to" in arguments else None
tree = pathlib.Path(arguments[-1])
hits, cut = [], False
for path in sorted(tree.rglob("*.py")):
    text = path.read_text()
    if "CRASH" in text:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "HANG" in text:
        time.sleep(3600)
    cut = cut or "CUT" in text
    for number, line in enumerate(text.splitlines(), 1):
        if "eval(" in line or "os.system(" in line:
            place = {"artifactLocation": {"uri": str(path)}, "region": {"startLine": number}}
            hits.append({"ruleId": "call", "message": {"text": "a call"}, "locations": [{"physicalLocation": place}]})
if "--lie" in arguments:
    hits = []
driver = {"name": "Small", "version": "1.0", "rules": [{"id": "call", "properties": {"tags": ["CWE-78"]}}]}
report = json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": hits}]})
report = report[: len(report) // 2] if cut else report
if to:
    print("scanning")
    pathlib.Path(to).write_text(report)
else:
    print(report)
sys.exit(1 if hits else 0)
