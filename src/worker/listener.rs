//! The worker's end of the system-call filter: it hears of refused calls, writes down what was
//! attempted, and gives the policy's answer. One listener hears of all jobs of a slot, one after the other.
//!
//! Nothing that a program does here can do more than waste a little time: each call is answered with
//! the error that the policy has for it, whatever was read from its memory, and after very many calls
//! the listener is closed, so that the kernel answers (ENOSYS) without asking.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::act::{self, Memory};
use super::behaviour::Behaviour;
use crate::sandbox::seccomp::{Action, Policy};
use crate::sandbox::sys;

/// Calls that are heard of one job; then the listener is closed.
const MOST_CALLS: u64 = 4096;
/// Calls that are answered in a row, so that a flood keeps nobody from reading the clock.
const IN_A_ROW: usize = 32;

/// What is heard of one job.
#[derive(Debug, Default)]
pub(super) struct Listener {
    fd: Option<OwnedFd>,
    heard: u64,
    behaviour: Option<Behaviour>,
}

impl Listener {
    /// Begins to listen.
    pub(super) fn open(&mut self, fd: OwnedFd) {
        self.fd = Some(fd);
        self.begin();
    }

    /// Forgets the last job.
    pub(super) fn begin(&mut self) {
        self.heard = 0;
        self.behaviour = self.fd.is_some().then(Behaviour::default);
    }

    /// Whether anything was heard of this job, or the listener was lost over it.
    pub(super) fn was_used(&self) -> bool {
        self.heard > 0 || self.behaviour.is_some() && self.fd.is_none()
    }

    /// What is to be watched, as long as there is something to hear.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().map(AsFd::as_fd)
    }

    /// What was heard; `None` where nobody listened.
    pub(super) fn take(&mut self) -> Option<Behaviour> {
        self.behaviour.take()
    }

    /// Hears and answers what waits now, up to a bound.
    pub(super) fn listen(&mut self, policy: &Policy, at: Duration) {
        let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        for _ in 0..IN_A_ROW {
            let Some(fd) = &self.fd else { return };
            match look(fd) {
                Waiting::Nothing => return,
                // Every process under the filter has gone; it would be told again and again.
                Waiting::Never => self.fd = None,
                Waiting::Call => self.answer(policy, at_ms),
            }
        }
    }

    fn answer(&mut self, policy: &Policy, at_ms: u64) {
        let (Some(fd), Some(behaviour)) = (&self.fd, &mut self.behaviour) else {
            return;
        };
        let call = match sys::next_notification(fd) {
            Ok(call) => call,
            // It was killed while it waited.
            Err(Errno::ENOENT | Errno::EINTR) => return,
            Err(_) => {
                behaviour.cut = true;
                self.fd = None;
                return;
            }
        };
        let errno = match policy.decide(call.number, &call.arguments) {
            Action::Refuse(errno) | Action::Routine(errno) => errno,
            // The filter does not ask about these; whatever was asked about is refused.
            Action::Allow | Action::Kill => Errno::EPERM,
        };
        let name = act::name(call.number);
        let mut detail = String::new();
        if behaviour.has_room(&name) {
            let mut memory = Memory::of(call.thread);
            detail = act::detail(&name, &call.arguments, &mut memory);
            if memory.was_read() && !sys::still_waits(fd, call.id) {
                // Its number may be another's by now, and so the memory.
                detail.clear();
            }
        }
        behaviour.add(&name, &detail, &format!("{errno:?}"), at_ms);
        // It may have died meanwhile: then there is nobody to answer.
        let _ = sys::refuse(fd, call.id, errno);
        self.heard += 1;
        if self.heard >= MOST_CALLS {
            behaviour.cut = true;
            self.fd = None;
        }
    }
}

enum Waiting {
    Call,
    Nothing,
    Never,
}

fn look(fd: &OwnedFd) -> Waiting {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    let events = match poll(&mut fds, PollTimeout::ZERO) {
        Ok(_) => fds[0].revents().unwrap_or(PollFlags::empty()),
        Err(_) => return Waiting::Nothing,
    };
    if events.contains(PollFlags::POLLIN) {
        Waiting::Call
    } else if events.intersects(PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL) {
        Waiting::Never
    } else {
        Waiting::Nothing
    }
}
