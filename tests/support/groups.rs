//! Other shapes of this host: control groups hidden, or given to an ordinary user.

use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Mode, binary, skip};

/// The further modes that this host offers: those that differ by their control groups.
pub(crate) fn modes() -> Vec<Mode> {
    if !nix::unistd::geteuid().is_root() {
        skip("only root can hide control groups, or give one away");
        return Vec::new();
    }
    let v2 = !mounts(&["cgroup2"]).is_empty();
    let memory_by_v1 = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let memory_by_v1 = memory_by_v1
        .lines()
        .filter_map(|line| line.split_once(" - cgroup "))
        .any(|(_, options)| options.contains("memory"));
    let each_by_v1 = V1.iter().all(|name| own_v1_group(name).is_some());
    let mut found = Vec::new();
    for (mode, offered, reason) in [
        (Mode::OnlyV1, v2 && memory_by_v1, "both versions"),
        (Mode::NoGroups, v2 || memory_by_v1, "control groups"),
        (Mode::Delegated, v2, "version 2 of control groups"),
        (Mode::DelegatedV1, each_by_v1, "version 1 of control groups"),
    ] {
        match offered {
            true => found.push(mode),
            false => skip(&format!("{mode:?}: this host does not have {reason}")),
        }
    }
    found
}

/// Where file systems of these kinds are mounted.
fn mounts(kinds: &[&str]) -> Vec<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap();
    text.lines()
        .filter_map(|line| {
            let (left, right) = line.split_once(" - ")?;
            let is_kind = kinds.contains(&right.split(' ').next()?);
            let path = left.split(' ').nth(4)?;
            is_kind.then(|| PathBuf::from(path))
        })
        .collect()
}

/// A command that runs `fumehood` where no file system of these kinds is to be seen.
pub(crate) fn hiding(kinds: &[&str]) -> Command {
    let hidden = mounts(kinds);
    let script =
        "while [ \"$1\" != -- ]; do umount -l \"$1\" || exit 99; shift; done; shift; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-c", script, "sh"]);
    command.args(hidden).arg("--").arg(binary());
    command
}

/// The controllers of version 1 that jobs are bounded by.
const V1: [&str; 3] = ["memory", "pids", "cpuacct"];

/// The folder of this process's own group in a hierarchy of version 1.
fn own_v1_group(controller: &str) -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let is_its = controllers.split(',').any(|name| name == controller);
        is_its.then(|| path.trim_start_matches('/'))
    })?;
    let mounts = mounts(&["cgroup"]);
    let mut names = mounts.iter().filter(|mount| {
        let name = mount.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.split(',').any(|name| name == controller))
    });
    names.next().map(|mount| mount.join(own))
}

/// Control groups that belong to an ordinary user, as `systemd-run --scope -p Delegate=yes` makes them.
/// Removed when dropped.
pub(crate) struct Scope {
    folders: Vec<PathBuf>,
    user: u32,
}

impl Scope {
    /// One of version 2.
    pub(crate) fn new(user: u32) -> Self {
        let mount = mounts(&["cgroup2"]).swap_remove(0);
        for name in ["memory", "pids"] {
            // A hybrid host has these elsewhere; then the group counts CPU time and can be killed.
            let _ = fs::write(mount.join("cgroup.subtree_control"), format!("+{name}"));
        }
        Self::below(vec![mount], user)
    }

    /// One in each hierarchy of version 1 that jobs are bounded by.
    pub(crate) fn of_v1(user: u32) -> Self {
        let parents = V1.map(|name| own_v1_group(name).unwrap());
        Self::below(parents.into(), user)
    }

    fn below(parents: Vec<PathBuf>, user: u32) -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let count = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("test-of-fumehood-{}-{count}", std::process::id());
        let mut folders = Vec::new();
        for parent in parents {
            let folder = parent.join(&name);
            // Hierarchies that are mounted together have one folder.
            if folders.contains(&folder) {
                continue;
            }
            fs::create_dir(&folder).unwrap();
            let files = ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];
            let files = files.map(|name| folder.join(name));
            for path in files.iter().chain([&folder]).filter(|path| path.exists()) {
                chown(path, Some(user), Some(user)).unwrap();
            }
            folders.push(folder);
        }
        Self { folders, user }
    }

    /// A command that runs `fumehood` in it, as its user.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(
            "while [ \"$1\" != -- ]; do echo $$ >\"$1\"/cgroup.procs || exit 99; shift; done; shift; \
             user=$1; shift; exec setpriv --reuid \"$user\" --regid \"$user\" --clear-groups \"$@\"",
        );
        command.arg("sh").args(&self.folders).arg("--");
        command.arg(self.user.to_string()).arg(binary());
        command
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        for folder in &self.folders {
            for _ in 0..200 {
                for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                    let _ = fs::remove_dir(entry.path());
                }
                if fs::remove_dir(folder).is_ok() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}
