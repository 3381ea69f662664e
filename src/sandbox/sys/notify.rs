//! Hearing of system calls that a filter leaves to a listener (Linux 5.0).

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

use super::check;
use super::seccomp::{Instruction, described};

/// `_IOWR('!', 0, struct seccomp_notif)`.
const RECEIVE: u32 = 0xC050_2100;
/// `_IOWR('!', 1, struct seccomp_notif_resp)`.
const SEND: u32 = 0xC018_2101;
/// `_IOR('!', 2, u64)`: the number that every kernel knows; newer ones have a second for the same.
const IS_VALID: u32 = 0x8008_2102;

/// A system call that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Names this one call.
    pub id: u64,
    /// The thread that made it, in the process-id namespace of whoever asks.
    pub thread: u32,
    /// The system call's number.
    pub number: u32,
    /// Its arguments.
    pub arguments: [u64; 6],
}

/// Whether this kernel leaves calls to a listener in the form that is known here.
pub fn has_notifications() -> bool {
    let mut action = libc::SECCOMP_RET_USER_NOTIF;
    // SAFETY: the kernel reads one 32-bit number, which outlives the call.
    let known = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_ACTION_AVAIL,
            0,
            &raw mut action,
        )
    };
    let mut sizes = libc::seccomp_notif_sizes {
        seccomp_notif: 0,
        seccomp_notif_resp: 0,
        seccomp_data: 0,
    };
    // SAFETY: the kernel writes one structure of this very type, which outlives the call.
    let sized = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_NOTIF_SIZES,
            0,
            &raw mut sizes,
        )
    };
    check(known).is_ok()
        && check(sized).is_ok()
        && usize::from(sizes.seccomp_notif) == size_of::<libc::seccomp_notif>()
        && usize::from(sizes.seccomp_notif_resp) == size_of::<libc::seccomp_notif_resp>()
}

/// Puts a filter over this process, as [`super::install_filter`], and gives the descriptor on which
/// its notifications are read; close-on-exec. Where the kernel can (5.19), a call that was read
/// waits for its answer through every signal but a deadly one.
///
/// # Errors
/// `EBUSY` where a filter of this process has a listener already, `EINVAL` for a program that the
/// kernel refuses, `EACCES` without no_new_privs.
pub fn install_observed_filter(program: &[Instruction]) -> Result<OwnedFd, Errno> {
    let listen = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    match install(
        program,
        listen | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
    ) {
        Err(Errno::EINVAL) => install(program, listen),
        result => result,
    }
}

fn install(program: &[Instruction], flags: libc::c_ulong) -> Result<OwnedFd, Errno> {
    let filter = described(program)?;
    // SAFETY: `filter` describes `program`, both outlive the call, and the kernel copies them.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const filter,
        )
    };
    let fd = check(result)? as RawFd;
    // SAFETY: the kernel has just opened this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The next call that waits. To be asked for only when the listener can be read: it blocks else.
///
/// # Errors
/// `ENOENT` when the caller has died meanwhile, `EINTR`.
pub fn next_notification(listener: impl AsFd) -> Result<Notification, Errno> {
    // The kernel insists on nothing but zeros.
    let mut notification = libc::seccomp_notif {
        id: 0,
        pid: 0,
        flags: 0,
        data: libc::seccomp_data {
            nr: 0,
            arch: 0,
            instruction_pointer: 0,
            args: [0; 6],
        },
    };
    // SAFETY: the kernel writes one structure of this very type, as its size in the request's number
    // says; it outlives the call.
    let result = unsafe {
        libc::ioctl(
            listener.as_fd().as_raw_fd(),
            RECEIVE as libc::Ioctl,
            &raw mut notification,
        )
    };
    check(libc::c_long::from(result))?;
    Ok(Notification {
        id: notification.id,
        thread: notification.pid,
        number: notification.data.nr as u32,
        arguments: notification.data.args,
    })
}

/// Lets a waiting call fail with this error. Never anything else: what a filter has left to the
/// listener has been refused.
///
/// # Errors
/// `ENOENT` when the caller has died, or been interrupted.
pub fn refuse(listener: impl AsFd, id: u64, errno: Errno) -> Result<(), Errno> {
    let mut response = libc::seccomp_notif_resp {
        id,
        val: 0,
        error: -(errno as i32),
        flags: 0,
    };
    // SAFETY: the kernel reads one structure of this very type, as its size in the request's number
    // says; it outlives the call.
    let result = unsafe {
        libc::ioctl(
            listener.as_fd().as_raw_fd(),
            SEND as libc::Ioctl,
            &raw mut response,
        )
    };
    check(libc::c_long::from(result)).map(drop)
}

/// Whether the call still waits, so that what was read from its thread's memory before was read
/// from that very thread and not from another one with its number.
pub fn still_waits(listener: impl AsFd, id: u64) -> bool {
    let mut id = id;
    // SAFETY: the kernel reads one 64-bit number, which outlives the call.
    let result = unsafe {
        libc::ioctl(
            listener.as_fd().as_raw_fd(),
            IS_VALID as libc::Ioctl,
            &raw mut id,
        )
    };
    result == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_carry_the_sizes_of_what_they_pass() {
        let size = |request: u32| (request >> 16 & 0x3FFF) as usize;
        assert_eq!(size(RECEIVE), size_of::<libc::seccomp_notif>());
        assert_eq!(size(SEND), size_of::<libc::seccomp_notif_resp>());
        assert_eq!(size(IS_VALID), size_of::<u64>());
    }

    #[test]
    fn what_is_no_listener_answers_nothing() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(next_notification(&file).is_err());
        assert!(refuse(&file, 1, Errno::EPERM).is_err());
        assert!(!still_waits(&file, 1));
    }
}
