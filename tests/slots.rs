//! A sandbox that runs one program after the other: the next one finds nothing of the last.
//!
//! An observer writes down everything that it can see of its surroundings. After every kind of
//! predecessor it must see what it sees in a sandbox that nobody has used.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use fumehood::base::limits::Limits;
use fumehood::worker::{End, Observation, Pool, PoolConfig, Request, Reuse};
use serde_json::Value;

const PYTHON: &str = "/usr/bin/python3";

/// What can be seen, as JSON. `sandbox` names the namespaces, by which two runs can be told to have
/// shared a sandbox.
const OBSERVER: &str = r#"
import fcntl, json, os, resource, signal, socket, stat, time
started = time.time()
def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError as error:
        return error.errno
def folder(path):
    found = os.stat(path)
    space = os.statvfs(path)
    recent = found.st_mtime > started - 3600
    return [sorted(os.listdir(path)), found.st_mode, found.st_uid, found.st_gid, found.st_nlink, found.st_size,
            recent, os.listxattr(path), space.f_blocks - space.f_bfree, space.f_files - space.f_ffree]
def lock(path):
    try:
        with open(path) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf
        return "free"
    except OSError as error:
        return error.errno
seen = {name: folder(name) for name in ("/work", "/tmp", "/dev/shm")}
seen["root"] = sorted(os.listdir("/"))
seen["pids"] = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
seen["pid"] = [os.getpid(), os.getppid(), os.getsid(0), os.getpgrp()]
child = os.fork()
if not child:
    os._exit(0)
os.waitpid(child, 0)
seen["child"] = child
seen["descriptors"] = sorted(os.listdir("/proc/self/fd"))
seen["net"] = {name: read("/proc/self/net/" + name) for name in
               ("dev", "snmp", "snmp6", "netstat", "unix", "tcp", "tcp6", "udp", "route", "arp", "packet", "igmp")}
seen["locks"] = [lock(path) for path in ("/usr", "/usr/bin/python3", "/dev/null", "/dev/urandom")]
seen["limits"] = read("/proc/self/limits")
seen["oom"] = read("/proc/self/oom_score_adj")
seen["priority"] = [os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), sorted(os.sched_getaffinity(0))]
seen["status"] = [line for line in read("/proc/self/status").splitlines()
                  if line.startswith(("Uid", "Gid", "Groups", "Sig", "Shd", "Cap", "NoNew", "Seccomp", "Umask", "Cpus"))]
seen["mounts"] = [line.split(" - ")[0].split()[3:] + line.split(" - ")[1].split()[:1]
                  for line in read("/proc/self/mountinfo").splitlines()]
seen["cwd"], seen["host"], seen["env"] = os.getcwd(), socket.gethostname(), dict(os.environ)
seen["parent"] = [read("/proc/1/" + name) for name in ("comm", "cmdline", "environ", "maps")]
try:
    socket.socket(socket.AF_UNIX).connect("\0left")
    seen["abstract"] = "there"
except OSError as error:
    seen["abstract"] = error.errno
print(json.dumps({"sandbox": [os.readlink("/proc/self/ns/" + name) for name in ("pid", "net")], "seen": seen}))
"#;

