# Calls a function in a forked child and takes its result from there. Part of the drivers that call one function with
# one case after the other.
import json, select, signal, time, types, _signal

FRAME_LIMIT = VALUE_LIMIT * 2 + 4096
close, read, write, fork, waitpid, kill, killpg, setsid, pipe = (
    os.close, os.read, os.write, os.fork, os.waitpid, os.kill, os.killpg, os.setsid, os.pipe)
monotonic, wait_for = time.monotonic, select.select
SIGKILL = signal.SIGKILL


def public_names(module):
    names = module.__dict__.get("__all__")
    if names is None:
        names = [name for name in module.__dict__ if not name.startswith("_")]
    return {name: module.__dict__[name] for name in names}


def run_forked(outcome, function, arguments, seconds, more):
    """A result as the child sent it, or why there is none; `outcome` is the child's side, with `more` for its last
    argument. The pipe is drained while it runs."""
    reader, writer = pipe()
    child = fork()
    if child == 0:
        try:
            close(reader)
            setsid()
            data = outcome(function, arguments, more).encode("ascii")
            data = len(data).to_bytes(8, "big") + data
            while data:
                data = data[write(writer, data):]
        except BaseException:
            pass
        finally:
            leave(0)
    close(writer)
    deadline = monotonic() + seconds
    data, status, late = b"", None, False
    while True:
        left = deadline - monotonic()
        if left <= 0:
            late = True
            break
        ready, _, _ = wait_for([reader], [], [], min(left, 0.05))
        if ready:
            block = read(reader, 1 << 16)
            data += block
            size = int.from_bytes(data[:8], "big") if len(data) >= 8 else None
            if not block or size is not None and (len(data) >= 8 + size or size > FRAME_LIMIT):
                break
        elif status is None:
            # A grandchild may hold the pipe open after the child is gone.
            pid, result = waitpid(child, 1)
            if pid == child:
                status = result
        else:
            break
    close(reader)
    grace = monotonic() + 1.0
    while status is None and not late and monotonic() < grace:
        pid, result = waitpid(child, 1)
        if pid == child:
            status = result
        else:
            wait_for([], [], [], 0.001)
    for end, target in ((killpg, child), (kill, child)):
        if end is killpg or status is None:
            try:
                end(target, SIGKILL)
            except OSError:
                pass
    if status is None:
        status = waitpid(child, 0)[1]
    if late:
        return ["timeout"]
    size = int.from_bytes(data[:8], "big") if len(data) >= 8 else None
    if size is None or len(data) < 8 + size or size > FRAME_LIMIT:
        how = "signal %d" % (status & 127) if status & 127 else "exit code %d" % (status >> 8)
        return ["no_result", "its process ended without a result, by " + how]
    return [data[8:8 + size].decode("ascii", "replace")]


def make_frame_parser():
    scan = json.decoder.scanstring

    def parse(text):
        """The strings of a JSON array of strings; the bytes come from the snippet's process."""
        found = []
        place = 1
        try:
            while place < len(text) and text[place] == '"' and len(found) < 4:
                item, place = scan(text, place + 1, True)
                found.append(item)
                place += 1
        except Exception:
            return ["no_result", "its process sent something else"]
        return found or ["no_result", "its process sent something else"]

    return parse


from_json_strings = make_frame_parser()
