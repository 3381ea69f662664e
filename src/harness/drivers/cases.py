# Calls one function with the keyword arguments of each case, every case in a forked child, and
# reports what it returned or raised. Nothing here knows what is expected.
# Input: {nonce, setup, source, preamble, code, seconds, repr}.
import json, select, signal, time, types, _signal

FRAME_LIMIT = VALUE_LIMIT * 2 + 4096
close, read, write, fork, waitpid, kill, killpg, setsid, pipe = (
    os.close, os.read, os.write, os.fork, os.waitpid, os.kill, os.killpg, os.setsid, os.pipe)
monotonic, wait_for = time.monotonic, select.select
SIGKILL = signal.SIGKILL


def public_names(module):
    names = module.__dict__.get("__all__")
    if names is None:
        names = [name for name in module.__dict__ if not name.startswith("_")]
    return {name: module.__dict__[name] for name in names}


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


def run_forked(function, arguments, seconds, with_repr):
    """A result as the child sent it, or why there is none. The pipe is drained while it runs."""
    reader, writer = pipe()
    child = fork()
    if child == 0:
        try:
            close(reader)
            setsid()
            data = outcome_of(function, arguments, with_repr).encode("ascii")
            data = len(data).to_bytes(8, "big") + data
            while data:
                data = data[write(writer, data):]
        except BaseException:
            pass
        finally:
            leave(0)
    close(writer)
    deadline = monotonic() + seconds
    data, status, late = b"", None, False
    while True:
        left = deadline - monotonic()
        if left <= 0:
            late = True
            break
        ready, _, _ = wait_for([reader], [], [], min(left, 0.05))
        if ready:
            block = read(reader, 1 << 16)
            data += block
            size = int.from_bytes(data[:8], "big") if len(data) >= 8 else None
            if not block or size is not None and (len(data) >= 8 + size or size > FRAME_LIMIT):
                break
        elif status is None:
            # A grandchild may hold the pipe open after the child is gone.
            pid, result = waitpid(child, 1)
            if pid == child:
                status = result
        else:
            break
    close(reader)
    grace = monotonic() + 1.0
    while status is None and not late and monotonic() < grace:
        pid, result = waitpid(child, 1)
        if pid == child:
            status = result
        else:
            wait_for([], [], [], 0.001)
    for end, target in ((killpg, child), (kill, child)):
        if end is killpg or status is None:
            try:
                end(target, SIGKILL)
            except OSError:
                pass
    if status is None:
        status = waitpid(child, 0)[1]
    if late:
        return ["timeout"]
    size = int.from_bytes(data[:8], "big") if len(data) >= 8 else None
    if size is None or len(data) < 8 + size or size > FRAME_LIMIT:
        how = "signal %d" % (status & 127) if status & 127 else "exit code %d" % (status >> 8)
        return ["no_result", "its process ended without a result, by " + how]
    return [data[8:8 + size].decode("ascii", "replace")]


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
        result = run_forked(function, arguments, seconds, with_repr)
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


def make_frame_parser():
    scan = json.decoder.scanstring

    def parse(text):
        """The strings of a JSON array of strings; the bytes come from the snippet's process."""
        found = []
        place = 1
        try:
            while place < len(text) and text[place] == '"' and len(found) < 4:
                item, place = scan(text, place + 1, True)
                found.append(item)
                place += 1
        except Exception:
            return ["no_result", "its process sent something else"]
        return found or ["no_result", "its process sent something else"]

    return parse


from_json_strings = make_frame_parser()
sys.argv = ["__test__.py"]
main()
