//! The process itself: fork, exec, descriptors, attributes.

use std::borrow::Cow;
use std::convert::Infallible;
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask,
};
use nix::unistd::Pid;

use super::check;

/// Starts a process that runs `child` in this process's own memory, on a stack of its own. This one stands
/// still until the other has become another program or has ended, with what `child` gave as its code: nothing
/// is copied, as `fork` would do. What `child` changes in memory stays changed, and what it has not dropped
/// when it becomes another program is never dropped. The caller must be single-threaded, as for
/// [`super::clone_process`].
///
/// # Errors
/// `EAGAIN` or `ENOMEM`.
pub fn spawn(stack: &mut [u8], child: impl FnMut() -> isize) -> Result<Pid, Errno> {
    let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
    // SAFETY: the kernel holds this process until the other has left its memory. So there is one at a time in
    // it, as if `child` had been called; the stack is ours as long; and a panic does not leave the callback,
    // which ends its process.
    unsafe { nix::sched::clone(Box::new(child), stack, flags, Some(libc::SIGCHLD)) }
}

/// A program as the kernel wants it, made before the process that becomes it: [`Image::become_it`] allocates
/// nothing.
#[derive(Debug)]
pub struct Image {
    /// Where it may be, the likeliest first.
    places: Vec<CString>,
    argv: Vec<*const libc::c_char>,
    environment: Vec<*const libc::c_char>,
    /// What the pointers point to.
    texts: [Vec<CString>; 2],
}

impl Image {
    /// The program that `argv` begins with, looked up on the `PATH` of `environment` unless it holds a
    /// slash. `None` for no program at all.
    pub fn new(argv: Vec<CString>, environment: Vec<CString>) -> Option<Self> {
        let pointers = |texts: &[CString]| {
            let pointers = texts.iter().map(|text| text.as_ptr());
            pointers.chain([std::ptr::null()]).collect()
        };
        Some(Self {
            places: places(argv.first()?, &environment),
            argv: pointers(&argv),
            environment: pointers(&environment),
            texts: [argv, environment],
        })
    }

    /// What the program was called by.
    pub fn name(&self) -> Cow<'_, str> {
        let [argv, _] = &self.texts;
        argv.first()
            .map_or(Cow::Borrowed(""), |name| name.to_string_lossy())
    }

    /// Replaces this process by it. Gives what the kernel said about the last place that could not be had.
    ///
    /// # Errors
    /// `ENOENT`, `EACCES`, `ENOEXEC`, `E2BIG`.
    pub fn become_it(&self) -> Result<Infallible, Errno> {
        let mut last = Errno::ENOENT;
        for place in &self.places {
            // SAFETY: both lists end with a null pointer, and what they point to lives in `self`.
            unsafe {
                libc::execve(
                    place.as_ptr(),
                    self.argv.as_ptr(),
                    self.environment.as_ptr(),
                )
            };
            match Errno::last() {
                Errno::ENOENT | Errno::ENOTDIR if self.places.len() > 1 => {}
                errno => last = errno,
            }
        }
        Err(last)
    }
}

fn places(program: &CString, environment: &[CString]) -> Vec<CString> {
    if program.as_bytes().contains(&b'/') {
        return vec![program.clone()];
    }
    let path = environment
        .iter()
        .find_map(|variable| variable.as_bytes().strip_prefix(b"PATH="))
        .unwrap_or(b"/usr/local/bin:/usr/bin:/bin");
    path.split(|&byte| byte == b':')
        .filter(|folder| !folder.is_empty())
        .filter_map(|folder| {
            let place = [folder, b"/", program.as_bytes()].concat();
            CString::new(place).ok()
        })
        .collect()
}

