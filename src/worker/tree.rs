//! What a sandbox's processes use, added up from `/proc`: for hosts without control groups.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use nix::unistd::{Pid, SysconfVar, sysconf};

use crate::base::stat::Stat;

/// What a tree of processes uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TreeUsage {
    /// CPU time of those alive, and of those that their parents have waited for.
    pub(super) cpu: Duration,
    /// Resident memory, with shared pages counted as often as they are shared; see [`memory`].
    pub(super) memory: u64,
    /// Processes and threads.
    pub(super) processes: u64,
}

/// A fork bomb must not keep the watch busy: what is beyond this is over any limit anyway.
const MOST: usize = 10_000;
/// Ended orphans that the sandbox's first process may be behind with on a busy host: no fault of the
/// job's, unless it makes them faster than they can be reaped.
const UNREAPED: u64 = 256;

/// One process.
struct Member {
    pid: i32,
    stat: Stat,
}

impl Member {
    fn read(pid: i32) -> Option<Self> {
        let stat = Stat::read(&pid.to_string())?;
        Some(Self { pid, stat })
    }

    fn resident(&self) -> u64 {
        let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
        self.stat.field(24) * page.unwrap_or(4096).max(1) as u64
    }
}

/// What decides how much of a contended processor a task gets: the scheduler's number (which counts
/// the nice level) and the policy. A negative number reads as 0; no job can have one.
fn priority(stat: &Stat) -> (u64, u64) {
    (stat.field(18), stat.field(41))
}

/// Adds up a process and all below it. Orphans go to the sandbox's first process, so that nothing
/// leaves the tree. Where there seem to be more than `most` below it, they are looked at again: a
/// program that is always another process leads the walk on and on, so that it counts many times.
pub(super) fn usage(root: Pid, most: u32) -> TreeUsage {
    let mut total = TreeUsage::default();
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    let tick = 1_000_000_000 / ticks.unwrap_or(100).max(1) as u64;
    let members = members(root);
    for member in &members {
        let spent = (14..=17)
            .map(|number| member.stat.field(number))
            .sum::<u64>();
        total.cpu += Duration::from_nanos(spent * tick);
        total.memory += member.resident();
        total.processes += member.stat.field(20).max(1);
    }
    if total.processes > u64::from(most) + 1 {
        total.processes = still_there(root, &members);
    }
    total
}

/// How many of these processes and threads are there together: what was seen on the walk through the
/// tree and is still there was there at the walk's end.
fn still_there(root: Pid, seen: &[Member]) -> u64 {
    let (mut there, mut unreaped) = (0, 0_u64);
    for before in seen {
        // A number may have gone to a younger process meanwhile.
        let is_same = |now: &Member| now.stat.field(22) == before.stat.field(22);
        let Some(now) = Member::read(before.pid).filter(is_same) else {
            continue;
        };
        if now.stat.state() == 'Z' && now.stat.field(4) == u64::from(root.as_raw().unsigned_abs()) {
            unreaped += 1;
        } else {
            there += now.stat.field(20).min(before.stat.field(20)).max(1);
        }
    }
    there + unreaped.saturating_sub(UNREAPED)
}

