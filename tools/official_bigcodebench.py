#!/usr/bin/env python3
"""Runs BigCodeBench's own evaluator (`untrusted_check` of the PyPI package `bigcodebench`) on samples.

    pip download --no-deps bigcodebench==0.2.5 && unzip -d official bigcodebench-0.2.5-*.whl
    PYTHONPATH=official ENV/bin/python tools/official_bigcodebench.py DATASET SAMPLES OUT [WORKERS]

ENV is the environment of `fumehood env create bigcodebench` (`fumehood env list` shows where). DATASET is
BigCodeBench's JSONL (.gz or plain). SAMPLES is JSONL with `task_id` and `solution`, or the word
`ground-truth`. OUT gets one line a sample: task_id, status, details, seconds; lines that it holds already
are not run again. Run it without a network, as fumehood runs its own:

    unshare -n sh -c 'ip link set lo up; exec ...'
"""

import gzip
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed


def lines(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def check(job):
    from bigcodebench.eval import untrusted_check

    task_id, code, test, entry_point = job
    begin = time.time()
    # The evaluator's own defaults: 30 GiB of address space and data, 10 MiB of stack, and the time
    # limit that it takes when it has no time of the ground truth's.
    status, details = untrusted_check(code, test, entry_point, 30 * 1024, 30 * 1024, 10, 1, 20)
    return {"task_id": task_id, "status": status, "details": details, "seconds": time.time() - begin}


def main():
    dataset, samples, out = sys.argv[1:4]
    workers = int(sys.argv[4]) if len(sys.argv) > 4 else os.cpu_count()
    tasks = {task["task_id"]: task for task in lines(dataset)}
    if samples == "ground-truth":
        pairs = [(task["task_id"], task["complete_prompt"] + "\n" + task["canonical_solution"]) for task in tasks.values()]
    else:
        pairs = [(sample["task_id"], sample["solution"]) for sample in lines(samples)]
    done = {row["task_id"] for row in lines(out)} if os.path.exists(out) else set()
    jobs = [(task_id, code, tasks[task_id]["test"], tasks[task_id]["entry_point"]) for task_id, code in pairs if task_id not in done]
    with ProcessPoolExecutor(workers) as pool, open(out, "a", encoding="utf-8") as file:
        for future in as_completed([pool.submit(check, job) for job in jobs]):
            file.write(json.dumps(future.result()) + "\n")
            file.flush()


if __name__ == "__main__":
    main()
