//! The processes of a run on this host, and what it could leave behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::support::binary;

/// What fumehood could leave behind: processes of its binary, control groups, temporary folders, mounts.
pub(crate) fn leftovers() -> BTreeSet<String> {
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
    let temporary = [std::env::temp_dir(), "/dev/shm".into()];
    let temporary = temporary
        .iter()
        .filter_map(|place| fs::read_dir(place).ok());
    for entry in temporary.flatten().flatten() {
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

/// The children of a process.
pub(crate) fn children(parent: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{parent}/task"));
    let mut found = Vec::new();
    for thread in threads.into_iter().flatten().flatten() {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        let children = children.split_whitespace();
        found.extend(children.filter_map(|pid| pid.parse::<i32>().ok()));
    }
    found
}

/// Waits for something that must come soon.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
