//! Waiting for input and for the ends of children at one time.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask,
};

/// What a wait ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// There is something to read, or nobody to write it any more.
    Input,
    /// A child may have ended.
    Child,
}

/// While it lives, no end of a child is missed: one that ends between two waits ends the second.
#[derive(Debug)]
pub struct ChildWatch(());

extern "C" fn wake(_: libc::c_int) {}

impl ChildWatch {
    /// Begins to take note of ends. For a process of one thread.
    ///
    /// # Errors
    /// None on any kernel that is supported.
    pub fn begin() -> Result<Self, Errno> {
        let action = SigAction::new(SigHandler::Handler(wake), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler does nothing at all.
        unsafe { sigaction(Signal::SIGCHLD, &action) }?;
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&Signal::SIGCHLD.into()), None)?;
        Ok(Self(()))
    }

    /// Waits for either.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn wait(&self, input: BorrowedFd<'_>) -> Result<Woken, Errno> {
        let mut fds = [PollFd::new(input, PollFlags::POLLIN)];
        match ppoll(&mut fds, None, Some(SigSet::empty())) {
            Ok(_) => Ok(Woken::Input),
            Err(Errno::EINTR) => Ok(Woken::Child),
            Err(errno) => Err(errno),
        }
    }
}

impl Drop for ChildWatch {
    fn drop(&mut self) {
        // Programs that are started later must not inherit it.
        let _ = sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&Signal::SIGCHLD.into()), None);
    }
}
