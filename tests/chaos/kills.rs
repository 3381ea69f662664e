//! SIGKILL for every process of a run, at random moments.

use std::process::Child;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::story::{Random, Story};
use super::tree::children;

/// A process of a run, by what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Supervisor,
    Worker,
    /// The first process of a sandbox.
    First,
    Program,
    Scanner,
}

impl Role {
    /// Who plays it in the run of this supervisor right now.
    fn players(self, supervisor: i32) -> Vec<i32> {
        let below = |parents: Vec<i32>| parents.into_iter().flat_map(children).collect();
        let workers = children(supervisor);
        match self {
            Self::Supervisor => vec![supervisor],
            Self::Worker => workers,
            Self::First => below(workers),
            Self::Program | Self::Scanner => {
                let mut programs: Vec<i32> = below(below(workers));
                // Not what is about to become a program, nor the probes at the start.
                programs.retain(|pid| match self {
                    Self::Scanner => is_scanner(*pid),
                    _ => line_of(*pid).contains("python") && !is_scanner(*pid),
                });
                programs
            }
        }
    }
}

fn line_of(pid: i32) -> String {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).into_owned()
}

fn is_scanner(pid: i32) -> bool {
    let line = line_of(pid);
    line.contains("bandit") || line.contains("ruff")
}

/// Kills `most` players at random moments, then waits for the run. Gives how many were killed.
fn disturb(story: &Story, role: Role, most: u32, random: &mut Random) -> u32 {
    let mut child: Child = story.start();
    let supervisor = child.id() as i32;
    let mut killed = 0;
    random.pause(600);
    while killed < most && child.try_wait().unwrap().is_none() {
        let players = role.players(supervisor);
        let Some(victim) = players.get(random.below(players.len() as u64) as usize) else {
            std::thread::sleep(std::time::Duration::from_micros(500));
            continue;
        };
        // It may have ended by itself just now.
        killed += u32::from(kill(Pid::from_raw(*victim), Signal::SIGKILL).is_ok());
        random.pause(250);
    }
    story.ended(child, role == Role::Supervisor);
    killed
}

fn killed(role: Role) {
    let Some(story) = Story::begin() else { return };
    if role == Role::Scanner && !story.has_scanners() {
        return;
    }
    let mut random = Random::new(&format!("{role:?}"));
    let mut total = 0;
    for _ in 0..2 {
        let _ = std::fs::remove_dir_all(story.folder());
        // A program that is killed a third time is believed to do it itself.
        total += disturb(&story, role, 2, &mut random);
        story.resumes();
    }
    eprintln!("{role:?}: {total} killed");
    assert!(total > 0, "every run was over before anything was killed");
}

#[test]
fn the_supervisor() {
    killed(Role::Supervisor);
}

#[test]
fn workers() {
    killed(Role::Worker);
}

#[test]
fn first_processes_of_sandboxes() {
    killed(Role::First);
}

#[test]
fn programs() {
    killed(Role::Program);
}

#[test]
fn scanners() {
    killed(Role::Scanner);
}
