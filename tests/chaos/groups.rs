//! Control groups of running jobs, killed or removed by somebody else.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::story::{Random, Story};
use super::support::skip;
use super::tree::children;

/// The groups of the jobs of these workers, in every hierarchy.
fn groups(workers: &[i32]) -> Vec<PathBuf> {
    fn collect(folder: &Path, depth: u32, workers: &[i32], found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            match name.strip_prefix("fumehood-") {
                Some(rest) => {
                    let owner = rest.split('-').next().and_then(|pid| pid.parse().ok());
                    if owner.is_some_and(|pid: i32| workers.contains(&pid)) {
                        found.push(path);
                    }
                }
                None if depth > 0 && path.is_dir() => collect(&path, depth - 1, workers, found),
                None => {}
            }
        }
    }
    let mut found = Vec::new();
    collect(Path::new("/sys/fs/cgroup"), 4, workers, &mut found);
    found
}

fn members(group: &Path) -> Vec<i32> {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// Ends everything in a group, as an impatient administrator would.
fn kill_all(group: &Path) -> bool {
    if fs::write(group.join("cgroup.kill"), "1").is_ok() {
        return true;
    }
    let members = members(group);
    for pid in &members {
        let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
    }
    !members.is_empty()
}

/// Takes a group away under its processes, which go on without any limit.
fn remove(group: &Path) -> bool {
    for pid in members(group) {
        let _ = fs::write(group.with_file_name("cgroup.procs"), pid.to_string());
    }
    fs::remove_dir(group).is_ok()
}

fn disturbed(what: &str, disturb: fn(&Path) -> bool) {
    let Some(story) = Story::begin() else { return };
    let mut random = Random::new(what);
    let mut total = 0;
    for _ in 0..2 {
        let _ = fs::remove_dir_all(story.folder());
        let mut child = story.start();
        let mut done = 0;
        random.pause(300);
        while done < 2 && child.try_wait().unwrap().is_none() {
            let groups = groups(&children(child.id() as i32));
            if let Some(group) = groups.get(random.below(groups.len() as u64) as usize) {
                done += u32::from(disturb(group));
            }
            random.pause(60);
        }
        story.ended(child, false);
        story.resumes();
        total += done;
    }
    eprintln!("{what}: {total}");
    if total == 0 {
        skip("jobs have no control groups here, or not for long enough");
    }
}

#[test]
fn groups_are_killed() {
    disturbed("groups killed", kill_all);
}

#[test]
fn groups_are_removed() {
    disturbed("groups removed", remove);
}
