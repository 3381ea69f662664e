//! What an idle sandbox keeps to itself.

use std::fs;
use std::path::{Path, PathBuf};

use crate::base::stat::Stat;
use crate::worker::SUBCOMMAND;

/// The private, changed memory of this process's idle sandboxes, one on average, in KiB; interpreters
/// are not counted, whose memory their jobs share. `None` where no sandbox is kept, or its memory is
/// closed to us.
///
/// A sandbox is kept by a process below a worker that runs fumehood's own file: all memory that it
/// has not changed is the worker's, or the file's.
pub(super) fn slot_private_kib() -> Option<f64> {
    let own = fs::read_link("/proc/self/exe").ok()?;
    let all = processes();
    let is_worker = |pid: i32| {
        fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.split(|byte| *byte == 0).nth(1) == Some(SUBCOMMAND.as_bytes()))
    };
    let ours = i32::try_from(std::process::id()).ok()?;
    let workers: Vec<i32> = children(&all, ours).filter(|pid| is_worker(*pid)).collect();
    let mut sizes = Vec::new();
    let mut open: Vec<i32> = workers
        .iter()
        .flat_map(|worker| children(&all, *worker))
        .collect();
    while let Some(pid) = open.pop() {
        open.extend(children(&all, pid));
        if fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| path == own) {
            sizes.push(private_dirty(&PathBuf::from(format!("/proc/{pid}")))?);
        }
    }
    (!sizes.is_empty()).then(|| sizes.iter().sum::<u64>() as f64 / sizes.len() as f64)
}

/// All processes, each with its parent.
fn processes() -> Vec<(i32, i32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let name = name.to_str()?;
            let pid = name.parse().ok()?;
            Some((pid, i32::try_from(Stat::read(name)?.field(4)).ok()?))
        })
        .collect()
}

fn children(all: &[(i32, i32)], parent: i32) -> impl Iterator<Item = i32> {
    all.iter()
        .filter(move |(_, its)| *its == parent)
        .map(|(pid, _)| *pid)
}

fn private_dirty(process: &Path) -> Option<u64> {
    let rollup = fs::read_to_string(process.join("smaps_rollup")).ok()?;
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Private_Dirty:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_memory_is_there() {
        assert!(private_dirty(Path::new("/proc/self")).unwrap() > 0);
        let all = processes();
        let ours = i32::try_from(std::process::id()).unwrap();
        let parent = i32::try_from(std::os::unix::process::parent_id()).unwrap();
        assert!(children(&all, parent).any(|pid| pid == ours));
    }
}
