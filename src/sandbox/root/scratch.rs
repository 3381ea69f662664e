//! The folders that a job may write: one bounded file system in memory, fresh for every job.
//!
//! Mounting a file system and taking it away again costs a job more than most programs do, because the
//! kernel waits for all processors. So one that was never touched stays. That it was not is proven, not
//! assumed: a file system in memory numbers its files one after the other, so that the number of the
//! next one tells whether any was made; and a folder that was changed in any other way has another mode,
//! time, or attribute.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, fchmod, fchmodat, fstat};
use nix::sys::statvfs::fstatvfs;
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::base::limits::Limits;
use crate::sandbox::error::StepError;
use crate::sandbox::sys::{self, Mounting, Permit};

/// Files and folders that are removed one by one; more are not worth the time.
const MOST_REMOVED: u32 = 4096;
/// Folders in each other that are followed.
const MOST_DEPTH: u32 = 32;

/// The folders, and what is mounted there.
#[derive(Debug)]
pub struct Scratch {
    folders: Vec<(PathBuf, u32)>,
    mounted: Option<Mounted>,
}

#[derive(Debug)]
struct Mounted {
    size: u64,
    inodes: u64,
    root: OwnedFd,
    /// Each folder as it was when it was made.
    folders: Vec<(OwnedFd, Trace)>,
    used: (u64, u64),
    /// What the next file would be numbered.
    next: u64,
    /// Whether it was looked at since the last program.
    is_known: bool,
}

/// What of a folder would tell that it was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Trace {
    mode: u32,
    owner: (u32, u32),
    links: libc::nlink_t,
    changed: (i64, i64),
    modified: (i64, i64),
    read: (i64, i64),
    size: i64,
}

impl Trace {
    fn of(found: &FileStat) -> Self {
        Self {
            mode: found.st_mode,
            owner: (found.st_uid, found.st_gid),
            links: found.st_nlink,
            changed: (found.st_ctime, found.st_ctime_nsec),
            modified: (found.st_mtime, found.st_mtime_nsec),
            read: (found.st_atime, found.st_atime_nsec),
            size: found.st_size,
        }
    }
}

impl Scratch {
    /// Folders of the root with their modes, nothing mounted yet.
    pub(super) fn new(folders: Vec<(PathBuf, u32)>) -> Self {
        Self {
            folders,
            mounted: None,
        }
    }

    /// Has the folders be fresh, within these limits. Says whether anything had to be mounted: then what
    /// is there has changed under everybody who held on to a path.
    ///
    /// # Errors
    /// The step that failed; what is mounted is unknown then.
    pub fn fresh(&mut self, limits: &Limits, permit: Permit) -> Result<bool, StepError> {
        let fits = self.mounted.as_mut().is_some_and(|mounted| {
            let is_known = std::mem::take(&mut mounted.is_known);
            (mounted.size, mounted.inodes) == (limits.disk, limits.inodes)
                && (is_known || mounted.is_untouched())
        });
        if fits || self.folders.is_empty() {
            return Ok(false);
        }
        self.clear(permit)?;
        self.mount(limits, permit)?;
        Ok(true)
    }

    /// Whether the folders have room for a job with these limits, and no more.
    pub fn fits(&self, limits: &Limits) -> bool {
        self.folders.is_empty()
            || self.mounted.as_ref().is_some_and(|mounted| {
                (mounted.size, mounted.inodes) == (limits.disk, limits.inodes)
            })
    }

    /// Takes away what a job wrote, unless nothing was. Says whether it was.
    ///
    /// # Errors
    /// The step that failed.
    pub fn clear_touched(&mut self, permit: Permit) -> Result<bool, StepError> {
        let touched = match &mut self.mounted {
            Some(mounted) => {
                mounted.is_known = mounted.is_untouched();
                !mounted.is_known
            }
            None => false,
        };
        if touched {
            self.clear(permit)?;
        }
        Ok(touched)
    }

    /// Removes what a job wrote and keeps the folders themselves, for processes whose Landlock rules
    /// hang on them: a rule on a place does not cover what is mounted there later. Says whether anything
    /// was there. How often files were made, and when the folders last changed, can still be told.
    ///
    /// # Errors
    /// When there is too much, or what is left is not what was at first.
    pub fn empty_touched(&mut self) -> Result<bool, StepError> {
        let Some(mounted) = &mut self.mounted else {
            return Ok(false);
        };
        if mounted.is_untouched() {
            return Ok(false);
        }
        let mut left = MOST_REMOVED;
        for ((folder, trace), (target, mode)) in mounted.folders.iter_mut().zip(&self.folders) {
            remove_all(folder, MOST_DEPTH, &mut left)
                .map_err(|errno| StepError::at("empty", target, errno))?;
            let look = |errno| StepError::at("look at", target, errno);
            fchmod(&*folder, Mode::from_bits_truncate(*mode)).map_err(look)?;
            let now = Trace::of(&fstat(&*folder).map_err(look)?);
            let is_same = (now.mode, now.owner, now.links, now.size)
                == (trace.mode, trace.owner, trace.links, trace.size);
            if !is_same || !sys::has_no_attributes(&*folder) {
                return Err(StepError::at("empty", target, Errno::EBUSY));
            }
            *trace = now;
        }
        let look = |errno| StepError::new("look at the scratch folders", errno);
        if used(&mounted.root).map_err(look)? != mounted.used {
            return Err(StepError::new("empty the scratch folders", Errno::EBUSY));
        }
        Ok(true)
    }

