//! Folders of the host shown with inodes of their own.
//!
//! A bind mount shows the very inodes of the host. Whoever sees one may lock it, and be seen by all
//! others who do; connects to the service behind its socket; speaks through its named pipe. None of
//! these is stopped by a read-only mount. So each folder is shown through an overlay file system that
//! belongs to this sandbox: its inodes, and with them locks, sockets and pipes, are the sandbox's own,
//! while the contents stay those of the host, shared in memory.

use std::fs;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sys::statvfs::{FsFlags, fstatvfs};

use super::error::StepError;
use super::sys;

/// Files up to this size are copied; an overlay shows folders only.
const COPIED: u64 = 256 << 10;

/// Whether what is shown of the host has inodes of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inodes {
    /// The host's, as bind mounts show them.
    Shared,
    /// Its own where the kernel plays along.
    OwnIfPossible,
    /// Its own, or nothing runs.
    Own,
}

/// Attaches `tree`, a detached copy of a folder's mount, at `lower` and shows it at `target` through
/// an overlay, which holds on to it. `empty` is an empty folder of the same mount namespace. When the
/// overlay is refused the tree is at `lower` for another use.
pub(super) fn lay(
    tree: OwnedFd,
    lower: &Path,
    empty: &Path,
    target: &Path,
) -> Result<(), StepError> {
    let host = fstatvfs(&tree).map_err(|errno| StepError::at("look at", target, errno))?;
    sys::move_mount(tree, lower).map_err(|errno| StepError::at("attach", lower, errno))?;
    let mut flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    if host.flags().contains(FsFlags::ST_NOEXEC) {
        flags |= MsFlags::MS_NOEXEC;
    }
    // Without a layer for changes the kernel wants two layers. No attribute of a file may lead
    // elsewhere.
    let options = format!(
        "lowerdir={}:{},redirect_dir=nofollow,metacopy=off",
        lower.display(),
        empty.display()
    );
    mount(
        Some("overlay"),
        target,
        Some("overlay"),
        flags,
        Some(options.as_str()),
    )
    .map_err(|errno| StepError::at("show through an overlay", target, errno))
}

/// Copies the file behind `tree` to `target`. Gives `false`, and leaves an empty file, when it is too
/// large or this user may not read it: then the program may not either, and has no way to lock it.
pub(super) fn copy(tree: &OwnedFd, target: &Path) -> Result<bool, StepError> {
    let failed = |error: &std::io::Error| StepError::io("copy", target, error);
    let opened = fs::File::options()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(format!("/proc/self/fd/{}", tree.as_raw_fd()));
    let source = match opened {
        Ok(source) => source,
        Err(error) if error.raw_os_error() == Some(Errno::EACCES as i32) => return Ok(false),
        Err(error) => return Err(failed(&error)),
    };
    let found = source.metadata().map_err(|error| failed(&error))?;
    if found.len() > COPIED {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    // It may grow meanwhile; the file system that takes the copies is bounded, too.
    source
        .take(COPIED)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(&error))?;
    fs::write(target, bytes).map_err(|error| failed(&error))?;
    let mode = fs::Permissions::from_mode(found.permissions().mode() & 0o555);
    fs::set_permissions(target, mode).map_err(|error| failed(&error))?;
    Ok(true)
}
