//! One request, from its sandbox to its observation.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{AddressFamily, Shutdown, SockFlag, SockType, shutdown, socketpair};
use nix::unistd::{pipe2, read};

use super::init::Pipes;
use super::listener::Listener;
use super::observation::{Captured, Course, End, Observation, Usage};
use super::request::Request;
use super::slot::{Builder, FromInit, Slot, SlotError};
use super::tree;
use super::waiting::{Patience, Waiting};
use crate::base::limits::{LimitKind, Limits};
use crate::sandbox::{Profile, sys};

/// How often a running job's counters are read.
const TICK: Duration = Duration::from_millis(25);

/// Locks on ranges of files that a job may hold. Databases hold a handful for each connection; they
/// take some two hundred bytes each.
const MOST_LOCKS: u64 = 10_000;

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
    /// The request is at fault.
    Request(String),
    /// The supervisor has gone; there is nobody to answer.
    Abandoned,
}

/// Runs one request. `supervisor` is watched, so that no job outlives it.
///
/// # Errors
/// [`RunError`].
pub(super) fn run(
    builder: &mut Builder,
    profile: &Profile,
    request: &Request,
    supervisor: BorrowedFd<'_>,
) -> Result<Observation, RunError> {
    let (pipes, ours) =
        streams(request).map_err(|error| RunError::Host(format!("make pipes: {error}")))?;
    let mut slot =
        builder
            .build(profile, request, pipes, supervisor)
            .map_err(|error| match error {
                SlotError::Host(what) => RunError::Host(what),
                SlotError::Request(what) => RunError::Request(what),
            })?;
    let before = slot
        .group
        .as_ref()
        .and_then(|group| group.cpu_time())
        .unwrap_or_default();
    slot.start()
        .map_err(|error| RunError::Host(format!("start the program: {error}")))?;
    let started = Instant::now();
    let mut watch = Watch {
        limits: &request.limits,
        waiting: Waiting::from(started, slot.group.as_ref()),
        slot: &mut slot,
        started,
        cpu_before: before,
        tree: tree::TreeUsage::default(),
        streams: ours,
        limit: None,
        listener: Listener::default(),
        course: Box::default(),
    };
    let end = watch.until_end(supervisor)?;
    let wall = watch.started.elapsed();
    // What other processes of the job are waiting to be told when the program itself has ended.
    watch.listener.listen(&watch.slot.filter.policy, wall);
    watch.slot.kill();
    watch.finish(end, wall)
}

/// Our ends of a job's pipes.
struct Streams {
    stdout: Stream,
    stderr: Stream,
    events: Option<Stream>,
}

struct Stream {
    fd: Option<OwnedFd>,
    kept: Vec<u8>,
    keep: u64,
    total: u64,
}

fn streams(request: &Request) -> io::Result<(Pipes, Streams)> {
    let (stdout, stdout_end) = stream(request.limits.output)?;
    let (stderr, stderr_end) = stream(request.limits.output)?;
    let (events, events_end) = request.events_limit.map(event_stream).transpose()?.unzip();
    let pipes = Pipes {
        stdin: sealed(&request.stdin)?,
        stdout: stdout_end,
        stderr: stderr_end,
        payload: request.payload.as_deref().map(sealed).transpose()?,
        events: events_end,
    };
    Ok((
        pipes,
        Streams {
            stdout,
            stderr,
            events,
        },
    ))
}

fn stream(keep: u64) -> io::Result<(Stream, OwnedFd)> {
    let (ours, theirs) = pipe2(OFlag::O_CLOEXEC)?;
    received(ours, theirs, keep)
}

/// A socket, not a pipe: whoever holds the writing end of a pipe may open it again by its link below
/// `/proc` and read what was just written, before we do. What is sent through a socket has left.
fn event_stream(keep: u64) -> io::Result<(Stream, OwnedFd)> {
    let (family, kind) = (AddressFamily::Unix, SockType::Stream);
    let (ours, theirs) = socketpair(family, kind, None, SockFlag::SOCK_CLOEXEC)?;
    shutdown(ours.as_raw_fd(), Shutdown::Write)?;
    received(ours, theirs, keep)
}

fn received(ours: OwnedFd, theirs: OwnedFd, keep: u64) -> io::Result<(Stream, OwnedFd)> {
    fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((
        Stream {
            fd: Some(ours),
            kept: Vec::new(),
            keep,
            total: 0,
        },
        sys::lift(theirs)?,
    ))
}

