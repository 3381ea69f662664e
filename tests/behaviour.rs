//! Forbidden acts are told as well as refused: which, how often, with what; and nothing that a program
//! does with them delays or breaks anything.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on should panic"
)]

mod support;

use std::process::Command;

use serde_json::Value;
use support::{Mode, modes};

/// Numbers of x86_64 are used below.
fn here() -> bool {
    if cfg!(target_arch = "x86_64") {
        return true;
    }
    support::skip("system calls are made by their x86_64 numbers");
    false
}

fn layer(result: &Value) -> &Value {
    let layers = result["attestation"]["layers"].as_array().unwrap();
    let found = layers.iter().find(|layer| layer["layer"] == "behaviour");
    &found.unwrap()["state"]
}

/// The modes in which refused calls are told.
fn observing() -> Vec<Mode> {
    if !here() {
        return Vec::new();
    }
    let mut modes = modes();
    modes.retain(|mode| {
        let told = layer(&support::exec(mode, &[], &["/bin/true"])) == "enforced";
        if !told {
            support::skip(&format!("{mode:?}: this kernel tells of no refused calls"));
        }
        told
    });
    modes
}

/// Runs a Perl program and gives the result, and its acts as (call, detail, answer, count).
fn acts(
    mode: &Mode,
    options: &[&str],
    program: &str,
) -> (Value, Vec<(String, String, String, u64)>) {
    let result = support::exec(mode, options, &["/usr/bin/perl", "-e", program]);
    let text = |act: &Value, key: &str| act[key].as_str().unwrap().to_owned();
    let acts = result["behaviour"]["acts"].as_array();
    let acts = acts.unwrap_or_else(|| panic!("{mode:?}: {result}")).iter();
    let acts = acts
        .map(|act| {
            let count = act["count"].as_u64().unwrap();
            (
                text(act, "call"),
                text(act, "detail"),
                text(act, "answer"),
                count,
            )
        })
        .collect();
    (result, acts)
}

fn act(call: &str, detail: &str, answer: &str, count: u64) -> (String, String, String, u64) {
    (call.to_owned(), detail.to_owned(), answer.to_owned(), count)
}

#[test]
fn forbidden_acts_are_told_and_routine_ones_are_not() {
    let program = r#"
        my ($none, $target, $kind) = ("none\0", "/tmp/\x1b[31m\0", "tmpfs\0");
        for (1..3) { syscall(165, $none, $target, $kind, 0, 0); print $!+0, " " }
        syscall(272, 0x10020000); print $!+0, " ";
        syscall(101, 16, 1, 0, 0); print $!+0, " ";
        syscall(4000); print $!+0, " ";
        # What libraries try: clone3, io_uring, routes by netlink, a newer prctl, a core limit, sync.
        syscall(435, 0, 0); syscall(425, 1, 0); syscall(41, 16, 3, 0); syscall(157, 200, 0);
        syscall(160, 4, $none); syscall(162); syscall(16, 0, 0x40049409, 0);
        if (!fork) { syscall(41, 17, 3, 0); exit } wait;
    "#;
    for mode in observing() {
        let (result, acts) = acts(&mode, &[], program);
        assert_eq!(
            result["stdout"]["text"], "1 1 1 1 1 38 ",
            "{mode:?}: {result}"
        );
        let expected = [
            act("mount", "tmpfs on /tmp/\\u{1b}[31m", "EPERM", 3),
            act("unshare", "CLONE_NEWNS CLONE_NEWUSER", "EPERM", 1),
            act("ptrace", "PTRACE_ATTACH, process 1", "EPERM", 1),
            act("call 4000", "", "ENOSYS", 1),
            act("socket", "AF_PACKET, SOCK_RAW, 0", "EAFNOSUPPORT", 1),
        ];
        assert_eq!(acts, expected, "{mode:?}");
        assert_eq!(result["behaviour"]["more"], 0);
        assert_eq!(result["behaviour"]["cut"], false);
    }
}

#[test]
fn honest_programs_do_nothing_forbidden() {
    let python = "import asyncio, json, multiprocessing, os, socket, sqlite3, subprocess, tempfile, threading\n\
        def main():\n    \
            subprocess.run(['/bin/ls', '/'], stdout=subprocess.DEVNULL, check=True)\n    \
            threading.Thread(target=print).start()\n    \
            asyncio.run(asyncio.sleep(0))\n    \
            try:\n        socket.getaddrinfo('localhost', 80)\n    \
            except OSError:\n        pass\n    \
            with multiprocessing.Pool(2) as pool:\n        assert pool.map(abs, [-1, 2]) == [1, 2]\n\
        main()";
    let shell = "cp /bin/ls /tmp/x && mv /tmp/x /dev/shm/x && ls -l /tmp /dev/shm | sort | head -c 9; \
        tar -C /usr/share -cf - doc/bash 2>/dev/null | gzip -9 | gunzip | wc -c; ulimit -c 0; sync; date; id; df; ps; true";
    for mode in observing() {
        for program in [
            &["/bin/sh", "-c", shell][..],
            &[
                "/usr/bin/perl",
                "-MPOSIX",
                "-e",
                "print strftime('%c', localtime)",
            ],
            &["/usr/bin/python3", "-I", "-c", python],
        ] {
            if !std::path::Path::new(program[0]).exists() {
                support::skip(&format!("this host has no {}", program[0]));
                continue;
            }
            let result = support::exec(&mode, &["--profile", "grade"], program);
            assert_eq!(result["exit_code"], 0, "{mode:?}: {result}");
            assert_eq!(
                result["behaviour"]["acts"],
                serde_json::json!([]),
                "{mode:?}: {program:?}"
            );
        }
    }
}

