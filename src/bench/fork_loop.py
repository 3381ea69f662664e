# Forks from a warm interpreter, again and again; the child runs one test and ends. Nothing is
# isolated. Standard input and output are those of a member, see member.rs.
import gc
import os
import sys
import time
import unittest

CODE, TESTS = sys.argv[1:3]


def test():
    space = {"__name__": "__test__"}
    exec(compile(CODE, "__test__.py", "exec"), space)
    exec(compile(TESTS, "__test__.py", "exec"), space)
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(space["TestCases"])
    result = unittest.TestResult()
    suite.run(result)
    return result.testsRun == 1 and result.wasSuccessful()


def once():
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if test() else 1
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def work(nanoseconds):
    begin = time.monotonic_ns()
    count = 0
    while True:
        status = once()
        if status != 0:
            return "failed the test ended with wait status %d" % status
        count += 1
        taken = time.monotonic_ns() - begin
        if taken >= nanoseconds:
            return "%d %d" % (count, taken)


# What the collector never looks at again, the children need not copy.
gc.collect()
gc.freeze()
for line in sys.stdin:
    print(work(int(line) * 1_000_000), flush=True)
