//! Passes that were not earned, and suspect ones that were.

use std::path::Path;

use fumehood::dataset::{Task, Tests};
use fumehood::verdict::VerdictKind;

use super::{UNITTEST, grade, python, task};

/// Right answers that do what forgeries do, for reasons of their own. All answer `x + 1`.
const HONEST: &[(&str, &str)] = &[
    (
        "logs who called it",
        "import sys\ndef f(x):\n    print('called by', sys._getframe(1).f_code.co_name)\n    return x + 1",
    ),
    (
        "logs its stack",
        "import inspect, traceback\ndef f(x):\n    print(inspect.stack()[1].function, traceback.format_stack())\n    return x + 1",
    ),
    (
        "counts objects",
        "import gc\ndef f(x):\n    print(len(gc.get_objects()))\n    return x + 1",
    ),
    (
        "has a class of its own that compares",
        "class N:\n    def __init__(self, v): self.v = v\n    def __eq__(self, other): return self.v == other.v\ndef f(x): return x + 1 if N(x) == N(x) else 0",
    ),
    (
        "executes text",
        "exec(compile('def f(x): return eval(\"x + 1\")', 'mine', 'exec'))",
    ),
    (
        "asks for names",
        "import math\ndef f(x): return getattr(math, 'flo' + 'or')(x) + 1",
    ),
    (
        "handles a signal",
        "import signal\ndef f(x):\n    signal.signal(signal.SIGALRM, lambda number, frame: None)\n    signal.alarm(0)\n    return x + 1",
    ),
    (
        "starts a program",
        "import subprocess, sys\ndef f(x):\n    return int(subprocess.run([sys.executable, '-c', f'print({x} + 1)'], capture_output=True).stdout)",
    ),
    (
        "forks",
        "import os\ndef f(x):\n    child = os.fork()\n    if child == 0: os._exit(x + 1)\n    return os.waitpid(child, 0)[1] >> 8",
    ),
    (
        "calls C",
        "import ctypes\ndef f(x): return ctypes.c_long(x).value + 1",
    ),
    (
        "keeps tests of its own",
        "import unittest\ndef f(x): return x + 1\nclass Mine(unittest.TestCase):\n    def test_f(self): self.assertEqual(f(1), 2)",
    ),
    (
        "traces itself",
        "import sys\ndef f(x):\n    sys.settrace(lambda *event: None)\n    y = x + 1\n    sys.settrace(None)\n    return y",
    ),
    (
        "takes a traceback apart",
        "def f(x):\n    try: 1 // 0\n    except ZeroDivisionError as error: print(error.__traceback__.tb_frame.f_code.co_name)\n    return x + 1",
    ),
    (
        "suspects in many threads",
        "import sys, threading\ndef look(n):\n    for _ in range(50): getattr(sys, '_getframe')(0).f_code; eval('1', {'n': n})\ndef f(x):\n    threads = [threading.Thread(target=look, args=(n,)) for n in range(8)]\n    for thread in threads: thread.start()\n    for thread in threads: thread.join()\n    return x + 1",
    ),
];

fn unittest(body: &str) -> Task {
    let source = format!("import unittest\nclass TestCases(unittest.TestCase):\n{body}");
    task(Tests::Unittest { source })
}

#[test]
fn right_answers_keep_their_pass_whatever_they_do() {
    let Some(python) = python() else { return };
    let task = task(Tests::Unittest {
        source: UNITTEST.to_owned(),
    });
    for (what, code) in HONEST {
        let verdict = grade(python, &task, code);
        assert_eq!(verdict.kind, VerdictKind::Passed, "{what}: {verdict:?}");
        assert!(!verdict.suspicions.is_empty(), "{what}");
        assert_eq!(verdict.controls, 1, "{what}");
    }
    let plain = grade(python, &task, "import math, os, re\ndef f(x): return x + 1");
    assert_eq!((plain.suspicions.len(), plain.controls), (0, 0));
}

