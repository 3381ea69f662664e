//! The sandbox from the inside: every wall, in every mode that this host offers.
//!
//! Each check runs a small shell or Perl program through `fumehood exec`, once as this user and,
//! for root, once more as an ordinary one.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on should panic, and one that is skipped says so"
)]

mod support;

use serde_json::Value;
use support::{Mode, exec, modes};

/// Runs a shell command and gives what it printed, which must be all that happened.
fn shell(mode: &Mode, command: &str) -> String {
    let result = exec(mode, &[], &["/bin/sh", "-c", command]);
    assert_eq!(result["status"], "exited", "{mode:?}: {command}: {result}");
    text(&result, "stdout")
}

fn text(result: &Value, stream: &str) -> String {
    result[stream]["text"]
        .as_str()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// Makes a system call by number from Perl and gives the error's name, or `ok`.
fn call(mode: &Mode, profile: &str, number: &str, arguments: &str) -> String {
    let program = format!(
        "use Errno; $! = 0; my $r = syscall({number}{arguments}); \
         print $r >= 0 ? 'ok' : (grep {{ $!{{$_}} }} qw(EPERM ENOSYS EAFNOSUPPORT EACCES EINVAL EFAULT EBADF ENOENT))[0];"
    );
    let result = exec(
        mode,
        &["--profile", profile],
        &["/usr/bin/perl", "-e", &program],
    );
    match result["status"].as_str() {
        Some("exited") => text(&result, "stdout"),
        other => format!("{}:{}", other.unwrap_or("?"), result["signal"]),
    }
}

#[test]
fn every_required_layer_is_attested() {
    for mode in modes() {
        let result = exec(&mode, &[], &["/bin/true"]);
        // Only the host's root may make nodes, and not even that one in every container.
        let is_root = matches!(mode, Mode::Own) && nix::unistd::geteuid().is_root();
        for layer in result["attestation"]["layers"].as_array().unwrap() {
            let optional =
                layer["layer"] == "cgroup" || layer["layer"] == "own-devices" && !is_root;
            assert!(
                optional || layer["state"] == "enforced",
                "{mode:?}: {layer}"
            );
        }
    }
}

#[test]
fn a_program_is_nobody_and_sees_nothing_of_the_host() {
    for mode in modes() {
        assert_eq!(shell(&mode, "id -u; id -g"), "1000\n1000");
        let capabilities = shell(&mode, "grep Cap /proc/self/status | tr -d '0\\t\\n'");
        assert_eq!(capabilities, "CapInh:CapPrm:CapEff:CapBnd:CapAmb:");
        assert_eq!(
            shell(&mode, "grep -c . /proc/net/dev"),
            "3",
            "only lo, in {mode:?}"
        );
        assert_eq!(
            shell(
                &mode,
                "cat /proc/1/environ 2>/dev/null; cat /proc/1/maps 2>/dev/null; set -- /proc/[0-9]*; echo $#"
            ),
            "2",
            "the sandbox's first process and the shell, in {mode:?}"
        );
        for hidden in [
            "/root",
            "/home",
            "/var",
            "/sys",
            "/run",
            "/etc/shadow",
            "/etc/hostname",
            "/boot",
            "/proc/kcore",
        ] {
            let seen = shell(
                &mode,
                &format!("head -c 1 {hidden} 2>/dev/null; ls {hidden}/ 2>/dev/null | head -1"),
            );
            assert_eq!(seen, "", "{mode:?}: {hidden}");
        }
        for readonly in ["/", "/usr", "/etc", "/dev", "/proc/sys/kernel"] {
            assert_eq!(
                shell(
                    &mode,
                    &format!("touch {readonly}/x 2>/dev/null && echo wrote; true")
                ),
                ""
            );
        }
        assert_eq!(
            shell(
                &mode,
                "for d in /work /tmp /dev/shm; do echo $d > $d/x && cat $d/x; done; pwd"
            ),
            "/work\n/tmp\n/dev/shm\n/work"
        );
        assert_eq!(
            shell(&mode, "env | sort"),
            "HOME=/work\nLANG=C.UTF-8\nPATH=/usr/local/bin:/usr/bin:/bin\nPWD=/work\nTZ=UTC"
        );
    }
}

#[test]
fn no_descriptor_of_the_host_is_inherited() {
    for mode in modes() {
        // 0 to 2, and the one that `ls` itself opens.
        assert_eq!(shell(&mode, "ls /proc/self/fd | tr '\\n' ' '"), "0 1 2 3");
    }
}

#[test]
fn forbidden_system_calls_are_refused() {
    // Numbers of x86_64; the policy itself is tested for every architecture in the library.
    if !cfg!(target_arch = "x86_64") {
        return support::skip("system calls are tried by their x86_64 numbers");
    }
    let refused = [
        ("272", ", 0x10000000", "EPERM", "unshare(CLONE_NEWUSER)"),
        (
            "56",
            ", 0x10000011, 0, 0, 0, 0",
            "EPERM",
            "clone(CLONE_NEWUSER)",
        ),
        ("435", ", 0, 0", "ENOSYS", "clone3"),
        ("425", ", 1, 0", "ENOSYS", "io_uring_setup"),
        ("165", ", 0, 0, 0, 0, 0", "EPERM", "mount"),
        ("155", ", 0, 0", "EPERM", "pivot_root"),
        ("161", ", 0", "EPERM", "chroot"),
        ("101", ", 0, 0, 0, 0", "EPERM", "ptrace"),
        ("310", ", 1, 0, 0, 0, 0, 0", "EPERM", "process_vm_readv"),
        ("250", ", 0, 0, 0, 0, 0", "EPERM", "keyctl"),
        ("321", ", 0, 0, 0", "EPERM", "bpf"),
        ("298", ", 0, 0, 0, 0, 0", "EPERM", "perf_event_open"),
        ("323", ", 0", "EPERM", "userfaultfd"),
        ("29", ", 0, 4096, 0x3b6", "ENOSYS", "shmget"),
        ("240", ", 0, 0, 0, 0", "ENOSYS", "mq_open"),
        ("41", ", 2, 1, 0", "EAFNOSUPPORT", "socket(AF_INET)"),
        ("41", ", 16, 3, 0", "EAFNOSUPPORT", "socket(AF_NETLINK)"),
        ("41", ", 40, 1, 0", "EAFNOSUPPORT", "socket(AF_VSOCK)"),
        (
            "135",
            ", 0x0040000",
            "EPERM",
            "personality(ADDR_NO_RANDOMIZE)",
        ),
        ("16", ", 0, 0x5412, 0", "EPERM", "ioctl(TIOCSTI)"),
        (
            "16",
            ", 0, 0x100005412, 0",
            "EPERM",
            "ioctl(TIOCSTI), upper half set",
        ),
        ("157", ", 22, 2, 0", "EPERM", "prctl(PR_SET_SECCOMP)"),
        ("999", "", "ENOSYS", "a call that no kernel has"),
    ];
    for mode in modes() {
        for (number, arguments, expected, name) in refused {
            assert_eq!(
                call(&mode, "strict", number, arguments),
                expected,
                "{mode:?}: {name}"
            );
        }
        // The same numbers by the x32 interface reach the same calls: the filter kills.
        assert_eq!(
            call(&mode, "strict", "0x40000027", ""),
            "crashed:31",
            "{mode:?}: getpid by x32"
        );
        for (number, arguments, name) in [
            ("39", "", "getpid"),
            ("41", ", 1, 1, 0", "socket(AF_UNIX)"),
            ("135", ", 0xffffffff", "personality query"),
        ] {
            assert_eq!(
                call(&mode, "strict", number, arguments),
                "ok",
                "{mode:?}: {name}"
            );
        }
        assert_eq!(
            call(&mode, "grade", "41", ", 2, 1, 0"),
            "ok",
            "{mode:?}: TCP on its own loopback"
        );
        assert_eq!(
            call(&mode, "grade", "41", ", 2, 3, 0"),
            "EAFNOSUPPORT",
            "{mode:?}: raw sockets"
        );
    }
}

#[test]
fn limits_end_a_program_by_their_own_kind() {
    let burn = "while :; do :; done";
    let eat = "my @a; push @a, 'x' x 1048576 while 1;";
    let cases: [(&[&str], &[&str], &str, &str); 6] = [
        (
            &["--cpu-seconds", "1"],
            &["/bin/sh", "-c", burn],
            "timeout",
            "cpu",
        ),
        (
            &["--cpu-seconds", "1"],
            &[
                "/bin/sh",
                "-c",
                "trap '' XCPU TERM; (while :; do :; done) & wait",
            ],
            "timeout",
            "cpu",
        ),
        (
            &["--wall-seconds", "1"],
            &["/bin/sleep", "100"],
            "timeout",
            "wall",
        ),
        (
            &["--wall-seconds", "1"],
            &["/bin/sh", "-c", "kill -STOP $$"],
            "timeout",
            "wall",
        ),
        (
            &["--memory-mib", "64", "--cpu-seconds", "20"],
            &["/usr/bin/perl", "-e", eat],
            "memory",
            "memory",
        ),
        (
            &["--output-kib", "64"],
            &[
                "/bin/sh",
                "-c",
                "while :; do echo line; echo error >&2; done",
            ],
            "output",
            "output",
        ),
    ];
    for mode in modes() {
        for (options, command, status, limit) in cases {
            let result = exec(&mode, options, command);
            if limit == "memory" && !mode.has_memory_group() {
                // RLIMIT_DATA refuses before the watch sees it; the program then dies by its own hand.
                assert_ne!(result["exit_code"], 0, "{mode:?}: {result}");
                continue;
            }
            assert_eq!(result["status"], status, "{mode:?}: {command:?}: {result}");
            assert_eq!(result["limit"], limit, "{mode:?}: {command:?}");
        }
    }
}

#[test]
fn a_fork_bomb_is_ended_and_leaves_nothing() {
    // Bounded by itself as well: at most 500 processes for two seconds.
    let bomb = "for (1..500) { my $p = fork; last unless defined $p; if (!$p) { sleep 2; exit } } sleep 2;";
    for mode in modes() {
        let result = exec(
            &mode,
            &["--processes", "40", "--wall-seconds", "10"],
            &["/usr/bin/perl", "-e", bomb],
        );
        if mode.has_memory_group() {
            assert_eq!(result["limit"], "processes", "{mode:?}: {result}");
        }
        assert!(result["wall_seconds"].as_f64().unwrap() < 9.0);
    }
}

#[test]
fn scratch_space_is_bounded_and_fresh() {
    for mode in modes() {
        let fill = "i=0; while head -c 1048576 /dev/zero > /tmp/$i 2>/dev/null; do i=$((i+1)); done; echo $i; ls /work /dev/shm";
        let result = exec(&mode, &["--disk-mib", "8"], &["/bin/sh", "-c", fill]);
        let written: u64 = text(&result, "stdout")
            .lines()
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!(written <= 8, "{mode:?}: {written}");
    }
}

#[test]
fn daemons_die_with_the_program() {
    for mode in modes() {
        let marker = format!("{}.{}", 77_000 + std::process::id() % 1000, 5);
        let command = format!("setsid sleep {marker} & (setsid sleep {marker} &) ; echo started");
        assert_eq!(shell(&mode, &command), "started");
        assert!(
            !support::is_running(&format!("sleep\0{marker}")),
            "{mode:?}"
        );
    }
}

#[test]
fn wrong_requests_are_told_apart_from_broken_hosts() {
    for mode in modes() {
        let missing = support::command(&mode, &[], &["/no/such/program"]);
        assert_eq!(missing.status.code(), Some(2));
        let message = String::from_utf8_lossy(&missing.stderr).into_owned();
        assert!(
            message.contains("/no/such/program") && message.contains("ENOENT"),
            "{message}"
        );
        let profile = support::command(&mode, &["--profile", "nosuch"], &["/bin/true"]);
        assert_eq!(profile.status.code(), Some(2));
        let layer = support::command(&mode, &["--give-up", "seccomp"], &["/bin/true"]);
        assert_eq!(layer.status.code(), Some(2));
        let over = support::command(&mode, &["--mount", "/usr:/proc/x"], &["/bin/true"]);
        assert_ne!(over.status.code(), Some(0));
    }
}

#[test]
fn given_up_layers_are_said() {
    for mode in modes() {
        let result = exec(
            &mode,
            &["--give-up", "landlock", "--give-up", "cgroup"],
            &["/bin/echo", "x"],
        );
        let layers = result["attestation"]["layers"].as_array().unwrap();
        let state = |name: &str| {
            layers.iter().find(|layer| layer["layer"] == name).unwrap()["state"].clone()
        };
        assert_eq!(state("landlock"), "given-up");
        assert_eq!(state("cgroup"), "given-up");
        assert_eq!(state("seccomp"), "enforced");
    }
}

#[test]
fn mounts_are_read_only() {
    for mode in modes() {
        let folder = support::shared_folder();
        std::fs::write(folder.path().join("file"), "kept").unwrap();
        let source = folder.path().display().to_string();
        let options = ["--mount", &format!("{source}:/data")];
        let result = exec(
            &mode,
            &options,
            &[
                "/bin/sh",
                "-c",
                "cat /data/file; echo x > /data/file; echo y > /data/new; rm /data/file; chmod 777 /data; true",
            ],
        );
        assert_eq!(text(&result, "stdout"), "kept");
        assert_eq!(
            std::fs::read_to_string(folder.path().join("file")).unwrap(),
            "kept"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
