//! Which Landlock this kernel offers; rules themselves go through the landlock crate.

use super::check;

/// The version of the Landlock interface, 0 where there is none.
pub fn landlock_abi() -> u32 {
    // SAFETY: a null attribute of size 0 with the VERSION flag only asks for the version.
    let result = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0,
            1,
        )
    };
    check(result)
        .ok()
        .and_then(|version| u32::try_from(version).ok())
        .unwrap_or(0)
}
