# Test source, compiled so that what it compares is looked at first.
#
# Every operand of a comparison and every argument of an assertion method goes through a function (see guard.py). Its
# call is compiled from a string constant, a mark, which is replaced in the code object by the process that runs
# it, so that there is no name for a snippet to rebind.
import types, warnings


class Looking(ast.NodeTransformer):
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
        if isinstance(node.func, ast.Attribute) and node.func.attr.startswith("assert"):
            node.args = [self.wrap(item) for item in node.args]
        return node

    def visit_Assert(self, node):
        self.generic_visit(node)
        node.test = self.wrap(node.test)
        return node


def compile_marked(tree, filename):
    """Code of a parsed module in which marks stand for what looks at it."""
    tree = Looking().visit(tree)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(tree, filename, "exec", dont_inherit=True)


def put_in(code, put):
    """The same code with what `put` gives for its marks."""
    constants = []
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            constant = put_in(constant, put)
        elif type(constant) is str and constant.startswith((MARK, LAST)):
            constant = put(constant)
        constants.append(constant)
    return code.replace(co_consts=tuple(constants))


def all_code(code, found):
    """The ids of a code object and of all code inside it (which keeps them alive)."""
    found[id(code)] = code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            all_code(constant, found)
    return found
