//! How the kernel schedules this process: what children inherit, and others of the same user may change.

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
        let mut attributes = [0; SIZE];
        // SAFETY: the kernel writes at most as many bytes as the size says, which is the array's.
        let result = unsafe {
            libc::syscall(
                libc::SYS_sched_getattr,
                0,
                attributes.as_mut_ptr(),
                SIZE as libc::c_uint,
                0,
            )
        };
        check(result)?;
        const IOPRIO_WHO_PROCESS: libc::c_long = 1;
        // SAFETY: numbers only.
        let io = unsafe { libc::syscall(libc::SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0) };
        Ok(Self {
            attributes,
            processors: sched_getaffinity(Pid::from_raw(0))?,
            io: check(io)?,
        })
    }
}
