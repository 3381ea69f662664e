//! Samples on their way: the look-ahead in which the longest are found and equal ones meet.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, watch};

use crate::base::digest::Digest;
use crate::dataset::{Sample, Task};
use crate::worker::Outlook;

/// Bytes that all samples on their way may take, in KiB.
const ROOM: usize = 32 << 10;
/// What a sample takes besides its code, in KiB: with small programs 4,096 samples fit.
const OVERHEAD: usize = 8;

/// A bound on what is held of samples. Closed when dropped, so that nobody waits for room any more.
#[derive(Debug)]
pub(super) struct Room {
    free: Arc<Semaphore>,
    is_waited_for: watch::Sender<bool>,
    /// In KiB.
    size: usize,
}

/// A part of the room, given back when dropped.
pub(super) type Share = OwnedSemaphorePermit;

impl Default for Room {
    fn default() -> Self {
        Self::of(ROOM)
    }
}

impl Room {
    /// Room for so many KiB.
    pub(super) fn of(size: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(size)),
            is_waited_for: watch::Sender::new(false),
            size,
        }
    }

    /// Where shares are taken from.
    pub(super) fn counter(&self) -> Counter {
        Counter {
            free: Arc::clone(&self.free),
            is_waited_for: self.is_waited_for.clone(),
            size: self.size,
        }
    }

    /// Whether somebody waits for room: who holds shares while waiting for more to come would wait for ever.
    pub(super) fn is_waited_for(&self) -> watch::Receiver<bool> {
        self.is_waited_for.subscribe()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.free.close();
    }
}

/// Gives out shares of a [`Room`] for as long as that is there.
#[derive(Clone, Debug)]
pub(super) struct Counter {
    free: Arc<Semaphore>,
    is_waited_for: watch::Sender<bool>,
    size: usize,
}

impl Counter {
    /// Waits until there is room for so many bytes of code; `None` when nobody needs it any more.
    pub(super) async fn take(&self, bytes: usize) -> Option<Share> {
        let share = (OVERHEAD + bytes / 1024).min(self.size / 2);
        let share = u32::try_from(share).ok()?;
        match Arc::clone(&self.free).try_acquire_many_owned(share) {
            Ok(share) => return Some(share),
            Err(TryAcquireError::Closed) => return None,
            Err(TryAcquireError::NoPermits) => {}
        }
        let _waiting = Waiting::on(&self.is_waited_for);
        let share = Arc::clone(&self.free).acquire_many_owned(share).await;
        share.ok()
    }
}

/// Somebody waits for room, until this is dropped.
struct Waiting<'a>(&'a watch::Sender<bool>);

impl<'a> Waiting<'a> {
    fn on(is_waited_for: &'a watch::Sender<bool>) -> Self {
        is_waited_for.send_replace(true);
        Self(is_waited_for)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

/// A sample on its way to its verdict.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) sample: Sample,
    pub(super) task: Arc<Task>,
    /// Identity of its code.
    pub(super) code: Digest,
    /// Identity of its job.
    pub(super) job: Digest,
    /// How long its job is expected to take.
    pub(super) expected: Duration,
    /// What else is known of its job.
    pub(super) outlook: Outlook,
    /// Held until it is recorded.
    #[expect(dead_code, reason = "it is held, not used")]
    pub(super) share: Share,
}

/// A job's number, in the order of arrival.
pub(super) type Ticket = u64;

/// What a job will do most of its time. Those that wait do not stand in the way of those that run: there is a queue
/// for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Waits,
    Runs,
}

impl Item {
    fn lane(&self) -> Lane {
        match self.outlook.waits {
            true => Lane::Waits,
            false => Lane::Runs,
        }
    }
}

/// Jobs that wait, and for each that waits or runs the samples that want the same.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Whether equal jobs run once.
    shares: bool,
    next: Ticket,
    /// Longest first, then first come; by lane.
    orders: [BinaryHeap<(Duration, Reverse<Ticket>)>; 2],
    waiting: HashMap<Ticket, Item>,
    /// Of jobs that wait or run.
    tickets: HashMap<Digest, Ticket>,
    followers: HashMap<Ticket, Vec<Item>>,
}

impl Window {
    /// An empty one; `shares` says whether equal jobs run once.
    pub(super) fn new(shares: bool) -> Self {
        Self {
            shares,
            ..Self::default()
        }
    }

    /// Whether a job of this kind waits for its turn.
    pub(super) fn has_waiting(&self, lane: Lane) -> bool {
        !self.orders[lane as usize].is_empty()
    }

    /// Puts a sample to the job that is the same, if one waits or runs; else gives it back.
    pub(super) fn follow(&mut self, item: Item) -> Option<Item> {
        match self.tickets.get(&item.job) {
            Some(ticket) => {
                self.followers.entry(*ticket).or_default().push(item);
                None
            }
            None => Some(item),
        }
    }

