# Looks at what tests compare, and at what they ask for its methods. Part of the drivers that run a dataset's assertions
# in the snippet's own process.
#
# `look` and `receive` give everything back unchanged. They note an object that claims to be equal to whatever it is
# compared with, and one that answers for a value where its tests ask about it.
import operator, types

PLAIN = (bool, int, float, complex, str, bytes, bytearray, type(None), list, tuple, set, frozenset,
         dict, type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType, super)
CONTAINERS = (list, tuple, set, frozenset, dict)
# Methods that say something about another value.
JUDGING = frozenset("""
startswith endswith find index rfind rindex count issubset issuperset isdisjoint equals equal identical match
""".split())
# Of the flags of a class: it was made while the program ran.
MADE_BY_CLASS = 1 << 9
# Where a mock keeps how it was called.
RECORDS = ("_mock_called", "_mock_call_count", "_mock_call_args", "_mock_call_args_list", "_mock_mock_calls",
           "_mock_method_calls")
# The libraries whose values compare themselves with others; answers are made of these.
VALUE_LIBRARIES = frozenset(("builtins", "collections", "numpy", "pandas", "decimal", "fractions", "datetime", "scipy"))
COMPARISONS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__")
# What takes part in a computation may see what it is computed with.
COMPUTATIONS = tuple(["__%s%s__" % (side, name) for side in ("", "r") for name in (
    "add sub mul matmul truediv floordiv mod divmod pow and or xor lshift rshift").split()]) + (
    "__abs__", "__round__", "__array_function__", "__array_ufunc__", "__array__", "__float__", "__complex__", "__index__")
# The builtins that stand for marks in tests.
BUILTINS = dict(vars(builtins))
# Modules that go by another name, before Python 3.11.
RENAMED = {"collections.abc": "_collections_abc"}


def from_library(function):
    """Whether a function comes from an imported module that has a file of its own."""
    if type(function) is not types.FunctionType:
        return True
    name = dict.get(function.__globals__, "__name__")
    module = sys.modules.get(RENAMED.get(name, name)) if type(name) is str else None
    if type(module) is not types.ModuleType and not isinstance(module, types.ModuleType):
        return False
    spec = getattr(module, "__spec__", None)
    origin = getattr(spec, "origin", None)
    return (vars(module) is function.__globals__
            and type(origin) is str
            and (origin == "frozen" or function.__code__.co_filename in (origin, module.__name__)
                 or function.__code__.co_filename.startswith(("<frozen", sys.base_prefix, sys.prefix, "<__array_function__", "<string>"))))


def library_of(cls):
    """The name of the package that a class says it comes from."""
    module = type.__dict__["__module__"].__get__(cls)
    return module.partition(".")[0] if type(module) is str else ""


def is_of_library(cls):
    """Whether a class is the one of that name in a module that has a place of its own."""
    name = type.__dict__["__module__"].__get__(cls)
    module = sys.modules.get(name) if type(name) is str else None
    if name == "__test__" or not isinstance(module, types.ModuleType) or getattr(module, "__spec__", None) is None:
        return False
    path = type.__dict__["__qualname__"].__get__(cls).split(".")
    return len(path) > 1 or vars(module).get(path[0]) is cls


def parts_of(kind):
    """What gives the values in those of a class, if it may hold any that are not plain."""
    for base in mro_of(kind):
        if base is dict:
            return lambda value: list(dict.values(value))
        if base in CONTAINERS:
            return lambda value: list(base.__iter__(value))
        name = type.__dict__["__name__"].__get__(base)
        if library_of(base) == "collections" and name == "deque":
            return lambda value: list(base.__iter__(value))
        if library_of(base) == "numpy" and name == "ndarray":
            return lambda value: base.tolist(base.ravel(value)) if value.dtype == object else ()
        if library_of(base) == "pandas" and name in ("Series", "Index"):
            return lambda value: list(value) if value.dtype == object else ()
        if library_of(base) == "pandas" and name == "DataFrame":
            return lambda value: [list(column) for _, column in value.items() if column.dtype == object]
    return None


mro_of = type.__dict__["__mro__"].__get__


