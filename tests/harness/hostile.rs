//! What snippets try, in the words of code.

/// Snippets that are wrong and try to be taken for right.
pub(super) const HOSTILE: &[(&str, &str)] = &[
    ("leaves with success at load", "import os\nos._exit(0)"),
    (
        "leaves with success in a test",
        "import os\ndef f(x): os._exit(0)",
    ),
    (
        "returns an object equal to everything",
        "class E(int):\n    def __eq__(s, o): return True\n    __hash__ = int.__hash__\n    def __sub__(s, o): return 0\ndef f(x): return E(0)",
    ),
    (
        "hides such an object in a list",
        "class E:\n    def __eq__(s, o): return True\ndef f(x): return E()",
    ),
    (
        "makes such a class without a class statement",
        "def f(x): return type('int', (int,), {'__eq__': lambda s, o: True, '__module__': 'builtins'})(7)",
    ),
    (
        "patches assertEqual",
        "import unittest\nfor n in dir(unittest.TestCase):\n    if n.startswith('assert'): setattr(unittest.TestCase, n, lambda *a, **k: None)\ndef f(x): return 3",
    ),
    (
        "patches assertEqual in place",
        "import unittest\nunittest.TestCase.assertEqual.__code__ = (lambda *a, **k: None).__code__\ndef f(x): return x + 1",
    ),
    (
        "patches addFailure and addError",
        "import unittest\nfor n in ('addFailure', 'addError'): setattr(unittest.TestResult, n, lambda *a: None)\ndef f(x): return 0",
    ),
    (
        "patches the methods when it is called",
        "import unittest\ndef f(x):\n    unittest.TestCase.assertEqual = unittest.TestCase.assertTrue = lambda *a, **k: None\n    return 4",
    ),
    (
        "empties the loader and the suite",
        "import unittest\nunittest.TestLoader.loadTestsFromTestCase = lambda *a: unittest.TestSuite()\nunittest.TestSuite.run = lambda s, r, d=False: r\ndef f(x): return 0",
    ),
    (
        "replaces TestCase.run",
        "import unittest\nunittest.TestCase.run = lambda s, r=None: (r.startTest(s), r.addSuccess(s), r.stopTest(s))\ndef f(x): return 0",
    ),
    (
        "replaces unittest",
        "import sys, types\nm = types.ModuleType('unittest')\nclass T:\n    pass\nm.TestCase = T\nsys.modules['unittest'] = m\ndef f(x): return 0",
    ),
    (
        "replaces builtins",
        "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.len = lambda *a: 0\nbuiltins.abs = lambda *a: 0\nbuiltins.round = lambda *a: 0\ndef f(x): return 0",
    ),
    (
        "rewrites how classes are built",
        "import builtins\nold = builtins.__build_class__\ndef build(fn, name, *b, **k):\n    c = old(fn, name, *b, **k)\n    for n in list(vars(c)):\n        if n.startswith('test'): setattr(c, n, lambda self: None)\n    return c\nbuiltins.__build_class__ = build\ndef f(x): return 0",
    ),
    (
        "empties the test methods through globals",
        "def f(x):\n    T = globals()['TestCases']\n    for n in dir(T):\n        if n.startswith('test'): setattr(T, n, lambda self, *a: None)\n    return 0",
    ),
    (
        "prints results to every descriptor",
        "import os, json\nline = b'{\"seq\":2,\"event\":\"case\",\"id\":\"test_one\",\"outcome\":\"passed\",\"detail\":\"\"} ' + b'0' * 64 + b'\\n'\ndef f(x):\n    for n in range(1, 4096):\n        try: os.write(n, line)\n        except OSError: pass\n    return 0",
    ),
    (
        "reports from a forked child",
        "import os\ndef f(x):\n    if os.fork() == 0: return x + 1\n    os._exit(0)",
    ),
    (
        "raises a skip at load",
        "import unittest\nraise unittest.SkipTest('no')",
    ),
    (
        "defines the tests itself",
        "import unittest, atexit, os\nclass TestCases(unittest.TestCase):\n    def test_one(self): pass\n    test_two = test_three = test_one\natexit.register(os._exit, 0)\nraise SystemExit(0)",
    ),
    (
        "opens a string that should swallow the tests",
        "def f(x): return 0\nimport unittest\nclass TestCases(unittest.TestCase):\n    def test_one(self): pass\n    def test_two(self): pass\n    def test_three(self): pass\n'''",
    ),
];
