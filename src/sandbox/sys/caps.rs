//! Capabilities: raised to what is permitted while a sandbox is built, and dropped for good.

use nix::errno::Errno;

use super::check;

const VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

fn get() -> Result<[Sets; 2], Errno> {
    let mut header = Header {
        version: VERSION_3,
        pid: 0,
    };
    let mut sets = [Sets::default(); 2];
    // SAFETY: version 3 of the interface reads one header and writes two sets, which is what both
    // pointers lead to.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) };
    check(result).map(|_| sets)
}

fn set(sets: [Sets; 2]) -> Result<(), Errno> {
    let mut header = Header {
        version: VERSION_3,
        pid: 0,
    };
    // SAFETY: version 3 of the interface reads one header and two sets, which is what both
    // pointers lead to.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, sets.as_ptr()) };
    check(result).map(drop)
}

/// Makes every permitted capability effective, after a change of user has cleared the effective set.
///
/// # Errors
/// What the kernel said.
pub fn raise_permitted() -> Result<(), Errno> {
    let mut sets = get()?;
    for half in &mut sets {
        half.effective = half.permitted;
    }
    set(sets)
}

/// Fixes the security bits so that no later change of user or execution brings a capability back.
///
/// # Errors
/// `EPERM` without `CAP_SETPCAP`.
pub fn lock_securebits() -> Result<(), Errno> {
    // NOROOT, NO_SETUID_FIXUP and NO_CAP_AMBIENT_RAISE, each with its lock, and KEEP_CAPS locked off.
    const BITS: libc::c_ulong = 0b1110_1111;
    // SAFETY: PR_SET_SECUREBITS takes one integer.
    let result = unsafe { libc::prctl(libc::PR_SET_SECUREBITS, BITS, 0, 0, 0) };
    check(libc::c_long::from(result)).map(drop)
}

/// Empties the bounding and the ambient set, so that no execution brings anything back. What this
/// process may do it may do until [`super::Permit::drop_capabilities`].
///
/// # Errors
/// `EPERM` without `CAP_SETPCAP`.
pub fn bound_capabilities() -> Result<(), Errno> {
    // The kernel answers EINVAL for the first capability that it does not know.
    for capability in 0..64 as libc::c_ulong {
        // SAFETY: PR_CAPBSET_DROP takes one integer.
        let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        match check(libc::c_long::from(result)) {
            Ok(_) => {}
            Err(Errno::EINVAL) if capability > 0 => break,
            Err(errno) => return Err(errno),
        }
    }
    // SAFETY: PR_CAP_AMBIENT_CLEAR_ALL takes no further argument.
    let result = unsafe {
        libc::prctl(
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong,
            0,
            0,
            0,
        )
    };
    check(libc::c_long::from(result)).map(drop)
}

/// Empties the effective, permitted and inheritable sets; `permit` is what the filter wants to see.
pub(super) fn clear(permit: u64) -> Result<(), Errno> {
    let mut header = Header {
        version: VERSION_3,
        pid: 0,
    };
    let sets = [Sets::default(); 2];
    let none: libc::c_long = 0;
    // SAFETY: version 3 of the interface reads one header and two sets, which is what both
    // pointers lead to.
    let result = unsafe {
        libc::syscall(
            libc::SYS_capset,
            &raw mut header,
            sets.as_ptr(),
            none,
            none,
            none,
            permit,
        )
    };
    check(result).map(drop)
}
