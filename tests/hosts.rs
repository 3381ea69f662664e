//! Other shapes of this host: control groups of either version, or none; user namespaces that are
//! forbidden in the ways that distributions and containers have. What a host cannot give is named with
//! its remedy.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::process::{Command, Output};

use serde_json::Value;
use support::{Mode, binary, exec, groups, modes, skip};

const PYTHON: &str = "/usr/bin/python3";
const MIB: u64 = 1 << 20;
/// The exit code for a host that cannot run the sandbox.
const SANDBOX: i32 = 4;

fn layer(result: &Value, name: &str) -> (String, String) {
    let layers = result["attestation"]["layers"].as_array().unwrap();
    let found = layers.iter().find(|layer| layer["layer"] == name).unwrap();
    let text = |key: &str| found[key].as_str().unwrap().to_owned();
    (text("state"), text("detail"))
}

#[test]
fn the_attestation_says_which_control_groups_hold() {
    for mode in groups::modes() {
        let (state, detail) = layer(&exec(&mode, &[], &["/bin/true"]), "cgroup");
        let by_polling = detail.ends_with("per-process limits and polling instead");
        assert_eq!(state == "enforced", !by_polling, "{mode:?}: {detail}");
        match mode {
            Mode::OnlyV1 | Mode::DelegatedV1 => {
                assert!(detail.contains("memory by v1") && detail.contains("no kill"));
                assert!(!detail.contains("v2"), "{detail}");
            }
            Mode::NoGroups => {
                assert_eq!(state, "unavailable");
                assert!(detail.contains("no memory, no processes, no cpu time"));
                assert!(detail.contains("mount -t cgroup2"), "{detail}");
            }
            _ => assert!(detail.contains("cpu time by v2, kill by v2"), "{detail}"),
        }
    }
}

#[test]
fn limits_end_a_job_and_figures_are_true_in_every_mode() {
    if !std::path::Path::new(PYTHON).exists() {
        return skip("the host has no /usr/bin/python3");
    }
    let python = |mode: &Mode, options: &[&str], text: &str| {
        exec(mode, options, &[PYTHON, "-I", "-S", "-c", text])
    };
    for mode in modes().into_iter().chain(groups::modes()) {
        // Files in memory are a job's memory too.
        let text = "import time\nx = bytearray(100 << 20)\nf = open('/tmp/x', 'wb')\n\
                    for _ in range(50): f.write(bytes(1 << 20))\nf.flush(); time.sleep(0.5)";
        let result = python(&mode, &["--memory-mib", "300"], text);
        assert_eq!(result["status"], "exited", "{mode:?}: {result}");
        let peak = result["peak_memory_bytes"].as_u64().unwrap();
        assert!(
            (150 * MIB..190 * MIB).contains(&peak),
            "{mode:?}: a peak of {peak}"
        );
        let heap = "x = []\nwhile True: x.append(bytearray(1 << 20))";
        let result = python(&mode, &["--memory-mib", "64"], heap);
        // Without a group the kernel refuses the process more before it is caught.
        let refused = result["stderr"]["text"]
            .as_str()
            .unwrap()
            .contains("MemoryError");
        let bounded = mode.has_memory_group();
        let held = result["status"] == "memory" || refused && !bounded;
        assert!(held, "{mode:?}: {result}");
        let forks = "import os, time\nfor _ in range(30):\n  if os.fork() == 0: time.sleep(60)\ntime.sleep(60)";
        let result = python(&mode, &["--processes", "8"], forks);
        let refused = result["stderr"]["text"]
            .as_str()
            .unwrap()
            .contains("BlockingIOError");
        let held = result["status"] == "processes" || refused && !bounded;
        assert!(held, "{mode:?}: {result}");
    }
}

