//! Where the time of an evaluation went: `profile.json` in the run folder, and a table for
//! `--profile-time`. No report rests on it: it says what this process measured, and a resumed run's
//! says nothing of the processes before.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::Serialize;

use super::failure::Failure;
use super::setup::Setup;
use crate::base::version;
use crate::job::PROFILE as GRADED;
use crate::worker::Account;

/// The file's name.
const FILE: &str = "profile.json";

/// Seconds, and what took them.
#[derive(Debug, Serialize)]
pub(super) struct TimeProfile {
    version: u32,
    workers: usize,
    /// By the clock, from the first worker's start to the last one's end.
    wall: f64,
    cpu: Cpu,
    graded: Jobs,
    /// Scanners, and whatever else ran under another profile than samples.
    scanners: Jobs,
    /// Of all workers together: time without a request. Spare workers are not counted among them but their requests are, so
    /// that sleeping jobs make it less, and 0 at least.
    idle: f64,
    /// The most memory that this process held, in KiB; its workers not counted.
    supervisor_peak_kib: u64,
}

/// CPU time.
#[derive(Debug, Serialize)]
struct Cpu {
    /// Of samples, ground truths and controls, with their interpreters' start.
    graded: f64,
    scanners: f64,
    /// Of the workers themselves and of what they keep in sandboxes: these are built, interpreters warmed, jobs watched.
    /// What a sandbox takes to end, and what no control group counts, is not in it.
    workers: f64,
    /// Of this process: reading, judging, the journal.
    supervisor: f64,
}

/// Requests of one kind. Their times overlap as far as workers do.
#[derive(Debug, Serialize)]
struct Jobs {
    count: u64,
    /// From the start of each program to its end.
    wall: f64,
    /// Of that, until the driver's first event: the interpreter's start.
    start_up: f64,
    /// From there until code and tests were loaded, their imports included.
    loading: f64,
    /// From there to the driver's last event.
    tests: f64,
    /// From there to the end of the process.
    ending: f64,
    /// Before and after the program: its sandbox.
    sandbox: f64,
    /// Before a worker had it.
    waiting: f64,
}

impl TimeProfile {
    /// What the accounts come to.
    pub(super) fn of(workers: usize, begun: Instant, accounts: &BTreeMap<String, Account>) -> Self {
        let graded = accounts.get(GRADED).copied().unwrap_or_default();
        let mut scanners = Account::default();
        for (name, account) in accounts {
            if name != GRADED {
                scanners.add(*account);
            }
        }
        let seconds = |time: Duration| time.as_secs_f64();
        let wall = begun.elapsed();
        let held = graded.held + scanners.held;
        Self {
            version: version::PROFILE,
            workers,
            wall: seconds(wall),
            cpu: Cpu {
                graded: seconds(graded.cpu),
                scanners: seconds(scanners.cpu),
                workers: seconds(graded.around + scanners.around),
                supervisor: seconds(own_cpu()),
            },
            graded: jobs(&graded),
            scanners: jobs(&scanners),
            idle: seconds((wall * u32::try_from(workers).unwrap_or(1)).saturating_sub(held)),
            supervisor_peak_kib: getrusage(UsageWho::RUSAGE_SELF)
                .map_or(0, |usage| u64::try_from(usage.max_rss()).unwrap_or(0)),
        }
    }

    /// Writes it into the run folder.
    pub(super) fn save(&self, setup: &Setup) -> Result<(), Failure> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        setup.folder.write(FILE, &text)?;
        Ok(())
    }

    /// A table for people.
    pub(super) fn table(&self) -> String {
        let mut text = String::from("where the time went, in seconds:\n");
        let _ = writeln!(
            text,
            "  by the clock {:.2}, {} workers, together {:.2} idle",
            self.wall, self.workers, self.idle
        );
        let cpu = &self.cpu;
        let all = cpu.graded + cpu.scanners + cpu.workers + cpu.supervisor;
        for (what, value) in [
            ("samples, ground truths and controls", cpu.graded),
            ("scanners", cpu.scanners),
            ("workers and sandboxes", cpu.workers),
            ("fumehood itself", cpu.supervisor),
        ] {
            let share = 100.0 * value / all.max(f64::MIN_POSITIVE);
            let _ = writeln!(text, "  CPU, {what:<36}{value:>10.2}{share:>6.1} %");
        }
        for (name, jobs) in [("graded jobs", &self.graded), ("scanners", &self.scanners)] {
            if jobs.count == 0 {
                continue;
            }
            let _ = writeln!(text, "  {} {name}, from request to answer:", jobs.count);
            for (what, value) in [
                ("waiting for a worker", jobs.waiting),
                ("sandbox", jobs.sandbox),
                ("interpreter's start", jobs.start_up),
                ("loading code and imports", jobs.loading),
                ("tests", jobs.tests),
                ("ending", jobs.ending),
            ] {
                let each = 1e3 * value / jobs.count as f64;
                let _ = writeln!(text, "    {what:<40}{value:>10.2}{each:>10.2} ms each");
            }
        }
        text
    }
}

fn jobs(account: &Account) -> Jobs {
    let seconds = |time: Duration| time.as_secs_f64();
    Jobs {
        count: account.jobs,
        wall: seconds(account.wall),
        start_up: seconds(account.start_up),
        loading: seconds(account.loading),
        tests: seconds(account.tests),
        ending: seconds(account.ending),
        sandbox: seconds(account.held.saturating_sub(account.wall)),
        waiting: seconds(account.asked.saturating_sub(account.held)),
    }
}

/// CPU time, of the kernel's for us included.
fn own_cpu() -> Duration {
    getrusage(UsageWho::RUSAGE_SELF).map_or(Duration::ZERO, |usage| {
        let time = usage.user_time() + usage.system_time();
        Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap_or(0))
    })
}
