//! One request, from its sandbox to its observation.

mod limits;

use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::attempt::{Done, Trouble};
use super::locks::Locks;
use super::observation::{Captured, Course, End, Observation, Usage};
use super::order::FromInit;
use super::request::Request;
use super::slot::Slot;
use super::streams::{Stream, Streams, streams};
use super::tree;
use super::waiting::{Patience, Waiting};
use super::zygote::{Zygote, split};
use crate::base::limits::{LimitKind, Limits};
use crate::sandbox::cgroup::{Counts, Group};

/// How long it may take until nothing of a program is left; then the slot is thrown away.
const CLEARED_WITHIN: Duration = Duration::from_secs(2);

/// How often a running job's counters are read.
const TICK: Duration = Duration::from_millis(25);
/// How long nobody looks at the streams after something came from them: one look takes what a program wrote meanwhile,
/// and writing is cheaper when nobody waits for it.
const BREATH: Duration = Duration::from_millis(1);

/// How often memory beyond the limit is looked at before it is believed, where `/proc` has to tell.
const LOOKS: usize = 3;

/// What is said when limits and counters are gone.
const REMOVED: &str = "the job's control group was removed by somebody else";

/// Why a request has no observation.
#[derive(Debug)]
pub(super) enum RunError {
    /// The sandbox could not be built, or broke.
    Host(String),
    /// The host has no processor for the program.
    Busy(String),
    /// The host has no memory for the program.
    Shortage(String),
    /// The request is at fault.
    Request(String),
    /// The supervisor has gone; there is nobody to answer.
    Abandoned,
}

/// Runs a request in a slot, in a process of its own or in one that `zygote` forks.
///
/// # Errors
/// [`Trouble`].
pub(super) fn run_in(
    slot: &mut Slot,
    request: &Request,
    zygote: Option<&Zygote>,
    supervisor: BorrowedFd<'_>,
) -> Result<Done, Trouble> {
    let host = |what: &str, error: std::io::Error| RunError::Host(format!("{what}: {error}"));
    let payload = request.payload.as_deref();
    let payload = match zygote {
        // It has the driver.
        Some(_) => Some(payload.and_then(split).ok_or(Trouble::Doubt)?.1),
        None => payload,
    };
    let (descriptors, ours) =
        streams(request, payload).map_err(|error| host("make pipes", error))?;
    if zygote.is_none() {
        slot.share(0)
            .map_err(|error| host("set the job's limits", error))?;
    }
    // What the slot has used so far is not this program's, its first process having waited for others.
    let counted = slot.group.as_ref().and_then(|group| group.cpu_time());
    let before = counted.unwrap_or_else(|| tree::usage(slot.init, request.limits.processes).cpu);
    let around = counted.map_or(Duration::ZERO, |total| total.saturating_sub(slot.told));
    match zygote {
        Some(zygote) => {
            slot.begin();
            zygote.start(&request.limits, &descriptors)?;
        }
        None => slot
            .start(request, &descriptors)
            .map_err(|error| host("start the program", error))?,
    }
    drop(descriptors);
    let started = Instant::now();
    let mut watch = Watch {
        limits: &request.limits,
        waiting: Waiting::from(started),
        slot,
        zygote,
        started,
        cpu_before: before,
        tree: tree::TreeUsage::default(),
        streams: ours,
        next_look: started,
        limit: None,
        locks: Locks::default(),
        course: Box::new(Course {
            around,
            ..Course::default()
        }),
    };
    let end = watch.until_end(supervisor)?;
    let wall = watch.started.elapsed();
    // What other processes of the job are waiting to be told when the program itself has ended.
    watch.listen(wall);
    let is_clear = match end {
        Ended::Program(_) => watch.until_clear(supervisor)?,
        // Nobody is heard of a job whose interpreter was stopped, either.
        Ended::Limit if zygote.is_some() && watch.limit == Some(LimitKind::Wall) => {
            if !watch.until_clear(supervisor)? {
                return Err(Trouble::Doubt);
            }
            false
        }
        Ended::Limit => false,
    };
    if !is_clear {
        watch.slot.kill();
    }
    let observation = watch.finish(end, wall)?;
    Ok(Done {
        observation,
        is_clear,
    })
}

/// A running job under watch.
struct Watch<'a> {
    limits: &'a Limits,
    slot: &'a mut Slot,
    /// Who forked the program, if not the slot's first process.
    zygote: Option<&'a Zygote>,
    started: Instant,
    /// Time that the wall-clock limit does not count.
    waiting: Waiting,
    cpu_before: Duration,
    tree: tree::TreeUsage,
    streams: Streams,
    /// When to look at the streams again.
    next_look: Instant,
    limit: Option<LimitKind>,
    locks: Locks,
    course: Box<Course>,
}

/// Who spoke or ended.
#[derive(Clone, Copy, Debug)]
struct Spoke {
    /// The slot's first process.
    slot: bool,
    /// The interpreter that forked the program.
    zygote: bool,
}

