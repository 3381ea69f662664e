# Runs a `unittest` module against a snippet, each declared test exactly once, and reports test by
# test. Its input: {preamble, code, tests, entry_point, mocks, prepared, control}, where `tests` is empty if they are `prepared` (see
# prepare.py).


class Ledger:
    """What happened to each test. Kept apart from the result object, which tests can reach."""

    __slots__ = ("marks", "current", "loose", "reported", "is_control", "thorough")

    def __init__(self):
        self.is_control = False
        # Whether the snippet may have come by anything.
        self.thorough = True
        self.marks = {}
        self.current = None
        self.loose = []
        self.reported = set()


RESULT_METHODS = frozenset(name for name, value in vars(unittest.result.TestResult).items()
                           if isinstance(value, types.FunctionType))


def make_result(ledger, tampered, check_instance, came_by):
    rank = {"passed": 0, "skipped": 1, "failed": 2, "error": 3}
    Test = unittest.case.TestCase

    def note(test, outcome, detail=""):
        if not isinstance(test, Test):
            ledger.loose.append(clean(str(test) + ": " + detail))
            return
        name = test._testMethodName
        before = ledger.marks.get(name)
        if before is None or rank[outcome] > rank[before[0]]:
            ledger.marks[name] = (outcome, detail)

    class Result(unittest.result.TestResult):
        def startTest(self, test):
            super().startTest(test)
            ledger.current = test._testMethodName
            came_by()

        def stopTest(self, test):
            super().stopTest(test)
            name = test._testMethodName
            ledger.current = None
            tampered(check_instance(test))
            outcome, detail = ledger.marks.get(name, ("error", "the test ended without a result"))
            if name in ledger.reported:
                tampered("test " + clean(name, 100) + " ran twice")
            ledger.reported.add(name)
            if came_by() and outcome == "passed":
                detail = "altered"
            emit("case", id=clean(name, 200), outcome=outcome, detail=detail)

        def addSuccess(self, test):
            note(test, "passed")

        def addFailure(self, test, err):
            note(test, "failed", last_lines(err[1]))

        def addError(self, test, err):
            note(test, "error", last_lines(err[1]))

        def addSkip(self, test, reason):
            note(test, "skipped", clean(str(reason)))

        def addExpectedFailure(self, test, err):
            # In a control every test is made to fail.
            note(test, "failed" if ledger.is_control else "passed")

        def addUnexpectedSuccess(self, test):
            note(test, "failed", "unexpected success")

        def addSubTest(self, test, subtest, err):
            if err is not None:
                failed = issubclass(err[0], test.failureException)
                note(test, "failed" if failed else "error", last_lines(err[1]))

    return Result()


def innermost(function):
    """What decorators that say what they wrap (as mock.patch does) wrap in the end."""
    for _ in range(50):
        wrapped = getattr(function, "__wrapped__", None)
        if wrapped is None:
            return function
        function = wrapped
    return function


def class_difference(kind, names, codes):
    """Why a class is not the one that the test source defines, or None."""
    if not isinstance(kind, type) or unittest.case.TestCase not in kind.__mro__:
        return "TestCases is no test class"
    for cls in kind.__mro__:
        if cls is unittest.case.TestCase:
            break
        for name, value in vars(cls).items():
            function = value.__func__ if type(value) in (staticmethod, classmethod) else value
            function = innermost(function)
            code = getattr(function, "__code__", None)
            if code is not None and id(code) not in codes and not from_library(function):
                return "TestCases.%s does not come from the tests" % name
    for name in names:
        if not callable(getattr(kind, name, None)):
            return "TestCases.%s is gone" % name
    return None


