# The test machinery as it was before the snippet loaded, and whether it still is.
#
# Mocks are a large part of it, and with what they import they more than double an interpreter. They are
# imported, and taken note of, only for tests and snippets that speak of them. Whoever has them without a
# word of it gains nothing: tests that speak of no mock use none.
import collections, contextlib, importlib.util, operator, types, unittest, unittest.case, unittest.loader, unittest.result
import unittest.suite, unittest.util

# What unittest itself calls while a test runs. Tests may patch other builtins (open, print, input).
BUILTINS_USED = (
    "BaseException", "Exception", "AssertionError", "AttributeError", "KeyboardInterrupt",
    "RuntimeWarning", "TypeError", "ValueError", "__build_class__", "abs", "all", "any", "callable",
    "dict", "dir", "enumerate", "frozenset", "getattr", "hasattr", "id", "isinstance",
    "issubclass", "iter", "len", "list", "map", "max", "min", "next", "object", "range", "repr",
    "reversed", "round", "set", "setattr", "sorted", "str", "sum", "super", "tuple", "type", "zip",
)
MODULES = ("unittest", "unittest.case", "unittest.suite", "unittest.result", "unittest.loader",
           "unittest.util", "unittest.mock")
# What every test goes through.
CORE = ("unittest.case.TestCase", "unittest.suite.BaseTestSuite", "unittest.suite.TestSuite",
        "unittest.result.TestResult", "_GeneratorContextManager", "_GeneratorContextManagerBase", "Counter")
# What that goes through in turn.
BEHIND = [collections.Counter] + [vars(contextlib)[name] for name in (
    "_GeneratorContextManager", "_GeneratorContextManagerBase") if name in vars(contextlib)]
same = operator.is_
SKIPPED_NAMES = ("__doc__", "__builtins__", "__cached__", "__warningregistry__")


def parts(value):
    """What must not change in one attribute."""
    if type(value) in (staticmethod, classmethod):
        value = value.__func__
    if type(value) is types.FunctionType:
        return value, value.__code__, value.__defaults__, value.__kwdefaults__
    return value, None, None, None


def take_snapshot():
    """A function that names the first difference from now, or gives None. Where the snippet is harmless (see
    harmless.py), so that it cannot come by any of this, and has no name for a function's code, it looks at what the
    core consists of and no further: whatever is looked at has its references counted, and every page that this is
    the first to write to costs a forked job a copy."""
    tables = []
    present = [name for name in MODULES if name in sys.modules]
    for name in present:
        tables.append((name, vars(sys.modules[name]), False))
        for value in vars(sys.modules[name]).values():
            if isinstance(value, type) and value.__module__ == name:
                # A method that is added matters as much as one that is replaced. Mocks are let
                # grow: they keep their own settings on their classes.
                grown = name != "unittest.mock"
                tables.append((name + "." + value.__qualname__, value.__dict__, grown))
    for value in BEHIND:
        tables.append((value.__name__, value.__dict__, True))
    modules = [(name, sys.modules[name]) for name in present]
    taken = []
    for name, table, closed in tables:
        kept = {key: parts(value) for key, value in table.items()
                if key not in SKIPPED_NAMES and value is not None}
        taken.append((name, table, kept, len(table) if closed else None, tuple(table),
                      tuple(table.values())))
    names = tuple([name for name in BUILTINS_USED if hasattr(builtins, name)])
    kept = {name: parts(getattr(builtins, name)) for name in names}
    builtin_table, builtin_values = vars(builtins), tuple([kept[name][0] for name in names])
    taken.append(("builtins", builtin_table, kept, None, (), ()))
    slots = types.FunctionType.__dict__
    code_of, defaults_of, named_defaults_of = [
        slots[name].__get__ for name in ("__code__", "__defaults__", "__kwdefaults__")]

    functions = {id(part[0]): part for _, _, kept, *_ in taken for part in kept.values()
                 if type(part[0]) is types.FunctionType}
    functions, codes, defaults, named_defaults = zip(*functions.values())
    whole = [(table, keys, values) for _, table, _, _, keys, values in taken if values]
    core = [(table, keys, values) for name, table, _, _, keys, values in taken if name in CORE]

    def is_same(tables):
        """Whether nothing at all has changed in some tables; looked at as fast as can be."""
        for table, keys, values in tables:
            if not (len(table) == len(keys) and all(map(same, table, keys))
                    and all(map(same, table.values(), values))):
                return False
        return all(map(same, map(builtin_table.get, names), builtin_values))

    def has_same_code():
        return (all(map(same, map(code_of, functions), codes))
                and all(map(same, map(defaults_of, functions), defaults))
                and all(map(same, map(named_defaults_of, functions), named_defaults)))

    table_of_modules, trace = sys.modules, sys.gettrace
    trace_before = trace()

    def difference(thorough):
        if sys.modules is not table_of_modules:
            return "sys.modules"
        if trace() is not trace_before:
            # A trace function can move the line that is run next past an assertion.
            return "sys.settrace"
        for name, module in modules:
            if table_of_modules.get(name) is not module:
                return "sys.modules[%r]" % name
        if is_same(whole) and has_same_code() if thorough else is_same(core):
            return None
        for name, table, kept, size, _, _ in taken:
            if size is not None and len(table) != size:
                return name
            for key, before in kept.items():
                if key not in table:
                    return name + "." + key
                now = parts(table[key])
                for old, new in zip(before, now):
                    if old is not new:
                        return name + "." + key
        return None

    return difference


def imported():
    """Takes note of mocks once they are there."""
    global mock, look_for_difference
    if mock is None and "unittest.mock" in sys.modules:
        mock = sys.modules["unittest.mock"]
        look_for_difference = take_snapshot()


look_for_difference = take_snapshot()
