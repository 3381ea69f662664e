//! How the kernel schedules a process: what children inherit, and others of the same user may change.

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use super::check;

/// The size of the kernel's `struct sched_attr` with utilisation clamps (Linux 5.3).
const SIZE: usize = 56;

/// Policy, priorities, deadlines and clamps, processors, and the priority of reading and writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduling {
    attributes: [u8; SIZE],
    processors: CpuSet,
    io: libc::c_long,
}

impl Scheduling {
    /// This process's.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn own() -> Result<Self, Errno> {
        Self::of(Pid::from_raw(0))
    }

    /// Another process's.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn of(pid: Pid) -> Result<Self, Errno> {
        let number = pid.as_raw();
        let mut attributes = [0; SIZE];
        // SAFETY: the kernel writes at most as many bytes as the size says, which is the array's.
        let result = unsafe {
            libc::syscall(
                libc::SYS_sched_getattr,
                number,
                attributes.as_mut_ptr(),
                SIZE as libc::c_uint,
                0,
            )
        };
        check(result)?;
        const IOPRIO_WHO_PROCESS: libc::c_long = 1;
        // SAFETY: numbers only.
        let io = unsafe { libc::syscall(libc::SYS_ioprio_get, IOPRIO_WHO_PROCESS, number) };
        Ok(Self {
            attributes,
            processors: sched_getaffinity(pid)?,
            io: check(io)?,
        })
    }
}
