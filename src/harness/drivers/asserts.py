# Runs a dataset's assertions in the snippet's own process: MBPP's single statements, each a case,
# or HumanEval's function `check`, which is one case.
# Input: {nonce, setup, asserts, check, entry_point, code, control}.
import io


def judge(run):
    """What one case came to."""
    try:
        run()
    except AssertionError as error:
        return "failed", last_lines(error)
    except BaseException as error:
        return "error", last_lines(error)
    return "passed", ""


def make_witness():
    """`tampered`, and what looks out for it."""
    noted = []

    def tampered(reason):
        if reason not in noted and len(noted) < 20:
            noted.append(reason)
            emit("tampered", reason=clean(reason, 300))

    trusted, own = {}, {}
    suspect, watch, meet, _ = make_watch(emit, tampered, trusted, own)
    begin_look, put, came_by, _ = make_look(tampered, suspect, trusted, own)
    return tampered, trusted, own, watch, meet, begin_look, put, came_by


def main():
    payload = start()
    tampered, trusted, own, watch, meet, begin_look, put, came_by = witness
    control, entry_point = payload["control"], payload["entry_point"]
    begin_look(control)
    altered_cases = []
    expected = Expected(control or ())

    def compiled(source, check, case):
        tree = ast.parse(source)
        if case is not None:
            expected.tests.clear()
            expected.module(tree, check)
            if expected.tests:
                altered_cases.append(case)
        code = put_in(compile_marked(tree, "<tests>", [entry_point]), put)
        all_code(code, trusted)
        return code

    check = payload["check"]
    try:
        setup = compiled(payload["setup"], None, None)
        if check is None:
            codes = [("assert/%d" % place, compiled(source, True, "assert/%d" % place))
                     for place, source in enumerate(payload["asserts"])]
        else:
            definition = compiled(check, "check", "check")
            caller = compile("check(candidate)", "<tests>", "exec", dont_inherit=True)
            all_code(caller, trusted)
            codes = [("check", caller)]
    except Exception as error:
        emit("begin", cases=[])
        emit("tests_error", detail=last_lines(error))
        emit("end", fixture="")
        leave(0)
    emit("begin", cases=[id for id, _ in codes])
    if control is not None:
        emit("altered", cases=altered_cases)
    space = {"__builtins__": builtins, "__name__": "__test__"}
    sample = payload["code"]
    payload.clear()
    try:
        code = compile(sample, "__test__.py", "exec", dont_inherit=True)
        all_code(code, own)
        watch(sample, code)
        exec(code, space)
        exec(setup, space)
        if check is not None:
            candidate = space[entry_point]
            exec(definition, space)
            meet(definition, space)
            if id_of_code(space.get("check")) not in trusted:
                tampered("check")
        else:
            for _, case in codes:
                meet(case, space)
    except BaseException as error:
        emit("load_error", error=list(describe(error)), detail=last_lines(error))
        emit("end", fixture="")
        leave(0)
    emit("loaded")
    for id, code in codes:
        came_by()
        if check is not None:
            # Its own globals: the tests' functions see the names that `check` was defined among.
            scope = {"__builtins__": builtins, "check": space["check"], "candidate": candidate}
            outcome, detail = judge(lambda: exec(code, scope))
        else:
            outcome, detail = judge(lambda: exec(code, space))
        if came_by() and outcome == "passed":
            detail = "altered"
        emit("case", id=id, outcome=outcome, detail=detail)
    emit("end", fixture="")
    leave(0)


def id_of_code(function):
    return id(function.__code__) if type(function) is types.FunctionType else None


def prepare():
    """Makes of this process what a snippet's imports are to find. Nothing of a job is known yet."""
    builtins.exit = builtins.quit = None
    sys.argv = ["__test__.py"]
    sys.stdout = sys.stderr = io.StringIO()


witness = make_witness()
prepare()
main()
