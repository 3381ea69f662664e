# Says of each import which modules are loaded once it was made, in a process that never sees a snippet.
# Input: {imports}, as `package.module` for `import package.module` and `package:name` for `from package import name`.
#
# Each is made in a process of its own, forked from one that has made none, so that what comes with it is all that an
# interpreter would have loaded whose program begins with that import. Modules are told as numbers in one list.


def attempt(name, output):
    """Makes an import, and writes what it took, in microseconds of CPU time, and the modules that are loaded then."""
    module, _, part = name.partition(":")
    text = "from %s import %s" % (module, part) if part else "import " + module
    space = {"__name__": "__test__", "__builtins__": builtins}
    exec(compile(text, "__test__.py", "exec", dont_inherit=True), space)
    used = resource.getrusage(resource.RUSAGE_SELF)
    words = [str(int((used.ru_utime + used.ru_stime) * 1e6))] + sorted(sys.modules)
    data = "\n".join(words).encode("utf-8", "replace")
    while data:
        data = data[os.write(output, data):]


def what_comes_with(name):
    ours, output = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            attempt(name, output)
        except BaseException:
            end_process(1)
        end_process(0)
    os.close(output)
    data = b""
    while True:
        block = os.read(ours, 1 << 16)
        if not block:
            break
        data += block
    os.close(ours)
    _, status = os.waitpid(child, 0)
    micros, *modules = data.decode("utf-8").split("\n") if status == 0 else ["0"]
    return int(micros), modules


def main():
    imports, numbers = start()["imports"], {}
    for name in imports:
        micros, modules = what_comes_with(name)
        if modules:
            new = [module for module in modules if module not in numbers]
            for module in new:
                numbers[module] = len(numbers)
            emit("survey", **{"import": name, "micros": micros, "new": new,
                              "modules": [numbers[module] for module in modules]})
    leave(0)


main()
