//! Locks on ranges of files. They lie in the kernel's memory, and no control group counts them.
//!
//! The kernel tells of all locks of the host in one list. While somebody makes locks by the thousand, the first
//! page of it takes a tenth of a second and every further one half a millisecond: time in which the clocks of
//! this worker's job are not looked at. So a look is bounded, and the next one is the later the longer it took.
//! What the list begins with are the youngest locks of each processor, and those are of whoever floods it.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use super::tree;

/// Locks that a job may hold. Databases hold a handful for each connection; they take some two hundred bytes
/// each.
const MOST: usize = 10_000;
/// How many of its own must be seen in a list that was not read to its end, and which part of it they
/// must be.
const MANY: usize = 1_000;
const PART: usize = 8;
/// How long the list is looked at behind its first page.
const LOOK: Duration = Duration::from_millis(50);
/// How many times as long as a look took it is left alone.
const REST: u32 = 8;
/// Bytes of the list that no job can be blamed for: some hundreds of locks.
const SHORT: usize = 32 << 10;
/// Bytes of it that are read at most: enough for more locks than a job may hold.
const LONG: usize = 1 << 20;

/// Looks at the locks of one job.
#[derive(Debug, Default)]
pub(super) struct Locks {
    next: Option<Instant>,
}

impl Locks {
    /// Whether a process and all below it were seen to hold more than a job may.
    pub(super) fn are_too_many(&mut self, root: Pid, now: Instant) -> bool {
        if self.next.is_some_and(|next| now < next) {
            return false;
        }
        let Some((text, is_whole)) = list() else {
            return false;
        };
        let looked = Instant::now();
        self.next = Some(looked + looked.saturating_duration_since(now) * REST);
        if is_whole && text.len() < SHORT {
            return false;
        }
        judge(&String::from_utf8_lossy(&text), is_whole, &tree::pids(root))
    }
}

/// The kernel's list, and whether it is all of it.
fn list() -> Option<(Vec<u8>, bool)> {
    let mut file = File::open("/proc/locks").ok()?;
    let mut text = Vec::new();
    // The kernel gives one at a time.
    let mut page = [0; 4096];
    let mut until = None;
    loop {
        match file.read(&mut page) {
            // An error ends the list where it is: what was read counts.
            Ok(0) | Err(_) => return Some((text, true)),
            Ok(count) => text.extend_from_slice(&page[..count]),
        }
        let now = Instant::now();
        if now > *until.get_or_insert(now + LOOK) || text.len() > LONG {
            return Some((text, false));
        }
    }
}

fn judge(text: &str, is_whole: bool, own: &HashSet<i32>) -> bool {
    // `7: POSIX  ADVISORY  WRITE 9138 fe:00:11788333 0 EOF`
    let owner = |line: &str| line.split_whitespace().nth(4)?.parse::<i32>().ok();
    let owners: Vec<i32> = text.lines().filter_map(owner).collect();
    let held = owners.iter().filter(|pid| own.contains(pid)).count();
    held > MOST || !is_whole && held > MANY && held * PART > owners.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_answers_for_its_own_locks() {
        let own = [7].into();
        let list = |counts: &[(i32, usize)]| {
            let lines = counts.iter().flat_map(|(pid, count)| {
                (0..*count).map(move |at| {
                    format!("{at}: POSIX  ADVISORY  WRITE {pid} fe:00:9 {at} {at}\n")
                })
            });
            lines.collect::<String>()
        };
        assert!(judge(&list(&[(7, MOST + 1)]), true, &own));
        assert!(!judge(&list(&[(7, MOST)]), true, &own));
        assert!(!judge(&list(&[(8, 2 * MOST), (7, MOST)]), true, &own));
        // Not read to its end: a good part of what was seen is its own.
        assert!(judge(&list(&[(7, 2 * MANY), (8, 9 * MANY)]), false, &own));
        assert!(!judge(&list(&[(7, 2 * MANY), (8, 15 * MANY)]), false, &own));
        assert!(!judge(&list(&[(7, MANY)]), false, &own));
        assert!(!judge("7: -> POSIX\n\u{fffd}", true, &own));
    }
}