/// Predecessors: what they do, and whether their sandbox is used again, where that does not depend on the
/// kernel's pace.
const PREDECESSORS: [(&str, Option<bool>, &str); 17] = [
    ("nothing", Some(true), ""),
    (
        "files",
        Some(true),
        "for f in '/work', '/tmp', '/dev/shm':\n open(f + '/left', 'w').write('x' * 5000)\n os.makedirs(f + '/a/b/c')\n os.symlink('/etc', f + '/link')\n os.mkfifo(f + '/pipe')",
    ),
    (
        "a file that is gone again",
        Some(true),
        "open('/work/x', 'w').close(); os.unlink('/work/x')",
    ),
    (
        "a file without a name",
        Some(true),
        "os.write(os.open('/tmp', os.O_TMPFILE | os.O_RDWR), b'left')",
    ),
    (
        "modes and times",
        Some(true),
        "os.chmod('/work', 0o777); os.utime('/tmp', (1, 1)); os.chmod('/dev/shm', 0o1700)",
    ),
    (
        "attributes",
        Some(true),
        "try: os.setxattr('/work', 'user.left', b'1')\nexcept OSError: pass",
    ),
    (
        // The kernel gives back what processes took a moment after they are gone; until then it is still
        // counted, and another sandbox takes the place of this one.
        "a hundred processes",
        None,
        "for _ in range(100):\n p = os.fork()\n if not p: os._exit(0)\n os.waitpid(p, 0)",
    ),
    (
        "daemons that hold locks and write on",
        Some(true),
        "import fcntl\nkept = [open(p) for p in ('/usr/bin/python3', '/dev/null')]\nfor k in kept: fcntl.flock(k, fcntl.LOCK_EX)\nfor _ in range(3):\n if not os.fork():\n  os.setsid()\n  if not os.fork():\n   for s in signals: signal.signal(s, signal.SIG_IGN)\n   while 1:\n    open('/tmp/alive', 'a').write('x'); time.sleep(0.001)\n  os._exit(0)\ntime.sleep(0.05)",
    ),
    (
        "stopped processes",
        Some(true),
        "for _ in range(3):\n if not os.fork():\n  os.kill(os.getpid(), signal.SIGSTOP)\ntime.sleep(0.05)",
    ),
    (
        "priorities and limits",
        Some(true),
        "os.nice(7); os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); os.umask(0)\nimport resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (20, 20)); os.setpriority(os.PRIO_PGRP, 0, 15)",
    ),
    (
        "a name of its own for a socket",
        Some(true),
        "import socket\ns = socket.socket(socket.AF_UNIX); s.bind(b'\\0left'); s.listen()\nif os.fork(): os._exit(0)\ntime.sleep(60)",
    ),
    (
        "sockets that hold each other",
        None,
        "import socket, array\na, b = socket.socketpair()\nfor x, y in ((a, b), (b, a)):\n x.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [x.fileno(), y.fileno()]))])",
    ),
    (
        "connections",
        Some(false),
        "import socket\nl = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(l.getsockname()); d, _ = l.accept()\nc.sendall(b'left'); d.close(); c.close()",
    ),
    (
        "a lower priority for everybody",
        Some(true),
        "try: os.setpriority(os.PRIO_USER, 0, 10)\nexcept PermissionError: pass",
    ),
    (
        "another policy for the first process",
        Some(true),
        "try: os.sched_setscheduler(1, os.SCHED_BATCH, os.sched_param(0))\nexcept PermissionError: pass",
    ),
    (
        "fewer processors for the first process",
        Some(true),
        "try: os.sched_setaffinity(1, {min(os.sched_getaffinity(0))})\nexcept PermissionError: pass",
    ),
    (
        "a forbidden act",
        Some(false),
        "import ctypes\nctypes.CDLL(None).unshare(0x10000000)",
    ),
];

fn request(code: &str) -> Request {
    let signals = "import os, signal, time\nsignals = set(range(1, 32)) - {9, 19}\n";
    Request {
        argv: [PYTHON, "-I", "-S", "-c", &format!("{signals}{code}")]
            .map(str::to_owned)
            .to_vec(),
        env: vec![("LANG".to_owned(), "C.UTF-8".to_owned())],
        stdin: Vec::new(),
        payload: Some(b"payload".to_vec()),
        events_limit: Some(1000),
        profile: "grade".to_owned(),
        mounts: Vec::new(),
        limits: Limits::default(),
        reuse: Reuse::Sandbox,
    }
}

async fn observe(pool: &Pool) -> (Value, Value) {
    let observation = pool.run(request(OBSERVER)).await.unwrap();
    let stderr = String::from_utf8_lossy(&observation.stderr.bytes);
    assert_eq!(observation.end, End::Exited(0), "{stderr}");
    let mut view: Value = serde_json::from_slice(&observation.stdout.bytes).unwrap();
    (view["sandbox"].take(), view["seen"].take())
}

async fn pool(without: &[&str]) -> Pool {
    let config = PoolConfig {
        workers: 1,
        executable: support::binary().to_owned(),
        profile_dir: None,
        without: without.iter().map(|&name| name.to_owned()).collect(),
    };
    Pool::start(config).await.unwrap()
}

#[tokio::test]
async fn the_next_program_sees_nothing_of_the_last() {
    if support::modes().is_empty() || !std::path::Path::new(PYTHON).exists() {
        return support::skip("no sandbox or no /usr/bin/python3 here");
    }
    let pool = pool(&[]).await;
    let (mut last, fresh) = observe(&pool).await;
    for (what, again, code) in PREDECESSORS {
        let observation: Observation = pool.run(request(code)).await.unwrap();
        let stderr = String::from_utf8_lossy(&observation.stderr.bytes);
        assert_eq!(observation.end, End::Exited(0), "{what}: {stderr}");
        let (sandbox, seen) = observe(&pool).await;
        for (part, before) in fresh.as_object().unwrap() {
            assert_eq!(before, &seen[part], "after {what}: {part}");
        }
        let same = sandbox == last;
        assert_eq!(
            same,
            again.unwrap_or(same),
            "after {what}: the same sandbox?"
        );
        last = sandbox;
    }
    pool.shutdown().await;
}

