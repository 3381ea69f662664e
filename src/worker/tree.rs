//! What a sandbox's processes use, added up from `/proc`: for hosts without control groups.

use std::fs;
use std::time::Duration;

use nix::unistd::{Pid, SysconfVar, sysconf};

/// What a tree of processes uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TreeUsage {
    /// CPU time of those alive, and of those that their parents have waited for.
    pub(super) cpu: Duration,
    /// Resident memory, with shared pages counted as often as they are shared.
    pub(super) memory: u64,
    /// Processes and threads.
    pub(super) processes: u64,
}

/// Adds up a process and all below it. Orphans go to the sandbox's first process, so that nothing
/// leaves the tree.
pub(super) fn usage(root: Pid) -> TreeUsage {
    let mut total = TreeUsage::default();
    let mut left = vec![root.as_raw()];
    let ticks = sysconf(SysconfVar::CLK_TCK)
        .ok()
        .flatten()
        .unwrap_or(100)
        .max(1) as u64;
    let page = sysconf(SysconfVar::PAGE_SIZE)
        .ok()
        .flatten()
        .unwrap_or(4096)
        .max(1) as u64;
    // A fork bomb must not keep this loop busy: what is beyond is over any limit anyway.
    let mut seen = 0;
    while let Some(pid) = left.pop() {
        seen += 1;
        if seen > 10_000 {
            break;
        }
        let Some(stat) = fs::read_to_string(format!("/proc/{pid}/stat")).ok() else {
            continue;
        };
        let Some((_, fields)) = stat.rsplit_once(')') else {
            continue;
        };
        let fields: Vec<u64> = fields
            .split_whitespace()
            .map(|field| field.parse().unwrap_or(0))
            .collect();
        let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0);
        let spent = field(14) + field(15) + field(16) + field(17);
        total.cpu += Duration::from_nanos(spent * (1_000_000_000 / ticks));
        total.memory += field(24) * page;
        total.processes += field(20).max(1);
        let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
            continue;
        };
        for thread in threads.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            left.extend(
                children
                    .split_whitespace()
                    .filter_map(|child| child.parse::<i32>().ok()),
            );
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process_is_counted() {
        let usage = usage(Pid::this());
        assert!(usage.memory > 0);
        assert!(usage.processes >= 1);
    }
}
