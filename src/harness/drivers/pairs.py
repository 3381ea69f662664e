# Calls one function with each list of positional arguments, in order, in one process, and reports
# what it returned or raised. Nothing here knows what is expected.
# Input: {base, plus, shape, entry_point, code, seconds, slow, patience}. An input may take `seconds` of CPU time, or what
# `slow` allows it by its name.
import io, signal, time, types, _signal


def tuples(items):
    return [tuple(item) for item in items]


def everything_tuple(value):
    return tuple([everything_tuple(item) for item in value]) if type(value) is list else value


# How the JSON arguments of one MBPP+ input become Python values, by the name of the rule.
SHAPES = {
    "plain": lambda args: args,
    "tuple_args": tuples,
    "tuple_items": lambda args: [tuples(arg) for arg in args],
    "tuple_items_first": lambda args: [tuples(args[0]), args[1]],
    "tuple_second": lambda args: [args[0], tuple(args[1])],
    "set_items": lambda args: [[set(x) if type(x) is list and x else {} for x in args[0]]],
    "float_complex": lambda args: [float(args[0]), complex(args[1])],
    "tuple_first": lambda args: [tuple(args[0]), args[1]],
    "tuple_deep2": lambda args: [tuple(tuples(arg)) for arg in args],
    "tuple_nested_first": lambda args: [
        tuple([tuple(x) if type(x) is list else x for x in args[0]])],
    "tuple_first_of_three": lambda args: [tuple(args[0]), args[1], args[2]],
    "dict_tuple_values": lambda args: [{k: tuple(v) for k, v in args[0].items()}] + args[1:],
    "complex_first": lambda args: [complex(args[0])],
    "tuple_all": lambda args: list(everything_tuple(args)),
}


StringIO = io.StringIO


class WriteOnly(StringIO):
    """Standard streams during a call: they take text and refuse to be read."""

    def read(self, *args, **kwargs):
        raise OSError

    readline = readlines = read

    def readable(self, *args, **kwargs):
        return False


def touched(stream):
    """Whether a call has left anything in the streams that it had."""
    try:
        return vars(stream) or StringIO.tell(stream) or StringIO.getvalue(stream)
    except ValueError:
        # It is closed.
        return True


def main():
    payload = start()
    try:
        shape = SHAPES[payload["shape"]]
        inputs = [("base/%d" % place, shape(args))
                  for place, args in enumerate(from_json(payload["base"]))]
        inputs += [("plus/%d" % place, shape(args))
                   for place, args in enumerate(from_json(payload["plus"]))]
    except Exception as error:
        emit("begin", cases=[])
        emit("tests_error", detail=last_lines(error))
        emit("end", fixture="")
        leave(0)
    emit("begin", cases=[id for id, _ in inputs])
    usual, slow, patience = float(payload["seconds"]), payload["slow"], payload["patience"]
    space = {"__builtins__": builtins}
    setitimer, handler_of, set_handler = _signal.setitimer, _signal.getsignal, _signal.signal
    cpu_time = time.process_time
    # CPU time decides, so that a busy host gives the same verdicts; wall time is the backstop.
    timers = ((int(_signal.ITIMER_PROF), int(_signal.SIGPROF), 1),
              (int(_signal.ITIMER_REAL), int(_signal.SIGALRM), 10))

    calling = False

    def out_of_time(number, frame):
        # An alarm is never switched off: one that rings late finds nobody to call away.
        if calling:
            raise OutOfTime()

    def set_alarms(seconds):
        for timer, number, times in timers:
            if handler_of(number) is not out_of_time:
                set_handler(number, out_of_time)
            setitimer(timer, seconds * times)

    try:
        exec(compile(payload["code"], "__test__.py", "exec", dont_inherit=True), space)
        function = space[payload["entry_point"]]
    except BaseException as error:
        emit("load_error", error=list(describe(error)), detail=last_lines(error))
        emit("end", fixture="")
        leave(0)
    emit("loaded")
    stream = None
    for id, args in inputs:
        if patience <= 0:
            emit("case", id=id, outcome="timeout", detail="not run: %d inputs before it ran out of time" % payload["patience"])
            continue
        if not (sys.stdin is sys.stdout is sys.stderr is stream) or touched(stream):
            sys.stdin = sys.stdout = sys.stderr = stream = WriteOnly()
        result, seconds, begin = {}, float(slow.get(id, usual)), cpu_time()
        try:
            try:
                calling = True
                set_alarms(seconds)
                value = function(*args)
                result = {"outcome": "returned", "value": encode(value)}
            except OutOfTime:
                result = {"outcome": "timeout"}
            except TooLarge:
                result = {"outcome": "no_result", "detail": "the value is too large to be taken"}
            except BaseException as error:
                result = {"outcome": "raised", "error": list(describe(error))}
            finally:
                calling = False
        except BaseException:
            # The alarm rang between the lines above.
            calling = False
            result = {"outcome": "timeout"}
        spent = cpu_time() - begin
        if spent > seconds + 0.1:
            # What it calls has switched the alarms off, or does not come to an end when they ring.
            result = {"outcome": "timeout"}
        elif spent >= 0.05:
            result["ms"] = int(spent * 1000)
        patience -= result["outcome"] == "timeout"
        emit("case", id=id, **result)
    emit("end", fixture="")
    leave(0)


def prepare():
    """Makes of this process what a snippet's imports are to find. Nothing of a job is known yet."""
    builtins.exit = builtins.quit = None
    sys.argv = ["__test__.py"]
    sys.stdin = sys.stdout = sys.stderr = WriteOnly()


prepare()
main()
