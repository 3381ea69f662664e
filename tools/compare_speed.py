#!/usr/bin/env python3
"""How fast fumehood is against the datasets' own evaluators, on the same tasks, in the same environment, with as many
processes, in turns, and with the verdicts compared. Each comparison is one command; let nothing else run meanwhile.

    tools/compare_speed.py bigcodebench DATASET --python ENV/bin/python --official FOLDER
    tools/compare_speed.py humaneval DATASET --samples SAMPLES --python ENV/bin/python [--times 10]
    tools/compare_speed.py seccodeplt DATASET --python PYTHON
    tools/compare_speed.py workers KIND DATASET [--samples SAMPLES] --python PYTHON
    tools/compare_speed.py memory [--jobs 10000,1000000] [--distinct 1000]

bigcodebench: the ground truths, without the tasks of `--without` (by default seven: 0, 99, 102, 289 and 417, whose own
  tests take 15 to 58 s of CPU, and 205 and 363, which hang the official evaluator), against `untrusted_check` of the PyPI
  package `bigcodebench`, unpacked in FOLDER (see tools/official_bigcodebench.py). ENV is what
  `fumehood env create bigcodebench` made.
humaneval: SAMPLES (JSONL with task_id and solution) repeated `--times` times, against `evalplus.evaluate` of the PyPI
  package `evalplus`, which is installed in ENV. Expected values are computed before, on both sides. fumehood executes every
  sample, those with equal code too.
seccodeplt: the ground truths, against tools/seed_runner.py, which works as the seed study's released runner does.
workers: fumehood with two workers against fumehood with one.
memory: resident memory of fumehood (not of its workers) at many jobs against few. `--distinct` programs are repeated.

Common options: `--fumehood PATH`, `--workers N` (default: all processors), `--rounds N` (default 1: the whole sets take
minutes), `--tasks N` (only the first N tasks, for a trial), `--scratch FOLDER`, `--args "..."` (more arguments for
`fumehood eval`). The official side runs without a network when `unshare -n` is to be had, as fumehood's own jobs do.
Prints one JSON document: seconds of both sides by round, the median of the ratios, and every difference in verdicts.
"""

import argparse
import gzip
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
EXCLUDED = "0,99,102,289,417,205,363"
# The evaluator without what evaluation does not need: its module that asks models, and a library that loads other
# datasets.
EVALPLUS = """
import sys, types
for name, attribute in [('evalplus.codegen', 'run_codegen'), ('datasets', 'load_dataset')]:
    sys.modules[name] = types.ModuleType(name)
    setattr(sys.modules[name], attribute, None)
import evalplus.data.humaneval as data
if sys.argv[1] == 'part':
    data.completeness_check = lambda name, plus: None
from evalplus import evaluate
if len(sys.argv) == 3:
    problems = data.get_human_eval_plus()
    evaluate.get_groundtruth(problems, data.get_human_eval_plus_hash(), [])
else:
    evaluate.evaluate('humaneval', samples=sys.argv[2], parallel=int(sys.argv[3]))
"""