def make_bench():
    """What a job's tests run on, made before the job is known."""
    noted, trusted, taken, ledger = [], {}, {}, Ledger()
    helpers = frozenset(("run", "__call__", "_callTestMethod", "_callSetUp", "_callTearDown",
                         "_callCleanup", "failureException", "_baseAssertEqual", "doCleanups",
                         "_getAssertEqualityFunc", "_addSkip", "_truncateMessage"))

    def tampered(reason):
        if reason is not None and reason not in noted and len(noted) < 20:
            noted.append(reason)
            emit("tampered", reason=clean(reason, 300))

    own = {}
    suspect, watch, meet, unwatched = make_watch(emit, tampered, trusted, own)
    begin_look, put, came_by, given = make_look(tampered, suspect, trusted, own)

    def difference():
        return unwatched(lambda: look_for_difference(ledger.thorough))

    def check_instance(test):
        for name in vars(test):
            if name in helpers or name.startswith(("assert", "fail")) and name != "failfast":
                if name != "failureException" and hasattr(unittest.case.TestCase, name):
                    return "the test's own " + clean(name, 100)
        for name in vars(result):
            if name.startswith(("add", "start", "stop", "was", "_")) and name in RESULT_METHODS:
                return "the result's own " + clean(name, 100)
        for key, before in taken.items():
            now = parts(vars(key[0]).get(key[1]))
            if any(old is not new for old, new in zip(before, now)):
                return "TestCases." + clean(key[1], 100)
        return difference()

    result = make_result(ledger, tampered, check_instance, came_by)

    def begin(control):
        begin_look(control)
        ledger.is_control = control is not None

    return begin, noted, tampered, trusted, own, watch, meet, given, put, difference, taken, ledger, result


def main():
    payload = start()
    preamble, sample, prepared = payload["preamble"], payload["code"], payload["prepared"]
    if payload["mocks"]:
        # Not by a statement: that would make `unittest` a variable of this function.
        __import__("unittest.mock")
        imported()
    begin, noted, tampered, trusted, own, watch, meet, given, put, difference, taken, ledger, result = bench
    control = payload["control"]
    begin(control)
    try:
        names, altered, test_code = opened(prepared) if prepared else prepare(payload["tests"], control or (), [payload["entry_point"]])
        test_code = put_in(test_code, put)
    except Exception as error:
        emit("begin", cases=[])
        emit("tests_error", detail=last_lines(error))
        emit("end", fixture="")
        leave(0)
    all_code(test_code, trusted)
    emit("begin", cases=names)
    if control is not None:
        emit("altered", cases=altered)
    payload.clear()

    begin_imitation()
    module = types.ModuleType("__test__")
    vars(module).update({
        "__builtins__": builtins, "__file__": "__test__.py", "__package__": None, "__doc__": None,
        "sys": sys, "os": os, "environ": os.environ,
    })
    space = vars(module)

    # The snippet and the tests are compiled apart: in one text, an open string or bracket at the
    # snippet's end would swallow the tests or rewrite them.
    try:
        code = compile(preamble + sample, "__test__.py", "exec", dont_inherit=True)
        all_code(code, own)
        ledger.thorough = watch(preamble + sample, code)
        exec(code, space)
        tampered(difference())
        exec(test_code, space)
        meet(test_code, space)
        given(preamble, test_code, space)
    except BaseException as error:
        tampered(difference())
        emit("load_error", error=list(describe(error)), detail=last_lines(error))
        emit("end", fixture="")
        leave(0)
    sys.modules["__test__"] = module
    kind = space.get("TestCases")
    tampered(difference())
    tampered(class_difference(kind, names, trusted))
    if noted:
        emit("end", fixture="")
        leave(0)
    for cls in kind.__mro__:
        if cls is unittest.case.TestCase:
            break
        for name, value in vars(cls).items():
            if name.startswith("test") or name in ("setUp", "tearDown", "setUpClass",
                                                   "tearDownClass", "__init__", "run", "__call__"):
                taken[(cls, name)] = parts(value)
    emit("loaded")

    left = list(names)
    while left:
        try:
            suite = unittest.suite.TestSuite([kind(name) for name in left])
            suite.run(result)
            break
        except BaseException as error:
            # KeyboardInterrupt: unittest would give up here. The test at fault counts as an error.
            at_fault = ledger.current
            ledger.current = None
            result._testRunEntered = False
            left = [name for name in left if name not in ledger.reported]
            if at_fault in left or not left:
                break
            ledger.loose.append(last_lines(error))
            if not ledger.reported.intersection(names):
                break
    tampered(difference())
    emit("end", fixture="\n".join(ledger.loose)[:TEXT_LIMIT])
    leave(0)


def make_process():
    """Makes of this process what a snippet's imports are to find. Nothing of a job is known yet."""
    swallow_streams()
    builtins.exit = builtins.quit = None
    sys.argv = ["__test__.py"]
    return imitate_evaluator()


bench = make_bench()
begin_imitation = make_process()
main()
