//! The memory that jobs may take together: what the host, and the groups around us, have left.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::sandbox::cgroup::{Base, Version};

/// How old a look at the host may be.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The memory that jobs may take together.
#[derive(Debug)]
pub(super) struct Headroom {
    /// In bytes, with a tenth left for everybody else.
    whole: u64,
    /// The part of it that may be promised now.
    budget: u64,
    /// What was left at the last look, and when that was; `None` where nobody looks.
    left: Option<(u64, Instant)>,
}

impl Headroom {
    /// What this host has left now, for groups below `base` if there is one.
    pub(super) fn now(base: Option<&Base>) -> Self {
        let left = available();
        let least = [left, base.and_then(around)].into_iter().flatten().min();
        let whole = least.map_or(u64::MAX, |least| least / 10 * 9);
        Self {
            whole,
            budget: whole,
            left: left.map(|left| (left, Instant::now())),
        }
    }

    /// So much, whatever the host has.
    #[cfg(test)]
    pub(super) fn of(budget: u64) -> Self {
        Self {
            whole: budget,
            budget,
            left: None,
        }
    }

    /// Whether so much may be promised in all, and another job that will take `next` started now:
    /// others on the host take memory as well.
    pub(super) fn has(&mut self, in_all: u64, next: u64) -> bool {
        if in_all > self.budget {
            return false;
        }
        let Some((left, looked)) = &mut self.left else {
            return true;
        };
        if looked.elapsed() >= LOOK_EVERY {
            *looked = Instant::now();
            *left = available().unwrap_or(u64::MAX);
        }
        *left >= next
    }

    /// Promises no more than this for now.
    pub(super) fn lower(&mut self, budget: u64) {
        self.budget = self.budget.min(budget);
    }

    /// Promises a little more again.
    pub(super) fn recover(&mut self) {
        let more = (self.budget / 64).max(1 << 20);
        self.budget = self.budget.saturating_add(more).min(self.whole);
    }
}

/// What the kernel thinks can be had without swapping, in bytes.
fn available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kib = field(&text, "MemAvailable:")?;
    Some(kib.saturating_mul(1024))
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// What is left of the least limit on a group around, in bytes; `None` without any.
fn around(base: &Base) -> Option<u64> {
    let left = base
        .folder
        .ancestors()
        .filter_map(|group| match base.version {
            Version::V1 => left(
                group,
                ["memory.limit_in_bytes", "memory.usage_in_bytes"],
                "total_inactive_file",
            ),
            Version::V2 => left(group, ["memory.max", "memory.current"], "inactive_file"),
        });
    left.min()
}

/// What is left of one group's limit. Files that nobody uses make room when it is needed.
fn left(group: &Path, [limit, usage]: [&str; 2], unused: &str) -> Option<u64> {
    let number = |name: &str| {
        let text = fs::read_to_string(group.join(name)).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let (limit, usage) = (number(limit)?, number(usage)?);
    let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let unused = field(&stat, &format!("{unused} ")).unwrap_or(0);
    Some(limit.saturating_sub(usage.saturating_sub(unused)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_around_counts_without_files_that_nobody_uses() {
        let home = tempfile::tempdir().unwrap();
        let inner = home.path().join("outer/inner");
        fs::create_dir_all(&inner).unwrap();
        let write = |folder: &Path, limit: &str, usage: &str| {
            fs::write(folder.join("memory.max"), limit).unwrap();
            fs::write(folder.join("memory.current"), usage).unwrap();
        };
        write(&inner, "max\n", "100\n");
        let base = Base {
            version: Version::V2,
            folder: inner.clone(),
        };
        assert_eq!(around(&base), None);
        let outer = inner.parent().unwrap();
        write(outer, "1000\n", "700\n");
        assert_eq!(around(&base), Some(300));
        fs::write(outer.join("memory.stat"), "anon 5\ninactive_file 200\n").unwrap();
        assert_eq!(around(&base), Some(500));
        write(&inner, "400\n", "100\n");
        assert_eq!(around(&base), Some(300));
    }

    #[test]
    fn this_host_has_memory_and_never_more_than_there_is() {
        let mut headroom = Headroom::now(None);
        assert!(headroom.has(1, 1));
        assert!(!headroom.has(1 << 60, 1 << 60));
        headroom.lower(10);
        assert!(headroom.has(10, 1) && !headroom.has(11, 1));
        (0..10_000).for_each(|_| headroom.recover());
        assert!(headroom.has(1 << 20, 1) && !headroom.has(1 << 60, 1));
    }
}
