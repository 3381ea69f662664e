# Values as text that says their exact types. Part of the drivers that report values.
#
# A value becomes a flat list of tokens, parents before children, each token a string whose first
# character is its kind. Containers of builtin types are walked with the builtin's own unbound
# methods, so that no method of a snippet's class is run but `__repr__`, for objects of which
# nothing else is known.
import math, re

DEPTH_LIMIT = 200
VALUE_LIMIT = 4 << 20
TOKEN_LIMIT = 400000
REPR_LIMIT = 4000

ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
BUILTINS = (bool, int, float, complex, str, bytes, bytearray, list, tuple, set, frozenset, dict)


class TooLarge(Exception):
    pass


def type_name(kind):
    """The qualified name of a type, from the slots of `type` and not from a metaclass."""
    name = type.__dict__["__qualname__"].__get__(kind)
    try:
        module = type.__dict__["__module__"].__get__(kind)
    except BaseException:
        module = None
    if type(module) is not str:
        module = "?"
    return clean(module + "." + name, 200)


def int_text(value):
    # Decimal text of huge numbers is slow, and refused by newer interpreters.
    if value.bit_length() <= 256:
        return int.__repr__(value)
    return int.__format__(value, "#x")


def text_token(value):
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return "z" + value.encode("utf-16-be", "surrogatepass").hex()
    return "s" + value


def shown(value):
    try:
        text = repr(value)
    except (KeyboardInterrupt, OutOfTime):
        raise
    except BaseException as error:
        return "<repr raised " + describe(error)[0] + ">"
    return clean(ADDRESS.sub("0x", str.__str__(text)), REPR_LIMIT)


def numpy_parts(value, kind):
    """(name, builtin payload) of a numpy scalar or array, if it is one."""
    numpy = sys.modules.get("numpy")
    generic = getattr(numpy, "generic", None)
    array = getattr(numpy, "ndarray", None)
    if type(generic) is not type or type(array) is not type:
        return None
    if array in type.__dict__["__mro__"].__get__(kind):
        return "numpy.ndarray", array.tolist(value)
    if generic in type.__dict__["__mro__"].__get__(kind):
        plain = generic.item(value)
        if type(plain) in BUILTINS:
            return type_name(kind), plain
    return None


def encode(value):
    """The JSON array of a value's tokens. Raises TooLarge."""
    kind = type(value)
    # What most functions return, without the machinery below.
    if kind is bool:
        return '["t"]' if value else '["f"]'
    if kind is int and value.bit_length() <= 256:
        return '["i' + int_text(value) + '"]'
    if value is None:
        return '["n"]'
    tokens = []
    size = 0
    open_ids = set()
    # Either (value, depth) still to be written, or the id of a container that is now complete.
    work = [(value, 0)]
    while work:
        item = work.pop()
        if type(item) is int:
            open_ids.discard(item)
            continue
        value, depth = item
        kind = type(value)
        if value is None:
            token = "n"
        elif kind is bool:
            token = "t" if value else "f"
        elif kind is int:
            token = "i" + int_text(value)
        elif kind is float:
            token = "d" + float.__repr__(value)
        elif kind is complex:
            token = "c" + float.__repr__(value.real) + "," + float.__repr__(value.imag)
        elif kind is str:
            token = text_token(value)
        elif kind is bytes:
            token = "b" + value.hex()
        elif kind is bytearray:
            token = "a" + value.hex()
        elif id(value) in open_ids:
            token = "x"
        elif depth >= DEPTH_LIMIT:
            token = "y"
        elif kind in (list, tuple, set, frozenset, dict):
            open_ids.add(id(value))
            work.append(id(value))
            if kind is dict:
                token = "D%d" % len(value)
                children = []
                for key, content in value.items():
                    children.append((key, depth + 1))
                    children.append((content, depth + 1))
            else:
                token = {list: "L", tuple: "T", set: "S", frozenset: "F"}[kind] + str(len(value))
                children = [(child, depth + 1) for child in value]
            if len(children) > TOKEN_LIMIT:
                raise TooLarge()
            children.reverse()
            work.extend(children)
        else:
            token = None
            mro = type.__dict__["__mro__"].__get__(kind)
            for base in BUILTINS:
                if base in mro:
                    token = "u" + type_name(kind)
                    work.append((plain_copy(value, base), depth + 1))
                    break
            if token is None:
                parts = numpy_parts(value, kind)
                if parts is not None:
                    token = "u" + clean(parts[0], 200)
                    work.append((parts[1], depth + 1))
                else:
                    token = "o" + type_name(kind) + "\0" + shown(value)
        size += len(token) + 4
        if size > VALUE_LIMIT or len(tokens) > TOKEN_LIMIT:
            raise TooLarge()
        tokens.append(token)
    return dump(tokens)


def plain_copy(value, base):
    """The builtin payload of an instance of a subclass."""
    if base is int or base is bool:
        return int.__int__(value) if base is int else bool(int.__int__(value))
    if base is float:
        return float.__float__(value)
    if base is complex:
        return complex(complex.__dict__["real"].__get__(value), complex.__dict__["imag"].__get__(value))
    if base is str:
        return str.__str__(value)
    if base is bytes:
        return bytes.__getitem__(value, slice(None))[:]
    if base is bytearray:
        return bytearray.__getitem__(value, slice(None))
    if base is dict:
        return dict(dict.items(value))
    return base(base.__iter__(value))


class OutOfTime(BaseException):
    """Raised by a driver's own alarm; no `except Exception` of a snippet holds it."""
