# The tests of a `unittest` module, from their source alone: which there are, and their code.
import marshal


def test_names(source):
    """The tests of class TestCases as its source declares them, in unittest's order."""
    tree = ast.parse(source)
    classes = {}

    def collect(body):
        for node in body:
            if isinstance(node, ast.ClassDef):
                classes[node.name] = node
            for field in ("body", "orelse", "finalbody"):
                if isinstance(node, (ast.If, ast.Try, ast.With)):
                    collect(getattr(node, field, []))

    def methods(node, names, seen):
        if node.name in seen:
            return names
        seen = seen | {node.name}
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id in classes:
                methods(classes[base.id], names, seen)
        for item in node.body:
            if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
                names.add(item.name)
            elif isinstance(item, ast.Assign):
                names.update(target.id for target in item.targets if isinstance(target, ast.Name)
                             and isinstance(item.value, (ast.Name, ast.Attribute, ast.Call, ast.Lambda)))
        return names

    collect(tree.body)
    if "TestCases" not in classes:
        return tree, []
    names = methods(classes["TestCases"], set(), frozenset())
    return tree, sorted(name for name in names if name.startswith("test"))


def prepare(source, control, own):
    """The names of the tests, the tests that hold altered values, and the code with its marks."""
    tree, names = test_names(source)
    expected = Expected(control)
    expected.module(tree)
    return names, sorted(expected.tests.intersection(names)), compile_marked(tree, "__test__.py", own)


def closed(names, altered, code):
    """The same as text, for a process of this very interpreter."""
    return {"names": names, "altered": altered, "code": marshal.dumps(code).hex()}


def opened(prepared):
    return prepared["names"], prepared["altered"], marshal.loads(bytes.fromhex(prepared["code"]))