#[test]
fn a_flood_is_cut_and_the_limits_hold() {
    let flood = "syscall(101, 16, 1, 0, 0) while 1";
    let many = "for (1..8) { if (!fork) { syscall(101, 16, 1, 0, 0) while 1 } } sleep 100";
    for mode in observing() {
        for program in [flood, many] {
            let (result, acts) = acts(&mode, &["--cpu-seconds", "1"], program);
            assert_eq!(result["limit"], "cpu", "{mode:?}: {result}");
            let expected = [act("ptrace", "PTRACE_ATTACH, process 1", "EPERM", 4096)];
            assert_eq!(acts, expected, "{mode:?}");
            assert_eq!(result["behaviour"]["cut"], true, "{mode:?}");
        }
    }
}

#[test]
fn what_is_refused_stays_refused_when_nobody_listens_any_more() {
    let program = "my %e; for (1..5000) { syscall(101, 16, 1, 0, 0) >= 0 and die; $e{$!+0}++ } \
        print join ',', map { \"$_:$e{$_}\" } sort { $a <=> $b } keys %e";
    for mode in observing() {
        let (result, _) = acts(&mode, &[], program);
        assert_eq!(result["stdout"]["text"], "1:4096,38:904", "{mode:?}");
    }
}

#[test]
fn a_program_can_end_while_others_wait_for_an_answer() {
    let program = "for (1..20) { if (!fork) { syscall(101, 16, 1, 0, 0) for 1..100; sleep 100 } } \
        my $x = \"/x\\0\"; syscall(161, $x); exit 7";
    for mode in observing() {
        for _ in 0..5 {
            let (result, acts) = acts(&mode, &[], program);
            assert_eq!(result["exit_code"], 7, "{mode:?}: {result}");
            assert!(acts.contains(&act("chroot", "/x", "EPERM", 1)), "{mode:?}");
        }
    }
}

#[test]
fn signals_cost_no_answer() {
    // A signal before the call was heard interrupts it; it never goes through.
    let program = "use Time::HiRes 'setitimer'; $SIG{ALRM} = sub { $n++ }; setitimer(0, 0.001, 0.001); \
        for (1..1000) { die if syscall(101, 16, 1, 0, 0) >= 0; $e{$!+0}++ } \
        setitimer(0, 0); print join ',', grep { $_ != 1 && $_ != 4 } keys %e";
    for mode in observing() {
        let (result, acts) = acts(&mode, &[], program);
        assert_eq!(result["exit_code"], 0, "{mode:?}: {result}");
        assert_eq!(result["stdout"]["text"], "", "{mode:?}: other errors");
        assert_eq!(acts.len(), 1, "{mode:?}: {acts:?}");
    }
}

#[test]
fn without_the_report_the_same_is_refused() {
    let program = "syscall(165, 0, 0, 0, 0, 0); print $!+0; syscall(4000); print ' ', $!+0";
    if !here() {
        return;
    }
    for mode in modes() {
        let options = ["--give-up", "behaviour"];
        let result = support::exec(&mode, &options, &["/usr/bin/perl", "-e", program]);
        assert_eq!(result["stdout"]["text"], "1 38", "{mode:?}");
        assert_eq!(result["behaviour"], Value::Null, "{mode:?}");
        assert_eq!(layer(&result), "given-up", "{mode:?}");
    }
}

#[test]
fn where_another_one_listens_the_walls_stand_and_the_report_is_missing() {
    // A filter that allows everything, with a listener: the kernel gives no second one below it.
    let agent = "import ctypes, os, sys\n\
        libc = ctypes.CDLL(None, use_errno=True)\n\
        code = ctypes.create_string_buffer(b'\\x06\\0\\0\\0\\0\\0\\xff\\x7f')\n\
        program = (ctypes.c_ulong * 2)(1, ctypes.addressof(code))\n\
        assert libc.prctl(38, 1, 0, 0, 0) == 0\n\
        listener = libc.syscall(317, 1, 8, program)\n\
        assert listener >= 0, ctypes.get_errno()\n\
        os.set_inheritable(listener, True)\n\
        os.execv(sys.argv[1], sys.argv[1:])";
    if observing().is_empty() {
        return;
    }
    if !std::path::Path::new("/usr/bin/python3").exists() {
        return support::skip("this host has no /usr/bin/python3");
    }
    let perl = [
        "/usr/bin/perl",
        "-e",
        "syscall(165, 0, 0, 0, 0, 0); print $!+0",
    ];
    let output = Command::new("/usr/bin/python3")
        .args(["-I", "-S", "-c", agent])
        .arg(support::binary())
        .args(["exec", "--"])
        .args(perl)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["stdout"]["text"], "1");
    assert_eq!(result["behaviour"], Value::Null);
    assert_eq!(layer(&result), "unavailable");
}
