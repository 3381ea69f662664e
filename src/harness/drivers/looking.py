# Test source, compiled so that what it compares is looked at first.
#
# Every operand of a comparison or a computation, every argument of a call and whatever is asked for a method goes
# through a function (see guard.py). Its call is compiled from a string constant, a mark, which is replaced in the code
# object by the process that runs it, so that there is no name for a snippet to rebind. For the same reason the builtins
# that tests go by are marks, too, unless the tests, or their task, have something of their own by that name.
import types, warnings

GIVEN = "fumehood-builtin-91c4d2-"
# What is asked for a method, by its name.
RECEIVER = "fumehood-receiver-27c09f"
BUILTINS_GIVEN = frozenset("""
abs all any ascii bin bool bytearray bytes callable chr complex dict divmod enumerate filter float frozenset getattr
hasattr hash hex id int isinstance issubclass iter len list map max min next object oct ord pow range repr reversed
round set slice sorted str sum tuple type zip
""".split())
# Of those, what computes with its arguments.
COMPUTING = frozenset("abs divmod max min pow round sorted sum".split())
OPERANDS = (ast.Name, ast.Call, ast.Attribute, ast.Subscript)


def bound_names(tree):
    """The names that a module gives a meaning of its own anywhere; None if that cannot be told."""
    bound = set()
    for node in ast.walk(tree):
        kind = type(node)
        if kind is ast.Name and type(node.ctx) is not ast.Load:
            bound.add(node.id)
        elif kind is ast.arg:
            bound.add(node.arg)
        elif kind in (ast.Import, ast.ImportFrom):
            for alias in node.names:
                if alias.name == "*":
                    return None
                bound.add(alias.asname or alias.name.partition(".")[0])
        elif kind in (ast.Global, ast.Nonlocal):
            bound.update(node.names)
        else:
            bound.update([value for value in map(vars(node).get, ("name", "rest")) if type(value) is str])
    return bound


class Looking(ast.NodeTransformer):
    def __init__(self, tree, own):
        bound = bound_names(tree)
        self.given = frozenset() if bound is None else BUILTINS_GIVEN - bound - frozenset(own)

    def visit_Name(self, node):
        if type(node.ctx) is ast.Load and node.id in self.given:
            return ast.copy_location(ast.Constant(value=GIVEN + node.id), node)
        return node

    def visit_MatchClass(self, node):
        # The class of a pattern has to be a name.
        for field in ("patterns", "kwd_patterns"):
            setattr(node, field, [self.visit(pattern) for pattern in getattr(node, field)])
        return node

    def operand(self, node):
        return self.wrap(node) if isinstance(node, OPERANDS) else node

    def visit_BinOp(self, node):
        self.generic_visit(node)
        node.left, node.right = self.operand(node.left), self.operand(node.right)
        return node

    def wrap(self, node):
        if isinstance(node, (ast.Constant, ast.Starred)):
            return node
        call = ast.Call(func=ast.Constant(value=MARK), args=[node], keywords=[])
        ast.copy_location(call, node)
        ast.copy_location(call.func, node)
        return call

    def visit_Compare(self, node):
        self.generic_visit(node)
        if not all(isinstance(kind, (ast.Is, ast.IsNot)) for kind in node.ops):
            node.left = self.wrap(node.left)
            node.comparators = [self.wrap(item) for item in node.comparators]
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        function = node.func
        if isinstance(function, ast.Constant):
            # A mark, or a builtin.
            name = function.value[len(GIVEN):] if type(function.value) is str else ""
            if name not in COMPUTING or not function.value.startswith(GIVEN):
                return node
        elif isinstance(function, ast.Attribute):
            value = function.value
            is_self = isinstance(value, ast.Name) and value.id == "self"
            if not is_self and isinstance(value, OPERANDS):
                call = ast.Call(func=ast.Constant(value=RECEIVER), args=[value, ast.Constant(value=function.attr)], keywords=[])
                for part in (call, call.func, call.args[1]):
                    ast.copy_location(part, value)
                function.value = call
        asserts = isinstance(function, ast.Attribute) and function.attr.startswith("assert")
        node.args = [self.wrap(item) if asserts else self.operand(item) for item in node.args]
        for keyword in node.keywords:
            if keyword.arg is not None:
                keyword.value = self.operand(keyword.value)
        return node

    def visit_Assert(self, node):
        self.generic_visit(node)
        node.test = self.wrap(node.test)
        return node


def compile_marked(tree, filename, own):
    """Code of a parsed module in which marks stand for what looks at it, and for builtins but those whose names are the
    task's `own`."""
    tree = Looking(tree, own).visit(tree)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(tree, filename, "exec", dont_inherit=True)


def put_in(code, put):
    """The same code with what `put` gives for its marks."""
    def replaced(constant):
        kind = type(constant)
        if kind is types.CodeType:
            return put_in(constant, put)
        if kind is str and constant.startswith((MARK, LAST, GIVEN, RECEIVER)):
            return put(constant)
        if kind is tuple or kind is frozenset:
            return kind([replaced(item) for item in constant])
        return constant

    return code.replace(co_consts=tuple([replaced(constant) for constant in code.co_consts]))


def all_code(code, found):
    """The ids of a code object and of all code inside it (which keeps them alive)."""
    found[id(code)] = code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            all_code(constant, found)
    return found
