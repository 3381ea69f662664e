//! Attacks on the sandbox's own machinery and on its limits: none gets out, none is taken for a
//! failure of the host, and honest programs that look alike are left alone.

mod support;

use serde_json::Value;
use support::{Mode, exec, modes, skip};

const PYTHON: &str = "/usr/bin/python3";

/// Every mode, with the host's control groups and without any.
fn ways() -> Vec<(Mode, &'static [&'static str])> {
    let without: &[&str] = &["--give-up", "cgroup"];
    let ways = |mode: Mode| [(mode.clone(), &[][..]), (mode, without)];
    modes().into_iter().flat_map(ways).collect()
}

fn has_python() -> bool {
    let found = std::path::Path::new(PYTHON).exists();
    if !found {
        skip("the host has no /usr/bin/python3");
    }
    found
}

fn python(mode: &Mode, options: &[&str], program: &str) -> Value {
    exec(mode, options, &[PYTHON, "-I", "-S", "-c", program])
}

fn stdout(result: &Value) -> String {
    let text = result["stdout"]["text"].as_str();
    text.unwrap_or("no output").trim().to_owned()
}

#[test]
fn memory_is_bounded_wherever_it_is_held() {
    if !has_python() {
        return;
    }
    let programs = [
        ("heap", "x = []\nwhile True: x.append(bytearray(1 << 20))"),
        (
            "many processes, each below the limit",
            "import os, time\nfor _ in range(8):\n  if os.fork() == 0:\n    x = bytearray(24 << 20); time.sleep(20); os._exit(0)\ntime.sleep(20)",
        ),
        (
            "files",
            "import time\nfor i in range(4):\n  with open(f'/tmp/{i}', 'wb') as f:\n    for _ in range(30): f.write(bytes(1 << 20))\ntime.sleep(20)",
        ),
        (
            "files without a name",
            "import os, time\nfds = []\nfor i in range(4):\n  f = open('/dev/shm/x', 'wb'); os.unlink('/dev/shm/x'); fds.append(f)\n  for _ in range(30): f.write(bytes(1 << 20))\n  f.flush()\ntime.sleep(20)",
        ),
        (
            "shared mappings",
            "import mmap, time\nm = mmap.mmap(-1, 200 << 20)\nfor i in range(0, 200 << 20, 4096): m[i] = 1\ntime.sleep(20)",
        ),
    ];
    for (mode, give_up) in ways() {
        for (name, program) in programs {
            let mut options = vec!["--memory-mib", "96", "--wall-seconds", "15"];
            options.extend(give_up);
            let result = python(&mode, &options, program);
            if name == "heap" && result["status"] == "exited" {
                // RLIMIT_DATA refused before the watch looked: the program died of MemoryError.
                assert_eq!(result["exit_code"], 1, "{mode:?} {give_up:?}: {result}");
                continue;
            }
            assert_eq!(
                result["limit"], "memory",
                "{mode:?} {give_up:?}: {name}: {}",
                result["status"]
            );
        }
    }
}

#[test]
fn pages_that_processes_share_are_counted_once() {
    if !has_python() {
        return;
    }
    let program = "import os, time\nx = bytearray(40 << 20)\n\
                   for _ in range(4):\n  if os.fork() == 0: time.sleep(0.3); os._exit(0)\n\
                   for _ in range(4): os.wait()\nprint('fine')";
    for (mode, give_up) in ways() {
        let mut options = vec!["--memory-mib", "128"];
        options.extend(give_up);
        let result = python(&mode, &options, program);
        assert_eq!(stdout(&result), "fine", "{mode:?} {give_up:?}: {result}");
    }
}

#[test]
fn too_many_processes_are_told_in_every_way() {
    if !has_python() {
        return;
    }
    // Bounded by itself as well: at most 400 that sleep.
    let program = "import os, time\nfor _ in range(400):\n  try:\n    if os.fork() == 0: time.sleep(5); os._exit(0)\n  except OSError: break\ntime.sleep(5)";
    for (mode, give_up) in ways() {
        let mut options = vec!["--processes", "20"];
        options.extend(give_up);
        let result = python(&mode, &options, program);
        assert_eq!(
            result["limit"], "processes",
            "{mode:?} {give_up:?}: {result}"
        );
    }
}

#[test]
fn the_first_process_cannot_be_stopped_starved_of_memory_or_read() {
    if !has_python() {
        return;
    }
    let program = "
import os, signal, time
for number in range(1, 65):
    try: os.kill(1, number)
    except OSError: pass
for path in ('mem', 'environ', 'maps', 'fd', 'root', 'cwd', 'exe', 'ns/mnt', 'stack', 'syscall', 'auxv'):
    try:
        path = '/proc/1/' + path
        if os.path.isdir(path): print(os.listdir(path))
        else: print(path, open(path, 'rb').read(10) or exit)
    except OSError: pass
for _ in range(200):
    first = int(open('/proc/1/oom_score_adj').read())
    if first < 1000: break
    time.sleep(0.05)
own = int(open('/proc/self/oom_score_adj').read())
print('the program goes first' if own == 1000 and first < own else (first, own))
for path in ('self', '1'):
    try: open(f'/proc/{path}/oom_score_adj', 'w').write('0'); print('changed', path)
    except OSError: pass
";
    for mode in modes() {
        let result = python(&mode, &[], program);
        assert_eq!(result["status"], "exited", "{mode:?}: {result}");
        assert_eq!(stdout(&result), "the program goes first", "{mode:?}");
    }
}

