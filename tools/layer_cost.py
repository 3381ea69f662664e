#!/usr/bin/env python3
"""What a layer of the sandbox costs a job: `fumehood exec -- /bin/true` with it and with it given up, in turns.

    tools/layer_cost.py [--binary target/release/fumehood] [--runs 200] LAYER

Each run builds four sandboxes: three that ask what the host can do, and the job's. So the cost of one sandbox is a
quarter of the difference. Medians and the middle half, in milliseconds of wall-clock time and of processor time.
"""

import argparse
import os
import resource
import statistics
import subprocess
import time

SANDBOXES = 4


def spent(command):
    """Wall-clock and processor time of a command, in milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wall = time.monotonic() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e3 * wall, 1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="target/release/fumehood")
    parser.add_argument("--runs", type=int, default=200, help="of each kind")
    parser.add_argument("layer", metavar="LAYER", help="as `fumehood doctor` names it")
    arguments = parser.parse_args()
    bare = [arguments.binary, "exec", "--give-up", arguments.layer, "--", "/bin/true"]
    whole = [arguments.binary, "exec", "--", "/bin/true"]
    for command in (bare, whole):
        spent(command)
    rows = [(spent(bare), spent(whole)) for _ in range(arguments.runs)]
    print("load %.1f on %d processors" % (os.getloadavg()[0], os.cpu_count()))
    for place, name in enumerate(("wall", "processor")):
        without, with_it = [pair[0][place] for pair in rows], [pair[1][place] for pair in rows]
        for label, values in (("without", without), ("with", with_it)):
            low, middle, high = statistics.quantiles(values, n=4)
            print("%-9s %-7s %8.2f ms a run (%.2f to %.2f)" % (name, label, middle, low, high))
        a_run = statistics.median(with_it) - statistics.median(without)
        print("%-9s %8.3f ms a sandbox" % (name, a_run / SANDBOXES))


if __name__ == "__main__":
    main()
