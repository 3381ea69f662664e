//! What tests of verdicts have in common: a task, and what would be seen of a sample of it.

use crate::dataset::{Task, Tests};
use crate::harness::transcript::signed::signed;
use crate::worker::{Captured, End, Observation, Usage};

/// The key of every staged channel.
pub(super) const NONCE: [u8; 32] = [3; 32];

pub(super) fn task(tests: Tests) -> Task {
    Task::bare("T/1", "f", tests)
}

/// A program that ended by itself, having sent these events: what stands behind the number of each.
pub(super) fn observed(events: &[&str]) -> Observation {
    let line = |(seq, rest)| signed(&NONCE, &format!("{{\"seq\":{seq},{rest}}}"));
    Observation {
        end: End::Exited(0),
        limit: None,
        usage: Usage::default(),
        stdout: Captured::default(),
        stderr: Captured::default(),
        events: events.iter().enumerate().flat_map(line).collect(),
        events_overflow: false,
        behaviour: None,
        course: Box::default(),
    }
}
