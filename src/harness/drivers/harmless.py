# Whether a snippet can be told, from its source alone, to have no way to anything but plain values. Part of the
# drivers that run a dataset's tests in the snippet's own process; see watch.py for what follows from it.
#
# It is a list of what is allowed, not of what is forbidden. Of the modules below a snippet may take these names
# and no others, and may use a module for nothing else. Attributes it may take by the names that plain values have, and
# by those that its own classes define; it sets them on `self` alone. It has no name that neither it nor Python defines,
# as the tests bring names of their own. So it holds no module in its hands, and nothing that looks up
# names, runs text, or sets attributes at its wish: `dataclasses` and `functools.singledispatch` run the text of annotations,
# `difflib._test` that of a docstring, `enum.bltns` is the builtins, `functools.wraps` sets what it is told to, and `copy`
# does what an object says of itself.
PLAIN = {name: frozenset(names.split()) for name, names in {
    "math": """acos acosh asin asinh atan atan2 atanh cbrt ceil comb copysign cos cosh degrees dist e erf erfc exp
        exp2 expm1 fabs factorial floor fmod frexp fsum gamma gcd hypot inf isclose isfinite isinf isnan isqrt lcm
        ldexp lgamma log log10 log1p log2 modf nan nextafter perm pi pow prod radians remainder sin sinh sqrt
        tan tanh tau trunc ulp""",
    "cmath": "acos asin atan cos e exp inf isclose isfinite isinf isnan log log10 nan phase pi polar rect sin sqrt tan tau",
    "random": """betavariate choice choices expovariate gammavariate gauss getrandbits normalvariate paretovariate
        randint random randrange sample seed shuffle triangular uniform Random""",
    "re": """A ASCII DOTALL I IGNORECASE M MULTILINE S U UNICODE VERBOSE X compile error escape findall finditer
        fullmatch match search split sub subn Match Pattern""",
    "string": "ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits octdigits printable punctuation whitespace",
    "collections": "ChainMap Counter OrderedDict defaultdict deque",
    "collections.abc": "Callable Collection Hashable Iterable Iterator Mapping Sequence Set Sized",
    "itertools": """accumulate chain combinations combinations_with_replacement compress count cycle dropwhile
        filterfalse groupby islice pairwise permutations product repeat starmap takewhile tee zip_longest""",
    "functools": "cache cmp_to_key lru_cache partial reduce total_ordering",
    "heapq": "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest",
    "bisect": "bisect bisect_left bisect_right insort insort_left insort_right",
    "datetime": "MAXYEAR MINYEAR UTC date datetime time timedelta timezone",
    "time": "monotonic perf_counter process_time sleep time time_ns",
    "typing": """Any AnyStr Callable ClassVar Collection Counter DefaultDict Deque Dict Final FrozenSet Generator
        Hashable Iterable Iterator List Literal Mapping MutableMapping MutableSequence NoReturn Optional OrderedDict
        Sequence Set Sized Text Tuple Type Union""",
    "json": "JSONDecodeError dumps loads",
    "statistics": "fmean geometric_mean harmonic_mean mean median median_high median_low mode multimode pstdev pvariance stdev variance",
    "decimal": """Decimal ROUND_CEILING ROUND_DOWN ROUND_FLOOR ROUND_HALF_DOWN ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP
        InvalidOperation getcontext""",
    "fractions": "Fraction",
    "operator": "abs add and_ concat contains eq floordiv ge gt inv invert itemgetter le lt mod mul ne neg not_ or_ pos pow sub truediv xor",
    "hashlib": "md5 sha1 sha224 sha256 sha384 sha512",
    "textwrap": "dedent fill indent shorten wrap",
    "unicodedata": "category combining normalize",
    "base64": "b16decode b16encode b32decode b32encode b64decode b64encode urlsafe_b64decode urlsafe_b64encode",
    "binascii": "crc32 hexlify unhexlify",
    "zlib": "adler32 compress crc32 decompress",
    "secrets": "choice randbelow randbits token_bytes token_hex token_urlsafe",
    "__future__": "annotations division generator_stop print_function",
}.items()}
# Methods that a class may have, or anybody call, by names of this form; all others lead elsewhere, or let a value be
# another thing in another place.
SPECIAL = frozenset("__%s__" % name for name in """
init new post_init slots doc name repr str len iter next contains getitem setitem delitem missing call enter exit
eq ne lt le gt ge hash
""".split())
# Builtins that look up names, run text or read files, and what the drivers give a snippet beside them. The methods
# among them do so with attributes.
LOOKS_UP = frozenset("""
open input eval exec compile globals locals vars dir getattr setattr delattr hasattr breakpoint help license credits
copyright format format_map memoryview sys os environ
""".split())
# What tests ask mocks for.
OF_MOCKS = frozenset("called call_count call_args call_args_list method_calls mock_calls return_value side_effect".split())
# What changes the class that it is given.
DECORATORS = frozenset(["total_ordering"])
BUILTIN = frozenset([name for name in vars(builtins) if name[:1] != "_"])


