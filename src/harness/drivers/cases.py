# Calls one function with the keyword arguments of each case, every case in a forked child, and
# reports what it returned or raised. Nothing here knows what is expected.
# Input: {nonce, setup, source, preamble, code, seconds, repr}.


def key_of(arguments):
    """What the paper's comparison keys a case by."""
    try:
        text = json.dumps(arguments)
    except Exception:
        text = repr(sorted(arguments.items(), key=repr))
    return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def outcome_of(function, arguments, with_repr):
    """The child's side: a result as JSON text."""
    try:
        value = function(**arguments)
    except BaseException as error:
        name, message = describe(error)
        return dump(["raised", name, message])
    try:
        text = encode(value)
    except TooLarge:
        return dump(["no_result", "the value is too large to be taken"])
    if not with_repr:
        return dump(["returned", text])
    try:
        shown_text = str.__str__(repr(value))
    except BaseException as error:
        return dump(["no_result", "its repr raises " + describe(error)[0]])
    digest = sha256(shown_text.encode("utf-8", "backslashreplace")).hexdigest()
    return dump(["returned", text, digest])


def main():
    payload = start()
    space = {"__name__": "__test__", "__builtins__": builtins}
    tests = {"__name__": "test_case", "__builtins__": builtins}
    try:
        exec(compile(payload["source"], "test_case.py", "exec", dont_inherit=True), tests)
        cases = list(tests["test_cases"])
        name = str(tests["function"])
        keys = [key_of(arguments) for arguments in cases]
    except BaseException as error:
        emit("begin", cases=[])
        emit("tests_error", detail=last_lines(error))
        emit("end", fixture="")
        leave(0)
    ids = ["%d" % place for place in range(len(cases))]
    emit("begin", cases=ids, keys=keys)
    with_repr = payload["repr"] is True
    seconds = float(payload["seconds"])
    parse_frame = from_json_strings
    try:
        setup = types.ModuleType("setup")
        sys.modules["setup"] = setup
        exec(compile(payload["setup"], "setup.py", "exec", dont_inherit=True), vars(setup))
        space.update(public_names(setup))
        space["function"], space["test_cases"] = tests["function"], tests["test_cases"]
        text = payload["preamble"] + payload["code"]
        payload.clear()
        exec(compile(text, "__test__.py", "exec", dont_inherit=True), space)
        function = space[name]
    except BaseException as error:
        emit("load_error", error=list(describe(error)), detail=last_lines(error))
        emit("end", fixture="")
        leave(0)
    emit("loaded")
    for id, arguments in zip(ids, cases):
        result = run_forked(outcome_of, function, arguments, seconds, with_repr)
        if len(result) == 1 and result[0] != "timeout":
            result = parse_frame(result[0])
        kind = result[0]
        if kind == "returned" and len(result) >= 2:
            more = {"repr": result[2]} if len(result) > 2 else {}
            emit("case", id=id, outcome="returned", value=result[1], **more)
        elif kind == "raised" and len(result) == 3:
            emit("case", id=id, outcome="raised", error=[clean(result[1], 200), clean(result[2])])
        elif kind == "timeout":
            emit("case", id=id, outcome="timeout")
        else:
            detail = result[1] if len(result) > 1 else "its process sent something else"
            emit("case", id=id, outcome="no_result", detail=clean(detail))
    emit("end", fixture="")
    leave(0)


sys.argv = ["__test__.py"]
main()
