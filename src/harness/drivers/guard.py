# Looks at what tests compare. Part of the drivers that run a dataset's assertions in the snippet's own process.
#
# `look` gives everything back unchanged and notes an object that claims to be equal to whatever it is compared
# with.
import operator, types

PLAIN = (bool, int, float, complex, str, bytes, bytearray, type(None), list, tuple, set, frozenset,
         dict, type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)
COMPARISONS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__")
# What takes part in a computation may see what it is computed with.
COMPUTATIONS = tuple(["__%s%s__" % (side, name) for side in ("", "r") for name in (
    "add sub mul matmul truediv floordiv mod divmod pow and or xor lshift rshift").split()]) + (
    "__abs__", "__round__", "__array_function__", "__array_ufunc__", "__array__", "__float__", "__complex__", "__index__")
# The builtins that stand for marks in tests.
BUILTINS = dict(vars(builtins))


def from_library(function):
    """Whether a function comes from an imported module that has a file of its own."""
    if type(function) is not types.FunctionType:
        return True
    name = dict.get(function.__globals__, "__name__")
    module = sys.modules.get(name) if type(name) is str else None
    if type(module) is not types.ModuleType and not isinstance(module, types.ModuleType):
        return False
    spec = getattr(module, "__spec__", None)
    origin = getattr(spec, "origin", None)
    return (vars(module) is function.__globals__
            and type(origin) is str
            and (origin == "frozen" or function.__code__.co_filename in (origin, module.__name__)
                 or function.__code__.co_filename.startswith(("<frozen", sys.base_prefix, sys.prefix, "<__array_function__", "<string>"))))


def make_look(report, suspect, trusted):
    """Three functions: one takes the job's `control`, one gives what stands for a mark in the code of tests, and
    one says whether a test was altered.

    `look` sees what tests compare; `trusted` holds the code of the test source, whose own classes may
    do as they like. Every expected value goes through a function of its own; `control` holds the
    numbers of those that were altered, or is None where this is no control. In one, a test that came by
    no altered value fails in `last`, by which every test goes at its end. The last function is called
    before a test for a fresh start, and after it for whether it came by an altered value.
    """
    slot = {id(kind) for kind in PLAIN}
    mro_of = type.__dict__["__mro__"].__get__
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

    def has_own(names, kind):
        classes = mro_of(kind)
        # Comparing a mock records a call, so only one whose equality was set is asked.
        is_mock = mock is not None and mock.NonCallableMock in classes
        for cls in classes[:1] if is_mock else classes:
            table = type.__dict__["__dict__"].__get__(cls)
            for name in names if not is_mock else ("__eq__",) if names is COMPARISONS else ():
                method = table.get(name)
                if type(method) is property:
                    method = method.fget
                if type(method) is types.FunctionType:
                    if id(method.__code__) not in trusted and (is_mock or not from_library(method)):
                        return True
                elif not is_mock and type(method) not in DESCRIPTORS:
                    return True
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
                        answers.append(operate(left, right) is True)
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
            if depth < 3 and kind in (list, tuple, set, frozenset, dict) and value:
                left = 64
                for item in (value.values() if kind is dict else value):
                    if id(type(item)) not in slot or type(item) in (list, tuple, dict):
                        look(item, depth + 1)
                    left -= 1
                    if not left:
                        break
            return value
        if id(kind) not in seen:
            seen[id(kind)] = (kind, has_own(COMPARISONS, kind))
            if seen[id(kind)][1]:
                suspect("compares by a method of its own")
            if has_own(COMPUTATIONS, kind):
                suspect("computes by a method of its own", True)
        if seen[id(kind)][1] and lies(value):
            report("an object of type " + clean(type.__dict__["__qualname__"].__get__(kind), 100)
                   + " claims to be equal to anything")
        return value

    return begin, put, came_by


# For drivers that know of mocks.
mock = None
OPERATORS = (operator.eq, operator.lt, operator.gt, operator.ne)
DESCRIPTORS = (types.WrapperDescriptorType, types.MethodDescriptorType, types.GetSetDescriptorType,
               types.BuiltinFunctionType, types.MethodWrapperType, staticmethod, classmethod,
               types.ClassMethodDescriptorType, type(None))