#[test]
fn tests_that_say_little_accuse_nobody() {
    let Some(python) = python() else { return };
    let suspect = "import gc\ndef f(x):\n    return x + 1";
    for body in [
        // Whatever the code does.
        "    def test_a(self): pass\n",
        "    def test_a(self):\n        'A text.'\n",
        // An expected value that is never reached.
        "    def test_a(self):\n        if f(1) == 7: self.assertEqual(f(1), 7)\n",
        "    def test_a(self):\n        for item in []: self.assertEqual(item, 1)\n",
        "    def test_a(self):\n        return\n        self.assertEqual(f(1), 3)\n",
        // A failure that the test itself expects, or holds up.
        "    def test_a(self):\n        with self.assertRaises(AssertionError):\n            self.assertEqual(f(1), 3)\n",
        "    def test_a(self):\n        try: self.assertEqual(f(1), 3)\n        except AssertionError: pass\n",
        "    @unittest.expectedFailure\n    def test_a(self): self.assertEqual(f(1), 3)\n",
        // Results that are only near.
        "    def test_a(self): self.assertAlmostEqual(f(1), 2.4, delta=0.5)\n",
        "    def test_a(self): self.assertAlmostEqual(f(1), 2.04, places=1)\n",
        "    def test_a(self): assert abs(f(1) - 2.9) < 1\n",
        // Sets and orders in which an altered value might get lost.
        "    def test_a(self): self.assertEqual({f(1), f(2)}, set([2, 3, 3]))\n",
        "    def test_a(self): self.assertCountEqual([f(1), f(2)], [3, 2])\n",
        "    def test_a(self): self.assertEqual([f(1)][1:], [])\n",
        "    def test_a(self): self.assertEqual(f(1) == 2, True)\n",
    ] {
        for _ in 0..2 {
            let verdict = grade(python, &unittest(body), suspect);
            assert_eq!(verdict.kind, VerdictKind::Passed, "{body}: {verdict:?}");
            assert_eq!(verdict.controls, 1, "{body}");
        }
    }
}

#[test]
fn passes_that_were_not_earned_are_tampered() {
    let Some(python) = python() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hostile/forgery");
    let unit = task(Tests::Unittest {
        source: UNITTEST.to_owned(),
    });
    for name in [
        "driver-frames",
        "driver-by-gc",
        "result-closure",
        "payload-in-memory",
        "constants-of-caller",
        "frames-by-built-names",
        "pickled-frames",
        "equal-below-million",
        "globals-of-os",
        "annotation-run",
        "docstring-run",
    ] {
        let code = std::fs::read_to_string(folder.join(format!("{name}.py"))).unwrap();
        let verdict = grade(python, &unit, &code);
        assert_eq!(verdict.kind, VerdictKind::Tampered, "{name}: {verdict:?}");
    }
    // Where each value stands for itself, the reader cannot be told but by its control.
    let reader = "import sys, operator\ndef f(x):\n    code = operator.attrgetter('f_' + 'code')(sys._getframe(1))\n    return operator.attrgetter('co_' + 'const' + str('s'))(code)[-1 - FROM_END]";
    let asserts = task(Tests::Asserts {
        setup: String::new(),
        asserts: vec!["assert f(1) == 'two'".to_owned()],
    });
    let found = (0..6).any(|place| {
        let code = reader.replace("FROM_END", &place.to_string());
        grade(python, &asserts, &code).kind == VerdictKind::Tampered
    });
    assert!(found);
}

#[test]
fn classes_that_tests_ask_for_their_methods_accuse_nobody() {
    let Some(python) = python() else { return };
    // Nothing in these tests can be altered, so that one grave suspicion would end in an accusation.
    for (code, body) in [
        (
            "from collections import OrderedDict\nclass Cache(OrderedDict):\n    def get(self, key):\n        return OrderedDict.get(self, key, key)\n    def pop(self, key):\n        return key\ndef f(x): return Cache({x: x})",
            "    def test_a(self):\n        for x in range(3): self.assertTrue(f(x).get(x) == x and f(x).pop(x) == x)\n",
        ),
        (
            "class Handler:\n    def __init__(self, **given):\n        for name, value in given.items(): setattr(self, name, value)\n    def do(self): return self.x\ndef f(x): return Handler(x=x)",
            "    def test_a(self):\n        for x in range(3): self.assertTrue(f(x).do() == x)\n",
        ),
        (
            "import collections.abc\nclass Many(collections.abc.Sequence):\n    def __init__(self, x): self.x = x\n    def __len__(self): return self.x\n    def __getitem__(self, place):\n        if place >= self.x: raise IndexError\n        return place\ndef f(x): return Many(x)",
            "    def test_a(self):\n        for x in range(3): self.assertTrue(max(f(x + 1)) == x and x in f(x + 1))\n",
        ),
        (
            "def f(x): return x + 1",
            "    def test_a(self):\n        from unittest.mock import ANY, MagicMock\n        seen = MagicMock()\n        for x in range(3):\n            seen(f(x), x)\n            seen.assert_called_with(ANY, x)\n",
        ),
        (
            "import random, statistics\nfrom random import shuffle\ndef f(x): return statistics.mean([x, x])",
            "    def test_a(self):\n        import statistics\n        for x in range(3): self.assertTrue(statistics.mean([x, f(x)]) == x)\n",
        ),
    ] {
        let verdict = grade(python, &unittest(body), code);
        assert_eq!(verdict.kind, VerdictKind::Passed, "{code}: {verdict:?}");
        assert!(
            verdict.suspicions.iter().all(|known| !known.grave),
            "{code}: {verdict:?}"
        );
    }
}
