# What Python's own parser says about the imports at the head of a text: one JSON line for each text that is
# valid, [text, imports]. Texts are the files of the standard library, and changed copies of them.
import ast, json, random, sys, sysconfig, warnings
from pathlib import Path

warnings.simplefilter("ignore")
PASSED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Assign, ast.Pass)


def is_main(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'" and not node.orelse


def leading(tree):
    """All that may be said: a reader that knows less stops earlier."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                break
            if node.module == "__future__":
                continue
            found.append(node.module)
            if node.names[0].name == "*":
                break
            if node.module != "typing":
                found += [node.module + ":" + alias.name for alias in node.names]
        elif not (isinstance(node, PASSED) or is_main(node)
                  or isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            break
    return list(dict.fromkeys(found))


def tell(text):
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    print(json.dumps([text, leading(tree)]))


random.seed(7)
pieces = ["'", '"', "'''", '"""', "\\", "\n", "{", "}", "f'", 'rf"', "#", "(", "]", ":", " ", "\t", "\r", "\f", ";",
          "import no\n", "\nimport no", "\\\n", "{{", "\\N{", "b'", "0x", "1e", "\\'"]
for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        continue
    if len(text) > 60_000 or "site-packages" in str(path):
        continue
    tell(text)
    head = text[:3000]
    for _ in range(int(sys.argv[1])):
        copy = head[:random.randrange(len(head) + 1)] if head else ""
        for _ in range(random.randrange(1, 4)):
            place = random.randrange(len(copy) + 1)
            copy = copy[:place] + random.choice(pieces) + copy[place + random.choice([0, 0, 1, 5]):]
        tell(copy)
