//! What jobs do to the interpreters of their slot, and to whoever comes after them: the next job must not notice.

use fumehood::worker::{Observation, Origin, Pool, Request};

use super::support::skip;
use super::{TIMES, interpreter, pool, request, shown, tasks};

/// Runs a job, whose test must pass.
async fn passing(pool: &Pool, request: Request) -> Observation {
    let observation = pool.run(request).await.unwrap();
    let events = String::from_utf8_lossy(&observation.events);
    assert!(
        events.contains("\"outcome\":\"passed\""),
        "{observation:?}\n{events}"
    );
    observation
}

/// What jobs do to the interpreter that they were forked from. Every one of these passes cold.
const SPITEFUL: [(&str, &str); 8] = [
    ("kills it", "os.kill(parent, 9)"),
    ("interrupts it", "os.kill(parent, 2)"),
    ("stops it", "os.kill(parent, 19)"),
    (
        "slows it down",
        "os.setpriority(os.PRIO_PROCESS, parent, 15)",
    ),
    ("slows all down", "os.setpriority(os.PRIO_USER, 0, 15)"),
    (
        "pins it",
        "os.sched_setaffinity(parent, {min(os.sched_getaffinity(0))})",
    ),
    (
        "changes its policy",
        "os.sched_setscheduler(parent, os.SCHED_IDLE, os.sched_param(0))",
    ),
    (
        // ioprio_set
        "has it read and write when nobody else does",
        "import ctypes; assert ctypes.CDLL(None).syscall(251, 1, parent, 3 << 13) == 0",
    ),
];

#[tokio::test]
async fn no_job_harms_the_next_by_its_interpreter() {
    let (Some(interpreter), Some(pool)) = (interpreter(), pool().await) else {
        return;
    };
    // Another driver leaves `os.kill` as it is.
    let (_, task) = tasks().remove(1);
    let state = "import ctypes, os, sys\nfound = [ctypes.CDLL(None).syscall(252, 1, 0), os.getpriority(os.PRIO_PROCESS, 0), sorted(os.sched_getaffinity(0)), os.sched_getscheduler(0), \
         len(sys.modules)]\nos.write(1, repr(found).encode())\ndef f(x): return x + 1\n";
    let before = pool
        .run(request(&interpreter, &task, state, false))
        .await
        .unwrap();
    for (what, act) in SPITEFUL {
        for _ in 0..3 {
            let again = pool
                .run(request(&interpreter, &task, state, true))
                .await
                .unwrap();
            assert_eq!(shown(&before), shown(&again), "before one that {what}");
        }
        let code = format!(
            "import os\nparent = os.getppid()\ntry:\n    {act}\nexcept OSError:\n    pass\ndef f(x): return x + 1\n"
        );
        let spiteful = pool
            .run(request(&interpreter, &task, &code, true))
            .await
            .unwrap();
        let events = String::from_utf8_lossy(&spiteful.events).into_owned();
        assert!(
            events.contains("\"outcome\":\"passed\""),
            "{what}: {spiteful:?}"
        );
    }
    let after = pool
        .run(request(&interpreter, &task, state, true))
        .await
        .unwrap();
    assert_eq!(shown(&before), shown(&after));
    pool.shutdown().await;
}

/// Processes that keep each other awake and start others all the time are no more there for the next job.
#[tokio::test]
async fn nothing_survives_that_keeps_its_like_awake() {
    let (Some(interpreter), Some(pool)) = (interpreter(), pool().await) else {
        return;
    };
    let (_, task) = tasks().remove(1);
    // How many interpreters wait is a matter of what imports took; they share a session, which no job can join.
    let count = "import os\nparent = os.getppid()\n\
        theirs = os.getsid(parent) if parent != 1 else 0\n\
        pids = {int(p) for p in os.listdir('/proc') if p.isdigit()} - {1, os.getpid()}\n\
        strangers = [p for p in pids if not theirs or os.getsid(p) != theirs]\n\
        os.write(1, str(strangers).encode())\n\
        def f(x): return x + 1\n";
    let awake = "import os, signal, time\n\
        pids = []\n\
        for _ in range(2):\n    \
            pid = os.fork()\n    \
            if not pid:\n        \
                os.setsid()\n        \
                while True:\n            \
                    try:\n                \
                        for other in range(2, 40):\n                    \
                            try: os.kill(other, signal.SIGCONT)\n                    \
                            except OSError: pass\n                \
                        if not os.fork(): os._exit(0)\n                \
                time.sleep(0.001)\n                \
                        os.waitpid(-1, os.WNOHANG)\n            \
                    except OSError: pass\n\
        def f(x): return x + 1\n";
    let run = async |code: &str| {
        let observation = passing(&pool, request(&interpreter, &task, code, true)).await;
        String::from_utf8(observation.stdout.bytes).unwrap()
    };
    for _ in 0..TIMES {
        assert_eq!(run(count).await, "[]");
    }
    for _ in 0..20 {
        run(awake).await;
        assert_eq!(run(count).await, "[]");
    }
    pool.shutdown().await;
}

