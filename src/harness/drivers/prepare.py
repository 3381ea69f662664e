# Prepares a task's tests in a process that never sees a snippet: alters them, if they are to be such as cannot be
# passed, and compiles those of a `unittest` module, which is done once for all samples of the task.
# Input: {tests, check, asserts, entry_point, alter}, one of the first three with tests.


def main():
    payload = start()
    tests, check, asserts = payload["tests"], payload["check"], payload["asserts"]
    control = []
    if payload["alter"]:
        altering = Altering()
        try:
            changed = (tests and altering.rewrite(tests, None), check and altering.rewrite(check, "check"),
                       [altering.rewrite(text, True) for text in asserts])
            (tests, check, asserts), control = changed, altering.altered
        except Exception:
            # Tests that do not parse are for the driver to report; of others, none is altered.
            pass
    unit = {"names": [], "altered": [], "code": ""}
    if tests:
        try:
            unit = closed(*prepare(tests, control, [payload["entry_point"]]))
        except Exception:
            pass
    emit("prepared", tests=tests, check=check, asserts=asserts, control=control, **unit)
    leave(0)


main()
