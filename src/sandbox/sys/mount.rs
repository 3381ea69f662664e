//! Mounts by descriptor (Linux 5.2 and 5.12), which nix does not wrap.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;

use super::check;

// From the kernel's `linux/mount.h`.
const FSOPEN_CLOEXEC: libc::c_uint = 1;
const FSMOUNT_CLOEXEC: libc::c_uint = 1;
const FSCONFIG_SET_STRING: libc::c_uint = 1;
const FSCONFIG_CMD_CREATE: libc::c_uint = 6;

/// Mount attributes for [`mount_setattr`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MountAttr {
    /// `MOUNT_ATTR_*` bits to set.
    pub set: u64,
}

impl MountAttr {
    /// Nothing can be written, no set-user-id bit counts, no device node opens.
    pub const READ_ONLY: Self = Self {
        set: libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV,
    };
    /// No set-user-id bit counts, no device node opens.
    pub const WRITABLE: Self = Self {
        set: libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV,
    };
    /// A device node that may be opened; nothing runs from it.
    pub const DEVICE: Self = Self {
        set: libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC,
    };
    /// The same, for a folder of them that is complete.
    pub const DEVICES: Self = Self {
        set: Self::DEVICE.set | libc::MOUNT_ATTR_RDONLY,
    };
}

fn c_path(path: &Path) -> Result<CString, Errno> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)
}

/// A detached copy of the mounts at `path` and below it.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN` over this mount namespace, `ENOENT`, `EACCES`, `ENOSYS` before
/// Linux 5.2.
pub fn clone_tree(path: &Path) -> Result<OwnedFd, Errno> {
    let path = c_path(path)?;
    let flags = libc::OPEN_TREE_CLONE as libc::c_int
        | libc::OPEN_TREE_CLOEXEC as libc::c_int
        | libc::AT_RECURSIVE as libc::c_int;
    // SAFETY: `path` is a C string that outlives the call.
    let result =
        unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) };
    let fd = check(result)? as RawFd;
    // SAFETY: the kernel has just opened this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A new file system of a kind, mounted nowhere yet.
///
/// # Errors
/// `EPERM` without the right to mount it, `EINVAL` for an option that it does not know, `ENOSYS`
/// before Linux 5.2.
pub fn new_mount(kind: &str, options: &[(&str, &str)], attr: MountAttr) -> Result<OwnedFd, Errno> {
    let context = open_context(&c_string(kind)?)?;
    for (key, value) in options {
        configure(&context, &c_string(key)?, &c_string(value)?)?;
    }
    create(&context)?;
    mount_context(&context, attr)
}

fn c_string(text: &str) -> Result<CString, Errno> {
    CString::new(text).map_err(|_| Errno::EINVAL)
}

fn open_context(kind: &CStr) -> Result<OwnedFd, Errno> {
    // SAFETY: `kind` is a C string that outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC) };
    let fd = check(result)? as RawFd;
    // SAFETY: the kernel has just opened this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn configure(context: &OwnedFd, key: &CStr, value: &CStr) -> Result<(), Errno> {
    // SAFETY: both strings are C strings that outlive the call; the descriptor is borrowed.
    let result = unsafe {
        libc::syscall(
            libc::SYS_fsconfig,
            context.as_raw_fd(),
            FSCONFIG_SET_STRING,
            key.as_ptr(),
            value.as_ptr(),
            0,
        )
    };
    check(result).map(drop)
}

fn create(context: &OwnedFd) -> Result<(), Errno> {
    let none = std::ptr::null::<libc::c_char>();
    // SAFETY: the command takes neither key nor value; the descriptor is borrowed.
    let result = unsafe {
        libc::syscall(
            libc::SYS_fsconfig,
            context.as_raw_fd(),
            FSCONFIG_CMD_CREATE,
            none,
            none,
            0,
        )
    };
    check(result).map(drop)
}

fn mount_context(context: &OwnedFd, attr: MountAttr) -> Result<OwnedFd, Errno> {
    // SAFETY: no pointers; the descriptor is borrowed.
    let result = unsafe {
        libc::syscall(
            libc::SYS_fsmount,
            context.as_raw_fd(),
            FSMOUNT_CLOEXEC,
            attr.set,
        )
    };
    let fd = check(result)? as RawFd;
    // SAFETY: the kernel has just opened this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Attaches a detached mount at `target`.
///
/// # Errors
/// What the kernel said about `target`.
pub fn move_mount(tree: impl AsFd, target: &Path) -> Result<(), Errno> {
    let target = c_path(target)?;
    // SAFETY: both strings are C strings that outlive the call; the descriptor is borrowed.
    let result = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_fd().as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            target.as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH,
        )
    };
    check(result).map(drop)
}

/// Sets attributes on the mount at `path`, and on all below it when `recursive`.
///
/// # Errors
/// `ENOSYS` before Linux 5.12, else what the kernel said.
pub fn mount_setattr(path: &Path, attr: MountAttr, recursive: bool) -> Result<(), Errno> {
    let path = c_path(path)?;
    let attributes = libc::mount_attr {
        attr_set: attr.set,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let flags = if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path and the structure outlive the call, and the size is the structure's own.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    check(result).map(drop)
}

/// Whether an open file or folder has no extended attribute, an access list included. One that cannot be
/// asked has none: its file system keeps none.
pub fn has_no_attributes(fd: impl AsFd) -> bool {
    // SAFETY: with a size of 0 nothing is written.
    let result = unsafe { libc::flistxattr(fd.as_fd().as_raw_fd(), std::ptr::null_mut(), 0) };
    match check(result as libc::c_long) {
        Ok(length) => length == 0,
        Err(errno) => errno == Errno::EOPNOTSUPP,
    }
}