/// The memory of a process and all below it, each page counted once however many share it, with
/// `files` bytes in their file system: what of those is mapped is counted as memory already.
pub(super) fn memory(root: Pid, files: u64) -> u64 {
    let (mut private, mut shared) = (0_u64, 0_u64);
    for member in members(root) {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", member.pid));
        let rollup = rollup.unwrap_or_default();
        let kib = |key: &str| {
            let line = rollup.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let shmem = kib("Pss_Shmem:").unwrap_or(0) * 1024;
        // A process that is ending has no memory left to be told; its last `stat` would count what
        // it shared a second time.
        let now = || Member::read(member.pid).map_or(0, |member| member.resident());
        let all = kib("Pss:").map_or_else(now, |kib| kib * 1024);
        private += all.saturating_sub(shmem);
        shared += shmem;
    }
    private + shared.max(files)
}

/// What a tree's tasks have waited for a processor.
#[derive(Debug, Default)]
pub(super) struct Delays {
    /// In nanoseconds, by task; none where the kernel does not count them.
    pub(super) delays: Vec<(i32, u64)>,
    /// Whether a task has another priority than it was started with.
    pub(super) lowered: bool,
}

/// The run delay of a process's first task, in nanoseconds.
pub(super) fn run_delay(process: Pid) -> Option<u64> {
    delay_of(&process.to_string())
}

fn delay_of(task: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{task}/schedstat")).ok()?;
    // Time on a processor, time waiting for one, turns.
    text.split_whitespace().nth(1)?.parse().ok()
}

/// The run delay of every task of a process and of all below it.
pub(super) fn run_delays(root: Pid) -> Delays {
    let mut found = Delays::default();
    // This worker's, which the first process began with: a job may lower the first process's as well.
    let own = Stat::read("self").as_ref().map(priority);
    for member in members(root) {
        let tasks = fs::read_dir(format!("/proc/{}/task", member.pid));
        for task in tasks.into_iter().flatten().flatten() {
            let Some(id) = task.file_name().to_str().and_then(|id| id.parse().ok()) else {
                continue;
            };
            let task = format!("{}/task/{id}", member.pid);
            if let Some(delay) = delay_of(&task) {
                found.delays.push((id, delay));
            }
            let priority = Stat::read(&task).as_ref().map(priority);
            found.lowered |= priority.zip(own).is_some_and(|(task, first)| {
                // A larger number is a lower priority; other policies than its own only lower it.
                task.0 > first.0 || task.1 != first.1
            });
        }
        if found.delays.len() > MOST {
            break;
        }
    }
    found
}

/// A process and all below it.
pub(super) fn pids(root: Pid) -> HashSet<i32> {
    members(root).iter().map(|member| member.pid).collect()
}

fn members(root: Pid) -> Vec<Member> {
    if fs::exists("/proc/thread-self/children").unwrap_or(false) {
        by_children(root)
    } else {
        by_parents(root)
    }
}

fn by_children(root: Pid) -> Vec<Member> {
    let mut found = Vec::new();
    let mut left = vec![root.as_raw()];
    while let Some(pid) = left.pop() {
        let Some(member) = Member::read(pid) else {
            continue;
        };
        found.push(member);
        if found.len() > MOST {
            break;
        }
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
    found
}

/// For kernels without lists of children (no `CONFIG_PROC_CHILDREN`): every process names its parent.
fn by_parents(root: Pid) -> Vec<Member> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut rest: Vec<Member> = all
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Member::read)
        .collect();
    let is_root = |member: &mut Member| member.pid == root.as_raw();
    let mut found: Vec<Member> = rest.extract_if(.., is_root).collect();
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|member| member.pid) {
        let is_child =
            |member: &mut Member| member.stat.field(4) == u64::from(parent.unsigned_abs());
        found.extend(rest.extract_if(.., is_child));
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::{Signal, kill};

    use super::*;

    #[test]
    fn this_very_process_is_counted() {
        let usage = usage(Pid::this(), 0);
        assert!(usage.memory > 0);
        assert!(usage.processes >= 1);
    }

    /// A process that calls itself what is no text must not vanish from the count.
    #[test]
    fn a_name_hides_nobody() {
        let mut child = std::process::Command::new("sh")
            .args([
                "-c",
                r"printf '\377) Z 1\n' > /proc/$$/comm; echo; read line",
            ])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 1];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
        let pid = child.id() as i32;
        let name = fs::read(format!("/proc/{pid}/comm")).unwrap();
        let parents = by_parents(Pid::this());
        let children = by_children(Pid::this());
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(name, b"\xff) Z 1\n\n");
        assert!(parents.iter().any(|member| member.pid == pid));
        assert!(
            !fs::exists("/proc/thread-self/children").unwrap()
                || children.iter().any(|member| member.pid == pid)
        );
    }

    #[test]
    fn waiting_tasks_are_told_and_those_that_gave_way() {
        let mut command = std::process::Command::new("nice");
        let mut child = command.args(["-n", "3", "sleep", "60"]).spawn().unwrap();
        let pid = child.id() as i32;
        let mut seen = run_delays(Pid::this());
        for _ in 0..1000 {
            if seen.lowered {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
            seen = run_delays(Pid::this());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(seen.lowered);
        let is_counted = seen.delays.iter().any(|(task, _)| *task == pid);
        assert!(is_counted || !fs::exists("/proc/self/schedstat").unwrap());
    }

    /// Ended orphans of the first process do not count, those that a program does not reap do.
    #[test]
    fn only_what_is_there_at_once_counts() {
        let script = "sleep 0 & sleep 0 & sleep 0 & exec sleep 60";
        // The same program as first process, and below one.
        for (script, expected) in [
            (script.to_owned(), 1),
            (format!("sh -c '{script}' & exec sleep 60"), 5),
        ] {
            let mut child = std::process::Command::new("sh")
                .args(["-c", &script])
                .spawn()
                .unwrap();
            let root = Pid::from_raw(child.id() as i32);
            let ended = || {
                let members = members(root);
                let is_ended = |member: &&Member| member.stat.state() == 'Z';
                members.iter().filter(is_ended).count()
            };
            for _ in 0..1000 {
                if ended() == 3 {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            let (ended, all, at_once) =
                (ended(), usage(root, 9).processes, usage(root, 0).processes);
            // Seen on the walk and gone before its end, and the same number with another beginning.
            let mut seen = members(root);
            let gone = Member {
                pid: i32::MAX,
                stat: seen[0].stat.clone(),
            };
            let fields = (4..=22).map(|_| "1").collect::<Vec<_>>().join(" ");
            let stat = Stat::parse(format!("1 (sh) S {fields}").as_bytes()).unwrap();
            let other = Member {
                pid: root.as_raw(),
                stat,
            };
            seen.extend([gone, other]);
            let later = still_there(root, &seen);
            for member in members(root).iter().rev() {
                let _ = kill(Pid::from_raw(member.pid), Signal::SIGKILL);
            }
            child.wait().unwrap();
            assert_eq!(ended, 3);
            assert_eq!(all, if expected == 1 { 4 } else { 5 });
            assert_eq!((at_once, later), (expected, expected));
        }
    }

    #[test]
    fn both_ways_of_finding_a_tree_agree() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pid = child.id() as i32;
        let has_child = |members: Vec<Member>| members.iter().any(|member| member.pid == pid);
        let by_parents = has_child(by_parents(Pid::this()));
        let by_children = !fs::exists("/proc/thread-self/children").unwrap()
            || has_child(by_children(Pid::this()));
        let counted_once = memory(Pid::this(), 0);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(by_parents && by_children);
        assert!(counted_once > 0);
        assert!(memory(Pid::this(), 1 << 40) >= 1 << 40);
    }
}