#[test]
fn root_of_a_user_namespace_counts_as_an_ordinary_user() {
    let mut command = Command::new("unshare");
    command.args(["-U", "-r"]).arg(binary());
    let output = command.args(["exec", "--", "/bin/true"]).output().unwrap();
    if refuses_namespaces() {
        return;
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(layer(&result, "user-namespace").0, "enforced");
}

/// Whether this host gives no user namespaces to begin with.
fn refuses_namespaces() -> bool {
    let made = Command::new("unshare")
        .args(["-U", "-r", "true"])
        .status()
        .unwrap();
    if !made.success() {
        skip("this host gives no user namespaces");
    }
    !made.success()
}

/// Runs `script` as root of a user namespace with mounts of its own, where `$0` is fumehood.
fn in_user_namespace(script: &str) -> Output {
    Command::new("unshare")
        .args(["-U", "-r", "-m", "--propagation", "private", "sh", "-c"])
        .arg(script)
        .arg(binary())
        .output()
        .unwrap()
}

/// Both commands say why the sandbox cannot be built, and what to do, and end with the code for that.
fn is_told(what: &str, script: &str, remedies: &[&str]) {
    for command in ["exec -- /bin/true", "doctor", "doctor --json"] {
        let output = in_user_namespace(&format!("{script} \"$0\" {command}"));
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(SANDBOX), "{what}: {said}");
        for remedy in remedies {
            assert!(said.contains(remedy), "{what}: {command}: {said}");
        }
    }
}

#[test]
fn forbidden_user_namespaces_are_told_with_the_remedy() {
    if refuses_namespaces() {
        return;
    }
    // A limit of this user namespace alone: that of the host stays as it is.
    for kind in ["user", "net", "pid"] {
        is_told(
            "no namespaces",
            &format!("echo 0 >/proc/sys/user/max_{kind}_namespaces &&"),
            &["ENOSPC", &format!("sysctl -w user.max_{kind}_namespaces=")],
        );
    }
}

#[test]
fn switches_of_distributions_are_told_with_the_remedy() {
    if refuses_namespaces() {
        return;
    }
    // The refusal is real: the kernel gives no user namespace to a process in a chroot. The switches
    // are only shown, in a folder that covers the real ones.
    let place = support::shared_folder();
    let root = place.path().display();
    let chroot = format!("mount --rbind / {root} && mount -t tmpfs none {root}/proc/sys/kernel");
    for (switch, value, remedy) in [
        (
            "apparmor_restrict_unprivileged_userns",
            "1",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (
            "unprivileged_userns_clone",
            "0",
            "sysctl -w kernel.unprivileged_userns_clone=1",
        ),
    ] {
        let shown = format!("echo {value} >{root}/proc/sys/kernel/{switch}");
        is_told(
            switch,
            &format!("{chroot} && {shown} && exec chroot {root}"),
            &["EPERM", remedy],
        );
    }
}

#[test]
fn a_proc_that_a_container_covers_is_told_with_the_remedy() {
    if refuses_namespaces() {
        return;
    }
    let cover = "mount --bind /dev/null /proc/version";
    is_told(
        "a covered /proc",
        &format!("{cover} &&"),
        &["systempaths=unconfined", "--give-up masked-proc"],
    );
    let without = format!("{cover} && \"$0\" exec --give-up masked-proc -- /bin/echo hello");
    let output = in_user_namespace(&without);
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["stdout"]["text"], "hello\n");
    assert_eq!(layer(&result, "masked-proc").0, "given-up");
}

#[test]
fn a_filter_that_refuses_namespaces_is_told_with_the_remedy() {
    // A container's filter refuses what fumehood's own does: here it is inside of one.
    let shown = format!("{}:/opt/fumehood", binary().display());
    for mode in modes() {
        if !mode.has_memory_group() {
            // There `memfd_create` is refused too, which fumehood needs before any namespace.
            skip(&format!(
                "{mode:?}: a sandbox in a sandbox needs a control group"
            ));
            continue;
        }
        for inner in [&["exec", "--", "/bin/true"][..], &["doctor"]] {
            let program = [&["/opt/fumehood"], inner].concat();
            let result = exec(&mode, &["--mount", &shown], &program);
            let text = |stream: &str| result[stream]["text"].as_str().unwrap().to_owned();
            let said = text("stdout") + &text("stderr");
            assert_eq!(result["exit_code"], SANDBOX, "{mode:?}: {said}");
            assert!(said.contains("EPERM"), "{said}");
            assert!(said.contains("a system-call filter"), "{said}");
            assert!(said.contains("seccomp=unconfined"), "{said}");
        }
    }
}
