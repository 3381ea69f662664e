//! The new root while it is put together: one function for each kind of entry.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};

use super::{Entry, What};
use crate::sandbox::error::StepError;
use crate::sandbox::own_inodes::{self, Inodes};
use crate::sandbox::sys;

/// Where a root is put together.
pub(super) struct Site<'a> {
    /// The new root, a small tmpfs.
    pub(super) stage: &'a Path,
    /// A folder for the lower layers of overlays, which leave the sandbox's sight with it.
    pub(super) lower: &'a Path,
    /// An empty folder over which nothing is mounted.
    pub(super) empty: &'a Path,
    /// Whether shown folders get inodes of their own.
    pub(super) inodes: Inodes,
    /// Whether the nodes of all devices are there already.
    pub(super) has_own_devices: bool,
}

impl Site<'_> {
    /// Puts one entry into its place.
    pub(super) fn make(
        &self,
        index: usize,
        entry: &Entry,
        tree: Option<OwnedFd>,
    ) -> Result<(), StepError> {
        let target = below(self.stage, &entry.target);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(|error| StepError::io("create", parent, &error))?;
        }
        match &entry.what {
            What::Symlink { to } => {
                symlink(to, &target).map_err(|error| StepError::io("link", &target, &error))
            }
            What::File { text } => {
                fs::write(&target, text).map_err(|error| StepError::io("write", &target, &error))
            }
            // What is mounted there is a matter of each job.
            What::Scratch { .. } => make_dir(&target),
            What::Tree {
                is_dir,
                holds_mounts,
                ..
            } => {
                let tree = opened(tree, &target)?;
                if *is_dir {
                    make_dir(&target)?;
                    self.show_folder(index, tree, &target, *holds_mounts)
                } else {
                    make_file(&target)?;
                    self.show_file(tree, &target)
                }
            }
            What::Device { .. } if self.has_own_devices => Ok(()),
            What::Device { .. } => {
                make_file(&target)?;
                attach(opened(tree, &target)?, &target)?;
                attributes(&target, sys::MountAttr::DEVICE)
            }
        }
    }

    fn show_folder(
        &self,
        index: usize,
        tree: OwnedFd,
        target: &Path,
        holds_mounts: bool,
    ) -> Result<(), StepError> {
        let lower = self.lower.join(index.to_string());
        match self.inodes {
            Inodes::Own if holds_mounts => {
                let step = "show (another file system is mounted below, so that it cannot have \
                            inodes of its own; `--give-up own-inodes` shows it all the same)";
                return Err(StepError::at(step, target, Errno::EXDEV));
            }
            Inodes::Own => {
                make_dir(&lower)?;
                own_inodes::lay(tree, &lower, self.empty, target)?;
            }
            Inodes::OwnIfPossible if !holds_mounts => {
                make_dir(&lower)?;
                if own_inodes::lay(tree, &lower, self.empty, target).is_err() {
                    let (from, none) = (Some(&lower), None::<&str>);
                    mount(from, target, none, MsFlags::MS_MOVE, none)
                        .map_err(|errno| StepError::at("attach", target, errno))?;
                }
            }
            Inodes::OwnIfPossible | Inodes::Shared => attach(tree, target)?,
        }
        attributes(target, sys::MountAttr::READ_ONLY)
    }

    fn show_file(&self, tree: OwnedFd, target: &Path) -> Result<(), StepError> {
        let copied = match self.inodes {
            Inodes::Own => own_inodes::copy(&tree, target)?,
            Inodes::OwnIfPossible => own_inodes::copy(&tree, target).unwrap_or(false),
            Inodes::Shared => false,
        };
        if copied {
            return Ok(());
        }
        attach(tree, target)?;
        attributes(target, sys::MountAttr::READ_ONLY)
    }
}

fn opened(tree: Option<OwnedFd>, target: &Path) -> Result<OwnedFd, StepError> {
    tree.ok_or_else(|| StepError::at("find the opened tree for", target, Errno::EBADF))
}

pub(super) fn below(stage: &Path, path: &Path) -> PathBuf {
    stage.join(path.strip_prefix("/").unwrap_or(path))
}

pub(super) fn make_dir(path: &Path) -> Result<(), StepError> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(StepError::io("create", path, &error))
        }
        _ => Ok(()),
    }
}

fn make_file(path: &Path) -> Result<(), StepError> {
    match fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
    {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(StepError::io("create", path, &error))
        }
        _ => Ok(()),
    }
}

fn attach(tree: OwnedFd, target: &Path) -> Result<(), StepError> {
    sys::move_mount(tree, target).map_err(|errno| StepError::at("attach", target, errno))
}

fn attributes(target: &Path, attr: sys::MountAttr) -> Result<(), StepError> {
    sys::mount_setattr(target, attr, true)
        .map_err(|errno| StepError::at("set the attributes of", target, errno))
}
