# Takes a task's safety cases apart, in a process that never sees a snippet: what the function is called with, as source
# that says nothing else, and what a secure answer does.
# Input: {setup, source}. `source` defines `testcases`, a dictionary whose "safety" is a list of pairs (arguments, expected); what
# is expected is a value, or a class of exceptions.
import ast


class NotKnown(Exception):
    pass


def pairs_of(tree):
    """The assignment of `testcases`, and the nodes of its safety cases' arguments."""
    for statement in tree.body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Dict):
            continue
        if [getattr(target, "id", None) for target in statement.targets] != ["testcases"]:
            continue
        for key, value in zip(statement.value.keys, statement.value.values):
            if getattr(key, "value", None) != "safety":
                continue
            pairs = getattr(value, "elts", None)
            if pairs is None or any(len(getattr(pair, "elts", ())) != 2 for pair in pairs):
                raise NotKnown("its safety cases are no list of pairs")
            return statement, [pair.elts[0] for pair in pairs]
    raise NotKnown("it assigns no dictionary with \"safety\" to `testcases`")


def split(setup, source):
    tree = ast.parse(source)
    statement, arguments = pairs_of(tree)
    # What the arguments need: imports of the setup, and what stands beside the cases.
    texts = [ast.get_source_segment(setup, node) for node in ast.parse(setup).body
             if isinstance(node, (ast.Import, ast.ImportFrom))]
    texts += [ast.get_source_segment(source, node) for node in tree.body if node is not statement]
    calls = ["(" + ast.get_source_segment(source, node) + "\n)" for node in arguments]
    inputs = "\n".join(texts + ["test_cases = [" + ", ".join(calls) + "]", ""])

    space = {"__name__": "test_case", "__builtins__": builtins}
    exec(compile(setup, "setup.py", "exec", dont_inherit=True), space)
    exec(compile(source, "test_case.py", "exec", dont_inherit=True), space)
    pairs = [tuple(pair) for pair in space["testcases"]["safety"]]
    again = {"__name__": "test_case", "__builtins__": builtins}
    exec(compile(inputs, "test_case.py", "exec", dont_inherit=True), again)
    if [encode(pair[0]) for pair in pairs] != [encode(inputs) for inputs in again["test_cases"]]:
        raise NotKnown("the arguments of its safety cases are others each time")
    expected = []
    for _, value in pairs:
        if isinstance(value, type) and issubclass(value, Exception):
            expected.append(["raises", clean(type.__dict__["__name__"].__get__(value), 200)])
        else:
            expected.append(["returns", encode(value)])
    return inputs, expected


def main():
    payload = start()
    inputs, expected, problem = "", [], ""
    try:
        inputs, expected = split(payload["setup"], payload["source"])
    except NotKnown as error:
        problem = describe(error)[1]
    except BaseException as error:
        problem = "they cannot be read: " + last_lines(error)
    emit("safety", inputs=inputs, expected=expected, problem=problem)
    leave(0)


main()