/// System calls by their x86_64 numbers, and what each must give.
const CALLS: [(&str, &str, &str); 32] = [
    ("TIOCSTI", "16, 0, 0x5412, 0", "EPERM"),
    ("FIONREAD", "16, pipe, 0x541b, buffer", "ok"),
    (
        "FS_IOC_GETFLAGS on /usr",
        "16, usr, 0x80086601, buffer",
        "ENOTTY",
    ),
    (
        "FS_IOC_ADD_ENCRYPTION_KEY",
        "16, usr, 0xc0506617, buffer",
        "ENOTTY",
    ),
    ("FICLONE", "16, usr, 0x40049409, 0", "ENOTTY"),
    ("NS_GET_PARENT", "16, ns, 0xb702, 0", "ENOTTY"),
    (
        "NS_GET_USERNS, upper half set",
        "16, ns, 0x10000b701, 0",
        "ENOTTY",
    ),
    ("prctl(PR_SET_MM)", "157, 35, 14, buffer, 0, 0", "EPERM"),
    ("prctl(PR_SCHED_CORE)", "157, 62, 1, 0, 0, 0", "EPERM"),
    ("prctl(PR_FUTEX_HASH)", "157, 78, 1, 65536, 0, 0", "EINVAL"),
    ("prctl(PR_GET_DUMPABLE)", "157, 3, 0, 0, 0, 0", "ok"),
    ("SO_ATTACH_FILTER", "54, pair, 1, 26, buffer, 16", "EPERM"),
    ("SO_ATTACH_BPF", "54, pair, 1, 50, buffer, 4", "EPERM"),
    (
        "SO_ATTACH_REUSEPORT_CBPF",
        "54, pair, 1, 51, buffer, 16",
        "EPERM",
    ),
    (
        "SO_ATTACH_REUSEPORT_EBPF",
        "54, pair, 1, 52, buffer, 4",
        "EPERM",
    ),
    ("TCP_ULP", "54, pair, 6, 31, buffer, 4", "EPERM"),
    ("SO_SNDBUF", "54, pair, 1, 7, size, 4", "ok"),
    ("setrlimit(RLIMIT_CORE)", "160, 4, buffer", "EPERM"),
    ("prlimit(RLIMIT_CORE)", "302, 0, 4, buffer, 0", "EPERM"),
    (
        "prlimit asking for RLIMIT_CORE",
        "302, 0, 4, 0, buffer",
        "ok",
    ),
    (
        "prlimit of the first process",
        "302, 1, 7, 0, buffer",
        "EPERM",
    ),
    ("inotify_init1", "294, 0", "ENOSYS"),
    ("vmsplice", "278, pipe, 0, 0, 0", "ENOSYS"),
    ("mknod of a file", "133, b'/tmp/plain', 0o600, 0", "ok"),
    (
        "mknod of a file, said so",
        "133, b'/tmp/file', 0o100600, 0",
        "ok",
    ),
    ("mknod of a pipe", "133, b'/tmp/fifo', 0o10600, 0", "ok"),
    (
        "mknod of a device",
        "133, b'/tmp/disk', 0o60600, 0x800",
        "EPERM",
    ),
    (
        "mknodat of a device",
        "259, -100, b'/tmp/null', 0o20600, 0x103",
        "EPERM",
    ),
    (
        "open of /dev/urandom for writing",
        "2, b'/dev/urandom', 1, 0",
        "EACCES",
    ),
    ("signal to all", "62, -1, 0", "ESRCH"),
    ("pidfd_getfd", "438, 0, 0, 0", "EPERM"),
    ("open_by_handle_at", "304, 0, buffer, 0", "EPERM"),
];

#[test]
fn calls_on_the_edge_of_the_policy_are_refused_or_allowed() {
    if !has_python() || !cfg!(target_arch = "x86_64") {
        return skip("system calls are tried by their x86_64 numbers");
    }
    let mut program = "
import ctypes, errno, os, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(4096)
size = ctypes.create_string_buffer(struct.pack('i', 4096))
pipe = os.pipe()[0]
usr = os.open('/usr', os.O_RDONLY)
ns = os.open('/proc/self/ns/pid', os.O_RDONLY)
a, b = socket.socketpair()
pair = a.fileno()
def call(name, number, *arguments):
    wrap = lambda v: ctypes.c_long(v) if isinstance(v, int) else v
    result = libc.syscall(ctypes.c_long(number), *map(wrap, arguments))
    print(name, 'ok' if result >= 0 else errno.errorcode[ctypes.get_errno()], sep='=')
"
    .to_owned();
    for (name, arguments, _) in CALLS {
        program.push_str(&format!("call({name:?}, {arguments})\n"));
    }
    for mode in modes() {
        let result = exec(&mode, &[], &[PYTHON, "-c", &program]);
        let printed = stdout(&result);
        for ((name, _, expected), line) in CALLS.iter().zip(printed.lines()) {
            assert_eq!(line, format!("{name}={expected}"), "{mode:?}");
        }
        assert_eq!(printed.lines().count(), CALLS.len(), "{mode:?}: {result}");
    }
}

