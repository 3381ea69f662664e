//! A slot: a sandbox that stands, with a first process that runs one program in it after the other.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::statvfs::fstatvfs;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use super::filter::Filter;
use super::listener::Listener;
use super::order::{self, Descriptors, FromInit, ToInit};
use super::request::{Mount, Request};
use crate::base::limits::Limits;
use crate::sandbox::cgroup::Group;
use crate::sandbox::sys;

/// Programs that one slot runs at most: whatever nobody thought of ends with it. A new one takes as long as dozens of
/// small programs, and fewer than one program in a hundred may have to wait for that.
const MOST_JOBS: u64 = 5000;

/// A sandbox that is ready to run a program.
#[derive(Debug)]
pub(super) struct Slot {
    /// Tells it from every other slot of this worker.
    pub(super) number: u64,
    /// What it shows: only requests that want the same can use it.
    pub(super) shape: Shape,
    /// Its first process.
    pub(super) init: Pid,
    /// A descriptor for it.
    pub(super) pidfd: OwnedFd,
    /// The way to speak to it, a message at a time; see [`channel`].
    pub(super) control: UnixDatagram,
    /// Its writable file system, where nobody else counts what is in it.
    pub(super) writable: Option<OwnedFd>,
    /// Its system-call filter.
    pub(super) filter: Rc<Filter>,
    /// Hears of refused calls.
    pub(super) listener: Listener,
    /// Programs that it was given.
    pub(super) jobs: u64,
    /// CPU time of its processes that was told of, of its programs and around them.
    pub(super) told: Duration,
    /// Its control group, where the host has them. Declared last: it is removed when no process is left.
    pub(super) group: Option<Group>,
}

/// What is the same in all programs of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// The profile's name.
    pub(super) profile: String,
    /// What is shown besides the profile's folders.
    pub(super) mounts: Vec<Mount>,
}

impl Shape {
    /// What a request wants.
    pub(super) fn of(request: &Request) -> Self {
        Self {
            profile: request.profile.clone(),
            mounts: request.mounts.clone(),
        }
    }

    /// Whether a request wants the same.
    pub(super) fn fits(&self, request: &Request) -> bool {
        self.profile == request.profile && self.mounts == request.mounts
    }
}

/// A pair of sockets that keep messages apart and, unlike datagram sockets, tell each side when the
/// other has gone. Without that a worker would wait for ever for a first process that was killed,
/// and a first process for a worker.
pub(super) fn channel() -> Result<(UnixDatagram, UnixDatagram), Errno> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
    Ok((UnixDatagram::from(ours), UnixDatagram::from(theirs)))
}

impl Slot {
    /// Waits for the next message of the first process. What came beside it is kept.
    ///
    /// # Errors
    /// When it has ended, or says what it must not.
    pub(super) fn receive(&mut self) -> io::Result<FromInit> {
        let received = order::receive(&self.control)?;
        let (word, mut beside) = received.ok_or(io::ErrorKind::UnexpectedEof)?;
        match (&word, beside.pop()) {
            (FromInit::Observed, Some(listener)) => self.listener.open(listener),
            (FromInit::Writable, writable) => self.writable = writable,
            _ => {}
        }
        Ok(word)
    }

    /// Bytes in the files of the job, where they are not counted by a control group.
    pub(super) fn bytes_in_files(&self) -> u64 {
        let Some(Ok(found)) = self.writable.as_ref().map(fstatvfs) else {
            return 0;
        };
        let used = found.blocks().saturating_sub(found.blocks_free());
        used.saturating_mul(found.fragment_size())
    }

    /// Whether another program can have it. Its group then has the limits of that program, and has
    /// forgotten the last one.
    pub(super) fn renew(&mut self, limits: &Limits) -> bool {
        self.jobs < MOST_JOBS && self.group.as_mut().is_none_or(|group| group.renew(limits))
    }

    /// Has a program started.
    ///
    /// # Errors
    /// When the first process has ended.
    pub(super) fn start(&mut self, request: &Request, descriptors: &Descriptors) -> io::Result<()> {
        self.begin();
        order::send_run(&self.control, request, descriptors)
    }

