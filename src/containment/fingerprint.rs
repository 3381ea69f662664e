//! What of the host hostile programs could change, before and after.
//!
//! Other users and programs change the host meanwhile, so only what can be told to be ours is
//! looked at: things that carry our names, users that only jobs have, our own mounts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::geteuid;

use crate::base::digest::Digest;
use crate::base::owner::Owner;
use crate::sandbox::cgroup;
use crate::worker::JOB_USERS;

/// What hostile programs call the things that they make.
const MARK: &str = "fumehood-hostile";
/// Settings of the kernel that some programs try to change.
const SETTINGS: [&str; 9] = [
    "kernel/hostname",
    "kernel/domainname",
    "kernel/core_pattern",
    "kernel/modprobe",
    "kernel/sysrq",
    "kernel/randomize_va_space",
    "kernel/ctrl-alt-del",
    "vm/overcommit_memory",
    "net/ipv4/ip_forward",
];
/// Files of the system that some programs try to change.
const SYSTEM_FILES: [&str; 8] = [
    "/etc/passwd",
    "/etc/ld.so.preload",
    "/etc/ld.so.cache",
    "/etc/hosts",
    "/usr/bin/env",
    "/usr/bin/perl",
    "/usr/bin/python3",
    "/bin/sh",
];

/// Facts by topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    topics: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Fingerprint {
    /// Looks at the host. `folder` is one in which nothing may change.
    pub fn take(folder: &Path) -> Self {
        let mut print = Self::default();
        print.add("a mount", lines("/proc/self/mountinfo"));
        print.add("a namespace of the supervisor", namespaces());
        print.add("a control group", control_groups());
        print.add("a listening socket", listening_sockets());
        print.add("a file of a job", files_of_jobs());
        print.add("the planted folder", contents(folder));
        print.add("a kernel object", kernel_objects());
        print.add("a setting of the kernel", SETTINGS.map(setting));
        print.add(
            "a file of the system",
            SYSTEM_FILES
                .iter()
                .filter_map(|path| describe(Path::new(path))),
        );
        let count = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        print.add("the supervisor's descriptors", [format!("{count} open")]);
        print
    }

    fn add(&mut self, topic: &'static str, facts: impl IntoIterator<Item = String>) {
        self.topics.entry(topic).or_default().extend(facts);
    }

    /// What is different in `later`, in sentences.
    pub fn differences(&self, later: &Self) -> Vec<String> {
        let none = BTreeSet::new();
        let topics: BTreeSet<&str> = self
            .topics
            .keys()
            .chain(later.topics.keys())
            .copied()
            .collect();
        let mut found = Vec::new();
        for topic in topics {
            let before = self.topics.get(topic).unwrap_or(&none);
            let after = later.topics.get(topic).unwrap_or(&none);
            let said = |what: &str, fact: &String| format!("{topic}: {what}: {fact}");
            found.extend(before.difference(after).map(|fact| said("gone", fact)));
            found.extend(after.difference(before).map(|fact| said("new", fact)));
        }
        found
    }
}

/// The processes that descend from this one. Orphans among them count as long as this process is
/// their reaper.
pub fn descendants() -> Vec<u32> {
    let mut found = Vec::new();
    let mut left = vec![std::process::id()];
    while let Some(pid) = left.pop() {
        let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
            continue;
        };
        for thread in threads.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            let children = children
                .split_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok());
            for child in children {
                // A bound, should something breed faster than it is counted.
                if found.len() < 10_000 {
                    found.push(child);
                    left.push(child);
                }
            }
        }
    }
    found
}

/// How many descriptors a process has open; `None` when it is gone or not ours to look at.
pub fn open_descriptors(pid: u32) -> Option<usize> {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .ok()
        .map(Iterator::count)
}

fn lines(path: &str) -> Vec<String> {
    // As bytes: a name that is no text, such as a key's, must not hide the other lines.
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes)
        .lines()
        .map(str::to_owned)
        .collect()
}

