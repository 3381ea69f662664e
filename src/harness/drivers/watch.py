# Notes what a snippet does that a solution hardly ever needs and a forgery does. Part of the drivers
# that run a dataset's tests in the snippet's own process.
#
# None of it is an accusation: a pass that comes with a suspicion is put to the test again, with tests
# that cannot be passed (see control.py). So it may suspect too much, which costs time, but should not
# suspect too little. It looks at the names in the snippet's compiled code before that runs, and at the
# interpreter's audit events while it runs. An audit hook cannot be removed, and it is called before
# the act that it is told of takes effect; what it notes is sent at once.
import _imp, _thread, posix

# Modules of which a solution to a programming task hardly ever has need.
RISKY_MODULES = frozenset("""
unittest gc inspect ctypes _ctypes cffi signal _signal atexit traceback dis builtins importlib imp marshal
_testcapi _testinternalcapi _xxsubinterpreters _interpreters _imp faulthandler trace bdb pdb code codeop
runpy pkgutil pydoc opcode pty ptrace cgitb posix _posixsubprocess _thread tracemalloc
""".split())

# Names by which Python code reaches what it was not given. As text they are looked for only where they
# have an underscore: the others are words of any language.
RISKY_NAMES = RISKY_MODULES | frozenset("""
_getframe _current_frames _current_exceptions _getframemodulename settrace setprofile settrace_all_threads
setprofile_all_threads monitoring addaudithook modules meta_path path_hooks _exit
f_back f_locals f_globals f_code f_builtins f_trace tb_frame tb_next gi_frame gi_code gi_yieldfrom cr_frame
cr_code cr_await ag_frame ag_code ag_await co_consts co_code co_names _co_code_adaptive co_lnotab
__code__ __closure__ __globals__ __builtins__ __subclasses__ cell_contents __defaults__ __kwdefaults__
__wrapped__ __self__ __func__ __getattribute__ __traceback__ __loader__ __spec__ __import__ __reduce__
__mro__ __bases__ __reduce_ex__ __setstate__ __build_class__ __instancecheck__ __subclasscheck__ __objclass__
exc_info last_traceback excepthook unraisablehook displayhook breakpointhook
eval exec compile globals locals vars getattr setattr delattr hasattr dir __dict__ attrgetter methodcaller import_module resolve_name locate
FunctionType CodeType CellType FrameType TracebackType LambdaType MethodType GeneratorType
TestCase TestCases TestResult get_objects get_referrers get_referents
__array_interface__ __array_struct__ as_strided ctypeslib fork forkpty vfork
__test__ __main__ currentframe getouterframes getinnerframes __setattr__ __delattr__ update_wrapper wraps
__array_function__ __array_ufunc__ __eq__ __ne__ __contains__ __getattr__ __prepare__ ANY Mock MagicMock getargvalues
capture_locals get_type_hints ForwardRef _evaluate copyreg dispatch_table
""".split())
# Of those, what classes are made of.
OF_CLASSES = frozenset("__dict__ __setattr__ __delattr__ __eq__ __ne__ __contains__ __getattr__ __prepare__".split())
# Of all, what leads to the tests and what they hold, or makes an object take part in what is computed with it. Who
# comes by them passes no case of which no expected value can be altered. So does who sets attributes of libraries.
GRAVE_NAMES = frozenset("""
_getframe _current_frames currentframe getouterframes getinnerframes settrace setprofile settrace_all_threads
setprofile_all_threads f_back f_locals f_globals f_builtins f_trace tb_frame gi_frame gi_yieldfrom cr_frame cr_await
ag_frame ag_await __closure__ cell_contents __globals__ __builtins__ __setattr__ __delattr__ update_wrapper
get_objects get_referrers get_referents getargvalues capture_locals cgitb ANY
__array_function__ __array_ufunc__ TestCase TestCases TestResult
""".split())
# What gives a variable of a function that has called, by a name or at wish.
READS_VARIABLES = frozenset("f_locals getargvalues capture_locals attrgetter methodcaller".split())
# Builtins that take the name of an attribute.
BY_NAME = frozenset("getattr setattr hasattr delattr".split())
# The parts of tracebacks, generators and coroutines that are frames.
FRAMES = frozenset("tb_frame gi_frame ag_frame cr_frame".split())
# Modules of the interpreter's that hand frames on.
FRAME_MODULES = ("/inspect.py", "/traceback.py", "/bdb.py", "/pdb.py", "/cgitb.py", "/trace.py", "/code.py")
# What sets attributes by names that are values.
SETTERS = frozenset("setattr delattr __dict__ vars globals __setattr__ __delattr__ update_wrapper wraps methodcaller".split())
# What code objects hold that gives values away; their names, files and line numbers do not.
CODE_PARTS = frozenset("""
co_consts co_code co_names _co_code_adaptive co_lnotab dis opcode marshal get_instructions
""".split())
RISKY_TEXTS = tuple(name for name in RISKY_NAMES if "_" in name and not name.startswith("__main"))