def lines(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def write(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")
    return path


def offline():
    """A prefix that takes the network away, where this user may."""
    up = "ip link set lo up 2>/dev/null; exec \"$0\" \"$@\""
    for prefix in (["unshare", "-n"], ["unshare", "-rn"]):
        if subprocess.run(prefix + ["true"], capture_output=True).returncode == 0:
            return prefix + ["sh", "-c", up]
    return []


def timed(command, log, env=None, cwd=None, good=(0,)):
    begin = time.monotonic()
    with open(log, "ab") as file:
        code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=env, cwd=cwd).returncode
    seconds = time.monotonic() - begin
    if code not in good:
        sys.exit("%s ended with %d; see %s" % (shlex.join(command), code, log))
    return seconds


class Race:
    def __init__(self, options):
        self.options = options
        self.scratch = tempfile.mkdtemp(prefix="fumehood-speed-", dir=options.scratch)
        self.log = os.path.join(self.scratch, "log")
        self.runs = 0

    def path(self, name):
        return os.path.join(self.scratch, name)

    def evaluate(self, kind, data, samples, more=(), workers=None):
        """One run of fumehood: its folder and its seconds."""
        self.runs += 1
        folder = self.path("run-%d" % self.runs)
        command = [self.options.fumehood, "eval", kind, "--data", data, "--samples", samples, "--scanners", "none", "--quiet",
                   "--workers", str(workers or self.options.workers), "-o", folder, *more, *shlex.split(self.options.args)]
        if self.options.python:
            command += ["--python", self.options.python]
        # 1: some samples could not be judged, which the comparison of verdicts shows.
        return folder, timed(command, self.log, good=(0, 1))

    def turns(self, ours, theirs):
        """Seconds of both sides, in turns; and what their last turns gave."""
        rounds = []
        for number in range(self.options.rounds):
            pair = {}
            for name, side in [("ours", ours), ("theirs", theirs)][:: 1 if number % 2 == 0 else -1]:
                result, pair[name] = side()
                if name == "ours":
                    last_ours = result
                else:
                    last_theirs = result
                print("round %d, %s: %.1f s" % (number + 1, name, pair[name]), file=sys.stderr)
            rounds.append(pair)
        ratio = statistics.median(pair["theirs"] / pair["ours"] for pair in rounds)
        return {"rounds": rounds, "times_as_fast": ratio}, last_ours, last_theirs


def verdicts(folder):
    """Every sample's verdict, by task and index."""
    found = {}
    for line in lines(os.path.join(folder, "journal.jsonl")):
        record = line["record"]
        if record["kind"] == "verdict":
            sample = record["of"]["sample"]
            found[sample["task"], sample["index"]] = record["of"]["verdict"]
    return found


def bigcodebench(race, options):
    left_out = set(options.without.split(","))
    tasks = [task for task in lines(options.dataset) if task["task_id"].rsplit("/", 1)[-1] not in left_out]
    data = write(race.path("tasks.jsonl"), tasks[: options.tasks])

    def theirs():
        out = race.path("official-%d.jsonl" % race.runs)
        command = [*offline(), os.path.abspath(options.python), os.path.join(HERE, "official_bigcodebench.py"), data, "ground-truth", out, str(options.workers)]
        env = dict(os.environ, PYTHONPATH=os.path.abspath(options.official))
        folder = race.path("work")
        os.makedirs(folder, exist_ok=True)
        return out, timed(command, race.log, env, folder)

    result, run, out = race.turns(lambda: race.evaluate("bigcodebench", data, "ground-truth"), theirs)
    compared = subprocess.run([sys.executable, os.path.join(HERE, "compare_verdicts.py"), run, out], capture_output=True, text=True, check=True)
    return result | {"verdicts": json.loads(compared.stdout)}


def humaneval(race, options):
    tasks = list(lines(options.dataset))[: options.tasks]
    names = {task["task_id"] for task in tasks}
    data = write(race.path("tasks.jsonl"), tasks)
    rows = [row for row in lines(options.samples) if row["task_id"] in names]
    # All tasks once, then all again: the first of them are enough to make every expected value.
    samples = write(race.path("samples.jsonl"), rows * options.times)
    part = "whole" if options.tasks is None else "part"
    env = dict(os.environ, HUMANEVAL_OVERRIDE_PATH=data)
    prefix = [*offline(), os.path.abspath(options.python), "-c", EVALPLUS, part]
    timed(prefix + ["expected"], race.log, env)
    race.evaluate("humaneval", data, samples, ["--limit", str(len(rows))])
    results = samples.replace(".jsonl", "_eval_results.json")

    def theirs():
        if os.path.exists(results):
            os.remove(results)
        return results, timed(prefix + [samples, str(options.workers)], race.log, env, race.scratch)

    result, run, _ = race.turns(lambda: race.evaluate("humaneval", data, samples, every_sample(options)), theirs)
    with open(results, encoding="utf-8") as file:
        official = json.load(file)["eval"]
    differ, compared = [], 0
    for (task, index), verdict in sorted(verdicts(run).items()):
        other = official[task][index]
        compared += 1
        passed = other["base_status"] == "pass" and other["plus_status"] == "pass"
        if (verdict["kind"] == "passed") != passed:
            differ.append({"task_id": task, "index": index, "ours": verdict["kind"], "official": [other["base_status"], other["plus_status"]]})
    return result | {"verdicts": {"compared": compared, "agree": compared - len(differ), "differ": differ}}


def every_sample(options):
    """The option by which equal code is executed as often as it occurs, if this fumehood has one."""
    text = subprocess.run([options.fumehood, "eval", "--help"], capture_output=True, text=True, check=True).stdout
    for word in text.split():
        if word.startswith("--no-dedup"):
            return [word]
    return []


def seccodeplt(race, options):
    data = write(race.path("tasks.jsonl"), list(lines(options.dataset))[: options.tasks])
    # The first run makes the expected values, which the released runner takes from a file.
    race.evaluate("seccodeplt", data, "ground-truth")

    def theirs():
        out = race.path("seed.jsonl")
        return out, timed([*offline(), os.path.abspath(options.python), os.path.join(HERE, "seed_runner.py"), data, out], race.log)

    result, run, out = race.turns(lambda: race.evaluate("seccodeplt", data, "ground-truth"), theirs)
    ours = {task: verdict for (task, _), verdict in verdicts(run).items()}
    cases, differ = 0, []
    for row in lines(out):
        cases += len(row["cases"])
        verdict = ours.get(row["id"])
        loaded = verdict is not None and len(verdict["cases"]) > 0
        if loaded != row["loaded"] or loaded and len(verdict["cases"]) != len(row["cases"]):
            differ.append({"id": row["id"], "ours": verdict and [verdict["kind"], len(verdict["cases"]), verdict["detail"][:200]],
                           "seed": [row["loaded"], len(row["cases"]), row.get("why")]})
    kinds = {}
    for verdict in ours.values():
        kinds[verdict["kind"]] = kinds.get(verdict["kind"], 0) + 1
    return result | {"verdicts": {"kinds": kinds, "cases_of_the_seed": cases, "cases_of_ours": sum(len(v["cases"]) for v in ours.values()), "differ": differ}}


def workers(race, options):
    data = write(race.path("tasks.jsonl"), list(lines(options.dataset))[: options.tasks])
    samples = options.samples or "ground-truth"
    run = lambda count: race.evaluate(options.kind, data, samples, every_sample(options), count)
    run(2)
    result, two, one = race.turns(lambda: run(2), lambda: run(1))
    two, one = verdicts(two), verdicts(one)
    differ = [{"sample": list(key), "two": two[key]["kind"], "one": one.get(key, {}).get("kind")} for key in two if two[key]["kind"] != one.get(key, {}).get("kind")]
    return result | {"verdicts": {"compared": len(two), "agree": len(two) - len(differ), "differ": differ}}


def memory(race, options):
    """The peak of VmRSS while samples are evaluated, and VmHWM, which the report at the end may raise."""
    tasks = [{"task_id": "Job/%d" % number, "prompt": "def f():\n", "entry_point": "f", "canonical_solution": "    return 1\n",
              "test": "def check(candidate):\n    assert candidate() == 1\n"} for number in range(100)]
    data = write(race.path("tasks.jsonl"), tasks)
    found = {}
    for jobs in map(int, options.jobs.split(",")):
        rows = ({"task_id": "Job/%d" % (number % 100), "solution": "def f():\n    return 1 + 0 * %d\n" % (number % options.distinct)} for number in range(jobs))
        samples = write(race.path("samples.jsonl"), rows)
        folder = race.path("run-%d" % jobs)
        command = [options.fumehood, "eval", "humaneval", "--data", data, "--samples", samples, "--scanners", "none", "--quiet",
                   "--workers", str(options.workers), "-o", folder, *shlex.split(options.args)]
        begin = time.monotonic()
        with open(race.log, "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        running, peak = 0, 0
        while process.poll() is None:
            now = kib(process.pid, "VmRSS:")
            peak = max(peak, kib(process.pid, "VmHWM:"))
            if not finished(folder):
                running = max(running, now)
            time.sleep(0.1)
        if process.returncode not in (0, 1):
            sys.exit("fumehood ended with %d; see %s" % (process.returncode, race.log))
        found[jobs] = {"evaluating_kib": running, "whole_kib": peak, "seconds": time.monotonic() - begin}
        print("%d jobs: %s" % (jobs, found[jobs]), file=sys.stderr)
    few, many = min(found), max(found)
    grown = {key: found[many][key] / max(found[few][key], 1) for key in ("evaluating_kib", "whole_kib")}
    return {"jobs": found, "times_as_much": grown}


def kib(pid, key):
    try:
        with open("/proc/%d/status" % pid) as file:
            return next((int(line.split()[1]) for line in file if line.startswith(key)), 0)
    except OSError:
        return 0


def finished(folder):
    """Whether the journal's last record says so: what follows is the report."""
    try:
        with open(os.path.join(folder, "journal.jsonl"), "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 300))
            return b'"state":"finished"' in file.read()
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run in [("bigcodebench", bigcodebench), ("humaneval", humaneval), ("seccodeplt", seccodeplt), ("workers", workers), ("memory", memory)]:
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        if name == "workers":
            command.add_argument("kind")
        if name != "memory":
            command.add_argument("dataset")
            command.add_argument("--python", required=True)
        command.add_argument("--samples", required=name == "humaneval")
        command.add_argument("--official", default=".")
        command.add_argument("--without", default=EXCLUDED)
        command.add_argument("--times", type=int, default=10)
        command.add_argument("--jobs", default="10000,1000000")
        command.add_argument("--distinct", type=int, default=1000)
        command.add_argument("--fumehood", default="fumehood")
        command.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
        command.add_argument("--rounds", type=int, default=1)
        command.add_argument("--tasks", type=int)
        command.add_argument("--scratch")
        command.add_argument("--args", default="")
    options = parser.parse_args()
    race = Race(options)
    result = options.run(race, options)
    uname = os.uname()
    host = {"kernel": uname.release, "cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()}
    print(json.dumps({"comparison": options.command, "workers": options.workers, "host": host, "scratch": race.scratch} | result, indent=1))


if __name__ == "__main__":
    main()
