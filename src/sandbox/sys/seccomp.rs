//! Loading a seccomp filter.

use nix::errno::Errno;

use super::check;

/// One instruction of classic BPF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip when a comparison holds.
    pub jt: u8,
    /// Instructions to skip when it does not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// Puts a filter over this process; it and its descendants keep it for good.
///
/// # Errors
/// `EINVAL` for a program that the kernel refuses, `EACCES` without no_new_privs.
pub fn install_filter(program: &[Instruction]) -> Result<(), Errno> {
    let filter = described(program)?;
    // SAFETY: `filter` describes `program`, both outlive the call, and the kernel copies them.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            &raw const filter,
        )
    };
    check(result).map(drop)
}

/// A program as the kernel takes it. It leads to `program`, which must outlive its use.
pub(super) fn described(program: &[Instruction]) -> Result<libc::sock_fprog, Errno> {
    Ok(libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| Errno::EINVAL)?,
        // The kernel's `sock_filter` has this very layout; it only reads the program.
        filter: program.as_ptr().cast_mut().cast::<libc::sock_filter>(),
    })
}