# What hardly any solution does and a forgery may, by the name of the audit event; also by a library that
# the snippet calls.
RISKY_EVENTS = frozenset("""
gc.get_objects gc.get_referrers gc.get_referents sys._current_frames sys._current_exceptions
sys.settrace sys.setprofile sys.addaudithook sys.monitoring.register_callback sys.remote_exec
cpython.PyInterpreterState_New cpython.remote_debugger_script
ctypes.string_at ctypes.wstring_at ctypes.cdata ctypes.addressof ctypes.PyObj_FromPtr ctypes.memoryview_at
os.fork os.forkpty os.exec os.posix_spawn os.spawn os.system subprocess.Popen pty.spawn
sqlite3.enable_load_extension sqlite3.load_extension
""".split())
# The same when the snippet's own code raises it; libraries do so all the time.
RISKY_WHEN_OWN = frozenset("""
sys._getframe sys._getframemodulename compile code.__new__ function.__new__ exec marshal.loads
ctypes.dlopen ctypes.dlsym ctypes.dlsym/handle ctypes.cdata/buffer ctypes.call_function ctypes.get_errno
""".split())
FRAME, FUNCTION, CODE = types.FrameType, types.FunctionType, types.CodeType


def library_places():
    """How the names of files of libraries begin."""
    places = {sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.__file__)}
    places.update(path for path in sys.path if path)
    places.update([os.path.realpath(place) for place in places])
    return tuple(sorted(place.rstrip("/") + "/" for place in places if len(place) > 1)) + (
        "<frozen ", "<driver>")


LIBRARY = library_places()


def names_in(code, found, depth=0):
    """Adds the risky names in a code object, and in all code inside it."""
    for names in (code.co_names, code.co_freevars, code.co_cellvars):
        found.update(RISKY_NAMES.intersection(names))
    # Only imports have dots. Whether one raises an event depends on what is loaded already.
    found.update(RISKY_MODULES.intersection([
        name.partition(".")[0] for name in code.co_names if "." in name]))
    for constant in code.co_consts:
        texts_in(constant, found, depth)


def words_in(code, found, with_texts=True):
    """Adds all names in a code object and the code inside it, and all its texts that could be names."""
    found.update(code.co_names)
    for constant in code.co_consts:
        if type(constant) is CODE:
            words_in(constant, found, with_texts)
        elif with_texts:
            found.update([item for item in (constant if type(constant) is tuple else (constant,)) if type(item) is str])


def stands_alone(name, text):
    """Whether a name is no end of a longer word, as `_signal` is of `time_signal`."""
    place = text.find(name)
    while place > 0 and text[place - 1].isalnum() and name[:1] == "_":
        place = text.find(name, place + 1)
    return place >= 0


def texts_in(constant, found, depth):
    kind = type(constant)
    if kind is CODE:
        if depth < 50:
            names_in(constant, found, depth + 1)
    elif kind is str:
        if "_" in constant:
            found.update(name for name in RISKY_TEXTS if name in constant and stands_alone(name, constant))
        if "/proc" in constant:
            found.add("/proc")
    elif kind is bytes:
        if b"/proc" in constant:
            found.add("/proc")
    elif kind is tuple or kind is frozenset:
        for item in constant:
            texts_in(item, found, depth)


def takes_compile(tree):
    """Whether a program takes `compile` as a name of its own or of the builtins, not as an attribute: patterns have one, and
    models. Whatever in the end compiles text raises an event."""
    for node in ast.walk(tree):
        kind = type(node)
        if kind is ast.Name and node.id == "compile" or kind is ast.alias and "compile" in (node.name, node.asname):
            return True
    return False