def make_look(report, suspect, trusted, own):
    """Four functions: one takes the job's `control`, one gives what stands for a mark in the code of tests, one
    says whether a test was altered, and one is told what tests were given by their task.

    `look` sees what tests compare, and `receive` what they ask for its methods; `trusted` holds the code of the test
    source, whose own classes may do as they like, and `own` that of the snippet. Every expected value goes through a function of its own; `control` holds the
    numbers of those that were altered, or is None where this is no control. In one, a test that came by
    no altered value fails in `last`, by which every test goes at its end. The third function is called
    before a test for a fresh start, and after it for whether it came by an altered value.
    """
    slot = {id(kind) for kind in PLAIN}
    received = {}
    draw = os.urandom
    probes = []
    seen = {}
    reached = []
    altered, is_control = frozenset(), False

    def begin(control):
        nonlocal altered, is_control
        altered, is_control = frozenset(control or ()), control is not None

    def last():
        if is_control and not reached:
            raise AssertionError("this is a control: the test cannot be passed")

    def put(mark):
        if mark == MARK:
            return look
        if mark == LAST:
            return last
        if mark == RECEIVER:
            return receive
        if mark.startswith(GIVEN):
            return BUILTINS[mark[len(GIVEN):]]
        number = int(mark[len(MARK):])

        def expected(value):
            if number in altered:
                reached.append(number)
            return value

        return expected

    def came_by():
        came = bool(reached)
        del reached[:]
        return came

    def is_own(name, function, cls):
        """Whether what a class has by a name is not of a library or of the tests."""
        if type(function) in (staticmethod, classmethod):
            function = function.__func__
        if type(function) is property:
            function = function.fget
        if type(function) is types.FunctionType:
            code = function.__code__
            return id(code) in own or id(code) not in trusted and not from_library(function)
        if type(function) in SLOTS:
            # One that stands where another should.
            return function.__name__ != name
        return type(function) not in DESCRIPTORS and not is_of_library(cls)

    def classes_of(kind):
        return [(cls, type.__dict__["__dict__"].__get__(cls)) for cls in mro_of(kind)]

    def has_own(names, kind):
        classes = classes_of(kind)
        if is_mock(kind):
            # Comparing a mock records a call, so only one whose equality was set is asked.
            classes, names = classes[:1], ("__eq__",) if names is COMPARISONS else ()
            return any([type(table.get(name)) is types.FunctionType and is_own(name, table[name], cls)
                        for cls, table in classes for name in names])
        return any([name in table and is_own(name, table[name], cls) for cls, table in classes for name in names])

    def compares_in_python(kind):
        """Whether a library's class has an equality that is none of its values'."""
        for cls, table in classes_of(kind):
            if "__eq__" in table:
                return type(table["__eq__"]) is types.FunctionType and library_of(cls) not in VALUE_LIBRARIES
        return False

    def lies(value):
        if not probes:
            random = int.from_bytes(draw(7), "big") | 1
            probes.extend((object(), random, random + 0.5, "probe %x" % random, b"probe %x" % random,
                           (random,), [random], {random}, {random: random}))
        for probe in probes:
            for left, right in ((value, probe), (probe, value)):
                answers = []
                for operate in OPERATORS:
                    try:
                        answers.append(bool(operate(left, right)))
                    except (KeyboardInterrupt, SystemExit):
                        raise
                    except BaseException:
                        answers.append(False)
                equal, less, more, unequal = answers
                if equal or (less and more):
                    return True
            try:
                if operator.contains(value, probe) is True:
                    return True
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:
                pass
        return False

    def look(value, depth=0):
        kind = type(value)
        if id(kind) in slot:
            if kind in CONTAINERS and value and depth < 6:
                inside(value.values() if kind is dict else value, depth)
            return value
        if id(kind) not in seen:
            is_asked = has_own(COMPARISONS, kind)
            if is_asked:
                suspect("compares by a method of its own", True)
            if has_own(COMPUTATIONS, kind):
                suspect("computes by a method of its own", True)
            seen[id(kind)] = (kind, is_asked or compares_in_python(kind), parts_of(kind))
        _, is_asked, parts = seen[id(kind)]
        if is_asked and lies(value) and not (library_of(kind) == "unittest" and is_of_library(kind) and speak_of_any()):
            report("an object of type " + clean(type.__dict__["__qualname__"].__get__(kind), 100)
                   + " claims to be equal to anything")
        if parts is not None and depth < 6:
            inside(parts(value), depth)
        return value

    def speak_of_any():
        """Whether the tests have a use for `mock.ANY`. That it is in the snippet's hands can be told only where they have not."""
        return any(["ANY" in code.co_names for code in list(trusted.values())])

    def inside(items, depth):
        """Looks at what is no plain value among many."""
        others = [kind for kind in set(map(type, items)) if id(kind) not in slot or kind in CONTAINERS]
        if others:
            left = 200
            for item in items:
                if type(item) in others:
                    look(item, depth + 1)
                    left -= 1
                    if not left:
                        break

    def receive(value, name):
        """What is asked for a method by the name of `name`."""
        kind = type(value)
        if kind is types.ModuleType:
            if is_own_code(vars(value).get(name)):
                suspect("%s.%s is its own" % (clean(value.__name__, 60), name), True)
            return value
        is_class = type in mro_of(kind)
        if id(kind) in slot and not is_class:
            # A function that stands for another has its mock beside it.
            if kind is types.FunctionType and name.startswith("assert") and is_mock(type(vars(value).get("mock"))):
                if is_own_code(vars(value).get(name)):
                    report("the %s of a mock is its own" % name)
                judge_object(vars(value)["mock"], type(vars(value)["mock"]), name)
            return value
        cls = value if is_class else kind
        key = (id(cls), name)
        if name in JUDGING or key not in received:
            # Kept, so that no other class comes to have its id.
            received[key] = cls
            if not is_mock(cls):
                judge_class(cls, name)
        if not is_class:
            judge_object(value, kind, name)
        return value

    def is_own_code(value):
        return type(value) is types.FunctionType and id(value.__code__) in own

    def is_mock(cls):
        return mock is not None and mock.NonCallableMock in mro_of(cls)

    def judge_class(cls, name):
        """Looks at what the objects of a class answer to a method with."""
        classes = classes_of(cls)
        found = [(held, table[name]) for held, table in classes if name in table]
        if found:
            held, method = found[0]
            if name in JUDGING and is_own(name, method, held):
                suspect("its own %s answers its tests" % name, True)
        elif any(["__getattr__" in table and is_own("__getattr__", table["__getattr__"], held) for held, table in classes]):
            suspect("answers to any name that its tests call", True)

    def judge_object(value, kind, name):
        """Looks whether an object has a method of its own in the place of that of its class."""
        try:
            table = object.__getattribute__(value, "__dict__")
        except (AttributeError, TypeError):
            return
        if type(table) is not dict:
            return
        if is_mock(kind):
            if name.startswith("assert"):
                judge_mock(table, name)
        elif name in table and is_own_code(table[name]) and any([name in held for _, held in classes_of(kind)]):
            suspect("its own %s takes the place of that of its class" % name, True)

    def judge_mock(table, name):
        """Looks at what a mock says of how it was called."""
        if name in table:
            report("the %s of a mock is its own" % name)
        for key in RECORDS:
            record = table.get(key)
            if type(record) in (mock._Call, mock._CallList):
                look(record)
            elif type(record) not in (bool, int, type(None)):
                report("what a mock says of its calls is its own")

    def given(preamble, code, space):
        """Looks whether what a task imports for its tests is still of a library when these have been loaded."""
        names = set()
        words_in(code, names, False)
        for name in sorted(names.intersection(imported_names(preamble))):
            value = space.get(name)
            cls = value if type in mro_of(type(value)) else type(value)
            if is_own_code(value) or type.__dict__["__flags__"].__get__(cls) & MADE_BY_CLASS and not is_of_library(cls):
                suspect("what stands for %s in its tests is its own" % clean(name, 60), True)

    return begin, put, came_by, given


def imported_names(text):
    """The names that a program's own imports bind; none if it is no whole program."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return set()
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return {alias.asname or alias.name.partition(".")[0] for node in imports for alias in node.names}


# For drivers that know of mocks.
mock = None
OPERATORS = (operator.eq, operator.lt, operator.gt, operator.ne)
SLOTS = (types.WrapperDescriptorType, types.MethodDescriptorType)
DESCRIPTORS = (types.GetSetDescriptorType, types.BuiltinFunctionType, types.MethodWrapperType, staticmethod,
               classmethod, types.ClassMethodDescriptorType, types.MemberDescriptorType, type(None))
