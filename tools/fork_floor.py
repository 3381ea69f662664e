#!/usr/bin/env python3
"""What a process forked from an interpreter costs that has made some imports, and does nothing.

    PYTHON tools/fork_floor.py [MODULE[,MODULE...] ...]

One line for each set of imports, `-` for none: the median over five rounds of the time by the clock and of the CPU time
of parent and child, in microseconds; the page faults of the child; the size of the interpreter that it is forked from, in
MiB, and its mappings. PYTHON is the interpreter to ask. Nothing else should run meanwhile.
"""

import importlib
import os
import resource
import statistics
import sys
import time

ROUNDS, FORKS = 5, 300


def used():
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both), both[1].ru_minflt


def measure(modules):
    for module in modules:
        importlib.import_module(module)
    rounds = []
    for _ in range(ROUNDS):
        begin, (cpu, faults) = time.perf_counter(), used()
        for _ in range(FORKS):
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
        wall, (cpu_now, faults_now) = time.perf_counter() - begin, used()
        rounds.append((wall / FORKS * 1e6, (cpu_now - cpu) / FORKS * 1e6, (faults_now - faults) / FORKS))
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * resource.getpagesize() / (1 << 20)
    with open("/proc/self/maps") as file:
        mappings = len(file.readlines())
    print("%-40s %8.0f %8.0f %8.0f %8.1f %8d" % (",".join(modules) or "-", *map(statistics.median, zip(*rounds)), resident, mappings), flush=True)


def main():
    print("%-40s %8s %8s %8s %8s %8s" % ("imports", "us", "cpu us", "faults", "MiB", "maps"), flush=True)
    for word in sys.argv[1:] or ["-"]:
        child = os.fork()
        if child == 0:
            measure([] if word == "-" else word.split(","))
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            sys.exit("%s cannot be measured" % word)


if __name__ == "__main__":
    main()
