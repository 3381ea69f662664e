//! Who may run: as many jobs as keep the processors busy and fit into memory. A job that sleeps or
//! waits for something else than a processor does not keep one busy.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::headroom::Headroom;
use super::peaks::Peaks;

/// Jobs that always may run side by side, however little memory the host seems to have.
const SIDE_BY_SIDE: usize = 2;

/// Lets jobs in, first come first served. The lock is held for some tens of nanoseconds, twice a job.
#[derive(Debug)]
pub(super) struct Gate(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Processors to keep busy.
    cores: usize,
    /// Jobs inside at most, those that wait included.
    most: usize,
    inside: usize,
    /// Of those inside, the ones that use no processor.
    waiting: usize,
    /// Whether the one inside must have no company.
    alone: bool,
    /// What those inside are expected to hold at most, in bytes.
    promised: u64,
    headroom: Headroom,
    peaks: Peaks,
    queue: VecDeque<(Need, oneshot::Sender<Admission>)>,
}

/// What a job needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    /// The memory that it may use, in bytes.
    pub(super) limit: u64,
    /// What it is expected to use, where that is known.
    pub(super) expected: Option<u64>,
    /// How much more careful than usual to be.
    pub(super) care: Care,
}

/// How much company a job may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    /// As much as is expected to fit.
    Usual,
    /// As much as fits even if it uses all that it may.
    Full,
    /// None.
    Alone,
}

/// Leave to run, until it is dropped.
#[derive(Debug)]
pub(super) struct Admission {
    gate: Arc<Gate>,
    promised: u64,
    alone: bool,
    waits: bool,
}

impl Gate {
    /// A gate to this many processors, on a host with this headroom.
    pub(super) fn new(cores: usize, headroom: Headroom) -> Self {
        Self(Mutex::new(State {
            cores,
            most: cores,
            inside: 0,
            waiting: 0,
            alone: false,
            promised: 0,
            headroom,
            peaks: Peaks::default(),
            queue: VecDeque::new(),
        }))
    }

    /// Lets so many more jobs in while others wait.
    pub(super) fn spare(&self, more: usize) {
        let mut state = self.lock();
        state.most = state.cores.saturating_add(more);
    }

    /// Processors to keep busy.
    pub(super) fn cores(&self) -> usize {
        self.lock().cores
    }

    /// Waits for leave to run.
    pub(super) async fn enter(self: &Arc<Self>, need: Need) -> Option<Admission> {
        let turn = {
            let mut state = self.lock();
            if state.next().is_none()
                && let Some(promised) = state.admit(&need)
            {
                return Some(self.admission(promised, &need));
            }
            let (sender, turn) = oneshot::channel();
            state.queue.push_back((need, sender));
            turn
        };
        // The other end stays in the queue of the gate, which we hold.
        turn.await.ok()
    }

    /// Notes that a job came to its end, and what it held at most.
    pub(super) fn learn(&self, peak: u64) {
        let mut state = self.lock();
        state.peaks.add(peak);
        state.headroom.recover();
    }

    /// Notes that the host ran out of memory with those inside.
    pub(super) fn ran_short(&self) {
        let mut state = self.lock();
        let promised = state.promised;
        state.headroom.lower(promised / 4 * 3);
    }

    fn admission(self: &Arc<Self>, promised: u64, need: &Need) -> Admission {
        Admission {
            gate: Arc::clone(self),
            promised,
            alone: need.care == Care::Alone,
            waits: false,
        }
    }

    /// Lets in whoever may go in now.
    fn advance(self: &Arc<Self>) {
        loop {
            let (admission, turn) = {
                let mut state = self.lock();
                let Some(need) = state.next() else { return };
                let Some(promised) = state.admit(&need) else {
                    return;
                };
                let Some((_, turn)) = state.queue.pop_front() else {
                    return;
                };
                (self.admission(promised, &need), turn)
            };
            // Without the lock: who has gone meanwhile gives its leave back as it is dropped.
            drop(turn.send(admission));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What the first in the queue needs, of those that are still there.
    fn next(&mut self) -> Option<Need> {
        while let Some((need, turn)) = self.queue.front() {
            if !turn.is_closed() {
                return Some(*need);
            }
            self.queue.pop_front();
        }
        None
    }

    /// Counts a job in, if it may go in; gives the memory that is promised to it.
    fn admit(&mut self, need: &Need) -> Option<u64> {
        let memory = match need.care {
            Care::Usual => need
                .expected
                .or_else(|| self.peaks.estimate())
                .map_or(need.limit, |expected| expected.min(need.limit)),
            Care::Full | Care::Alone => need.limit,
        };
        let may = self.inside == 0
            || !self.alone
                && need.care != Care::Alone
                && self.inside < self.most
                && self.inside.saturating_sub(self.waiting) < self.cores
                && self.fits(memory, need.care);
        may.then(|| {
            self.inside += 1;
            self.promised = self.promised.saturating_add(memory);
            self.alone = need.care == Care::Alone;
            memory
        })
    }

    fn fits(&mut self, memory: u64, care: Care) -> bool {
        let is_few = care == Care::Usual && self.inside < SIDE_BY_SIDE.min(self.cores);
        is_few
            || self
                .headroom
                .has(self.promised.saturating_add(memory), memory)
    }
}

impl Admission {
    /// Notes whether the job waits for something else than a processor.
    pub(super) fn waits(&mut self, waits: bool) {
        if waits == self.waits {
            return;
        }
        self.waits = waits;
        let mut state = self.gate.lock();
        if waits {
            state.waiting += 1;
            drop(state);
            self.gate.advance();
        } else {
            state.waiting -= 1;
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.inside -= 1;
        state.waiting -= usize::from(self.waits);
        state.promised = state.promised.saturating_sub(self.promised);
        state.alone &= !self.alone;
        drop(state);
        self.gate.advance();
    }
}

#[cfg(test)]
mod tests;
