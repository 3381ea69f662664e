//! The only unsafe code of the crate: thin wrappers, one system call each, for what nix does not
//! offer. Every wrapper checks its result and turns a failure into an [`nix::errno::Errno`].
#![expect(unsafe_code, reason = "system calls that no safe library wraps")]

mod caps;
mod children;
mod clone;
mod landlock;
mod mount;
mod net;
mod notify;
mod pass;
mod permit;
mod process;
mod scheduling;
mod seccomp;

pub use caps::{bound_capabilities, lock_securebits, raise_permitted};
pub use children::{ChildWatch, Woken};
pub use clone::{CloneFlags, Cloned, clone_process};
pub use landlock::landlock_abi;
pub use mount::{MountAttr, clone_tree, has_no_attributes, mount_setattr, move_mount, new_mount};
pub use net::bring_up_loopback;
pub use notify::{
    Notification, has_notifications, install_observed_filter, next_notification, refuse,
    still_waits,
};
pub use pass::{receive_all, receive_with, send_all, send_with};
pub use permit::{Mounting, PERMIT_ARGUMENT, PERMITTED, Permit};
pub use process::{
    Image, NO_CALL, Waited, call_nothing, close, close_all_but, close_on_exec_from, duplicate,
    exit_now, lift, pidfd_kill, reset_signals, set_keep_capabilities, set_no_new_privs,
    set_not_dumpable, set_parent_death_kill, spawn, wait_any,
};
pub use scheduling::Scheduling;
pub use seccomp::{Instruction, install_filter};

use nix::errno::Errno;

/// The result of a raw system call: the value, or the error that it left in `errno`.
fn check(result: libc::c_long) -> Result<libc::c_long, Errno> {
    if result < 0 {
        Err(Errno::last())
    } else {
        Ok(result)
    }
}
