#!/usr/bin/env python3
"""Runs EvalPlus's own evaluator (`untrusted_check` of the PyPI package `evalplus`) on samples.

    python3 -m venv official && official/bin/pip install --no-deps evalplus==0.3.1
    official/bin/pip install wget appdirs tempdir psutil numpy termcolor tqdm multipledispatch
    official/bin/python tools/official_evalplus.py humaneval|mbpp DATASET SAMPLES OUT [WORKERS]

DATASET is EvalPlus's JSONL, SAMPLES is JSONL with `task_id` and `solution`; both plain or .gz. OUT gets one line
a sample: task_id, base, plus (pass, fail, timeout), and the number of details. Evaluate the same samples with
`fumehood eval KIND --python official/bin/python` to compare in the same environment.
"""

import gzip
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed


def lines(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def check(kind, task, solution):
    from evalplus.data.mbpp import mbpp_deserialize_inputs
    from evalplus.eval import untrusted_check
    from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS
    from evalplus.gen.util import trusted_exec

    result = {"task_id": task["task_id"]}
    reference = task["prompt"] + task["canonical_solution"]
    for part in ("base", "plus"):
        inputs = task[part + "_input"]
        if kind == "mbpp":
            inputs = mbpp_deserialize_inputs(task["task_id"], inputs)
        not_none = kind == "mbpp" and task["entry_point"] in MBPP_OUTPUT_NOT_NONE_TASKS
        expected, times = trusted_exec(reference, inputs, task["entry_point"], record_time=True, output_not_none=not_none)
        status, details = untrusted_check(kind, solution, inputs, task["entry_point"], expected, task["atol"], times)
        result[part] = status
        result[part + "_passed"] = [sum(map(bool, details)), len(inputs)]
    return result


def main():
    kind, dataset, samples, out = sys.argv[1:5]
    workers = int(sys.argv[5]) if len(sys.argv) > 5 else os.cpu_count()
    tasks = {task["task_id"]: task for task in lines(dataset)}
    done = {row["task_id"] for row in lines(out)} if os.path.exists(out) else set()
    jobs = [(kind, tasks[sample["task_id"]], sample["solution"]) for sample in lines(samples) if sample["task_id"] not in done]
    with ProcessPoolExecutor(workers) as pool, open(out, "a", encoding="utf-8") as file:
        for future in as_completed([pool.submit(check, *job) for job in jobs]):
            file.write(json.dumps(future.result()) + "\n")
            file.flush()


if __name__ == "__main__":
    main()
