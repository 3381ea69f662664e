# Whether a snippet can be told, from its source alone, to have no way to anything but plain values. Part of the
# drivers that run a dataset's tests in the snippet's own process; see watch.py for what follows from it.
#
# It is a list of what is allowed, not of what is forbidden: of the modules below a snippet may take these names
# and no others, and may use a module for nothing else. So it holds no module in its hands, and nothing that
# looks up names, or runs text, at its wish: `dataclasses` and `functools.singledispatch` run the text of annotations,
# `difflib._test` that of a docstring, `enum.bltns` is the builtins.
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
    "functools": "cache cmp_to_key lru_cache partial reduce total_ordering wraps",
    "heapq": "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest",
    "bisect": "bisect bisect_left bisect_right insort insort_left insort_right",
    "copy": "copy deepcopy",
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
# Methods that a class may have, or anybody call, by names of this form; all others lead elsewhere.
SPECIAL = frozenset("__%s__" % name for name in """
init new post_init slots doc name repr str len iter next contains getitem setitem delitem missing call enter exit
eq ne lt le gt ge hash bool int float index neg pos abs invert round add sub mul truediv floordiv mod pow
matmul and or xor lshift rshift radd rsub rmul rtruediv rfloordiv rmod rpow iadd isub imul reversed
""".split())
# Builtins that look up names, run text or read files, and what the drivers give a snippet beside them. The methods
# among them do so with attributes.
LOOKS_UP = frozenset("""
open input eval exec compile globals locals vars dir getattr setattr delattr hasattr breakpoint help license credits
copyright format format_map memoryview sys os environ
""".split())


# The fields of a syntax tree that hold names.
NAMES = ("id", "attr", "name", "asname", "arg", "rest")
# Patterns that take attributes by names, which are looked at nowhere else.
PATTERN = getattr(ast, "MatchClass", None)


def is_harmless(text):
    """Whether a program's source, which compiles, names nothing but what is plain."""
    nodes = list(ast.walk(ast.parse(text)))
    modules = {}
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
        elif kind is PATTERN:
            return False
        elif kind is ast.ClassDef and any([type(inner) is ast.Import for inner in ast.walk(node)]):
            # The module would be an attribute of the class.
            return False
    with_names = set()
    for node in nodes:
        for name in map(vars(node).get, NAMES):
            if type(name) is str and (name in LOOKS_UP or name[:2] == "__" and name not in SPECIAL):
                return False
        kind = type(node)
        if kind is ast.Attribute and type(node.value) is ast.Name and node.value.id in modules:
            # Nodes come before what is inside them.
            with_names.add(id(node.value))
            if type(node.ctx) is not ast.Load or not all(
                    [node.attr in plain for plain in modules[node.value.id]]):
                return False
        elif kind is ast.Name and node.id in modules and id(node) not in with_names:
            return False
    return True
