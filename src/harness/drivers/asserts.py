# Runs a dataset's assertions in the snippet's own process: MBPP's single statements, each a case,
# or HumanEval's function `check`, which is one case.
# Input: {nonce, setup, asserts, check, entry_point, code}.
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


def main():
    payload, emit = start()
    sys.argv = ["__test__.py"]
    noted = []

    def tampered(reason):
        if len(noted) < 20:
            noted.append(reason)
            emit("tampered", reason=clean(reason, 300))

    trusted = {}
    look = make_look(tampered, trusted)

    def compiled(source):
        code = compile_looking(ast.parse(source), "<tests>", look)
        all_code(code, trusted)
        return code

    check = payload["check"]
    entry_point = payload["entry_point"]
    try:
        setup = compiled(payload["setup"])
        if check is None:
            codes = [("assert/%d" % place, compiled(source))
                     for place, source in enumerate(payload["asserts"])]
        else:
            definition = compiled(check)
            caller = compile("check(candidate)", "<tests>", "exec", dont_inherit=True)
            codes = [("check", caller)]
    except Exception as error:
        emit("begin", cases=[])
        emit("tests_error", detail=last_lines(error))
        emit("end", fixture="")
        leave(0)
    emit("begin", cases=[id for id, _ in codes])
    builtins.exit = builtins.quit = None
    space = {"__builtins__": builtins, "__name__": "__test__"}
    stream = io.StringIO()
    sys.stdout = sys.stderr = stream
    try:
        exec(compile(payload["code"], "__test__.py", "exec", dont_inherit=True), space)
        exec(setup, space)
        if check is not None:
            candidate = space[entry_point]
            exec(definition, space)
            if id_of_code(space.get("check")) not in trusted:
                tampered("check")
    except BaseException as error:
        emit("load_error", error=list(describe(error)), detail=last_lines(error))
        emit("end", fixture="")
        leave(0)
    emit("loaded")
    for id, code in codes:
        if check is not None:
            # Its own globals: the tests' functions see the names that `check` was defined among.
            scope = {"__builtins__": builtins, "check": space["check"], "candidate": candidate}
            outcome, detail = judge(lambda: exec(code, scope))
        else:
            outcome, detail = judge(lambda: exec(code, space))
        emit("case", id=id, outcome=outcome, detail=detail)
    emit("end", fixture="")
    leave(0)


def id_of_code(function):
    return id(function.__code__) if type(function) is types.FunctionType else None


main()
