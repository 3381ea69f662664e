# Keeps an interpreter that has run a driver's definitions, and perhaps imported modules, waiting for jobs.
# It stands between the definitions and the driver's last line, `main()`. For each job it forks, and the
# child comes out at its end, as a cold interpreter comes out of the definitions: with the same objects,
# the same depth of calls and the same descriptors. Nothing of a job is ever read in here.
#
# Descriptor 4 is a socket to the worker. It says
#   J<seconds>                  with a job's five descriptors: fork it; the answer is E and numbers.
#   Z<imports, one a line>      with a socket: fork an interpreter that imports these as well; on its socket
#                               the answer is R and numbers, or U and why it cannot be kept.
# What an import may leave behind is looked for; where a fork would not carry it over as it is, the
# interpreter is unfit and ends.


def keep():
    def borrowed(name):
        """A module that is not loaded for a snippet's eyes."""
        known = name in sys.modules
        module = __import__(name)
        if not known:
            del sys.modules[name]
        return module

    gc, signal, socket, time = map(borrowed, ("gc", "_signal", "_socket", "time"))
    places = ("/dev/shm", "/tmp", "/work")
    most_files, most_bytes = 64, 1 << 20

    class Unfit(Exception):
        pass

    def standing():
        """How this process is scheduled."""
        return (os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0),
                os.sched_getparam(0).sched_priority, os.sched_getaffinity(0))

    def text_of(path):
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def traces():
        """What an import must leave as it was."""
        # But for 32 and 33, which the C library keeps to itself.
        signals = [int(line.split()[1], 16) & ~(3 << 31) for line in text_of("/proc/self/status").splitlines()
                   if line.startswith(("SigBlk", "SigIgn", "SigCgt"))]
        shared = [line for line in text_of("/proc/self/maps").splitlines() if line.split()[1][1::2] == "ws"]
        own = os.listdir("/proc/self/fd")
        open_now = []
        for name in own:
            try:
                open_now.append((name, os.readlink("/proc/self/fd/" + name)))
            except OSError:
                pass
        printed = []
        for number in (1, 2):
            try:
                printed.append(bytes(fcntl.ioctl(number, 0x541B, bytes(4))))
            except OSError:
                printed.append(os.fstat(number).st_size)
        umask = os.umask(0o022)
        os.umask(umask)
        timers = [signal.getitimer(kind) for kind in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL,
                                                      signal.ITIMER_PROF)]
        return {
            "threads": len(os.listdir("/proc/self/task")), "signals": signals, "shared memory": shared,
            "descriptors": sorted(open_now), "output": printed, "working folder": os.getcwd(),
            "umask": umask, "timers": timers, "standing": standing(),
            "handlers": [signal.getsignal(number) for number in range(1, signal.NSIG)],
        }

    def own_generators():
        """Sources of random numbers beside those that are sown anew in each job."""
        known, kinds = set(), []
        module = sys.modules.get("random")
        if module is not None:
            kinds.append(module.Random)
            known.add(id(module._inst))
            tempfile = sys.modules.get("tempfile")
            if tempfile is not None:
                # These look at the process that they are in, each time.
                known.update([id(vars(item).get("_rng")) for item in gc.get_objects()
                              if type(item) is tempfile._RandomNameSequence])
        numpy = sys.modules.get("numpy.random.mtrand")
        if numpy is not None:
            known.update((id(numpy._rand), id(numpy._rand._bit_generator)))
            kinds += [numpy.RandomState, sys.modules["numpy.random"].Generator,
                      sys.modules["numpy.random"].BitGenerator]
        if not kinds:
            return None
        kinds, seen = tuple(kinds), {}
        for item in gc.get_objects():
            kind = type(item)
            if kind not in seen:
                seen[kind] = issubclass(kind, kinds) and kind.__name__ != "SystemRandom"
            if seen[kind] and id(item) not in known:
                return kind.__module__ + "." + kind.__qualname__
        return None

    def files():
        """The files that imports made, from the folders that a job gets fresh, in the order of their making."""
        found, size = [], 0
        folders = list(places)
        while folders:
            folder = folders.pop()
            # The newest is listed first.
            for name in reversed(os.listdir(folder)):
                path = os.path.join(folder, name)
                about = os.lstat(path)
                mode, content = about.st_mode & 0o7777, None
                if about.st_mode >> 12 == 4:
                    folders.append(path)
                elif about.st_mode >> 12 == 8 and about.st_nlink == 1 and size + about.st_size <= most_bytes:
                    size += about.st_size
                    with open(path, "rb") as file:
                        content = file.read()
                else:
                    raise Unfit("it makes a file that cannot be made again")
                found.append((path, mode, content))
                if len(found) > most_files:
                    raise Unfit("it makes many files")
        return found

    def put_back():
        for path, mode, content in kept:
            if content is None:
                os.mkdir(path)
                os.chmod(path, mode)
            else:
                with open(path, "wb", 0) as file:
                    file.write(content)
                    os.fchmod(file.fileno(), mode)

    def warm(imports):
        """Imports more, as a program's own first lines would."""
        before = traces()
        started = time.process_time()
        for name in imports:
            module, _, part = name.partition(":")
            if not all(word.isidentifier() for word in module.split(".")) or not (part or "x").isidentifier():
                raise Unfit("no name of a module")
            text = "from %s import %s" % (module, part) if part else "import " + module
            space = {"__name__": "__test__", "__builtins__": builtins}
            try:
                exec(compile(text, "__test__.py", "exec", dont_inherit=True), space)
            except BaseException as error:
                raise Unfit("it raises " + describe(error)[0])
            if "__warningregistry__" in space:
                raise Unfit("it warns whoever imports it")
        imported()
        used = time.process_time() - started
        for stream in (sys.__stdout__, sys.__stderr__):
            stream.flush()
        after = traces()
        for what in before:
            if before[what] != after[what]:
                raise Unfit("it changes " + what)
        try:
            os.waitpid(-1, os.WNOHANG)
            raise Unfit("it starts processes")
        except ChildProcessError:
            pass
        generator = own_generators()
        if generator is not None:
            raise Unfit("it makes a " + generator)
        return used

    def settle():
        gc.collect()
        gc.freeze()
        os.chdir("/")
        # What is mapped from files is nobody's own.
        _, resident, mapped, *_ = map(int, text_of("/proc/self/statm").split())
        return (resident - mapped) * resource.getpagesize()

    def hold_nothing():
        """Whoever is of the same user may open what this process holds: nothing that a job could leave
        anything in for the next one."""
        null = os.open("/dev/null", os.O_RDONLY)
        # 3 is kept from being given to anything: what is received must lie above a job's own places.
        for place in range(4):
            os.dup2(null, place)
        os.close(null)

    def take_streams():
        """Descriptors of the kinds that a job has, for an import to see. Gives the ends that must stay open."""
        source = os.memfd_create("input", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        fcntl.fcntl(source, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
        os.dup2(source, 0)
        os.close(source)
        ours = []
        for place in (1, 2):
            end, theirs = os.pipe()
            os.dup2(theirs, place)
            os.close(theirs)
            ours.append(end)
        return ours

    def numbers(letter, *values):
        return letter + b"".join([int(value).to_bytes(8, "big") for value in values])

    def become_job(descriptors, seconds):
        """The child of a job, made what a cold interpreter is when it has run the definitions."""
        os.setsid()
        os.chdir("/work")
        for place, descriptor in enumerate(descriptors):
            os.dup2(descriptor, place)
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        size = os.fstat(3).st_size
        payload = b""
        while len(payload) < size:
            payload += os.read(3, size - len(payload))
        os.close(3)
        put_back()
        if "threading" in sys.modules:
            main_thread = sys.modules["threading"].main_thread()
            getattr(main_thread, "_set_native_id", int)()
        if "logging" in sys.modules:
            logging = sys.modules["logging"]
            is_whole = type(logging._startTime) is int
            logging._startTime = time.time_ns() if is_whole else time.time()
        if "multiprocessing.process" in sys.modules:
            process = sys.modules["multiprocessing.process"]
            process._current_process._config["authkey"] = process.AuthenticationString(os.urandom(32))
        if "numpy.random.mtrand" in sys.modules:
            sys.modules["numpy.random.mtrand"]._rand.seed()
        if b"gc" in payload:
            # It may ask what the collector holds.
            gc.unfreeze()
        PAYLOAD[:] = [bytearray(payload[:32]), payload[32:]]

    hold_nothing()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    link = socket.socket(fileno=4)
    kept = []
    del PAYLOAD[:]
    link.send(numbers(b"R", os.getpid(), 0, settle()))
    room = socket.CMSG_SPACE(5 * 4)
    while True:
        message, beside, _, _ = link.recvmsg(1 << 16, room, socket.MSG_CMSG_CLOEXEC)
        received = []
        for _, _, data in beside:
            received += [int.from_bytes(data[at:at + 4], sys.byteorder) for at in range(0, len(data), 4)]
        if not message:
            end_process(0)
        if message[:1] == b"J" and len(received) == 5:
            child = os.fork()
            if child == 0:
                try:
                    link.detach()
                    become_job(received, int(message[1:]))
                except BaseException:
                    # Without a word of the driver it is run anew.
                    end_process(6)
                return
            for descriptor in received:
                os.close(descriptor)
            _, status, used = os.wait4(child, 0)
            link.send(numbers(b"E", status, (used.ru_utime + used.ru_stime) * 1e6, used.ru_maxrss * 1024))
        elif message[:1] == b"Z" and len(received) == 1:
            between = os.fork()
            if between:
                os.close(received[0])
                os.waitpid(between, 0)
                continue
            # Twice, so that the sandbox's first process is the one to see it end.
            if os.fork():
                end_process(0)
            link.detach()
            os.dup2(received[0], 4)
            os.close(received[0])
            link = socket.socket(fileno=4)
            try:
                os.chdir("/work")
                put_back()
                ours = take_streams()
                used = warm(message[1:].decode("ascii").split("\n"))
                kept = files()
                hold_nothing()
                for end in ours:
                    os.close(end)
                while os.getppid() != 1:
                    # Whoever is between them has not come to its end yet.
                    time.sleep(0.0001)
                link.send(numbers(b"R", os.getpid(), used * 1e6, settle()))
            except BaseException as error:
                link.send(b"U" + (str(error) if type(error) is Unfit else describe(error)[0]).encode()[:500])
                end_process(4)
        else:
            end_process(5)


keep()
del keep