/// A job of its own kills the interpreters of its slot and puts a process in the place, and under the number, of
/// one of them. The next job must not meet it.
#[tokio::test]
async fn nobody_takes_the_place_of_an_interpreter() {
    let (Some(interpreter), Some(pool)) = (interpreter(), pool().await) else {
        return;
    };
    let most: u32 = std::fs::read_to_string("/proc/sys/kernel/pid_max")
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    if most > 1 << 16 {
        return skip("this kernel gives a number again after more processes than are started here");
    }
    let (_, task) = tasks().remove(1);
    let run = async |code: &str, is_warm| {
        let observation = passing(&pool, request(&interpreter, &task, code, is_warm)).await;
        (observation.course.origin, observation.stdout.bytes)
    };
    // The impostor is forked from the first interpreter; one that has these imports waits beside it.
    let honest = "import xmlrpc.server\ndef f(x): return x + 1\n";
    for _ in 0..TIMES {
        run(honest, true).await;
    }
    let impostor = "import ctypes, os, time\n\
        def there(): return {int(p) for p in os.listdir('/proc') if p.isdigit()} - {1, os.getpid(), os.getppid()}\n\
        others = there()\n\
        assert others\n\
        for pid in others: os.kill(pid, 9)\n\
        while there(): time.sleep(0.01)\n\
        reader, writer = os.pipe()\n\
        while True:\n    \
            pid = os.fork()\n    \
            if not pid:\n        \
                if os.getpid() not in others: os._exit(0)\n        \
                ctypes.CDLL(None).prctl(15, b'impostor')\n        \
                os.setsid()\n        \
                os.write(1, b'taken')\n        \
                os.write(writer, b'1')\n        \
                time.sleep(60)\n    \
            if pid in others: break\n    \
            os.waitpid(pid, 0)\n\
        os.read(reader, 1)\n\
        def f(x): return x + 1\n";
    let (origin, said) = run(impostor, true).await;
    assert_eq!(origin, Origin::Forked);
    assert_eq!(String::from_utf8_lossy(&said), "taken");
    let look = "import os\n\
        names = [open(f'/proc/{p}/comm').read() for p in os.listdir('/proc') if p.isdigit()]\n\
        os.write(1, str(names.count('impostor\\n')).encode())\n\
        def f(x): return x + 1\n";
    let (_, said) = run(look, false).await;
    assert_eq!(String::from_utf8_lossy(&said), "0");
    pool.shutdown().await;
}

/// What a job leaves to the sandbox's first process is reaped while the job runs, warm as well as cold.
#[tokio::test]
async fn orphans_do_not_pile_up() {
    let (Some(interpreter), Some(pool)) = (interpreter(), pool().await) else {
        return;
    };
    let (_, task) = tasks().remove(1);
    let orphans = "import os\n\
        for _ in range(200):\n    \
            reader, writer = os.pipe()\n    \
            if not os.fork():\n        \
                os.fork()\n        \
                os._exit(0)\n    \
            os.wait()\n    \
            os.close(writer)\n    \
            os.read(reader, 1)\n    \
            os.close(reader)\n\
        def f(x): return x + 1\n";
    for is_warm in [false, true, true, true] {
        passing(&pool, request(&interpreter, &task, orphans, is_warm)).await;
    }
    pool.shutdown().await;
}
