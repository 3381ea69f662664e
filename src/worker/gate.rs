//! Who may run: as many jobs as keep the processors busy and fit into memory. A job that sleeps or
//! waits for something else than a processor does not keep one busy. Those that will wait go in before others, for
//! the sooner they begin the more can run meanwhile; but they leave places for jobs that run.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::headroom::Headroom;
use super::peaks::Peaks;

/// Jobs that always may run side by side, however little memory the host seems to have.
const SIDE_BY_SIDE: usize = 2;

/// Jobs that are expected to wait take at most so many quarters of all places.
const QUARTERS_FOR_WAITING: usize = 3;

/// Lets jobs in, of either kind first come first served. The lock is held twice a job, for arithmetic alone.
#[derive(Debug)]
pub(super) struct Gate(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Processors to keep busy.
    cores: usize,
    /// Jobs inside at most, those that wait included.
    most: usize,
    inside: usize,
    /// Of those inside, the ones that use no processor now.
    waiting: usize,
    /// Of those inside, the ones that were expected to wait.
    sleepers: usize,
    /// Whether the one inside must have no company.
    alone: bool,
    promises: Promises,
    headroom: Headroom,
    peaks: Peaks,
    /// Those who need more room than usual. They go first, or they would never find it.
    careful: Queue,
    /// Those who are expected to wait once they are inside.
    to_wait: Queue,
    to_run: Queue,
}

type Queue = VecDeque<(Need, oneshot::Sender<Admission>)>;

/// What those inside are expected to hold at most.
#[derive(Debug, Default)]
struct Promises {
    /// In bytes, of those of whom it is known.
    known: u64,
    /// How many are inside of whom only the limit is known, by that: what they are expected to hold changes as
    /// others end.
    unknown: BTreeMap<u64, u64>,
}

/// What one job inside is expected to hold at most, in bytes.
#[derive(Clone, Copy, Debug)]
enum Promise {
    Known(u64),
    /// As much as others of the run do, and no more than its limit.
    Unknown(u64),
}