def at_wish(tree):
    """Of the builtins that take the name of an attribute, those that get another than a plain constant, and those whose
    name is no constant at all."""
    found, at_will, plain = set(), set(), set()
    for node in ast.walk(tree):
        if type(node) is ast.Call and type(node.func) is ast.Name and node.func.id in BY_NAME:
            name = node.args[1].value if len(node.args) > 1 and type(node.args[1]) is ast.Constant else None
            if type(name) is str and not any([type(item) is ast.Starred for item in node.args]):
                plain.add(id(node.func))
                if name in RISKY_NAMES:
                    found.add(node.func.id)
        elif type(node) is ast.Name and node.id in BY_NAME and id(node) not in plain:
            at_will.add(node.id)
    return found | at_will, at_will


def sets_at_wish(tree):
    """Whether a program sets attributes by names that are values, of others than `self`."""
    setters = ("setattr", "delattr")
    calls = [node for node in ast.walk(tree) if type(node) is ast.Call and type(node.func) is ast.Name]
    known = set()
    for call in calls:
        if call.func.id in setters and len(call.args) > 1 and type(call.args[0]) is not ast.Starred:
            is_self = type(call.args[0]) is ast.Name and call.args[0].id == "self"
            if is_self or type(call.args[1]) is ast.Constant:
                known.add(id(call.func))
    return any([type(node) is ast.Name and node.id in setters and id(node) not in known for node in ast.walk(tree)])


def attributes_set(tree):
    """The names of the attributes that a program sets, and those that it sets of what it was not given and did not
    make itself: modules, and what the tests bring; and whether it makes a class whose methods have names that are values.
    """
    stores, own, imported, makes_class = [], set(), set(), False
    for node in ast.walk(tree):
        kind = type(node)
        if kind is ast.Attribute and type(node.ctx) is not ast.Load:
            stores.append((node.value, node.attr))
        elif (kind is ast.Call and type(node.func) is ast.Name and node.func.id in ("setattr", "delattr")
              and len(node.args) > 1 and type(node.args[1]) is ast.Constant):
            stores.append((node.args[0], str(node.args[1].value)))
        elif kind is ast.Call and type(node.func) is ast.Name and node.func.id == "type" and len(node.args) > 1:
            makes_class = True
        elif kind is ast.Name and type(node.ctx) is not ast.Load:
            own.add(node.id)
        elif kind is ast.arg:
            own.add(node.arg)
        elif kind in (ast.Import, ast.ImportFrom):
            imported.update([alias.asname or alias.name.partition(".")[0] for alias in node.names])
        elif kind in (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler):
            own.add(node.name)
    foreign = set()
    for root, name in stores:
        while type(root) in (ast.Attribute, ast.Subscript):
            root = root.value
        if type(root) is ast.Name and (root.id in imported or root.id not in own):
            foreign.add(name)
    return {name for _, name in stores}, foreign, makes_class