fn namespaces() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/ns")
        .into_iter()
        .flatten()
        .flatten();
    let target = |entry: fs::DirEntry| fs::read_link(entry.path()).ok();
    entries
        .filter_map(target)
        .map(|target| target.display().to_string())
        .collect()
}

/// Groups whose worker is gone.
fn control_groups() -> Vec<String> {
    let controllers = cgroup::discover();
    let mut found = Vec::new();
    for base in controllers.bases() {
        for entry in fs::read_dir(&base.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_orphan =
                Owner::of_name(&name, "fumehood-").is_some_and(|owner| !owner.is_alive());
            if is_orphan {
                found.push(entry.path().display().to_string());
            }
        }
    }
    found
}

fn is_job_user(user: u32) -> bool {
    JOB_USERS.contains(&user)
}

/// TCP sockets that listen for a job's user.
fn listening_sockets() -> Vec<String> {
    let own = geteuid().as_raw();
    let mut found = Vec::new();
    for file in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
        for line in lines(file).iter().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (Some(address), Some(&"0A"), Some(user)) =
                (fields.get(1), fields.get(3), fields.get(7))
            else {
                continue;
            };
            let user = user.parse().unwrap_or(0);
            if is_job_user(user) || (user == own && own != 0) {
                found.push(format!("{address} of user {user}"));
            }
        }
    }
    found
}

/// Files where anybody may write, with our mark or of a job's user.
fn files_of_jobs() -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["/tmp", "/var/tmp", "/dev/shm", "/run", "/"] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let of_job = entry.metadata().is_ok_and(|found| is_job_user(found.uid()));
            if of_job || name.contains(MARK) {
                found.push(format!("{folder}/{name}"));
            }
        }
    }
    found
}

/// Everything in a folder, with what would show that it was touched.
fn contents(folder: &Path) -> Vec<String> {
    let mut found: Vec<String> = describe(folder).into_iter().collect();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(contents(&path));
            continue;
        }
        let text = match path.is_file() {
            true => fs::read(&path)
                .map(|bytes| Digest::of(bytes).to_string())
                .unwrap_or_default(),
            false => String::new(),
        };
        found.extend(describe(&path).map(|facts| format!("{facts} {text}")));
    }
    found
}

fn describe(path: &Path) -> Option<String> {
    let found = fs::symlink_metadata(path).ok()?;
    Some(format!(
        "{} mode {:o} user {} links {} size {} changed {}.{}",
        path.display(),
        found.mode(),
        found.uid(),
        found.nlink(),
        found.size(),
        found.ctime(),
        found.ctime_nsec(),
    ))
}

/// System V objects with our key, and keys with our mark.
fn kernel_objects() -> Vec<String> {
    let keys = [0x6675_6d65_u32.to_string(), 0x6675_6d66_u32.to_string()];
    let mut found = Vec::new();
    for kind in ["shm", "sem", "msg"] {
        let of_ours = |line: &String| {
            line.split_whitespace()
                .next()
                .is_some_and(|key| keys.iter().any(|ours| ours == key))
        };
        found.extend(
            lines(&format!("/proc/sysvipc/{kind}"))
                .into_iter()
                .filter(of_ours),
        );
    }
    found.extend(
        lines("/proc/keys")
            .into_iter()
            .filter(|line| line.contains(MARK)),
    );
    found
}

fn setting(name: &str) -> String {
    let value = fs::read_to_string(format!("/proc/sys/{name}")).unwrap_or_default();
    format!("{name} = {}", value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_touched_shows() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "a").unwrap();
        let before = Fingerprint {
            topics: [("folder", contents(folder.path()).into_iter().collect())].into(),
        };
        assert!(before.differences(&before.clone()).is_empty());
        fs::write(&file, "b").unwrap();
        let after = Fingerprint {
            topics: [("folder", contents(folder.path()).into_iter().collect())].into(),
        };
        assert_eq!(before.differences(&after).len(), 2, "one gone, one new");
    }

    #[test]
    fn a_child_descends_from_this_process() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        assert!(descendants().contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
