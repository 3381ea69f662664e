//! SIGKILL for every process of a run, at random moments.

use std::process::Child;
use std::time::Duration;

use fumehood::base::limits::Limits;
use fumehood::worker::{End, Pool, PoolConfig, Request, Reuse};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::story::{PATIENCE, Random, Story};
use super::support::binary;
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
            std::thread::sleep(Duration::from_micros(500));
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
        // A program that is killed a third time is believed to do it itself; see below. One that is
        // killed before its tests have begun is run again in any case.
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

/// Kills a program `times` times, each time when it has begun; lets it go on otherwise. Gives how it ended.
async fn killed_again(times: usize) -> End {
    let config = PoolConfig {
        workers: 1,
        executable: binary().to_owned(),
        profile_dir: None,
        without: Vec::new(),
    };
    let pool = Pool::start(config).await.unwrap();
    // It stops itself, so that it is there until somebody decides.
    let request = Request {
        argv: ["/bin/sh", "-c", "kill -STOP $$; exit 7"]
            .map(str::to_owned)
            .to_vec(),
        env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        stdin: Vec::new(),
        payload: None,
        events_limit: None,
        profile: "strict".to_owned(),
        mounts: Vec::new(),
        limits: Limits {
            wall: PATIENCE,
            ..Limits::default()
        },
        reuse: Reuse::Sandbox,
    };
    let run = pool.run(request);
    let decide = async {
        let mut known = Vec::new();
        loop {
            let programs = children(std::process::id() as i32).into_iter();
            let mut programs = programs.flat_map(children).flat_map(children);
            let stopped = |pid: &i32| !known.contains(pid) && is_stopped(*pid);
            if let Some(program) = programs.find(stopped) {
                let signal = match known.len() < times {
                    true => Signal::SIGKILL,
                    false => Signal::SIGCONT,
                };
                kill(Pid::from_raw(program), signal).unwrap();
                known.push(program);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let observation = tokio::select! {
        observation = run => observation.unwrap(),
        () = decide => unreachable!("it decides for ever"),
    };
    pool.shutdown().await;
    observation.end
}

fn is_stopped(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| rest.starts_with('T'))
}

#[tokio::test]
async fn programs_killed_twice_get_another_run() {
    // One at a time, and nothing where the sandbox cannot run.
    let Some(_story) = Story::begin() else { return };
    assert_eq!(killed_again(0).await, End::Exited(7));
    assert_eq!(killed_again(2).await, End::Exited(7));
    // Once more, and it is believed to do it itself.
    assert_eq!(killed_again(3).await, End::Signaled(9));
}

#[test]
fn scanners() {
    killed(Role::Scanner);
}
