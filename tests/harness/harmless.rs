//! Which snippets are believed, from their source alone, to have no way to anything but plain values.

use std::process::Command;

use super::python;

const SOURCE: &str = include_str!("../../src/harness/drivers/harmless.py");

/// What most answers to programming tasks are made of.
const HARMLESS: &[&str] = &[
    "def f(x): return x + 1",
    "import math\nfrom typing import List, Optional\ndef f(x: List[int]) -> 'Optional[int]': return math.floor(max(x))",
    "import re as words, collections\ndef f(x): return collections.Counter(words.findall('a', x)).most_common(1)",
    "from functools import lru_cache\n@lru_cache(maxsize=None)\ndef f(x): return 1 if x < 2 else x * f(x - 1)",
    "class A:\n    def __init__(self): self._os = {'sys': 1}\n    def __eq__(self, other): return self._os == other._os",
    "def f(x):\n    import heapq\n    heapq.heapify(x)\n    return x",
    "import datetime\ndef f(x): return datetime.datetime.strptime(x, '%Y').year",
    "def f(x):\n    match x:\n        case [1, *rest]: return rest\n        case {'a': y}: return y",
];

/// Ways that lead further.
const OTHERS: &[&str] = &[
    "import sys",
    "import os.path",
    "import collections.abc",
    "from . import a",
    "from re import *",
    "from random import _os",
    "from functools import singledispatch",
    "from dataclasses import dataclass",
    "import enum",
    "import random\nrandom._os",
    "import random\nrandom.x = 1",
    "import random\na = random",
    "import random as a\ndef f(b=a): pass",
    "import random\nclass A:\n    b = random",
    "class A:\n    import random",
    "class A:\n    def f(self):\n        import random",
    "import math\nimport random as math\nmath._os",
    "if x:\n    import re as a\nelse:\n    import random as a\na.compile",
    "match x:\n    case object(_os=y): pass",
    "match x:\n    case __builtins__: pass",
    "try: pass\nexcept A as __builtins__: pass",
    "import re as __builtins__",
    "def __builtins__(): pass",
    "class A:\n    def __getattribute__(self, name): pass",
    "class A:\n    __annotations__ = {}",
    "f.__globals__",
    "(lambda: 0).__class__",
    "'{0.a}'.format(x)",
    "format(x)",
    "open('x')",
    "breakpoint()",
    "sys.modules",
    "environ",
    "getattr(x, 'y')",
    "from functools import wraps",
    "from copy import copy",
    "type('A', (), {})",
    "a = type",
    "type(*x)",
    "import random as type\ntype.seed(1)\nrandom.seed(1)",
    "from collections import Counter\nCounter.__eq__ = f = None",
    "from collections import Counter\nCounter.a = 1",
    "def f(x): x.a = 1",
    "def f(x): del x.a",
    "class A:\n    def f(self): self.update = None",
    "class A:\n    def f(self): self.__a = None",
    "from functools import total_ordering\nfrom collections import Counter\ntotal_ordering(Counter)",
    "class A(float):\n    def __sub__(self, other): return 0.0",
    "def f(p): tempfile.x",
    "try: pass\nexcept AttributeError as e: e.obj",
    "try: pass\nexcept ValueError as e: e.with_traceback(None)",
    "def f(x): return x.somewhere",
    "def f(x): return x._os",
    "from collections import Counter as self\nself._keep_positive = 1",
    "from fractions import Fraction\nclass A:\n    def f(self): self._richcmp = 1\nA.f(Fraction)",
];

#[test]
fn only_plain_names_are_harmless() {
    let Some(python) = python() else { return };
    let program = "import ast, builtins, json, sys\n\
        exec(sys.argv[1])\n\
        wrong = [[text, which] for which, texts in enumerate(json.loads(sys.argv[2]))\n\
            for text in texts if (sys.version_info >= (3, 10) or 'match x' not in text)\n\
            and is_harmless(ast.parse(text)) != (which == 0)]\n\
        print(json.dumps(wrong))";
    // A pattern is no syntax before Python 3.10.
    let output = Command::new(python)
        .args(["-c", program, SOURCE])
        .arg(serde_json::to_string(&[HARMLESS, OTHERS]).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "[]");
}

/// Whatever a plain name stands for in this Python, it is no module, and runs no text.
#[test]
fn plain_names_lead_nowhere() {
    let Some(python) = python() else { return };
    let program = "import ast, builtins, importlib, sys, types\n\
        exec(sys.argv[1])\n\
        barred = [eval, exec, compile, open, input, __import__, getattr, setattr, delattr, globals, locals, vars]\n\
        count = 0\n\
        for name, plain in PLAIN.items():\n\
        \x20   module = importlib.import_module(name)\n\
        \x20   for item in plain:\n\
        \x20       value = getattr(module, item, None)\n\
        \x20       count += value is not None\n\
        \x20       bad = isinstance(value, types.ModuleType) or any(value is other for other in barred)\n\
        \x20       assert not bad and not item.startswith('_'), (name, item)\n\
        assert count > 250, count";
    let output = Command::new(python)
        .args(["-c", program, SOURCE])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}