def plain_attributes():
    """The names that plain values have for their attributes, and those that libraries have for themselves."""
    from collections import ChainMap, Counter, OrderedDict, defaultdict, deque
    kinds = [str, bytes, bytearray, int, float, complex, bool, list, tuple, dict, set, frozenset, range, slice,
             Counter, ChainMap, OrderedDict, defaultdict, deque, BaseException, property]
    names = set("""
        cache_clear cache_info group groups groupdict span string pattern flags match fullmatch search findall finditer
        sub subn split start end lastindex lastgroup expand value chain from_iterable
        year month day hour minute second microsecond tzinfo fold days seconds microseconds total_seconds weekday isoweekday
        isoformat strftime strptime date time timetz timetuple toordinal fromordinal today now utcnow timestamp
        fromtimestamp fromisoformat combine replace utcoffset isocalendar ctime min max resolution utc
        numerator denominator limit_denominator quantize normalize to_integral_value sqrt ln log10 exp as_tuple is_nan
        is_zero is_signed compare hexdigest digest update encode decode random randint choice choices shuffle sample
        uniform gauss seed getrandbits randrange ascii_lowercase
        """.split())
    # Of `Fraction` and `Random`, which are not loaded for this, and of what `typing` has.
    private = set("""
        _numerator _denominator _add _sub _mul _div _floordiv _divmod _mod _richcmp _operator_fallbacks
        _from_coprime_ints _randbelow _randbelow_with_getrandbits _randbelow_without_getrandbits _name _inst _special
        _nparams _paramspec_tvars _typevar_types _getitem _defaults gauss_next
        """.split())
    for kind in kinds:
        names.update([name for name in dir(kind) if name[:1] != "_"])
        private.update([name for name in dir(kind) if name[:1] == "_"])
    return frozenset(names - LOOKS_UP - {"obj", "with_traceback", "add_note", "fget", "fset", "fdel"}), frozenset(private)


ATTRIBUTES, PRIVATE = plain_attributes()
# The fields of a syntax tree that hold names.
NAMES = ("id", "attr", "name", "asname", "arg", "rest")
# Patterns that take attributes by names, which are looked at nowhere else.
PATTERN = getattr(ast, "MatchClass", None)
CAPTURES = tuple([getattr(ast, name) for name in ("MatchAs", "MatchStar") if hasattr(ast, name)])
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def is_harmless(tree):
    """Whether a program names nothing but what is plain."""
    nodes = list(ast.walk(tree))
    modules, defined, own = {}, set(), set()
    decorating, asking = set(), set()
    for node in nodes:
        kind = type(node)
        if kind is ast.Import:
            for alias in node.names:
                if alias.name not in PLAIN or "." in alias.name:
                    return False
                modules.setdefault(alias.asname or alias.name, []).append(PLAIN[alias.name])
        elif kind is ast.ImportFrom:
            plain = PLAIN.get(node.module) if node.level == 0 else None
            if plain is None or not all([alias.name in plain for alias in node.names]):
                return False
            defined.update([alias.asname or alias.name for alias in node.names])
        elif kind is PATTERN:
            return False
        elif kind in FUNCTIONS:
            defined.add(node.name)
        elif kind is ast.ClassDef:
            if any([type(inner) is ast.Import for inner in ast.walk(node)]):
                # The module would be an attribute of the class.
                return False
            defined.add(node.name)
            decorating.update([id(item) for item in node.decorator_list])
            for item in node.body:
                if type(item) in FUNCTIONS:
                    own.add(item.name)
                elif type(item) is ast.Assign:
                    own.update([name.id for name in item.targets if type(name) is ast.Name])
                elif type(item) is ast.AnnAssign and type(item.target) is ast.Name:
                    own.add(item.target.id)
        elif kind is ast.arg:
            defined.add(node.arg)
        elif kind is ast.Name and type(node.ctx) is not ast.Load:
            defined.add(node.id)
        elif kind is ast.Attribute and type(node.ctx) is not ast.Load:
            # `self` may come to be anything; by these names it is nothing that others go by.
            is_own = type(node.value) is ast.Name and node.value.id == "self"
            if (not is_own or node.attr in ATTRIBUTES or node.attr in PRIVATE or node.attr in OF_MOCKS
                    or node.attr.startswith(("__", "assert"))):
                return False
            own.add(node.attr)
        elif kind is ast.Call and type(node.func) is ast.Name and len(node.args) == 1 and not node.keywords:
            if type(node.args[0]) is not ast.Starred:
                asking.add(id(node.func))
        elif kind is ast.ExceptHandler and node.name:
            defined.add(node.name)
        elif "rest" in node._fields and node.rest or "name" in node._fields and kind in CAPTURES and node.name:
            defined.add(node.rest if "rest" in node._fields else node.name)
    with_names = set()
    for node in nodes:
        for name in map(vars(node).get, NAMES):
            if type(name) is str and (name in LOOKS_UP or name[:2] == "__" and name not in SPECIAL):
                return False
        kind = type(node)
        if kind is ast.Attribute:
            if type(node.value) is ast.Name and node.value.id in modules:
                # Nodes come before what is inside them.
                with_names.add(id(node.value))
                if type(node.ctx) is not ast.Load or not all(
                        [node.attr in plain for plain in modules[node.value.id]]):
                    return False
            elif node.attr not in ATTRIBUTES and node.attr not in own and node.attr not in SPECIAL:
                return False
        elif kind is ast.Name:
            name = node.id
            if name in modules:
                if id(node) not in with_names:
                    return False
            elif name in DECORATORS and id(node) not in decorating:
                return False
            elif name not in defined and (name not in BUILTIN or name == "type" and id(node) not in asking):
                return False
    return True
