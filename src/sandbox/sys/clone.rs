//! Starting a process in new namespaces.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::unistd::Pid;

use super::check;

/// Which namespaces a new process gets, as `CLONE_NEW*` bits.
pub type CloneFlags = nix::sched::CloneFlags;

/// Which side of [`clone_process`] this is.
#[derive(Debug)]
pub enum Cloned {
    /// The new process.
    Child,
    /// The caller.
    Parent {
        /// The new process, in the caller's process-id namespace.
        pid: Pid,
        /// A descriptor that names it for good; close-on-exec.
        pidfd: OwnedFd,
    },
}

/// Starts a copy of this process in new namespaces, with a descriptor for it.
///
/// The caller must be single-threaded: the copy has the memory of all threads but runs only one, so
/// a lock held by another thread would stay locked for ever. Workers are, and check it.
///
/// # Errors
/// What the kernel said: `EPERM` where user namespaces are forbidden, `ENOSPC` where their number
/// is limited.
pub fn clone_process(namespaces: CloneFlags) -> Result<Cloned, Errno> {
    let flags = namespaces.bits() as libc::c_long
        | libc::c_long::from(libc::CLONE_PIDFD)
        | libc::c_long::from(libc::SIGCHLD);
    let mut pidfd: RawFd = -1;
    // SAFETY: without CLONE_VM the child has its own copy of memory and a null stack means that it
    // goes on with the same one; `pidfd` outlives the call and is the only memory the kernel writes.
    let result = unsafe {
        libc::syscall(
            libc::SYS_clone,
            flags,
            std::ptr::null_mut::<libc::c_void>(),
            &raw mut pidfd,
            std::ptr::null_mut::<libc::c_void>(),
            std::ptr::null_mut::<libc::c_void>(),
        )
    };
    match check(result)? {
        0 => Ok(Cloned::Child),
        pid => {
            // SAFETY: the kernel has just opened this descriptor for us; nobody else owns it.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Cloned::Parent {
                pid: Pid::from_raw(pid as libc::pid_t),
                pidfd,
            })
        }
    }
}