/// What a job needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    /// The memory that it may use, in bytes.
    pub(super) limit: u64,
    /// What it is expected to use, where that is known.
    pub(super) expected: Option<u64>,
    /// Whether it is expected to wait for something else than a processor most of the time.
    pub(super) waits: bool,
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
    need: Need,
    promise: Promise,
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
            sleepers: 0,
            alone: false,
            promises: Promises::default(),
            headroom,
            peaks: Peaks::default(),
            careful: Queue::new(),
            to_wait: Queue::new(),
            to_run: Queue::new(),
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
            if state.next_before(&need).is_none()
                && let Some(promise) = state.admit(&need)
            {
                return Some(self.admission(promise, need));
            }
            let (sender, turn) = oneshot::channel();
            state.queue_of(&need).push_back((need, sender));
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
        let promised = state.promises.in_all(&state.peaks);
        state.headroom.lower(promised / 4 * 3);
    }

    fn admission(self: &Arc<Self>, promise: Promise, need: Need) -> Admission {
        Admission {
            gate: Arc::clone(self),
            need,
            promise,
            waits: false,
        }
    }

    /// Lets in whoever may go in now.
    fn advance(self: &Arc<Self>) {
        loop {
            let (admission, turn) = {
                let mut state = self.lock();
                let Some(need) = state.next() else { return };
                let Some(promise) = state.admit(&need) else {
                    return;
                };
                let Some((_, turn)) = state.queue_of(&need).pop_front() else {
                    return;
                };
                (self.admission(promise, need), turn)
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
    /// What the next needs, of those that are still there.
    fn next(&mut self) -> Option<Need> {
        if let Some(careful) = first(&mut self.careful) {
            return Some(careful);
        }
        let sleeper = first(&mut self.to_wait).filter(|need| self.has_place(need));
        let runner = first(&mut self.to_run);
        match sleeper.is_some_and(|need| self.is_unknown(&need)) {
            true => runner.or(sleeper),
            false => sleeper.or(runner),
        }
    }

    /// Whom somebody with this need would overtake who must not.
    fn next_before(&mut self, need: &Need) -> Option<Need> {
        let careful = first(&mut self.careful);
        match need.care {
            Care::Full | Care::Alone => careful,
            Care::Usual if need.waits && !self.is_unknown(need) => {
                careful.or_else(|| first(&mut self.to_wait))
            }
            Care::Usual => self.next(),
        }
    }

    /// Whether all that it may use must be promised to it, for want of knowledge. Those who will wait hold that for
    /// long, so that it is better to let others in first, who end and show what jobs use.
    fn is_unknown(&self, need: &Need) -> bool {
        need.expected.is_none() && self.peaks.estimate().is_none()
    }

    fn queue_of(&mut self, need: &Need) -> &mut Queue {
        match need.care {
            Care::Full | Care::Alone => &mut self.careful,
            Care::Usual if need.waits => &mut self.to_wait,
            Care::Usual => &mut self.to_run,
        }
    }

    /// Whether a job that is expected to wait may take one more place.
    fn has_place(&self, need: &Need) -> bool {
        let most = (self.most * QUARTERS_FOR_WAITING / 4).max(1);
        !need.waits || self.sleepers < most
    }

    /// Counts a job in, if it may go in; gives the memory that is promised to it.
    fn admit(&mut self, need: &Need) -> Option<Promise> {
        let promise = match (need.care, need.expected) {
            (Care::Usual, None) => Promise::Unknown(need.limit),
            (Care::Usual, Some(expected)) => Promise::Known(expected.min(need.limit)),
            (Care::Full | Care::Alone, _) => Promise::Known(need.limit),
        };
        let may = self.inside == 0
            || !self.alone
                && need.care != Care::Alone
                && self.inside < self.most
                && self.has_place(need)
                && self.inside.saturating_sub(self.waiting) < self.cores
                && self.fits(promise, need.care);
        may.then(|| {
            self.inside += 1;
            self.sleepers += usize::from(need.waits);
            self.promises.add(promise);
            self.alone = need.care == Care::Alone;
            promise
        })
    }

    fn fits(&mut self, promise: Promise, care: Care) -> bool {
        let is_few = care == Care::Usual && self.inside < SIDE_BY_SIDE.min(self.cores);
        let memory = promise.bytes(&self.peaks);
        let in_all = self.promises.in_all(&self.peaks).saturating_add(memory);
        is_few || self.headroom.has(in_all, memory)
    }
}

/// What the first in a queue needs, of those that are still there.
fn first(queue: &mut Queue) -> Option<Need> {
    while let Some((need, turn)) = queue.front() {
        if !turn.is_closed() {
            return Some(*need);
        }
        queue.pop_front();
    }
    None
}

impl Promise {
    /// What it comes to after what is known now.
    fn bytes(self, peaks: &Peaks) -> u64 {
        match self {
            Self::Known(bytes) => bytes,
            Self::Unknown(limit) => peaks.estimate().map_or(limit, |likely| likely.min(limit)),
        }
    }
}

impl Promises {
    fn add(&mut self, promise: Promise) {
        match promise {
            Promise::Known(bytes) => self.known = self.known.saturating_add(bytes),
            Promise::Unknown(limit) => *self.unknown.entry(limit).or_default() += 1,
        }
    }

    fn take_back(&mut self, promise: Promise) {
        match promise {
            Promise::Known(bytes) => self.known = self.known.saturating_sub(bytes),
            Promise::Unknown(limit) => {
                if let Some(jobs) = self.unknown.get_mut(&limit) {
                    *jobs -= 1;
                    if *jobs == 0 {
                        self.unknown.remove(&limit);
                    }
                }
            }
        }
    }

    fn in_all(&self, peaks: &Peaks) -> u64 {
        let unknown = self.unknown.iter().map(|(limit, jobs)| {
            let each = Promise::Unknown(*limit).bytes(peaks);
            each.saturating_mul(*jobs)
        });
        unknown.fold(self.known, u64::saturating_add)
    }
}

impl Admission {
    /// Whether it was let in as a job that will wait.
    pub(super) fn was_expected_to_wait(&self) -> bool {
        self.need.waits
    }

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
        state.sleepers -= usize::from(self.need.waits);
        state.promises.take_back(self.promise);
        state.alone &= self.need.care != Care::Alone;
        drop(state);
        self.gate.advance();
    }
}

#[cfg(test)]
mod tests;
