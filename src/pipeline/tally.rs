//! How far a run has come, for whoever shows it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::journal::ReferenceStatus;
use crate::verdict::VerdictKind;

/// Counters of a run under way. They are for show: every number of a report comes from the journal.
#[derive(Debug)]
pub struct Tally {
    phase: Mutex<&'static str>,
    total: AtomicU64,
    total_is_known: AtomicBool,
    verdicts: [AtomicU64; VerdictKind::ALL.len()],
    resumed: AtomicU64,
    rejected: AtomicU64,
    scanned: AtomicU64,
    copied: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What is going on, such as `ground truths`.
    pub phase: &'static str,
    /// What there is to do in this phase, once known.
    pub total: Option<u64>,
    /// What was done by this process.
    pub done: u64,
    /// What an earlier process had done.
    pub resumed: u64,
    /// Input lines that are no samples.
    pub rejected: u64,
    /// Programs that were scanned by this process.
    pub scanned: u64,
    /// Verdicts that were those of equal jobs.
    pub copied: u64,
    /// Verdicts of this process by kind, those that occur.
    pub verdicts: Vec<(VerdictKind, u64)>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            phase: Mutex::new("starting"),
            total: AtomicU64::new(0),
            total_is_known: AtomicBool::new(false),
            verdicts: std::array::from_fn(|_| AtomicU64::new(0)),
            resumed: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            scanned: AtomicU64::new(0),
            copied: AtomicU64::new(0),
        }
    }
}

impl Tally {
    /// Begins a phase with everything at zero.
    pub(super) fn begin(&self, phase: &'static str) {
        *lock(&self.phase) = phase;
        self.total_is_known.store(false, Ordering::Relaxed);
        let others = [
            &self.total,
            &self.resumed,
            &self.rejected,
            &self.scanned,
            &self.copied,
        ];
        for counter in self.verdicts.iter().chain(others) {
            counter.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn set_total(&self, total: u64) {
        self.total.store(total, Ordering::Relaxed);
        self.total_is_known.store(true, Ordering::Relaxed);
    }

    pub(super) fn verdict(&self, kind: VerdictKind) {
        if let Some(place) = VerdictKind::ALL.iter().position(|known| *known == kind) {
            self.verdicts[place].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a ground truth: one that cannot be used shows as failed.
    pub(super) fn checked(&self, status: ReferenceStatus) {
        self.verdict(match status {
            ReferenceStatus::Failed => VerdictKind::Failed,
            ReferenceStatus::Usable | ReferenceStatus::Unstable => VerdictKind::Passed,
        });
    }

    pub(super) fn resumed(&self) {
        self.resumed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn scanned(&self, programs: u64) {
        self.scanned.fetch_add(programs, Ordering::Relaxed);
    }

    pub(super) fn copied(&self) {
        self.copied.fetch_add(1, Ordering::Relaxed);
    }

    /// The counters now.
    pub fn snapshot(&self) -> Snapshot {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let verdicts: Vec<_> = VerdictKind::ALL
            .into_iter()
            .zip(self.verdicts.iter().map(count))
            .filter(|(_, number)| *number > 0)
            .collect();
        Snapshot {
            phase: *lock(&self.phase),
            total: self
                .total_is_known
                .load(Ordering::Relaxed)
                .then(|| count(&self.total)),
            done: verdicts.iter().map(|(_, number)| number).sum(),
            resumed: count(&self.resumed),
            rejected: count(&self.rejected),
            scanned: count(&self.scanned),
            copied: count(&self.copied),
            verdicts,
        }
    }
}

/// The phase is a plain word: a panic elsewhere cannot have left it half written.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