def make_watch(emit, tampered, trusted, own_code):
    """`suspect`, `watch`, `meet` and `unwatched`.

    `watch(text, code)` is called before the snippet's code runs: it looks at its names, installs the
    hook, and says whether it did; it does not for code that has no use for it. `meet(code, space)` is told of the tests'
    code and globals. `unwatched` calls a function of the driver's own that raises events by the thousand.
    `trusted` holds the code of the tests, and `own_code` that of the snippet.
    """
    getframe, thread, stat, fspath = sys._getframe, _thread.get_ident, posix.stat, os.fspath
    library = LIBRARY
    busy, noted, code_parts, attributes, libraries = set(), set(), set(), set(), {}
    reads_variables = set()
    try:
        procfs = stat("/proc/self").st_dev
    except OSError:
        procfs = None

    def suspect(reason, grave=False):
        if reason not in noted and len(noted) < 40:
            noted.add(reason)
            emit("suspect", reason=clean(reason, 200), grave=grave)

    def is_own(frame):
        """Whether a frame runs the snippet's code: nobody else's, that is."""
        space = frame.f_globals
        if id(space) in libraries:
            # Whoever runs code in the globals of a library raises an event for that.
            return False
        code = frame.f_code
        if code.co_filename.startswith(library):
            libraries[id(space)] = space
            return False
        return id(code) not in trusted

    def is_test(code, is_running):
        """Whether code is the driver's or a test's. Tests may give functions of their own to a solution."""
        if code.co_filename == "<driver>":
            return True
        return id(code) in trusted and (is_running or code.co_name.startswith(("test", "check", "setUp")))

    def for_own(frame):
        """Whether the snippet's code is behind an act: it called, and not just imported, who did it."""
        while frame is not None:
            if is_own(frame):
                return True
            code = frame.f_code
            if id(code) in trusted or code.co_filename.startswith("<frozen importlib"):
                return False
            frame = frame.f_back
        return False

    def scan(code, by_library, excused=()):
        found = set()
        names_in(code, found)
        found.difference_update(excused)
        if by_library:
            # Libraries make code of their own, in which a word like `trace` is just a word, and
            # which has every right to ask for a `__dict__` and to make classes that compare.
            found.intersection_update(RISKY_TEXTS)
            found.difference_update(OF_CLASSES)
        code_parts.update(CODE_PARTS.intersection(found))
        if not by_library:
            reads_variables.update(READS_VARIABLES.intersection(found))
        for name in sorted(found):
            suspect("names " + name, name in GRAVE_NAMES and not by_library)
        return found

    # Each of these says whether an event is worth the look at who raised it, from what came with it.
    def may_exec(args):
        return type(args[0]) is CODE and not args[0].co_filename.startswith(library)

    def may_import(args):
        name, file = args[0], args[1]
        return (type(name) is str and name.partition(".")[0] in RISKY_MODULES
                or type(file) is str and not file.startswith(library))

    def may_open(args):
        path = args[0]
        return type(path) is not int and not (type(path) is str and path.startswith(library))

    def always(args):
        return True

    def on_attribute(event, args, caller):
        if not is_own(caller):
            return
        target, name = args[0], args[1]
        if name in FRAMES:
            takes_frame("takes %s of a %s" % (name, type(target).__name__))
            return
        code = None
        if type(target) is FRAME:
            code = target.f_code
        elif type(target) is FUNCTION:
            code = target.__code__
        if code is not None and is_test(code, type(target) is FRAME):
            suspect("its own code looks at the code of its tests", True)
            if code_parts:
                # Who calls a function may be of interest to it, for a log. What its callers compare
                # its results with is not.
                tampered("its own code reads the code of its tests")
        else:
            suspect("takes " + clean(str(name), 60) + " of a " + type(target).__name__)

    def takes_frame(what):
        suspect(what, True)
        if reads_variables:
            tampered("its own code takes the variables of those who call it")

    def on_frame(event, args, caller):
        while caller is not None and caller.f_code.co_filename.endswith(FRAME_MODULES):
            caller = caller.f_back
        if caller is not None and is_own(caller):
            takes_frame("raises " + event)

    def starts_library(frame):
        """Whether a frame of the import system has the machine code of a library set itself up, which has no frames."""
        if frame.f_code.co_name != "_call_with_frames_removed":
            return False
        function, values = frame.f_locals.get("f"), frame.f_locals.get("args") or (None,)
        if function is _imp.exec_dynamic:
            path = getattr(values[0], "__file__", None)
        else:
            path = getattr(values[0], "origin", None) if function is _imp.create_dynamic else None
        return type(path) is str and path.startswith(library)

    def on_exec(event, args, caller):
        code = args[0]
        if id(code) in trusted or id(code) in own_code:
            return
        by = caller.f_code.co_filename
        own = is_own(caller)
        is_import = by.startswith(("<frozen importlib", "<driver>")) and not starts_library(caller)
        scan(code, not own and not is_import)
        if own:
            all_code(code, own_code)
            suspect("executes code that it made", any([type(item) is CODE for item in code.co_consts]))

    def on_import(event, args, caller):
        name, file = args[0], args[1]
        if type(file) is str and file.endswith(".so") and not file.startswith(library):
            suspect("imports machine code of its own")
        if type(name) is str and name.partition(".")[0] in RISKY_MODULES and is_own(caller):
            # What is loaded already raises no event, so that its name alone must do.
            if "names " + name.partition(".")[0] not in noted:
                suspect("imports " + clean(name, 60))

    def on_open(event, args, caller):
        path = args[0]
        if type(path) is not str:
            path = fspath(path)
            if type(path) is bytes:
                path = path.decode("utf-8", "surrogateescape")
        if path.startswith("/proc/"):
            last = path.rstrip("/").rpartition("/")[2]
            if last == "mem":
                tampered("it opens the memory of a process")
            elif is_own(caller) or (last in ("fd", "fdinfo", "environ", "syscall", "map_files", "task")
                                    or "/fd/" in path) and for_own(caller):
                # Libraries look at `maps` for what is loaded.
                suspect("opens " + path)
            return
        try:
            found = stat(path).st_dev
        except (OSError, ValueError):
            # A name that is relative to a folder that is not the working folder, perhaps.
            if path in ("mem", "maps", "environ"):
                suspect("opens " + path)
            return
        if found == procfs:
            suspect("opens a file of /proc by another name")

    def on_list(event, args, caller):
        path = args[0]
        if type(path) is str and path.startswith("/proc/") and "/fd" in path and for_own(caller):
            suspect("lists " + path)

    def on_change(event, args, caller):
        if is_own(caller):
            suspect("sets " + clean(str(args[1]), 60) + " of a " + type(args[0]).__name__)

    def on_pickle(event, args, caller):
        if str(args[0]).partition(".")[0] in RISKY_MODULES | {"sys", "os", "posix", "operator"} \
                or args[1] in RISKY_NAMES:
            suspect("unpickles " + clean("%s.%s" % (args[0], args[1]), 80))

    def on_risky(event, args, caller):
        if for_own(caller):
            suspect("raises " + event, event.startswith("gc.") and is_own(caller))

    def on_own(event, args, caller):
        if is_own(caller):
            suspect("raises " + event)

    handlers = {
        "object.__getattr__": (always, on_attribute), "object.__setattr__": (always, on_change),
        "object.__delattr__": (always, on_change), "exec": (may_exec, on_exec),
        "import": (may_import, on_import), "open": (may_open, on_open),
        "os.listdir": (always, on_list), "os.scandir": (always, on_list),
        "pickle.find_class": (always, on_pickle),
    }
    handlers.update((event, (always, on_own)) for event in RISKY_WHEN_OWN if event not in handlers)
    handlers.update((event, (always, on_frame)) for event in ("sys._getframe", "sys._getframemodulename"))
    handlers.update((event, (always, on_risky)) for event in RISKY_EVENTS)
    handler_of = handlers.get

    # Errors are not caught: what comes up here can be the snippet's own, from a handler of a signal.
    def hook(event, args):
        handler = handler_of(event)
        if handler is None:
            return
        me = thread()
        if me in busy or not handler[0](args):
            return
        busy.add(me)
        try:
            handler[1](event, args, getframe(1))
        finally:
            busy.discard(me)

    def watch(text, code):
        # What has no way to anything raises no event that matters. It runs without the hook, for which every
        # call of `id` pays.
        tree, names, excused = ast.parse(text), set(), set()
        names_in(code, names)
        if not BY_NAME.isdisjoint(names):
            wish, at_will = at_wish(tree)
            excused.update(BY_NAME - wish)
            reads_variables.update(at_will.intersection(["getattr"]))
        if "compile" in names and not takes_compile(tree):
            excused.add("compile")
        found = scan(code, False, excused)
        if not found and is_harmless(tree):
            return False
        if sets_at_wish(tree):
            suspect("sets attributes by names that are values", True)
        stores, foreign, makes_class = attributes_set(tree)
        if makes_class:
            suspect("makes a class by a call", True)
        attributes.update(stores)
        if not SETTERS.isdisjoint(found):
            words_in(code, attributes)
        for name in sorted(stores)[:8]:
            suspect("sets an attribute " + clean(name, 60), name in foreign)
        sys.addaudithook(hook)
        return True

    def meet(code, space):
        # Tests that call `os.path.exists` go by what it is then.
        if not attributes:
            return
        names = set()
        words_in(code, names, False)
        modules, reached = {}, [space]
        while reached:
            # What the tests can come to by the names that they take.
            table = reached.pop()
            for value in [table[name] for name in names if name in table]:
                if issubclass(type(value), types.ModuleType) and id(value) not in modules:
                    modules[id(value)] = vars(value)
                    reached.append(vars(value))
        for name in sorted(names.intersection(attributes)):
            if any([callable(table.get(name)) for table in modules.values()]):
                suspect("sets an attribute by a name that its tests call: " + clean(name, 60), True)

    def unwatched(function):
        me = thread()
        busy.add(me)
        try:
            return function()
        finally:
            busy.discard(me)

    return suspect, watch, meet, unwatched