/// A file in memory that can only be read.
fn sealed(bytes: &[u8]) -> io::Result<OwnedFd> {
    let fd = memfd_create(
        c"input",
        MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING,
    )?;
    let mut file = File::from(fd);
    file.write_all(bytes)?;
    io::Seek::rewind(&mut file)?;
    let seals = SealFlag::F_SEAL_WRITE
        | SealFlag::F_SEAL_GROW
        | SealFlag::F_SEAL_SHRINK
        | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(sys::lift(file)?)
}

impl Stream {
    /// Reads what is there. Whatever is beyond the limit is counted and thrown away.
    fn drain(&mut self) {
        let mut buffer = [0; 1 << 16];
        // Bounded, so that a flood on one stream cannot keep the clock from being read.
        for _ in 0..16 {
            let Some(fd) = &self.fd else { return };
            match read(fd, &mut buffer) {
                Ok(0) => self.fd = None,
                Ok(count) => self.take(&buffer[..count]),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return,
                Err(_) => self.fd = None,
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = usize::try_from(self.keep.saturating_sub(self.total)).unwrap_or(usize::MAX);
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.total += bytes.len() as u64;
    }

    fn overflowed(&self) -> bool {
        self.total > self.keep
    }
}

/// A running job under watch.
struct Watch<'a> {
    limits: &'a Limits,
    slot: &'a mut Slot,
    started: Instant,
    /// Time that the wall-clock limit does not count.
    waiting: Waiting,
    cpu_before: Duration,
    tree: tree::TreeUsage,
    streams: Streams,
    limit: Option<LimitKind>,
    listener: Listener,
    course: Box<Course>,
}

/// How a watch ended.
enum Ended {
    /// The program ended by itself.
    Program(End),
    /// It was over a limit.
    Limit,
}

impl Watch<'_> {
    fn until_end(&mut self, supervisor: BorrowedFd<'_>) -> Result<Ended, RunError> {
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
                    return Err(RunError::Busy(format!(
                        "the job waited for a processor for {:.0?} of {:.0?}; use fewer workers or a \
                         less busy host",
                        self.waiting.total(),
                        self.started.elapsed()
                    )));
                }
            }
            if self.limit.is_none() && now >= next_tick {
                self.waiting.look_sometimes(now, init, group);
                if group.is_some_and(|group| !group.is_there()) {
                    return Err(RunError::Host(REMOVED.to_owned()));
                }
                self.limit = self.over_limit();
                next_tick = now + TICK;
            }
            if self.limit.is_some() {
                return Ok(Ended::Limit);
            }
            let until = next_tick
                .min(self.waiting.deadline(self.limits))
                .saturating_duration_since(now);
            if self.wait(until, supervisor)?
                && let Some(ended) = self.hear()?
            {
                return Ok(ended);
            }
            let printed = self.streams.stdout.total + self.streams.stderr.total;
            let flood = self.streams.events.as_ref().is_some_and(Stream::overflowed);
            if printed > self.limits.output || flood {
                self.limit = Some(LimitKind::Output);
            }
        }
    }

    /// Waits for anything to happen, reads the streams and answers refused calls. Says whether the
    /// first process spoke or ended.
    fn wait(&mut self, until: Duration, supervisor: BorrowedFd<'_>) -> Result<bool, RunError> {
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
        let mut fds = vec![
            PollFd::new(self.slot.control.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.slot.pidfd.as_fd(), PollFlags::POLLIN),
            PollFd::new(supervisor, PollFlags::empty()),
        ];
        fds.extend(
            watched
                .chain(self.listener.fd())
                .map(|fd| PollFd::new(fd, PollFlags::POLLIN)),
        );
        let millis = u16::try_from(until.as_millis() + 1).unwrap_or(u16::MAX);
        match poll(&mut fds, PollTimeout::from(millis)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(RunError::Host(format!("watch the program: {errno}"))),
        }
        let happened = |index: usize| {
            fds.get(index)
                .and_then(PollFd::revents)
                .is_some_and(|events| !events.is_empty())
        };
        let (spoke, gone, abandoned) = (happened(0), happened(1), happened(2));
        if abandoned {
            return Err(RunError::Abandoned);
        }
        let at = self.started.elapsed();
        self.listener.listen(&self.slot.filter.policy, at);
        self.drain();
        Ok(spoke || gone)
    }

    fn drain(&mut self) {
        self.streams.stdout.drain();
        self.streams.stderr.drain();
        if let Some(events) = &mut self.streams.events {
            let before = events.total;
            events.drain();
            if events.total > before {
                self.course.note(events.total, self.started.elapsed());
            }
        }
    }

    /// What the first process says, and with its voice the program's process before it is the
    /// program; `None` when the program goes on.
    fn hear(&mut self) -> Result<Option<Ended>, RunError> {
        let _ = self.slot.control.set_nonblocking(true);
        let (word, descriptor) = match self.slot.receive() {
            Ok((word, descriptor)) => (Ok(word), descriptor),
            Err(error) => (Err(error), None),
        };
        match word {
            Ok(FromInit::Observed) => {
                if let Some(listener) = descriptor {
                    self.listener.open(listener);
                }
                Ok(None)
            }
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
            Ok(FromInit::Ready) => Err(RunError::Host("the sandbox spoke out of turn".to_owned())),
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

    fn over_limit(&mut self) -> Option<LimitKind> {
        if tree::locks(self.slot.init) > MOST_LOCKS {
            return Some(LimitKind::Memory);
        }
        let counted = self.slot.group.as_ref();
        if counted.is_none_or(|group| {
            !group.bounds_memory() || !group.bounds_processes() || group.cpu_time().is_none()
        }) {
            let mut now = tree::usage(self.slot.init, self.limits.processes);
            self.tree.cpu = self.tree.cpu.max(now.cpu);
            if !self.memory_is_bounded() {
                let files = self.slot.bytes_in_files();
                now.memory = now.memory.saturating_add(files);
                if now.memory > self.limits.memory {
                    // Pages that several share were counted for each: look closer, which costs more.
                    // Shares shift while processes start and end under the reader's eyes, which can
                    // count a page twice; what is really there is there at every look.
                    now.memory = (0..LOOKS)
                        .map(|_| tree::memory(self.slot.init, files))
                        .find(|memory| *memory <= self.limits.memory)
                        .unwrap_or(now.memory);
                }
            }
            self.tree.memory = self.tree.memory.max(now.memory);
            self.tree.processes = self.tree.processes.max(now.processes);
        }
        self.look_at_memory();
        self.over_counters()
    }

    /// Version 2 keeps no peak before Linux 5.19: the highest figure that was seen stands for it.
    fn look_at_memory(&mut self) {
        let group = self.slot.group.as_ref();
        let group = group.filter(|group| group.bounds_memory() && group.peak_memory().is_none());
        if let Some(now) = group.and_then(|group| group.memory_in_use()) {
            self.tree.memory = self.tree.memory.max(now);
        }
    }

    fn over_counters(&self) -> Option<LimitKind> {
        let group = self.slot.group.as_ref();
        if self.over_memory() {
            Some(LimitKind::Memory)
        } else if group.is_some_and(|group| group.ran_out_of_processes())
            || self.tree.processes > u64::from(self.limits.processes) + 1
        {
            Some(LimitKind::Processes)
        } else if self.cpu() >= self.limits.cpu {
            Some(LimitKind::Cpu)
        } else {
            None
        }
    }

    fn memory_is_bounded(&self) -> bool {
        let group = self.slot.group.as_ref();
        group.is_some_and(|group| group.bounds_memory())
    }

    /// A control group counts each page once and knows best; without one, the processes are added up.
    fn over_memory(&self) -> bool {
        match &self.slot.group {
            Some(group) if group.bounds_memory() => group.ran_out_of_memory(),
            _ => self.tree.memory > self.limits.memory,
        }
    }

    fn cpu(&self) -> Duration {
        match self.slot.group.as_ref().and_then(|group| group.cpu_time()) {
            Some(total) => total.saturating_sub(self.cpu_before),
            None => self.tree.cpu,
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
        if let Some(group) = &self.slot.group {
            // Neither is the job's doing, and both leave it looking as if it were.
            if !group.is_there() {
                return Err(RunError::Host(REMOVED.to_owned()));
            }
            if group.killed_for_others() {
                let what = "the host ran out of memory and killed a process of the job";
                return Err(RunError::Host(what.to_owned()));
            }
        }
        let limit = self.limit.or_else(|| self.over_counters());
        let end = match ended {
            Ended::Program(end) => end,
            Ended::Limit => End::Signaled(libc::SIGKILL),
        };
        let group = self.slot.group.as_ref();
        let usage = Usage {
            cpu: self.cpu(),
            wall,
            peak_memory: group
                .and_then(|group| group.peak_memory())
                .or_else(|| (self.tree.memory > 0).then_some(self.tree.memory)),
        };
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
            behaviour: self.listener.into_behaviour(),
            course: self.course,
        })
    }
}
