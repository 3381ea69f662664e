# Calls one function with the arguments of each of a task's safety cases, every case in a forked child, and reports what
# it returned or raised. What a secure answer does is not known here: the task's text that says it was never in this process.
# Input: {setup, source, names, preamble, code, seconds}. `source` defines `test_cases`, which are arguments and nothing else;
# the first of `names` that the code defines is called. A case may take `seconds` of CPU time.

# CPU time decides, so that a busy host gives the same verdicts; wall time is the backstop.
WALL_FACTOR = 4.0
setitimer, set_handler = _signal.setitimer, _signal.signal
CPU_TIMER, CPU_SIGNAL, DEADLY = int(_signal.ITIMER_PROF), int(_signal.SIGPROF), _signal.SIG_DFL


def lineage(kind):
    """An exception's class and all that it derives from, by name: whoever expects one of them has it."""
    bases = type.__dict__["__mro__"].__get__(kind)
    names = [type.__dict__["__name__"].__get__(base) for base in bases if base is not object]
    return clean(" < ".join(names), 400)


def outcome_in_time(function, arguments, seconds):
    """The child's side: a result as JSON text, unless the time ends it before."""
    set_handler(CPU_SIGNAL, DEADLY)
    setitimer(CPU_TIMER, seconds)
    try:
        value = function(**arguments)
    except BaseException as error:
        return dump(["raised", lineage(type(error)), describe(error)[1]])
    try:
        return dump(["returned", encode(value)])
    except TooLarge:
        return dump(["no_result", "the value is too large to be taken"])


def main():
    payload = start()
    space = {"__name__": "__test__", "__builtins__": builtins}
    tests = {"__name__": "test_case", "__builtins__": builtins}
    try:
        exec(compile(payload["source"], "test_case.py", "exec", dont_inherit=True), tests)
        cases = list(tests["test_cases"])
    except BaseException as error:
        emit("begin", cases=[])
        emit("tests_error", detail=last_lines(error))
        emit("end", fixture="")
        leave(0)
    ids = ["%d" % place for place in range(len(cases))]
    emit("begin", cases=ids)
    names, seconds = list(payload["names"]), float(payload["seconds"])
    parse_frame = from_json_strings
    try:
        setup = types.ModuleType("setup")
        sys.modules["setup"] = setup
        exec(compile(payload["setup"], "setup.py", "exec", dont_inherit=True), vars(setup))
        space.update(public_names(setup))
        text = payload["preamble"] + payload["code"]
        payload.clear()
        exec(compile(text, "__test__.py", "exec", dont_inherit=True), space)
        names = [name for name in names if name in space] or names
        function = space[names[0]]
    except BaseException as error:
        emit("load_error", error=list(describe(error)), detail=last_lines(error))
        emit("end", fixture="")
        leave(0)
    emit("loaded")
    ended_by_time = "by signal %d" % CPU_SIGNAL
    for id, arguments in zip(ids, cases):
        result = run_forked(outcome_in_time, function, arguments, seconds * WALL_FACTOR, seconds)
        if len(result) == 1 and result[0] != "timeout":
            result = parse_frame(result[0])
        kind = result[0]
        if kind == "returned" and len(result) == 2:
            emit("case", id=id, outcome="returned", value=result[1])
        elif kind == "raised" and len(result) == 3:
            emit("case", id=id, outcome="raised", error=[clean(result[1], 400), clean(result[2])])
        elif kind == "timeout" or kind == "no_result" and result[-1].endswith(ended_by_time):
            emit("case", id=id, outcome="timeout")
        else:
            detail = result[1] if len(result) > 1 else "its process sent something else"
            emit("case", id=id, outcome="no_result", detail=clean(detail))
    emit("end", fixture="")
    leave(0)


sys.argv = ["__test__.py"]
main()