    /// Lets a sample wait for its own job.
    pub(super) fn push(&mut self, item: Item) {
        let ticket = self.next;
        self.next += 1;
        if self.shares {
            self.tickets.insert(item.job, ticket);
        }
        self.orders[item.lane() as usize].push((item.expected, Reverse(ticket)));
        self.waiting.insert(ticket, item);
    }

    /// The job of this kind that should start next: it stays known until [`Window::finish`].
    pub(super) fn pop(&mut self, lane: Lane) -> Option<(Ticket, Item)> {
        let (_, Reverse(ticket)) = self.orders[lane as usize].pop()?;
        let item = self.waiting.remove(&ticket)?;
        Some((ticket, item))
    }

    /// Forgets a job that ended, and gives the samples that wanted the same.
    pub(super) fn finish(&mut self, ticket: Ticket, job: &Digest) -> Vec<Item> {
        if self.tickets.get(job) == Some(&ticket) {
            self.tickets.remove(job);
        }
        self.followers.remove(&ticket).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::SampleId;

    fn item(counter: &Counter, task: &Arc<Task>, index: u32, code: &str, seconds: u64) -> Item {
        let share = futures_free(counter.take(code.len()));
        Item {
            sample: Sample {
                id: SampleId {
                    task: task.id.clone(),
                    index,
                },
                code: code.to_owned(),
                line: u64::from(index) + 1,
                name: None,
                rank: None,
                model: None,
                technique: None,
                fields: Default::default(),
            },
            task: Arc::clone(task),
            code: Digest::of(code),
            job: Digest::of(code),
            expected: Duration::from_secs(seconds),
            outlook: Outlook {
                memory: None,
                waits: seconds > 60,
            },
            share: share.unwrap(),
        }
    }

    fn futures_free<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(future)
    }

    fn task() -> Arc<Task> {
        Arc::new(
            serde_json::from_value(serde_json::json!({
                "id": "T/1", "entry_point": "f", "prompt": "", "preamble": "", "ground_truth": null,
                "alternatives": {}, "tests": {"kind": "check", "source": ""}, "labels": {},
            }))
            .unwrap(),
        )
    }

    fn drain(window: &mut Window) -> Vec<u32> {
        std::iter::from_fn(|| window.pop(Lane::Runs))
            .map(|(_, item)| item.sample.id.index)
            .collect()
    }

    #[test]
    fn the_longest_comes_first_and_equals_in_their_order() {
        let (room, task) = (Room::default(), task());
        let mut window = Window::new(true);
        for (index, seconds) in [1, 9, 1, 30, 1].into_iter().enumerate() {
            let code = index.to_string();
            window.push(item(&room.counter(), &task, index as u32, &code, seconds));
        }
        assert_eq!(drain(&mut window), [3, 1, 0, 2, 4]);
        window.push(item(&room.counter(), &task, 5, "5", 100));
        assert!(window.has_waiting(Lane::Waits) && !window.has_waiting(Lane::Runs));
        assert_eq!(drain(&mut window), [0; 0]);
        assert!(window.pop(Lane::Waits).is_some());
    }

    #[test]
    fn equal_jobs_meet_until_the_first_has_ended() {
        let (room, task) = (Room::default(), task());
        let mut window = Window::new(true);
        let new = |window: &mut Window, index| {
            let item = item(&room.counter(), &task, index, "same", 1);
            let left = window.follow(item);
            let is_new = left.is_some();
            left.into_iter().for_each(|item| window.push(item));
            is_new
        };
        assert!(new(&mut window, 0));
        assert!(!new(&mut window, 1), "the first still waits");
        let (ticket, first) = window.pop(Lane::Runs).unwrap();
        assert!(!new(&mut window, 2), "the first runs");
        assert!(window.pop(Lane::Runs).is_none());
        let followers = window.finish(ticket, &first.job);
        let followers: Vec<u32> = followers.iter().map(|f| f.sample.id.index).collect();
        assert_eq!(followers, [1, 2]);
        assert!(new(&mut window, 3), "the first has ended");
        let mut alone = Window::new(false);
        assert!(new(&mut alone, 4) && new(&mut alone, 5));
        assert_eq!(drain(&mut alone), [4, 5]);
    }

    #[test]
    fn room_is_bounded_and_nobody_waits_for_a_room_that_is_gone() {
        let room = Room::default();
        let counter = room.counter();
        let mut shares = Vec::new();
        let small = |counter: Counter| async move {
            let patience = Duration::from_millis(50);
            tokio::time::timeout(patience, counter.take(100)).await
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        while let Ok(share) = runtime.block_on(small(counter.clone())) {
            shares.push(share.unwrap());
        }
        assert_eq!(shares.len(), ROOM / OVERHEAD);
        shares.clear();
        // One sample never takes all: another could wait for it for ever.
        let large = [(); 2].map(|()| runtime.block_on(counter.take(usize::MAX / 2)));
        assert!(large.iter().all(Option::is_some));
        drop(room);
        assert!(runtime.block_on(counter.take(1)).is_none());
    }
}
