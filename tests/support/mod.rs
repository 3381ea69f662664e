//! What the integration tests share: the modes of this host, and `fumehood exec`.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests, of which each test binary uses a part"
)]

pub(crate) mod groups;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// A user of no standing on this host.
const ORDINARY_USER: u32 = 61_234;

/// As whom the sandbox is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The user who runs the tests.
    Own,
    /// Root's tests once more, as an ordinary user.
    Ordinary,
    /// Root, with version 1 of control groups alone.
    OnlyV1,
    /// Root, with no control groups at all.
    NoGroups,
    /// An ordinary user with a version 2 group of their own.
    Delegated,
    /// An ordinary user with version 1 groups of their own.
    DelegatedV1,
}

impl Mode {
    /// Whether jobs get a control group with a memory limit.
    pub(crate) fn has_memory_group(&self) -> bool {
        let result = exec(self, &[], &["/bin/true"]);
        let layers = result["attestation"]["layers"].as_array().unwrap();
        layers
            .iter()
            .any(|layer| layer["layer"] == "cgroup" && layer["state"] == "enforced")
    }
}

/// Says visibly that a test, or a part of one, did not run.
pub(crate) fn skip(reason: &str) {
    eprintln!("SKIPPED: {reason}");
}

/// The modes that this host offers.
pub(crate) fn modes() -> Vec<Mode> {
    let candidates = if nix::unistd::geteuid().is_root() {
        vec![Mode::Own, Mode::Ordinary]
    } else {
        vec![Mode::Own]
    };
    let usable = |mode: &Mode| {
        let output = command(mode, &[], &["/bin/true"]);
        let works = output.status.success();
        if !works {
            skip(&format!(
                "{mode:?}: this host cannot run the sandbox: {}",
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        works
    };
    let modes: Vec<Mode> = candidates.into_iter().filter(usable).collect();
    // Where fumehood must work a silent skip would hide that it does not.
    let required = std::env::var_os("FUMEHOOD_REQUIRE_SANDBOX").is_some();
    assert!(
        !(required && modes.is_empty()),
        "FUMEHOOD_REQUIRE_SANDBOX is set, but no mode works"
    );
    modes
}

/// The binary, where an ordinary user can execute it: build folders may be closed to others.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = BINARY.get_or_init(|| {
        let folder = shared_folder();
        let path = folder.path().join("fumehood");
        std::fs::copy(env!("CARGO_BIN_EXE_fumehood"), &path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        (folder, path)
    });
    path
}

/// A temporary folder that every user can read.
pub(crate) fn shared_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

/// Runs `fumehood exec` and gives its whole output.
pub(crate) fn command(mode: &Mode, options: &[&str], program: &[&str]) -> Output {
    run(mode, &[&["exec"], options, &["--"], program].concat())
}

/// Runs `fumehood` with these arguments.
pub(crate) fn run(mode: &Mode, arguments: &[&str]) -> Output {
    let mut scope = None;
    let mut command = match mode {
        Mode::Own => Command::new(binary()),
        Mode::Ordinary => {
            let mut command = Command::new(binary());
            command.uid(ORDINARY_USER).gid(ORDINARY_USER);
            command
        }
        Mode::OnlyV1 => groups::hiding(&["cgroup2"]),
        Mode::NoGroups => groups::hiding(&["cgroup", "cgroup2"]),
        Mode::Delegated => scope.insert(groups::Scope::new(ORDINARY_USER)).command(),
        Mode::DelegatedV1 => scope.insert(groups::Scope::of_v1(ORDINARY_USER)).command(),
    };
    command.args(arguments).output().unwrap()
}

/// The same command as a user of no standing, where this one is root.
pub(crate) fn as_ordinary_user(command: &mut Command) -> &mut Command {
    if nix::unistd::geteuid().is_root() {
        command.uid(ORDINARY_USER).gid(ORDINARY_USER);
    }
    command
}

/// Runs `fumehood exec` and gives the JSON that it prints.
pub(crate) fn exec(mode: &Mode, options: &[&str], program: &[&str]) -> Value {
    let output = command(mode, options, program);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{mode:?}: {program:?}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The process with exactly this command line (each argument ends in NUL), by its id on the host.
pub(crate) fn find_running(line: &str) -> Option<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.find(|pid| {
        std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|found| found == line.as_bytes())
    })
}

/// Whether a process with this in its command line (arguments end in NUL) runs on the host.
pub(crate) fn is_running(wanted: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| {
            line.windows(wanted.len())
                .any(|window| window == wanted.as_bytes())
        })
    })
}
