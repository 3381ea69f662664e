#!/usr/bin/env python3
"""Compares a run's HumanEval+ or MBPP+ verdicts with EvalPlus's.

    tools/compare_evalplus.py RUN OFFICIAL

RUN is a run folder of `fumehood eval humaneval` or `mbpp`. OFFICIAL is JSONL with `task_id`, `base` and `plus`
(pass, fail, timeout), the output of tools/official_evalplus.py, or EvalPlus's own eval_results.json (.gz or plain).
Agreement is on pass or not pass, for the base tests and for all tests. Prints one JSON document.
"""

import gzip
import json
import os
import sys


def text(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as file:
        return file.read()


def official(path):
    content = text(path)
    if '"eval"' in content[:4096]:
        for task, samples in json.loads(content)["eval"].items():
            yield task, samples[0]["base_status"], samples[0]["plus_status"]
    else:
        for line in content.splitlines():
            row = json.loads(line)
            yield row["task_id"], row["base"], row["plus"]


def ours(run):
    found = {}
    for line in text(os.path.join(run, "journal.jsonl")).splitlines():
        record = json.loads(line)["record"]
        if record["kind"] == "verdict":
            found.setdefault(record["of"]["sample"]["task"], record["of"]["verdict"])
    return found


def main():
    run, path = sys.argv[1:3]
    verdicts = ours(run)
    agree, compared, differ = {"base": 0, "plus": 0}, 0, []
    for task, base, plus in official(path):
        verdict = verdicts.get(task)
        if verdict is None:
            continue
        compared += 1
        # EvalPlus's plus status speaks of the added tests alone; a sample passes when both do.
        held = {
            "base": bool(verdict["cases"]) and all(case["outcome"] == "passed" for case in verdict["cases"] if case["id"].startswith("base/")),
            "plus": verdict["kind"] == "passed",
        }
        theirs = {"base": base == "pass", "plus": base == "pass" and plus == "pass"}
        for part in agree:
            if held[part] == theirs[part]:
                agree[part] += 1
            else:
                cases = [case for case in verdict["cases"] if case["outcome"] != "passed"]
                differ.append({"task_id": task, "part": part, "ours": verdict["kind"], "why": verdict["detail"][:300], "cases": cases[:2], "official": [base, plus]})
    print(json.dumps({"compared": compared, "agree": agree, "differ": differ}, indent=1))


if __name__ == "__main__":
    main()
