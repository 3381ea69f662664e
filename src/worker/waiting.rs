//! How long a job waited for a processor that others had: time that is not the job's own.
//!
//! Two counters of the kernel tell, and the larger one counts. Pressure-stall information knows when
//! a control group had tasks to run and none running; where there is such a group (version 2 only)
//! nothing escapes it, but it is brought up to date every other second. The run delay of each task
//! is exact, but goes with the task.

use std::collections::HashMap;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, send};
use nix::unistd::Pid;

use super::activity::Activity;
use super::tree;
use super::wire::{FromWorker, encode};
use crate::base::limits::Limits;
use crate::sandbox::cgroup::Group;

/// How often the tasks are looked at: those that start and end in between are missed.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How many times its wall-clock limit a job may take on a host that has no processor for it.
const PATIENCE: u32 = 8;

/// What a job has waited so far.
#[derive(Debug)]
pub(super) struct Waiting {
    started: Instant,
    looked: Instant,
    /// Run delay in nanoseconds by task, as last seen.
    tasks: HashMap<i32, u64>,
    by_tasks: Duration,
    by_pressure: Duration,
    /// What the group had waited before; `None` until somebody looks.
    pressure_before: Option<Duration>,
    /// Whether the job gave way to others by its own will.
    lowered: bool,
    activity: Activity,
}

/// What to think of the time that a job has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// It may go on.
    Left,
    /// It has used up its own time.
    UsedUp,
    /// It has not, but has waited longer than anybody should.
    Exhausted,
}

impl Waiting {
    /// For a job that starts now. Most end before anybody asks how long they waited, so that the counters are not read
    /// before the first time that somebody might. What the job's own processes waited until then counts all the same;
    /// what only the pressure of the group would tell is lost.
    pub(super) fn from(started: Instant) -> Self {
        Self {
            started,
            looked: started,
            tasks: HashMap::new(),
            by_tasks: Duration::ZERO,
            by_pressure: Duration::ZERO,
            pressure_before: None,
            lowered: false,
            activity: Activity::from(started),
        }
    }

    /// What the slot's first process and its group have waited up to now is not the job's. Gives what the group
    /// had.
    fn pressure_before(&mut self, init: Pid, group: Option<&Group>) -> Duration {
        *self.pressure_before.get_or_insert_with(|| {
            let delay = tree::run_delay(init);
            self.tasks.extend(delay.map(|delay| (init.as_raw(), delay)));
            group.and_then(Group::stalled).unwrap_or_default()
        })
    }

    /// How long the job has waited, as far as known.
    pub(super) fn total(&self) -> Duration {
        match self.lowered {
            true => Duration::ZERO,
            false => self.by_tasks.max(self.by_pressure),
        }
    }

    /// Looks at the job's tasks, unless that was done a moment ago. Tells the supervisor when the job,
    /// which has used so much processor time, begins to wait for something else, and when it ends to.
    pub(super) fn look_sometimes(
        &mut self,
        now: Instant,
        init: Pid,
        group: Option<&Group>,
        used: Duration,
        supervisor: BorrowedFd<'_>,
    ) {
        self.pressure_before(init, group);
        if now >= self.looked + LOOK_EVERY {
            self.look(now, init, group);
        }
        if !self.activity.is_due(now) {
            return;
        }
        let began = Instant::now();
        if self.activity.is_quiet(now, used) {
            self.look(now, init, group);
        }
        let delayed = self.by_tasks.max(self.by_pressure);
        let word = self.activity.look(now, used, delayed, began.elapsed());
        if let Some(waits) = word
            && tell(supervisor, waits)
        {
            self.activity.told(waits);
        }
    }

    fn look(&mut self, now: Instant, init: Pid, group: Option<&Group>) {
        let before = self.pressure_before(init, group);
        let since = now.saturating_duration_since(self.looked);
        self.looked = now;
        let tasks = tree::run_delays(init);
        self.lowered |= tasks.lowered;
        let delays: HashMap<i32, u64> = tasks.delays.into_iter().collect();
        // The one that waited longest: tasks of one job that wait for each other must not gain more
        // by it than the processor time that they use.
        let longest = delays
            .iter()
            .map(|(task, delay)| delay.saturating_sub(self.tasks.get(task).copied().unwrap_or(0)))
            .max();
        self.by_tasks += Duration::from_nanos(longest.unwrap_or(0)).min(since);
        self.tasks = delays;
        let stalled = group.and_then(Group::stalled).unwrap_or_default();
        self.by_pressure = stalled
            .saturating_sub(before)
            .min(now.saturating_duration_since(self.started));
    }

    /// The earliest moment at which the job can have used up its time.
    pub(super) fn deadline(&self, limits: &Limits) -> Instant {
        self.started + limits.wall + self.total()
    }

    /// Whether the job may go on, by what is known at this moment.
    pub(super) fn judge(
        &mut self,
        now: Instant,
        limits: &Limits,
        init: Pid,
        group: Option<&Group>,
    ) -> Patience {
        // A job that keeps itself waiting uses processor time as it does so; that much cannot be
        // blamed on the host.
        let most = limits.wall.saturating_mul(PATIENCE) + limits.cpu;
        let is_late = now.saturating_duration_since(self.started) >= most;
        if now < self.deadline(limits) && !is_late {
            return Patience::Left;
        }
        self.look(now, init, group);
        if now >= self.deadline(limits) {
            Patience::UsedUp
        } else if is_late {
            Patience::Exhausted
        } else {
            Patience::Left
        }
    }
}

/// Whether the supervisor took the word. It is not waited for: a job must not go unwatched meanwhile.
fn tell(supervisor: BorrowedFd<'_>, waits: bool) -> bool {
    // The kernel takes so few bytes as a whole or not at all.
    encode(&FromWorker::Waits(waits)).is_ok_and(|frame| {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        send(supervisor.as_raw_fd(), &frame, flags).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_a_job_sleeps_is_its_own_and_what_it_waited_is_not() {
        let started = Instant::now();
        let limits = Limits {
            cpu: Duration::from_secs(5),
            wall: Duration::from_secs(10),
            ..Limits::default()
        };
        let after = |seconds| started + Duration::from_secs(seconds);
        let nobody = Pid::from_raw(i32::MAX);
        let mut waiting = Waiting::from(started);
        let judge =
            |waiting: &mut Waiting, seconds| waiting.judge(after(seconds), &limits, nobody, None);
        assert_eq!(judge(&mut waiting, 9), Patience::Left);
        assert_eq!(judge(&mut waiting, 10), Patience::UsedUp);
        waiting.by_tasks = Duration::from_secs(3);
        assert_eq!(judge(&mut waiting, 12), Patience::Left);
        assert_eq!(judge(&mut waiting, 13), Patience::UsedUp);
        waiting.by_tasks = Duration::from_secs(79);
        assert_eq!(judge(&mut waiting, 84), Patience::Left);
        assert_eq!(judge(&mut waiting, 89), Patience::UsedUp);
        waiting.by_tasks = Duration::from_secs(80);
        assert_eq!(judge(&mut waiting, 85), Patience::Exhausted);
        // Whoever steps back for others waits at its own expense.
        waiting.lowered = true;
        assert_eq!(judge(&mut waiting, 11), Patience::UsedUp);
    }
}
