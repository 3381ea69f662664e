//! Whatever is killed, and whenever: nothing stays on the host.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot look at the host should panic"
)]

#[path = "support/tree.rs"]
mod tree;

mod support;

use std::fs;
use std::process::{Child, Command, Stdio};

use support::{Mode, binary, modes, skip};
use tree::{children, eventually, leftovers};

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

fn sleepers() -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|process| {
            fs::read(process.path().join("cmdline")).is_ok_and(|line| line == b"sleep\x00300\0")
        })
        .count()
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
    for worker in children(supervisor.id() as i32) {
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
