//! Device nodes that belong to one sandbox.
//!
//! A node of the host, shown by a bind mount, is one inode for all jobs: whoever locks `/dev/null` is
//! seen by all others who ask. So a worker that may make nodes gives each sandbox a `/dev` of its own
//! with nodes of its own. Only the host's root may; the sandbox of an ordinary user shows the host's.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, mknodat};

use super::error::StepError;
use super::sys;

/// Where nodes are.
pub(super) const FOLDER: &str = "/dev";

/// Makes a file system that holds a node for each of `devices`, all of them directly in `/dev`. The
/// folder belongs to `owner`, by the host's count, who makes the rest of it.
///
/// # Errors
/// The step that failed: `EPERM` for everybody but the host's root.
pub(super) fn make(devices: &[&Path], owner: u32) -> Result<OwnedFd, StepError> {
    let failed = |errno| StepError::at("make device nodes for", Path::new(FOLDER), errno);
    let owner = owner.to_string();
    let options = [
        ("size", "64k"),
        ("nr_inodes", "64"),
        ("mode", "0755"),
        ("uid", owner.as_str()),
        ("gid", owner.as_str()),
    ];
    let mounted = sys::new_mount("tmpfs", &options, sys::MountAttr::DEVICE).map_err(failed)?;
    for device in devices {
        let failed = |errno| StepError::at("make a node like", device, errno);
        if device.parent() != Some(Path::new(FOLDER)) {
            return Err(failed(Errno::EXDEV));
        }
        let name = device.file_name().ok_or(failed(Errno::EINVAL))?;
        let found = fs::metadata(device).map_err(|error| StepError::io("find", device, &error))?;
        if !found.file_type().is_char_device() {
            return Err(failed(Errno::ENODEV));
        }
        let mode = Mode::from_bits_truncate(found.mode() & 0o666);
        mknodat(mounted.as_fd(), name, SFlag::S_IFCHR, mode, found.rdev()).map_err(failed)?;
        // Whatever the umask.
        fchmodat(mounted.as_fd(), name, mode, FchmodatFlags::FollowSymlink).map_err(failed)?;
    }
    Ok(mounted)
}
