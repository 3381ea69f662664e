# Which values the tests expect, and where each test ends. Part of the drivers that run a dataset's
# tests in the snippet's own process.
#
# A suspect pass is put to the test again with tests in which every expected value that can be altered
# is altered (see alter.py): what equalled the old one cannot equal the new one, unless it was read from
# the tests, or equals whatever it is asked about, or nobody really compares. Tests without such a value
# are doomed: they fail when they come to their end. The code of the tests is the same each time but for
# these values, so that a snippet cannot tell a control from the run that counts, except by knowing the
# answers.
import ast

EQUALITIES = {
    "assertEqual", "assertEquals", "assertListEqual", "assertTupleEqual", "assertDictEqual",
    "assertSetEqual", "assertSequenceEqual", "assertCountEqual", "assertMultiLineEqual",
}
BUILDERS = {"set": set, "frozenset": frozenset, "tuple": tuple, "list": list, "sorted": sorted,
            "dict": dict}
MARK = "fumehood-look-5b0c1e"
LAST = "fumehood-last-7d20e9"


def is_ground(node):
    """Whether an expression is made of literals alone."""
    if isinstance(node, ast.Constant):
        return node.value is not Ellipsis
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return all(is_ground(item) for item in node.elts)
    if isinstance(node, ast.Dict):
        return all(key is not None and is_ground(key) for key in node.keys) and all(
            is_ground(value) for value in node.values)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, (ast.USub, ast.UAdd)) and is_number(node.operand)
    if isinstance(node, ast.Call):
        return (isinstance(node.func, ast.Name) and node.func.id in BUILDERS and len(node.args) == 1
                and not node.keywords and is_ground(node.args[0]))
    return False


def is_number(node):
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        node = node.operand
    return isinstance(node, ast.Constant) and type(node.value) in (int, float, complex)


def number(node):
    if isinstance(node, ast.UnaryOp):
        return -number(node.operand) if isinstance(node.op, ast.USub) else number(node.operand)
    return node.value


