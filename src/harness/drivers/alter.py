# Tests that cannot be passed: expected values in the text of the tests are replaced by others. Nothing of the
# old text is left for the snippet to find, which meets the new one in a process of its own.

LETTERS, DIGITS = "abcdefghijklmnopqrstuvwxyz", "0123456789"


def below(limit):
    return int.from_bytes(os.urandom(8), "big") % limit


def value_of(node):
    expression = ast.fix_missing_locations(ast.Expression(body=node))
    return eval(compile(expression, "<driver>", "eval"), {"__builtins__": dict(BUILDERS)})


def other_constant(value, least, memo):
    """A value of the same kind, near and yet another: further than `least` where it is a number, but not
    much, since who reads expected values may have an idea of them.

    What equals stays equal within a test: whoever reads one expected value must be able to meet all.
    """
    key = (value, type(value) is bool)
    known = memo.get(key)
    if known is not None and (not least or abs(known - value) > least):
        return type(value)(known) if type(value) in (float, complex) else known
    memo[key] = other = different(value, least)
    return other


def different(value, least):
    if value is None:
        return below(9)
    if type(value) is bool:
        return not value
    if type(value) is int or type(value) is float and value.is_integer():
        # What equals a whole number in one place may be written otherwise in another.
        return value + int(least) + 1 + below(3)
    if type(value) in (float, complex):
        size = abs(value)
        return value + (1 + below(3)) * (least + (size if size > 1 and size == size else 1) * 1e-3)
    if type(value) is str:
        spots = [place for place, letter in enumerate(value) if letter.isalnum()]
        if not spots:
            return value + LETTERS[below(26)]
        place = spots[below(len(spots))]
        pool = DIGITS if value[place].isdigit() else LETTERS
        pool = [letter for letter in pool if letter != value[place].lower()]
        letter = pool[below(len(pool))]
        return value[:place] + (letter.upper() if value[place].isupper() else letter) + value[place + 1:]
    if type(value) is bytes:
        place = below(len(value) + 1)
        return value[:place] + bytes([97 + below(26)]) + value[place:]
    return value


def altered(node, least, memo):
    """Another literal expression of the same form, of another value."""
    leaves = leaves_of(node)
    if not leaves:
        # Something empty: it gets an item.
        if isinstance(node, ast.Dict):
            node = ast.Dict(keys=[ast.Constant(value=LETTERS[below(26)])],
                            values=[ast.Constant(value=below(9))])
        elif isinstance(node, (ast.List, ast.Tuple)):
            node = type(node)(elts=[ast.Constant(value=below(9))], ctx=ast.Load())
        else:
            node = ast.Constant(value=below(9))
        return node
    chosen = {id(leaf) for leaf in leaves
              if (leaf.value, type(leaf.value) is bool) in memo or not below(2)}
    chosen.add(id(leaves[below(len(leaves))]))

    def build(item):
        if isinstance(item, ast.Constant):
            if id(item) not in chosen:
                return item
            return ast.Constant(value=other_constant(item.value, least, memo))
        if isinstance(item, ast.UnaryOp):
            return ast.UnaryOp(op=item.op, operand=build(item.operand))
        if isinstance(item, ast.Dict):
            return ast.Dict(keys=[build(key) for key in item.keys],
                            values=[build(value) for value in item.values])
        if isinstance(item, ast.Call):
            return ast.Call(func=ast.Name(id=item.func.id, ctx=ast.Load()),
                            args=[build(item.args[0])], keywords=[])
        if isinstance(item, ast.Set):
            return ast.Set(elts=[build(element) for element in item.elts])
        return type(item)(elts=[build(element) for element in item.elts], ctx=ast.Load())

    return build(node)


def leaves_of(node):
    if isinstance(node, ast.Constant):
        return [node]
    if isinstance(node, ast.UnaryOp):
        return leaves_of(node.operand)
    if isinstance(node, ast.Call):
        return leaves_of(node.args[0])
    inner = node.keys + node.values if isinstance(node, ast.Dict) else node.elts
    return [leaf for item in inner for leaf in leaves_of(item)]


def text_of(node):
    """The source of a literal expression."""
    if isinstance(node, ast.Constant):
        return repr(node.value)
    if isinstance(node, ast.UnaryOp):
        return ("-" if isinstance(node.op, ast.USub) else "+") + text_of(node.operand)
    if isinstance(node, ast.Call):
        return node.func.id + "(" + text_of(node.args[0]) + ")"
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values)
        return "{" + ", ".join([text_of(key) + ": " + text_of(value) for key, value in pairs]) + "}"
    items = ", ".join([text_of(item) for item in node.elts])
    if isinstance(node, ast.List):
        return "[" + items + "]"
    if isinstance(node, ast.Set):
        return "{" + items + "}"
    return "(" + items + ("," if len(node.elts) == 1 else "") + ")"


class Altering(Expected):
    """Finds the expected values of tests as the driver will, and writes others in their place."""

    def __init__(self):
        super().__init__()
        self.altered = []
        self.memos = {}
        self.edits = []

    def site(self, holder, key, test, least=0):
        node = holder[key] if isinstance(holder, list) else getattr(holder, key)
        super().site(holder, key, test, least)
        try:
            self.alter(node, test, least)
        except Exception:
            # Nothing that can be evaluated: it stays as it is, and does not count as altered.
            pass

    def alter(self, node, test, least):
        old = value_of(node)
        for _ in range(8):
            memo = dict(self.memos.get(test, {}))
            new = altered(node, least, memo)
            value = value_of(new)
            if value != old and (type(value) is type(old) or old is None):
                self.memos[test] = memo
                self.altered.append(self.count)
                self.edits.append((node, text_of(new)))
                return

    def rewrite(self, source, check):
        self.edits, self.memos = [], {}
        source = source.replace("\r\n", "\n").replace("\r", "\n")
        self.module(ast.parse(source), check)
        text = source.encode("utf-8", "surrogatepass")
        starts = [0]
        for line in text.split(b"\n"):
            starts.append(starts[-1] + len(line) + 1)
        edits = [(starts[node.lineno - 1] + node.col_offset,
                  starts[node.end_lineno - 1] + node.end_col_offset, new) for node, new in self.edits]
        for start, end, new in sorted(edits, reverse=True):
            text = text[:start] + new.encode("utf-8", "surrogatepass") + text[end:]
        return text.decode("utf-8", "surrogatepass")
