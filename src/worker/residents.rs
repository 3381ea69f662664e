//! Programs that stay in a slot while jobs come and go: warm interpreters.
//!
//! Everything else is killed after each job, and the residents have to outlive that. So all processes of
//! the slot are stopped first, at one stroke, so that none can start another one; then whoever is no
//! resident is killed, and the residents go on. A resident that has ended by itself puts the slot in doubt,
//! and so does one that is scheduled in another way than before: jobs are of the same user and may change
//! that, and the next ones would inherit it.
//!
//! Processes that wake each other can outrun the stop, and start others behind the back of whoever lists
//! them. So the worker asks the slot's control group, too, how many are left; see
//! [`Group::processes`](crate::sandbox::cgroup::Group::processes).

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::sandbox::sys::Scheduling;

/// How long processes may take to end once they are killed.
const WITHIN: Duration = Duration::from_secs(1);
/// How often they are looked for meanwhile.
const LOOK_EVERY: Duration = Duration::from_micros(200);

/// The residents of a slot, as its first process holds them.
#[derive(Debug, Default)]
pub(super) struct Residents {
    all: Vec<Resident>,
    /// One of them has ended. From then on its number may be another process's.
    is_one_lost: bool,
}

#[derive(Debug)]
struct Resident {
    pid: Pid,
    scheduling: Scheduling,
}

impl Residents {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A program that was just started.
    pub(super) fn add(&mut self, pid: Pid) -> Result<(), String> {
        let scheduling = scheduling(pid)?;
        self.all.push(Resident { pid, scheduling });
        Ok(())
    }

    fn has(&self, pid: Pid) -> bool {
        self.all.iter().any(|resident| resident.pid == pid)
    }

    /// A process that a resident made, and whose parent is now the first process.
    pub(super) fn adopt(&mut self, pid: Pid) -> Result<(), String> {
        let found = Status::of(pid)?;
        if found.parent != 1 || pid.as_raw() <= 1 || self.has(pid) {
            return Err(format!("process {pid} is nobody's resident"));
        }
        self.add(pid)
    }

    /// Ends one.
    pub(super) fn dismiss(&mut self, pid: Pid) -> Result<(), String> {
        self.reap()?;
        self.are_all_there()?;
        let place = self.all.iter().position(|resident| resident.pid == pid);
        let place = place.ok_or_else(|| format!("process {pid} is no resident"))?;
        self.all.remove(place);
        // It is ours and was not waited for, so the number is still its own.
        kill(pid, Signal::SIGKILL).map_err(|errno| format!("end a resident: {errno}"))?;
        loop {
            match waitpid(pid, None) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(format!("wait for a resident: {errno}")),
            }
        }
    }

    /// Kills every other process of the slot. Fails when a resident has ended, or was stopped.
    pub(super) fn clear_around(&mut self) -> Result<(), String> {
        self.reap()?;
        self.are_all_there()?;
        for Resident { pid, .. } in &self.all {
            let state = Status::of(*pid)?.state;
            if matches!(state, 'T' | 't' | 'Z' | 'X') {
                return Err(format!("a resident is in state {state}"));
            }
        }
        signal_all(Signal::SIGSTOP)?;
        let others = self.others()?;
        for pid in &others {
            send(*pid, Signal::SIGKILL)?;
        }
        for Resident { pid, .. } in &self.all {
            send(*pid, Signal::SIGCONT)?;
        }
        let deadline = Instant::now() + WITHIN;
        loop {
            self.reap()?;
            self.are_all_there()?;
            if others.is_empty() || self.others()?.is_empty() {
                return self.are_as_before();
            }
            if Instant::now() > deadline {
                return Err("a process of the job does not end".to_owned());
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// After everybody else has gone.
    fn are_as_before(&self) -> Result<(), String> {
        for Resident {
            pid,
            scheduling: before,
        } in &self.all
        {
            if scheduling(*pid)? != *before {
                return Err("a resident is scheduled in another way".to_owned());
            }
        }
        Ok(())
    }

    /// Takes note of a process that has ended and was waited for.
    pub(super) fn note_end(&mut self, pid: Pid) {
        self.is_one_lost |= self.has(pid);
    }

    fn are_all_there(&self) -> Result<(), String> {
        match self.is_one_lost {
            true => Err("a resident has ended".to_owned()),
            false => Ok(()),
        }
    }

    /// Waits for whatever has ended.
    ///
    /// # Errors
    /// What the kernel said.
    pub(super) fn reap(&mut self) -> Result<(), String> {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(()),
                Ok(status) => {
                    if let Some(pid) = status.pid() {
                        self.note_end(pid);
                    }
                }
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(format!("wait for what a job left: {errno}")),
            }
        }
    }

    /// Processes of the slot that are neither residents nor the first one.
    fn others(&self) -> Result<Vec<Pid>, String> {
        let failed = |error: std::io::Error| format!("list processes: {error}");
        let mut others = Vec::new();
        for entry in std::fs::read_dir("/proc").map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let pid = Pid::from_raw(pid);
            if pid.as_raw() != 1 && !self.has(pid) {
                others.push(pid);
            }
        }
        Ok(others)
    }
}

fn scheduling(pid: Pid) -> Result<Scheduling, String> {
    Scheduling::of(pid).map_err(|errno| format!("see how a resident is scheduled: {errno}"))
}

fn signal_all(signal: Signal) -> Result<(), String> {
    match kill(Pid::from_raw(-1), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(format!("send {signal} to what a job left: {errno}")),
    }
}

fn send(pid: Pid, signal: Signal) -> Result<(), String> {
    match kill(pid, signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(format!("send {signal} to process {pid}: {errno}")),
    }
}

/// What `/proc` says of a process.
struct Status {
    state: char,
    parent: i32,
}

impl Status {
    fn of(pid: Pid) -> Result<Self, String> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .map_err(|error| format!("look at process {pid}: {error}"))?;
        // A name can hold anything, a bracket and a blank included.
        let rest = text.rsplit_once(") ").map(|(_, rest)| rest);
        let mut fields = rest.unwrap_or("").split(' ');
        let state = fields.next().and_then(|field| field.chars().next());
        let parent = fields.next().and_then(|field| field.parse().ok());
        state
            .zip(parent)
            .map(|(state, parent)| Self { state, parent })
            .ok_or_else(|| format!("look at process {pid}: it says {text:?}"))
    }
}