class Expected:
    """Numbers the expected values of tests, and wraps each so that the driver sees it pass by."""

    def __init__(self, wanted=()):
        # Numbers of the values that were altered.
        self.wanted = frozenset(wanted)
        self.count = 0
        # Tests of which at least one expected value was altered.
        self.tests = set()
        # Where the names that stand for nothing but expected values get them, in the test at hand.
        self.named = {}

    def site(self, holder, key, test, least=0):
        """One expected value, an item of a list or a field; an altered one differs by more than `least`."""
        node = holder[key] if isinstance(holder, list) else getattr(holder, key)
        self.count += 1
        if self.count in self.wanted:
            self.tests.add(test)
        # The number is no constant of its own: it could be taken for an expected value.
        call = ast.Call(func=ast.Constant(value=MARK + str(self.count)), args=[node], keywords=[])
        for part in (call, call.func):
            ast.copy_location(part, node)
        if isinstance(holder, list):
            holder[key] = call
        else:
            setattr(holder, key, call)

    def equality(self, node, test):
        """A condition that holds only if something equals a literal."""
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            for value in node.values:
                self.equality(value, test)
        if not isinstance(node, ast.Compare) or len(node.ops) != 1:
            return
        left, right = node.left, node.comparators[0]
        if isinstance(node.ops[0], ast.Eq):
            if is_ground(right) and not is_ground(left):
                self.site(node.comparators, 0, test)
            elif is_ground(left) and not is_ground(right):
                self.site(node, "left", test)
        elif isinstance(node.ops[0], (ast.Lt, ast.LtE)) and is_number(right):
            # abs(x - 1.5) < 1e-6
            if (isinstance(left, ast.Call) and isinstance(left.func, ast.Name)
                    and left.func.id == "abs" and len(left.args) == 1
                    and isinstance(left.args[0], ast.BinOp)
                    and isinstance(left.args[0].op, ast.Sub)):
                inner, least = left.args[0], abs(number(right)) * 2
                if is_number(inner.right) and not is_ground(inner.left):
                    self.site(inner, "right", test, least)
                elif is_number(inner.left) and not is_ground(inner.right):
                    self.site(inner, "left", test, least)

    def assertion(self, call, test):
        if not isinstance(call.func, ast.Attribute) or not isinstance(call.func.value, ast.Name):
            return
        name, args = call.func.attr, call.args
        if any(isinstance(arg, ast.Starred) for arg in args):
            return
        if name == "assertTrue" and args:
            self.equality(args[0], test)
        elif name in EQUALITIES and len(args) >= 2:
            for place, other in ((1, 0), (0, 1)):
                if is_ground(args[place]) and not is_ground(args[other]):
                    self.site(args, place, test)
                    return
            for place in (1, 0):
                if isinstance(args[place], ast.Name) and args[place].id in self.named:
                    # Once, however often it is expected.
                    self.site(self.named.pop(args[place].id), "value", test)
                    return
        elif name in ("assertAlmostEqual", "assertAlmostEquals") and len(args) == 2:
            # Within its tolerance a result may lie on either side.
            least = 2e-7
            for keyword in call.keywords:
                if keyword.arg == "msg":
                    continue
                if not is_number(keyword.value) or keyword.arg not in ("delta", "places"):
                    return
                value = number(keyword.value)
                least = abs(value) * 2 if keyword.arg == "delta" else 2 * 10.0 ** -value
            for place, other in ((1, 0), (0, 1)):
                if is_number(args[place]) and not is_ground(args[other]):
                    self.site(args, place, test, least)
                    return

    def statements(self, body, test):
        for node in body:
            if isinstance(node, ast.Assert):
                self.equality(node.test, test)
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                self.assertion(node.value, test)
            elif isinstance(node, (ast.If, ast.For, ast.While)):
                self.statements(node.body, test)
                self.statements(node.orelse, test)
            elif isinstance(node, ast.With) and not any(swallows(item) for item in node.items):
                self.statements(node.body, test)

    def end(self, body):
        """A body that comes by `last` at its end, however it ends."""
        first = 1 if body and isinstance(body[0], ast.Expr) and isinstance(
            body[0].value, ast.Constant) and type(body[0].value.value) is str else 0
        if len(body) == first:
            body = body + [ast.copy_location(ast.Pass(), body[-1])]
        call = ast.Expr(value=ast.Call(func=ast.Constant(value=LAST), args=[], keywords=[]))
        for part in ast.walk(call):
            ast.copy_location(part, body[-1])
        trial = ast.Try(body=body[first:], handlers=[], orelse=[], finalbody=[call])
        return body[:first] + [ast.copy_location(trial, body[first])]

    def function(self, node):
        self.named = expected_names(node)
        self.statements(node.body, node.name)
        self.named = {}
        node.body = self.end(node.body)

    def module(self, tree, check=None):
        """The methods of a module's test classes, its function `check`, or its own statements."""
        if check is True:
            self.statements(tree.body, "")
            tree.body = self.end(tree.body)
            return
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                for item in node.body:
                    if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)) and item.name.startswith("test"):
                        self.function(item)
        for node in tree.body:
            if check is not None and isinstance(node, ast.FunctionDef) and node.name == check:
                self.function(node)


def expected_names(function):
    """The names that get a literal in one place of a test, and are nothing but what something is expected to equal: the
    statements that give them theirs."""
    given, stored, loaded, expected = {}, {}, {}, {}
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            counts = loaded if isinstance(node.ctx, ast.Load) else stored
            counts[node.id] = counts.get(node.id, 0) + 1
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            if is_ground(node.value):
                given[node.targets[0].id] = node
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            for name in node.names:
                stored[name] = 2
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in EQUALITIES:
            operands = [item for item in node.args[:2] if isinstance(item, ast.Name)]
            # Two names may stand for the same.
            if len(operands) < 2 or not all(item.id in given for item in operands):
                for item in operands:
                    expected[item.id] = expected.get(item.id, 0) + 1
    return {name: node for name, node in given.items()
            if stored.get(name) == 1 and loaded.get(name, 0) == expected.get(name, 0)}


def swallows(item):
    """Whether a context may end an exception."""
    names = {node.attr if isinstance(node, ast.Attribute) else node.id
             for node in ast.walk(item.context_expr) if isinstance(node, (ast.Attribute, ast.Name))}
    return any(name.startswith(("assertRaises", "assertWarns", "assertLogs", "suppress", "raises"))
               for name in names)
