#!/usr/bin/env python3
"""Compares a run's BigCodeBench verdicts with an official evaluator's.

    tools/compare_verdicts.py RUN OFFICIAL [--ignore TASK,...]

RUN is a run folder of `fumehood eval bigcodebench`; OFFICIAL is JSONL with `task_id` and `status` (pass, fail,
timeout), plain or .gz: the output of tools/official_bigcodebench.py, or published verdicts. Tasks after --ignore
are left out, as are those whose `gt_failed_in_that_env` is true. Agreement is on pass or not pass. Prints one
JSON document: counts, and every disagreement with both sides' details.
"""

import gzip
import json
import os
import sys


def lines(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def verdicts(run):
    found = {}
    for line in lines(os.path.join(run, "journal.jsonl")):
        record = line["record"]
        if record["kind"] == "verdict":
            found.setdefault(record["of"]["sample"]["task"], record["of"]["verdict"])
    return found


def main():
    run, official = sys.argv[1:3]
    ignored = set(sys.argv[4].split(",")) if len(sys.argv) > 4 else set()
    ours = verdicts(run)
    agree, differ, left_out = 0, [], []
    for row in lines(official):
        task = row["task_id"]
        if task in ignored or task.rsplit("/", 1)[-1] in ignored or row.get("gt_failed_in_that_env"):
            left_out.append(task)
            continue
        verdict = ours.get(task)
        if verdict is None:
            left_out.append(task)
            continue
        if (verdict["kind"] == "passed") == (row["status"] == "pass"):
            agree += 1
        else:
            cases = [case for case in verdict["cases"] if case["outcome"] != "passed"]
            details = {name: text.strip().splitlines()[-1][:300] if text.strip() else "" for name, text in row.get("details", {}).items()}
            differ.append({
                "task_id": task, "ours": verdict["kind"], "why": verdict["detail"][:300], "cases": cases[:3],
                "official": row["status"], "official_details": details,
            })
    total = agree + len(differ)
    print(json.dumps({
        "compared": total, "agree": agree, "agreement": agree / total if total else None,
        "left_out": left_out, "differ": differ,
    }, indent=1))


if __name__ == "__main__":
    main()
