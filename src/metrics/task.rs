//! One task of a group: its samples, and what they come to.

use std::borrow::Cow;

use super::board::Board;
use super::counts::Counts;
use super::facts::Exclusion;
use super::records::Records;

/// A task with more samples keeps its counts; to count fewer of them again costs less than that memory.
const COUNTED_AGAIN: usize = 16;

/// What is kept of a task.
#[derive(Clone, Debug, Default)]
pub(super) struct Task {
    pub(super) records: Records,
    /// Why none of its samples counts, where something else than its samples says so.
    pub(super) why: Option<Exclusion>,
    /// Counts of all its records.
    pub(super) counts: Option<Box<Counts>>,
    pub(super) state: State,
}

/// Whether a task's part is in the watched sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// It has none yet.
    #[default]
    New,
    /// It is to be added.
    Dirty,
    Summed,
}

impl Task {
    pub(super) fn counts(&self, scanners: usize) -> Cow<'_, Counts> {
        match &self.counts {
            Some(counts) => Cow::Borrowed(counts),
            None => Cow::Owned(Counts::of(self.records.iter(), scanners)),
        }
    }

    /// Why no sample of the task can be judged.
    pub(super) fn undefined(&self, counts: &Counts) -> Option<Exclusion> {
        self.why.into_iter().chain(counts.undefined()).min()
    }

    pub(super) fn shift(&mut self, board: &mut Board, sign: i64) {
        let scanners = board.scanners();
        if self.counts.is_none() && self.records.len() > COUNTED_AGAIN {
            self.counts = Some(Box::new(Counts::of(self.records.iter(), scanners)));
        }
        let counts = self.counts(scanners);
        board.shift(&counts, &self.records, self.undefined(&counts), sign);
    }
}