#[test]
fn only_plain_protocols_have_sockets_on_the_loopback() {
    if !has_python() {
        return;
    }
    let program = "
import socket
for family in (socket.AF_INET, socket.AF_INET6):
    for kind, protocol in ((1, 0), (1, 6), (2, 0), (2, 17), (1, 132), (1, 262), (2, 1), (2, 58), (2, 136), (3, 1), (5, 132)):
        try: socket.socket(family, kind, protocol).close(); print('ok', end=' ')
        except OSError as error: print(error.errno, end=' ')
";
    let line = "ok ok ok ok 97 97 97 97 97 97 97 ";
    for mode in modes() {
        let options = ["--profile", "grade"];
        let result = exec(&mode, &options, &[PYTHON, "-c", program]);
        assert_eq!(stdout(&result), line.repeat(2).trim(), "{mode:?}: {result}");
    }
}

#[test]
fn the_32_bit_door_is_closed() {
    if !has_python() || !cfg!(target_arch = "x86_64") {
        return skip("int 0x80 is a door of x86_64");
    }
    // mov eax, 20 (getpid); int 0x80; ret
    let program = "
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=7)
page.write(bytes.fromhex('b814000000cd80c3'))
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
print(ctypes.CFUNCTYPE(ctypes.c_int)(address)())
";
    for mode in modes() {
        let result = exec(&mode, &[], &[PYTHON, "-c", program]);
        assert_eq!(result["status"], "crashed", "{mode:?}: {result}");
        assert_eq!(result["signal"], 31, "{mode:?}: {result}");
    }
}

#[test]
fn a_crash_makes_no_dump_anywhere() {
    if !has_python() {
        return;
    }
    let program = "import os, resource\nprint(resource.getrlimit(resource.RLIMIT_CORE)[0] <= 1, flush=True)\nos.abort()";
    for mode in modes() {
        let result = exec(&mode, &[], &[PYTHON, "-c", program]);
        assert_eq!(result["status"], "crashed", "{mode:?}: {result}");
        assert_eq!(stdout(&result), "True", "{mode:?}");
    }
}

#[test]
fn the_first_process_keeps_no_way_to_the_supervisor() {
    for mode in modes() {
        let marker = format!("{}.{}", 7_000 + std::process::id() % 1000, 25);
        let running = std::thread::spawn({
            let (mode, marker) = (mode.clone(), marker.clone());
            move || exec(&mode, &["--wall-seconds", "30"], &["/bin/sleep", &marker])
        });
        let program = loop {
            match support::find_running(&format!("/bin/sleep\0{marker}\0")) {
                Some(program) if !running.is_finished() => break program,
                _ => std::thread::sleep(std::time::Duration::from_millis(20)),
            }
        };
        let stat = std::fs::read_to_string(format!("/proc/{program}/stat")).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let first = fields.split_whitespace().nth(1).unwrap().to_owned();
        // An ordinary user may not look at their own; root, who runs the tests in CI, may.
        if let Ok(entries) = std::fs::read_dir(format!("/proc/{first}/fd")) {
            let mut sockets: Vec<String> = entries
                .flatten()
                .filter_map(|entry| std::fs::read_link(entry.path()).ok())
                .map(|target| target.display().to_string())
                .filter(|target| target.starts_with("socket:"))
                .collect();
            sockets.dedup();
            assert_eq!(sockets.len(), 1, "{mode:?}: only the way to the worker");
        }
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(program),
            nix::sys::signal::Signal::SIGKILL,
        )
        .unwrap();
        assert_eq!(running.join().unwrap()["signal"], 9);
    }
}

#[test]
fn what_cannot_be_done_is_said_before_anything_runs() {
    for mode in modes() {
        for target in ["/tmp", "/tmp/below", "/work", "/dev/shm", "/etc/passwd"] {
            let mount = format!("/usr/share:{target}");
            let output = support::command(&mode, &["--mount", &mount], &["/bin/true"]);
            assert_eq!(output.status.code(), Some(2), "{mode:?}: {target}");
        }
        let long = format!("/{}", "x".repeat(60_000));
        let output = support::command(&mode, &[], &[&long]);
        assert_eq!(output.status.code(), Some(2), "{mode:?}: a name too long");
    }
}