    /// The file system, to be asked how full it is.
    pub fn file_system(&self) -> Option<&OwnedFd> {
        self.mounted.as_ref().map(|mounted| &mounted.root)
    }

    fn clear(&mut self, permit: Permit) -> Result<(), StepError> {
        if self.mounted.take().is_none() {
            return Ok(());
        }
        for (target, _) in self.folders.iter().rev() {
            unmount(permit, target)?;
        }
        // The first folder's place holds the whole file system, too, below its own part.
        match self.folders.first() {
            Some((first, _)) => unmount(permit, first),
            None => Ok(()),
        }
    }

    fn mount(&mut self, limits: &Limits, permit: Permit) -> Result<(), StepError> {
        let Some((first, _)) = self.folders.first() else {
            return Ok(());
        };
        let (size, inodes) = (limits.disk, limits.inodes);
        let options = format!("size={size},nr_inodes={inodes},mode=0700");
        permit
            .mount(Mounting::Tmpfs(&options), first)
            .map_err(|errno| StepError::at("mount a tmpfs at", first, errno))?;
        let root = opened(first)?;
        let place = |index: usize| first.join(index.to_string());
        for (index, (_, mode)) in self.folders.iter().enumerate() {
            let folder = place(index);
            fs::create_dir(&folder).map_err(|error| StepError::io("create", &folder, &error))?;
            fs::set_permissions(&folder, fs::Permissions::from_mode(*mode))
                .map_err(|error| StepError::io("set the mode of", &folder, &error))?;
        }
        // The first covers the others' own places, and so goes last.
        for (index, (target, _)) in self.folders.iter().enumerate().rev() {
            permit
                .mount(Mounting::Bind(&place(index)), target)
                .map_err(|errno| StepError::at("mount the scratch folder", target, errno))?;
        }
        let mut folders = Vec::new();
        for (target, _) in &self.folders {
            let folder = opened(target)?;
            let trace = fstat(&folder)
                .map(|found| Trace::of(&found))
                .map_err(|errno| StepError::at("look at", target, errno))?;
            folders.push((folder, trace));
        }
        let look = |errno| StepError::at("look at", first, errno);
        self.mounted = Some(Mounted {
            size,
            inodes,
            used: used(&root).map_err(look)?,
            next: next_number(&root).map_err(look)? + 1,
            is_known: false,
            root,
            folders,
        });
        Ok(())
    }
}

impl Mounted {
    /// Whether everything is as it was made. Takes one number for itself.
    fn is_untouched(&mut self) -> bool {
        let expected = self.next;
        let Ok(number) = next_number(&self.root) else {
            return false;
        };
        self.next = number + 1;
        number == expected
            && used(&self.root) == Ok(self.used)
            && self.folders.iter().all(|(folder, trace)| {
                fstat(folder).is_ok_and(|found| Trace::of(&found) == *trace)
                    && sys::has_no_attributes(folder)
            })
    }
}

fn opened(folder: &Path) -> Result<OwnedFd, StepError> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    open(folder, flags, Mode::empty()).map_err(|errno| StepError::at("open", folder, errno))
}

fn unmount(permit: Permit, target: &Path) -> Result<(), StepError> {
    permit
        .unmount(target)
        .map_err(|errno| StepError::at("unmount", target, errno))
}

/// Blocks and files in use.
fn used(root: &OwnedFd) -> Result<(u64, u64), Errno> {
    let found = fstatvfs(root)?;
    let blocks = found.blocks().saturating_sub(found.blocks_free());
    Ok((blocks, found.files().saturating_sub(found.files_free())))
}

/// Removes everything in a folder.
fn remove_all(folder: &OwnedFd, depth: u32, left: &mut u32) -> Result<(), Errno> {
    // A descriptor of its own: reading moves it.
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut listing = Dir::openat(folder.as_fd(), ".", flags, Mode::empty())?;
    for entry in listing.iter() {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        *left = left.checked_sub(1).ok_or(Errno::E2BIG)?;
        match unlinkat(folder.as_fd(), name, UnlinkatFlags::NoRemoveDir) {
            Err(Errno::EISDIR | Errno::EPERM) if depth > 0 => {
                let below = openat(folder.as_fd(), name, flags, Mode::empty());
                let below = match below {
                    // Its owner, whom we share, closed it.
                    Err(Errno::EACCES) => {
                        let all = Mode::S_IRWXU;
                        fchmodat(folder.as_fd(), name, all, FchmodatFlags::FollowSymlink)?;
                        openat(folder.as_fd(), name, flags, Mode::empty())?
                    }
                    below => below?,
                };
                fchmod(&below, Mode::S_IRWXU)?;
                remove_all(&below, depth - 1, left)?;
                unlinkat(folder.as_fd(), name, UnlinkatFlags::RemoveDir)?;
            }
            result => result?,
        }
    }
    Ok(())
}

/// The number that a file gets which is made now, and is gone at once.
fn next_number(root: &OwnedFd) -> Result<u64, Errno> {
    let flags = OFlag::O_TMPFILE | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
    let file = openat(root.as_fd(), ".", flags, Mode::S_IRUSR)?;
    Ok(fstat(&file)?.st_ino)
}
