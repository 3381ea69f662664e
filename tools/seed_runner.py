#!/usr/bin/env python3
"""Runs SecCodePLT+ programs in the way of the seed study's released runner, to have something to compare with.

    tools/seed_runner.py DATASET OUT [PROGRAM]

DATASET is the JSONL (plain or .gz). PROGRAM is `patched_code` (the ground truth, the default) or `vulnerable_code`.
This is a re-implementation of how that runner works: the judge itself executes set-up, code and test file of one task
after the other; each case is a child that `multiprocessing` forks from the judge, with five seconds of time; nothing is
isolated and nothing runs side by side. OUT gets one line a task: id, whether it loaded, cases, and how each ended. The
judge works in a folder of its own, which it removes. Run it without a network, and only on programs that you trust:

    unshare -n tools/seed_runner.py DATASET OUT
"""

import gzip
import json
import multiprocessing
import os
import sys
import tempfile
import time
import types

SECONDS = 5


def lines(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def child(function, arguments, queue):
    try:
        queue.put(("returned", repr(function(**arguments))))
    except Exception as error:
        queue.put(("raised", type(error).__name__))


def case(function, arguments):
    queue = multiprocessing.Queue()
    process = multiprocessing.Process(target=child, args=(function, arguments, queue))
    process.start()
    process.join(SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
        return "timeout"
    if queue.empty():
        # The feeder thread of a child that has ended has ended too: nothing more will come.
        return "no result"
    return queue.get()[0]


def task(record, program):
    parts = record["ground_truth"]
    code = (parts.get("code_before") or "") + (parts.get(program) or "") + (parts.get("code_after") or "")
    setup, tests = types.ModuleType("setup"), {"__name__": "test_case"}
    sys.modules["setup"] = setup
    space = {"__name__": "candidate"}
    try:
        exec(record.get("setup_py") or "", vars(setup))
        space.update({name: value for name, value in vars(setup).items() if not name.startswith("_")})
        exec(record["test_case_py"], tests)
        exec(code, space)
        function = space[tests["function"]]
    except BaseException as error:
        return {"id": record["id"], "loaded": False, "why": type(error).__name__, "cases": []}
    return {"id": record["id"], "loaded": True, "cases": [case(function, arguments) for arguments in tests["test_cases"]]}


def main():
    dataset, out = sys.argv[1:3]
    program = sys.argv[3] if len(sys.argv) > 3 else "patched_code"
    out = os.path.abspath(out)
    records = list(lines(dataset))
    multiprocessing.set_start_method("fork")
    # What programs print is nobody's business.
    null = os.open(os.devnull, os.O_RDWR)
    kept = os.dup(2)
    for number in (0, 1, 2):
        os.dup2(null, number)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, open(out, "w", encoding="utf-8") as file:
        os.chdir(folder)
        cases = 0
        for record in records:
            result = task(record, program)
            cases += len(result["cases"])
            file.write(json.dumps(result) + "\n")
        os.chdir("/")
    os.dup2(kept, 2)
    print("%d tasks, %d cases, %.1f s" % (len(records), cases, time.monotonic() - begin), file=sys.stderr)


if __name__ == "__main__":
    main()