/// A copy of a descriptor with a number from 64 upwards, so that placing it at a low number never
/// overwrites one that is still to be placed. Close-on-exec.
///
/// # Errors
/// `EMFILE`.
pub fn lift(fd: impl AsFd) -> Result<OwnedFd, Errno> {
    let raw = nix::fcntl::fcntl(fd.as_fd(), nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(64))?;
    // SAFETY: the kernel has just opened this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Makes `number` a copy of `fd` that stays open across exec; what `number` was is closed.
///
/// # Errors
/// `EBADF`.
pub fn duplicate(fd: impl AsFd, number: RawFd) -> Result<(), Errno> {
    // SAFETY: it touches no memory. No Rust value owns the low numbers that are replaced: this is
    // used only in a process that is about to become another program.
    let result = unsafe { libc::dup2(fd.as_fd().as_raw_fd(), number) };
    check(libc::c_long::from(result)).map(drop)
}

/// Closes descriptor `number`, if it is open, in a process that is about to become another program.
pub fn close(number: RawFd) {
    // SAFETY: it touches no memory, and no Rust value owns the low numbers that are closed.
    let _ = unsafe { libc::close(number) };
}

/// Has every descriptor from `first` upwards closed on exec.
///
/// # Errors
/// `ENOSYS` or `EINVAL` before Linux 5.11.
pub fn close_on_exec_from(first: RawFd) -> Result<(), Errno> {
    // SAFETY: it sets a flag on descriptors and touches no memory.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    check(result).map(drop)
}

/// Closes every descriptor but these, in a copy of a process that goes its own way from here. Values
/// that owned one of them must never be dropped again.
///
/// # Errors
/// `ENOSYS` before Linux 5.9.
pub fn close_all_but(kept: &[RawFd]) -> Result<(), Errno> {
    let mut kept: Vec<RawFd> = kept.to_vec();
    kept.sort_unstable();
    kept.dedup();
    let mut first = 0;
    for end in kept.into_iter().map(Some).chain([None]) {
        let last = match end {
            Some(number) if number == first => {
                first = number + 1;
                continue;
            }
            Some(number) => libc::c_uint::try_from(number - 1).unwrap_or(0),
            None => libc::c_uint::MAX,
        };
        // SAFETY: it touches no memory; the caller answers for what owned these descriptors.
        let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        check(result)?;
        first = end.map_or(first, |number| number + 1);
    }
    Ok(())
}

/// A process that ended and was waited for.
#[derive(Clone, Copy, Debug)]
pub struct Waited {
    /// Which.
    pub pid: Pid,
    /// Its wait status, as the kernel has it.
    pub status: i32,
    /// CPU time of it and of those that it had waited for, in microseconds.
    pub cpu_micros: u64,
    /// The largest resident size that one of them had, in bytes.
    pub largest: u64,
}

/// Waits until any child has ended.
///
/// # Errors
/// `ECHILD` when there is none, `EINTR`.
pub fn wait_any() -> Result<Waited, Errno> {
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel writes one number and one structure of these very types.
    let result = unsafe { libc::wait4(-1, &raw mut status, 0, usage.as_mut_ptr()) };
    let pid = check(libc::c_long::from(result))?;
    // SAFETY: all zeros are a valid value of this structure of numbers, and the kernel has filled it.
    let usage = unsafe { usage.assume_init() };
    let micros = |time: libc::timeval| {
        u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000
            + u64::try_from(time.tv_usec).unwrap_or(0)
    };
    Ok(Waited {
        pid: Pid::from_raw(pid as libc::pid_t),
        status,
        cpu_micros: micros(usage.ru_utime) + micros(usage.ru_stime),
        largest: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
    })
}

fn prctl(option: libc::c_int, value: libc::c_ulong) -> Result<(), Errno> {
    // SAFETY: every option used in this file takes one integer and touches no memory of ours.
    let result = unsafe { libc::prctl(option, value, 0, 0, 0) };
    check(libc::c_long::from(result)).map(drop)
}

/// No later execution gives this process more rights than it has.
///
/// # Errors
/// None on a kernel that has it (since 3.5).
pub fn set_no_new_privs() -> Result<(), Errno> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1)
}

/// Whether a change of user keeps the permitted capabilities.
///
/// # Errors
/// What the kernel said.
pub fn set_keep_capabilities(keep: bool) -> Result<(), Errno> {
    prctl(libc::PR_SET_KEEPCAPS, keep.into())
}

/// Closes this process's memory to others of the same user, and its core dumps.
///
/// # Errors
/// What the kernel said.
pub fn set_not_dumpable() -> Result<(), Errno> {
    prctl(libc::PR_SET_DUMPABLE, 0)
}

/// Has the kernel kill this process when its parent ends. A change of user clears it.
///
/// # Errors
/// What the kernel said.
pub fn set_parent_death_kill() -> Result<(), Errno> {
    prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong)
}

/// A number that no system call has, on any architecture.
pub const NO_CALL: u32 = 4095;

/// Makes the system call [`NO_CALL`], which no policy can name.
///
/// # Errors
/// `ENOSYS`, from the kernel or from a filter.
pub fn call_nothing() -> Result<(), Errno> {
    // SAFETY: there is no such call, so that it touches nothing.
    let result = unsafe { libc::syscall(libc::c_long::from(NO_CALL)) };
    check(result).map(drop)
}

/// Ends this process at once, without running anything else.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: it does not return and touches no memory.
    unsafe { libc::_exit(code) }
}

/// Sends SIGKILL to the process behind `pidfd`; one that has ended already is no error.
///
/// # Errors
/// `EPERM`, `EBADF`.
pub fn pidfd_kill(pidfd: impl AsFd) -> Result<(), Errno> {
    // SAFETY: a null `siginfo` is allowed and no memory is touched.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_fd().as_raw_fd(),
            libc::SIGKILL,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    match check(result) {
        Err(Errno::ESRCH) | Ok(_) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Gives every signal its default action and unblocks all: Rust ignores SIGPIPE, and an ignored
/// signal stays ignored across exec.
///
/// # Errors
/// What the kernel said.
pub fn reset_signals() -> Result<(), Errno> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in Signal::iterator() {
        if !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP) {
            // SAFETY: the default action runs no code of ours.
            unsafe { sigaction(signal, &default) }?;
        }
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
}