    /// A program is about to start.
    pub(super) fn begin(&mut self) {
        self.jobs += 1;
        self.listener.begin();
    }

    /// Starts a program that stays when everything else is cleared away, and gives its process id in the slot.
    ///
    /// # Errors
    /// When the slot is in doubt.
    pub(super) fn settle(
        &mut self,
        request: &Request,
        descriptors: &Descriptors,
    ) -> io::Result<i32> {
        order::send_settle(&self.control, request, descriptors)?;
        loop {
            match self.receive()? {
                FromInit::Settled(pid) => return Ok(pid),
                FromInit::Observed | FromInit::Writable => {}
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
    }

    /// Has a process that a resident made stay, too.
    ///
    /// # Errors
    /// When the slot is in doubt.
    pub(super) fn adopt(&mut self, pid: i32) -> io::Result<()> {
        self.ask(&ToInit::Adopt(pid))
    }

    /// Ends a resident.
    ///
    /// # Errors
    /// When the slot is in doubt.
    pub(super) fn dismiss(&mut self, pid: i32) -> io::Result<()> {
        self.ask(&ToInit::Dismiss(pid))
    }

    /// Takes away everything but the residents.
    ///
    /// # Errors
    /// When the slot is in doubt.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.ask(&ToInit::Clear)
    }

    /// The same without waiting for the answer.
    ///
    /// # Errors
    /// When the first process has ended.
    pub(super) fn ask_to_clear(&self) -> io::Result<()> {
        order::send_word(&self.control, &ToInit::Clear)
    }

    fn ask(&mut self, word: &ToInit) -> io::Result<()> {
        order::send_word(&self.control, word)?;
        match self.receive()? {
            FromInit::Cleared(None) => Ok(()),
            FromInit::Cleared(Some(doubt)) => Err(io::Error::other(doubt)),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Whether what programs use is counted by a control group alone: then residents can be set off.
    pub(super) fn sets_off_residents(&self) -> bool {
        self.group.as_ref().is_some_and(|group| {
            group.bounds_memory() && group.bounds_processes() && group.cpu_time().is_some()
        })
    }

    /// Whether nobody is left in it but its first process and its residents; see [`Group::is_at_rest`].
    pub(super) fn is_at_rest(&self) -> bool {
        self.group.as_ref().is_none_or(Group::is_at_rest)
    }

    /// Sets the slot's residents off against what jobs may use; see [`Group::set_off`].
    ///
    /// # Errors
    /// When the control group cannot be changed.
    pub(super) fn set_off(&mut self, processes: u64) -> io::Result<()> {
        self.group
            .as_mut()
            .map_or(Ok(()), |group| group.set_off(processes))
    }

    /// What the next job shares with a resident; see [`Group::share`].
    ///
    /// # Errors
    /// When the control group cannot be changed.
    pub(super) fn share(&mut self, shared: u64) -> io::Result<()> {
        self.group
            .as_mut()
            .map_or(Ok(()), |group| group.share(shared))
    }

    /// Kills every process of the sandbox and waits until the first one is gone; the kernel ends
    /// the others before it.
    pub(super) fn kill(&self) {
        if let Some(group) = &self.group {
            group.kill();
        }
        // The process is our child and not yet waited for, so the descriptor still names it.
        let _ = sys::pidfd_kill(&self.pidfd);
        while let Err(Errno::EINTR) = waitpid(self.init, Some(WaitPidFlag::empty())) {}
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // Idempotent: after a regular end both calls find nothing.
        let _ = sys::pidfd_kill(&self.pidfd);
        let _ = waitpid(self.init, Some(WaitPidFlag::empty()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_learns_that_the_other_has_gone() {
        let (ours, theirs) = channel().unwrap();
        theirs.send(b"a").unwrap();
        theirs.send(b"b").unwrap();
        drop(theirs);
        let mut buffer = [0; 8];
        // Messages stay apart, and what was said before the end is still heard.
        assert_eq!(ours.recv(&mut buffer).unwrap(), 1);
        assert_eq!(ours.recv(&mut buffer).unwrap(), 1);
        assert_eq!(ours.recv(&mut buffer).unwrap(), 0);
        assert!(ours.send(b"c").is_err());
    }
}