/// What a slot's group has counted; nothing where there is none.
fn counts_of(group: Option<&Group>) -> Result<Counts, RunError> {
    let counts = group.map(|group| {
        let gone = || RunError::Host(REMOVED.to_owned());
        group.counts().ok_or_else(gone)
    });
    Ok(counts.transpose()?.unwrap_or_default())
}

/// How a watch ended.
enum Ended {
    /// The program ended by itself.
    Program(End),
    /// It was over a limit.
    Limit,
}

impl Watch<'_> {
    fn until_end(&mut self, supervisor: BorrowedFd<'_>) -> Result<Ended, Trouble> {
        let mut next_tick = self.started + TICK;
        loop {
            let now = Instant::now();
            let (init, group) = (self.slot.init, self.slot.group.as_ref());
            match self.waiting.judge(now, self.limits, init, group) {
                Patience::Left => {}
                Patience::UsedUp => self.limit = Some(LimitKind::Wall),
                // It got what one processor all to itself would have given it in its time; tasks of
                // its own kept it waiting, too.
                Patience::Exhausted if self.cpu() >= self.limits.wall => {
                    self.limit = Some(LimitKind::Wall);
                }
                Patience::Exhausted => {
                    let busy = format!(
                        "the job waited for a processor for {:.0?} of {:.0?}; use fewer workers or a \
                         less busy host",
                        self.waiting.total(),
                        self.started.elapsed()
                    );
                    return Err(RunError::Busy(busy).into());
                }
            }
            if self.limit.is_none() && now >= next_tick {
                let counts = counts_of(group)?;
                let used = self.cpu_of(&counts);
                self.waiting
                    .look_sometimes(now, init, group, used, supervisor);
                self.limit = self.over_limit(&counts);
                next_tick = now + TICK;
            }
            if self.limit.is_some() {
                return Ok(Ended::Limit);
            }
            let until = next_tick
                .min(self.waiting.deadline(self.limits))
                .saturating_duration_since(now);
            let spoke = self.wait(until, supervisor)?;
            if spoke.slot
                && let Some(ended) = self.hear()?
            {
                return Ok(ended);
            }
            if let Some(zygote) = self.zygote
                && spoke.zygote
            {
                return self.hear_zygote(zygote);
            }
            let printed = self.streams.stdout.total + self.streams.stderr.total;
            let flood = self.streams.events.as_ref().is_some_and(Stream::overflowed);
            if printed > self.limits.output || flood {
                self.limit = Some(LimitKind::Output);
            }
        }
    }

    /// Waits for anything to happen, reads the streams and answers refused calls. Says who spoke or
    /// ended.
    fn wait(&mut self, until: Duration, supervisor: BorrowedFd<'_>) -> Result<Spoke, RunError> {
        let now = Instant::now();
        let rests = now < self.next_look;
        let streams = &self.streams;
        let watched = [
            streams.stdout.fd.as_ref(),
            streams.stderr.fd.as_ref(),
            streams
                .events
                .as_ref()
                .and_then(|events| events.fd.as_ref()),
        ];
        let watched = watched.into_iter().flatten().map(AsFd::as_fd);
        let watched = watched.filter(|_| !rests);
        let until = match rests {
            true => until.min(self.next_look.saturating_duration_since(now)),
            false => until,
        };
        let mut fds = vec![
            PollFd::new(self.slot.control.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.slot.pidfd.as_fd(), PollFlags::POLLIN),
            PollFd::new(supervisor, PollFlags::empty()),
        ];
        fds.extend(
            self.zygote
                .map(|zygote| PollFd::new(zygote.link(), PollFlags::POLLIN)),
        );
        fds.extend(
            watched
                .chain(self.slot.listener.fd())
                .map(|fd| PollFd::new(fd, PollFlags::POLLIN)),
        );
        let listens = self.slot.listener.fd().is_some();
        let millis = u16::try_from(until.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
        match poll(&mut fds, PollTimeout::from(millis)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(RunError::Host(format!("watch the program: {errno}"))),
        }
        let happened = |index: usize| {
            fds.get(index)
                .and_then(PollFd::revents)
                .is_some_and(|events| !events.is_empty())
        };
        let spoke = Spoke {
            slot: happened(0) || happened(1),
            zygote: self.zygote.is_some() && happened(3),
        };
        if happened(2) {
            return Err(RunError::Abandoned);
        }
        // What is listened to comes last.
        if listens && happened(fds.len() - 1) {
            self.listen(self.started.elapsed());
        }
        self.drain();
        Ok(spoke)
    }

    fn listen(&mut self, at: Duration) {
        let filter = Rc::clone(&self.slot.filter);
        self.slot.listener.listen(&filter.policy, at);
    }

    /// After the program's end: waits until nothing of it is left. Says whether the slot can be used
    /// again.
    fn until_clear(&mut self, supervisor: BorrowedFd<'_>) -> Result<bool, RunError> {
        let deadline = Instant::now() + CLEARED_WITHIN;
        if self.zygote.is_some() && self.slot.ask_to_clear().is_err() {
            return Ok(false);
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            if self.wait(left, supervisor)?.slot {
                // Anything else, or nothing, and it is in doubt.
                let word = self.slot.receive();
                return Ok(matches!(word, Ok(FromInit::Cleared(None))) && self.slot.is_at_rest());
            }
        }
    }

    fn drain(&mut self) {
        let printed = |streams: &Streams| streams.stdout.total + streams.stderr.total;
        let before = printed(&self.streams);
        self.streams.stdout.drain();
        self.streams.stderr.drain();
        let mut came = printed(&self.streams) > before;
        if let Some(events) = &mut self.streams.events {
            let before = events.total;
            events.drain();
            if events.total > before {
                self.course.note(events.total, self.started.elapsed());
                came = true;
            }
        }
        if came {
            self.next_look = Instant::now() + BREATH;
        }
    }

    /// What the first process says, and with its voice the program's process before it is the
    /// program; `None` when the program goes on.
    fn hear(&mut self) -> Result<Option<Ended>, RunError> {
        match self.slot.receive() {
            Ok(FromInit::Observed | FromInit::Writable) => Ok(None),
            Ok(FromInit::Ended {
                status,
                cpu_micros,
                largest,
            }) => {
                self.tree.cpu = self.tree.cpu.max(Duration::from_micros(cpu_micros));
                self.tree.memory = self.tree.memory.max(largest);
                Ok(Some(Ended::Program(End::of_status(status))))
            }
            Ok(FromInit::NotExecutable(error)) => Err(RunError::Request(format!("cannot {error}"))),
            Ok(FromInit::Failed(error)) => Err(RunError::Host(format!("cannot {error}"))),
            Ok(FromInit::Ready | FromInit::Cleared(_) | FromInit::Settled(_)) => {
                Err(RunError::Host("the sandbox spoke out of turn".to_owned()))
            }
            // The first process itself is gone. A program cannot signal it; the kernel can, when
            // memory runs out.
            Err(_) if self.over_memory() => {
                self.limit = Some(LimitKind::Memory);
                Ok(Some(Ended::Limit))
            }
            Err(_) => Err(RunError::Host(
                "the sandbox's first process was lost".to_owned(),
            )),
        }
    }

    /// What the interpreter says that forked the program.
    fn hear_zygote(&mut self, zygote: &Zygote) -> Result<Ended, Trouble> {
        match zygote.hear() {
            Ok((status, cpu, largest)) => {
                self.tree.cpu = self.tree.cpu.max(cpu);
                self.tree.memory = self.tree.memory.max(largest);
                Ok(Ended::Program(End::of_status(status)))
            }
            // The kernel had the choice whom to kill.
            Err(_) if self.over_memory() => {
                self.limit = Some(LimitKind::Memory);
                Ok(Ended::Limit)
            }
            Err(doubt) => Err(doubt.into()),
        }
    }

    /// Collects what is left after every process has gone.
    fn finish(mut self, ended: Ended, wall: Duration) -> Result<Observation, RunError> {
        // All writers are gone, so that each stream ends; a flood is still bounded by its pipe.
        for _ in 0..64 {
            self.drain();
        }
        let flood = self.streams.events.as_ref().is_some_and(Stream::overflowed);
        if self.streams.stdout.total + self.streams.stderr.total > self.limits.output || flood {
            self.limit = self.limit.or(Some(LimitKind::Output));
        }
        // Neither is the job's doing, and both leave it looking as if it were.
        let counts = counts_of(self.slot.group.as_ref())?;
        if counts.killed_for_others {
            let what = "the host ran out of memory and killed a process of the job";
            return Err(RunError::Shortage(what.to_owned()));
        }
        let limit = self.limit.or_else(|| self.over_counters(&counts));
        let end = match ended {
            Ended::Program(end) => end,
            Ended::Limit => End::Signaled(libc::SIGKILL),
        };
        let usage = Usage {
            cpu: self.cpu_of(&counts),
            wall,
            peak_memory: counts
                .peak_memory
                .or_else(|| (self.tree.memory > 0).then_some(self.tree.memory)),
        };
        self.slot.told = counts.cpu.unwrap_or_default();
        let captured = |stream: Stream| Captured {
            bytes: stream.kept,
            total: stream.total,
        };
        let (events_overflow, events) = match self.streams.events {
            Some(events) => (events.total > events.keep, events.kept),
            None => (false, Vec::new()),
        };
        Ok(Observation {
            end,
            limit,
            usage,
            stdout: captured(self.streams.stdout),
            stderr: captured(self.streams.stderr),
            events,
            events_overflow,
            behaviour: self.slot.listener.take(),
            course: self.course,
        })
    }
}
