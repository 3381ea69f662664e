//! Whatever is killed, and whenever: nothing stays on the host.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot look at the host should panic"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{Mode, binary, modes, skip};

/// What fumehood could leave behind: processes of its binary, control groups, temporary folders, mounts.
fn leftovers() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let name = fs::read_link(process.path().join("exe")).unwrap_or_default();
        if name.starts_with(binary()) {
            found.insert(format!("process {}", process.file_name().to_string_lossy()));
        }
    }
    let hierarchies = fs::read_dir("/sys/fs/cgroup")
        .into_iter()
        .flatten()
        .flatten();
    for hierarchy in hierarchies.filter(|entry| entry.path().is_dir()) {
        collect(&hierarchy.path(), 3, &mut found);
    }
    for entry in fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("fumehood-scan-") {
            found.insert(format!("folder {name}"));
        }
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    found.insert(format!("{} mounts", mounts.lines().count()));
    found
}

/// Control groups of workers that this test started, or of workers that are gone.
fn collect(folder: &Path, depth: u32, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(rest) = name.strip_prefix("fumehood-") {
            let pid = rest.split('-').next().unwrap_or("");
            // Other tests run at the same time; theirs belong to processes that live.
            let exe = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            if exe.as_os_str().is_empty() || exe.starts_with(binary()) {
                found.insert(format!("group {}", path.display()));
            }
        } else if depth > 0 && path.is_dir() {
            collect(&path, depth - 1, found);
        }
    }
}

fn sleeping_job() -> Child {
    let program = "setsid sleep 300 & sleep 300 & echo; sleep 300";
    Command::new(binary())
        .args([
            "exec",
            "--wall-seconds",
            "250",
            "--",
            "/bin/sh",
            "-c",
            program,
        ])
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// The worker processes of a supervisor.
fn workers(supervisor: u32) -> Vec<i32> {
    let mut found = Vec::new();
    for thread in fs::read_dir(format!("/proc/{supervisor}/task"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(
            children
                .split_whitespace()
                .filter_map(|pid| pid.parse::<i32>().ok()),
        );
    }
    found
}

fn sleepers() -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|process| {
            fs::read(process.path().join("cmdline")).is_ok_and(|line| line == b"sleep\x00300\0")
        })
        .count()
}

/// Waits for something that must come soon.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

// One test, because each part looks at the whole host.
#[test]
fn nothing_stays_after_a_kill() {
    if !modes().contains(&Mode::Own) {
        return skip("the sandbox cannot run here");
    }
    let before = leftovers();

    // A regular end leaves nothing at once.
    support::exec(&Mode::Own, &[], &["/bin/true"]);
    assert_eq!(leftovers(), before);

    // Without its supervisor a worker ends, and takes job and group with it.
    let mut supervisor = sleeping_job();
    eventually("the job starts", || sleepers() == 3);
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    eventually("the job ends with its supervisor", || sleepers() == 0);
    eventually("the worker cleans up", || leftovers() == before);

    // Without its worker a job ends; the next run removes the group.
    let mut supervisor = sleeping_job();
    eventually("the job starts", || sleepers() == 3);
    for worker in workers(supervisor.id()) {
        let worker = nix::unistd::Pid::from_raw(worker);
        nix::sys::signal::kill(worker, nix::sys::signal::Signal::SIGKILL).unwrap();
    }
    // The request is tried again, so the supervisor goes too.
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    eventually("the job ends with its worker", || sleepers() == 0);
    support::exec(&Mode::Own, &[], &["/bin/true"]);
    assert_eq!(leftovers(), before);
}
