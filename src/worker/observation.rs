//! What the kernel reported about one program.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::behaviour::Behaviour;
use crate::base::limits::LimitKind;

/// What happened to one program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// How its first process ended.
    pub end: End,
    /// The limit for which it was ended, if any.
    pub limit: Option<LimitKind>,
    /// What it used.
    pub usage: Usage,
    /// Its standard output.
    pub stdout: Captured,
    /// Its standard error.
    pub stderr: Captured,
    /// What it wrote to descriptor 4.
    #[serde(with = "super::bytes")]
    pub events: Vec<u8>,
    /// Whether it wrote more events than allowed (the surplus is not in `events`).
    pub events_overflow: bool,
    /// The forbidden acts that it attempted; `None` where nobody could tell.
    pub behaviour: Option<Behaviour>,
    /// When things happened to it; no verdict depends on it.
    pub course: Box<Course>,
}

/// How a job's first process came to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Its program was started for it.
    #[default]
    Own,
    /// It was forked from a warm interpreter.
    Forked,
    /// Its program was started for it, after the warm interpreter that it was forked from was lost.
    Doubted,
}

/// When things happened to a job, for whoever asks where the time went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// How its process came to be.
    pub origin: Origin,
    /// Time that a worker spent on it, from the request to the answer: the program's own, and what
    /// its sandbox took before and after.
    pub held: Duration,
    /// CPU time that the worker and the sandbox took for themselves since the answer before, making warm
    /// interpreters included. What a sandbox takes to end, and one that no control group counts, is not seen.
    pub around: Duration,
    /// How many bytes of events had come, at times after the program's start.
    pub events: Vec<(u64, Duration)>,
}

/// Entries of [`Course::events`] that are kept: the first ones, and the last.
const MOMENTS: usize = 128;

impl Course {
    /// Notes that so many bytes of events have come by now.
    pub(super) fn note(&mut self, bytes: u64, at: Duration) {
        if self.events.len() == MOMENTS {
            self.events.pop();
        }
        self.events.push((bytes, at));
    }

    /// When so many bytes had come.
    pub fn when(&self, bytes: u64) -> Option<Duration> {
        let entry = self.events.iter().find(|(come, _)| *come >= bytes);
        entry.map(|(_, at)| *at)
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It returned this exit code, 0 to 255.
    Exited(i32),
    /// It was ended by this signal.
    Signaled(i32),
}

impl End {
    /// What a wait status says.
    pub(super) fn of_status(status: i32) -> Self {
        if status & 0x7f == 0 {
            Self::Exited((status >> 8) & 0xff)
        } else {
            Self::Signaled(status & 0x7f)
        }
    }
}

/// What a job used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time of all its processes.
    pub cpu: Duration,
    /// Time from its start to its end.
    pub wall: Duration,
    /// The most memory that all its processes held together, in bytes; `None` where the host
    /// cannot tell.
    pub peak_memory: Option<u64>,
}

/// What was kept of an output stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// The first bytes, as many as the output limit allows.
    #[serde(with = "super::bytes")]
    pub bytes: Vec<u8>,
    /// Bytes seen in all, up to the moment when the limit ended the job.
    pub total: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_moments_and_the_last_are_kept() {
        let mut course = Course::default();
        for at in 1..=1000 {
            course.note(10 * at, Duration::from_millis(at));
        }
        assert_eq!(course.events.len(), MOMENTS);
        let when = |bytes| course.when(bytes).map(|at| at.as_millis());
        assert_eq!(when(1), Some(1));
        assert_eq!(when(20), Some(2));
        assert_eq!(when(21), Some(3));
        assert_eq!(when(9_999), Some(1000));
        assert_eq!(when(10_001), None);
    }
}