/// A program that was ended for a limit takes its sandbox with it.
#[tokio::test]
async fn a_limit_ends_the_sandbox_too() {
    if support::modes().is_empty() || !std::path::Path::new(PYTHON).exists() {
        return support::skip("no sandbox or no /usr/bin/python3 here");
    }
    let pool = pool(&[]).await;
    let (last, fresh) = observe(&pool).await;
    let mut flood = request("while 1: os.write(1, b'x' * 65536)");
    flood.limits.output = 100_000;
    let observation = pool.run(flood).await.unwrap();
    assert!(observation.limit.is_some());
    let (sandbox, seen) = observe(&pool).await;
    assert_ne!(sandbox, last);
    assert_eq!(seen, fresh);
    pool.shutdown().await;
}

/// Requests that show other folders, or have another profile, never share a sandbox; those with other
/// limits may, and get their own.
#[tokio::test]
async fn a_sandbox_is_shared_only_by_requests_of_one_shape() {
    if support::modes().is_empty() || !std::path::Path::new(PYTHON).exists() {
        return support::skip("no sandbox or no /usr/bin/python3 here");
    }
    let pool = pool(&[]).await;
    let name = "print(os.readlink('/proc/self/ns/pid'), os.statvfs('/tmp').f_blocks, open('/proc/self/limits').read())";
    let run = async |request: Request| {
        let observation = pool.run(request).await.unwrap();
        assert_eq!(observation.end, End::Exited(0));
        let text = String::from_utf8(observation.stdout.bytes).unwrap();
        let (first, limits) = text.split_once('\n').unwrap();
        let mut first = first.split_whitespace().map(str::to_owned);
        let files = limits.lines().find(|line| line.contains("open files"));
        let files = files.unwrap().split_whitespace().nth(3).unwrap().to_owned();
        (first.next().unwrap(), first.next().unwrap(), files)
    };
    let first = run(request(name)).await;
    let same = run(request(name)).await;
    let mut limited = request(name);
    limited.limits.disk = 8 << 20;
    limited.limits.open_files = 77;
    let other_limits = run(limited).await;
    let mut profile = request(name);
    profile.profile = "strict".to_owned();
    let other_profile = run(profile).await;
    let again = run(request(name)).await;
    assert_eq!(first, same);
    assert_eq!(first.0, other_limits.0);
    assert_ne!(first.1, other_limits.1);
    assert_eq!(other_limits.2, "77");
    assert_ne!(first.0, other_profile.0);
    assert_eq!(first, again);
    pool.shutdown().await;
}

/// What earlier programs used is not counted for later ones, whoever counts: control groups or `/proc`.
#[tokio::test]
async fn processor_time_and_memory_are_counted_from_the_start() {
    if support::modes().is_empty() || !std::path::Path::new(PYTHON).exists() {
        return support::skip("no sandbox or no /usr/bin/python3 here");
    }
    for without in [&[] as &[&str], &["cgroup"]] {
        let pool = pool(without).await;
        let mut work = request(
            "x = bytearray(120 << 20)\nwhile time.process_time() < 0.7: pass\nprint(os.readlink('/proc/self/ns/pid'))",
        );
        work.limits.cpu = std::time::Duration::from_secs(2);
        let mut sandboxes = Vec::new();
        for _ in 0..5 {
            let observation = pool.run(work.clone()).await.unwrap();
            assert_eq!(
                observation.end,
                End::Exited(0),
                "{without:?}: {observation:?}"
            );
            assert!(observation.usage.cpu.as_millis() < 1_400, "{without:?}");
            sandboxes.push(observation.stdout.bytes);
        }
        let mut small = request("time.sleep(0.2); print(os.readlink('/proc/self/ns/pid'))");
        small.limits.cpu = std::time::Duration::from_secs(2);
        let observation = pool.run(small).await.unwrap();
        sandboxes.push(observation.stdout.bytes);
        sandboxes.dedup();
        assert_eq!(sandboxes.len(), 1, "{without:?}: one sandbox for all");
        assert!(observation.usage.cpu.as_millis() < 500, "{without:?}");
        let peak = observation.usage.peak_memory.unwrap();
        assert!(peak < 64 << 20, "{without:?}: {peak}");
        pool.shutdown().await;
    }
}
