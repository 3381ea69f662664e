//! The private root: planned from the profile and the host's folders, then built by the sandbox's
//! first process in its own mount namespace.

use std::fs::{self, File};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::Mode;

use super::error::StepError;
use super::mount_table::MountTable;
use super::own_devices;
use super::own_inodes::Inodes;
use super::profile::{Profile, check_path};
use super::sys;

mod scratch;
mod site;

pub use scratch::Scratch;
use site::{Site, below, make_dir};

/// Where the new root is put together. Every host has it, and the mount over it is seen by this
/// mount namespace alone.
const STAGE: &str = "/tmp";
/// Where, in the new root, the lower layers of overlays stand while it is put together.
const LOWER: &str = ".lower";

/// The step that containers refuse where they cover parts of their own `/proc`.
pub const MOUNT_PROC: &str = "mount /proc at";
/// The step that leaves the host's root.
pub const PIVOT: &str = "pivot into";

/// Everything that the private root will hold, in the order in which it is made.
#[derive(Debug)]
pub struct RootPlan {
    entries: Vec<Entry>,
    masks: Vec<PathBuf>,
    options: RootOptions,
}

/// What the user's and the host's shape decide about a root.
#[derive(Clone, Copy, Debug)]
pub struct RootOptions {
    /// Whether there is a `/proc`.
    pub proc: bool,
    /// Whether shown folders get inodes of their own.
    pub inodes: Inodes,
}

#[derive(Debug)]
struct Entry {
    target: PathBuf,
    what: What,
}

#[derive(Debug)]
enum What {
    Tree {
        source: PathBuf,
        is_dir: bool,
        /// Whether other file systems are mounted below, which an overlay would not show.
        holds_mounts: bool,
    },
    Device {
        source: PathBuf,
    },
    Symlink {
        to: PathBuf,
    },
    File {
        text: String,
    },
    Scratch {
        mode: u32,
    },
}

/// A host folder or file to show read-only.
#[derive(Clone, Debug)]
pub struct Extra<'a> {
    /// Where it is on the host.
    pub source: &'a Path,
    /// Where it is seen.
    pub target: &'a Path,
}

/// A root that this process has entered, and what it takes to keep it fresh.
#[derive(Debug)]
pub struct Entered {
    /// The folders that jobs may write; nothing is mounted there yet.
    pub scratch: Scratch,
    /// Where the number of the last process is set, so that every job's processes are numbered alike; `None`
    /// where the kernel or the host's shape does not allow it.
    pub last_pid: Option<File>,
}

/// What was opened before the sandbox changed its user.
#[derive(Debug)]
pub struct Trees {
    /// Copies of host mounts, one for each entry that has a source.
    entries: Vec<Option<OwnedFd>>,
    /// A `/dev` with nodes of its own.
    devices: Option<OwnedFd>,
}

impl Trees {
    /// Every descriptor among them.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        let all = self.entries.iter().flatten().chain(&self.devices);
        all.map(AsRawFd::as_raw_fd)
    }
}

impl RootPlan {
    /// Plans a root. Looks at the host's folders, changes nothing.
    ///
    /// # Errors
    /// When a folder that is not optional is missing, or a path cannot be used.
    pub fn new(
        profile: &Profile,
        extras: &[Extra<'_>],
        options: RootOptions,
        mounts: &MountTable,
    ) -> Result<Self, StepError> {
        let mut plan = Self {
            entries: Vec::new(),
            masks: profile.mask.iter().map(|mask| mask.path.clone()).collect(),
            options,
        };
        for tree in &profile.tree {
            plan.show(&tree.path, &tree.path, tree.optional, mounts)?;
        }
        for device in &profile.device {
            let is_device =
                fs::metadata(&device.path).is_ok_and(|found| found.file_type().is_char_device());
            if !is_device {
                return Err(StepError::at(
                    "find the device",
                    &device.path,
                    Errno::ENOENT,
                ));
            }
            let what = What::Device {
                source: device.path.clone(),
            };
            plan.entries.push(Entry {
                target: device.path.clone(),
                what,
            });
        }
        for file in &profile.file {
            let what = What::File {
                text: file.text.clone(),
            };
            plan.entries.push(Entry {
                target: file.path.clone(),
                what,
            });
        }
        for scratch in &profile.scratch {
            let what = What::Scratch { mode: scratch.mode };
            plan.entries.push(Entry {
                target: scratch.path.clone(),
                what,
            });
        }
        for extra in extras {
            for path in [extra.source, extra.target] {
                check_path(path)
                    .map_err(|_| StepError::at("use the mount path", path, Errno::EINVAL))?;
            }
            if ["/proc", "/dev", "/sys"]
                .iter()
                .any(|taken| extra.target.starts_with(taken))
            {
                return Err(StepError::at("mount over", extra.target, Errno::EPERM));
            }
            // It would be covered, and nobody the wiser.
            if profile.covers(extra.target).is_some() {
                return Err(StepError::at(
                    "show below a folder that is the sandbox's own",
                    extra.target,
                    Errno::EBUSY,
                ));
            }
            plan.show(extra.source, extra.target, false, mounts)?;
        }
        for (name, to) in [
            ("fd", "/proc/self/fd"),
            ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
        ] {
            let what = What::Symlink {
                to: PathBuf::from(to),
            };
            plan.entries.push(Entry {
                target: Path::new("/dev").join(name),
                what,
            });
        }
        // Parents come before what is mounted below them; the sort is stable.
        plan.entries
            .sort_by_key(|entry| entry.target.components().count());
        Ok(plan)
    }

    /// The folders and files of the host that the job sees, and where.
    pub fn shown(&self) -> impl Iterator<Item = (&Path, &Path)> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Tree { source, .. } => Some((source.as_path(), entry.target.as_path())),
            _ => None,
        })
    }

    fn show(
        &mut self,
        source: &Path,
        target: &Path,
        optional: bool,
        mounts: &MountTable,
    ) -> Result<(), StepError> {
        let taken = self.entries.iter().any(|entry| {
            let own = matches!(
                entry.what,
                What::File { .. } | What::Scratch { .. } | What::Device { .. }
            );
            own && entry.target == target
        });
        if taken {
            return Err(StepError::at("mount over", target, Errno::EEXIST));
        }
        let covered = self.entries.iter().any(|entry| match &entry.what {
            What::Tree {
                source: above,
                is_dir: true,
                ..
            } => above == &entry.target && source == target && source.starts_with(above),
            _ => entry.target == target,
        });
        if covered {
            return Ok(());
        }
        let found = match fs::symlink_metadata(source) {
            Ok(found) => found,
            Err(_) if optional => return Ok(()),
            Err(error) => return Err(StepError::io("find", source, &error)),
        };
        let what = if found.is_symlink() {
            let to = fs::read_link(source)
                .map_err(|error| StepError::io("read the link", source, &error))?;
            What::Symlink { to }
        } else if found.is_dir() || found.is_file() {
            let real = fs::canonicalize(source)
                .map_err(|error| StepError::io("resolve", source, &error))?;
            What::Tree {
                source: source.to_owned(),
                is_dir: found.is_dir(),
                holds_mounts: mounts.holds_mounts(&real),
            }
        } else {
            return Err(StepError::at(
                "show (neither folder nor file)",
                source,
                Errno::EINVAL,
            ));
        };
        self.entries.push(Entry {
            target: target.to_owned(),
            what,
        });
        Ok(())
    }

    /// Opens copies of every host mount that the root will show, but for those of devices where there
    /// are own ones. A privileged worker does this before it starts the sandbox, because folders of
    /// other users are closed to the sandbox's own.
    ///
    /// # Errors
    /// What the kernel said, with the path.
    pub fn open_trees(&self, devices: Option<OwnedFd>) -> Result<Trees, StepError> {
        let open = |entry: &Entry| match &entry.what {
            What::Device { .. } if devices.is_some() => Ok(None),
            What::Tree { source, .. } | What::Device { source } => sys::clone_tree(source)
                .map(Some)
                .map_err(|errno| StepError::at("open the tree", source, errno)),
            _ => Ok(None),
        };
        let entries = self.entries.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Trees { entries, devices })
    }

    /// Makes nodes for the devices that the root will show, in a folder that `owner` (by the host's
    /// count) may add to.
    ///
    /// # Errors
    /// What the kernel said; only the host's root may.
    pub fn own_devices(&self, owner: u32) -> Result<OwnedFd, StepError> {
        let devices: Vec<&Path> = self
            .entries
            .iter()
            .filter_map(|entry| match &entry.what {
                What::Device { source } => Some(source.as_path()),
                _ => None,
            })
            .collect();
        own_devices::make(&devices, owner)
    }

    /// Builds the root and moves this process into it. The caller is the first process of a fresh
    /// mount namespace, with all capabilities over it.
    ///
    /// # Errors
    /// The step that failed.
    pub fn enter(&self, trees: Trees) -> Result<Entered, StepError> {
        let stage = Path::new(STAGE);
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
            .map_err(|errno| StepError::new("make mounts private", errno))?;
        mount_tmpfs(stage, "size=8m,nr_inodes=8k,mode=0755")?;
        let lower = stage.join(LOWER);
        make_dir(&lower)?;
        mount_tmpfs(&lower, "size=64k,nr_inodes=1k,mode=0700")?;
        let proc = stage.join("proc");
        make_dir(&proc)?;
        let devices = below(stage, Path::new(own_devices::FOLDER));
        let has_own_devices = trees.devices.is_some();
        if let Some(own) = trees.devices {
            make_dir(&devices)?;
            sys::move_mount(own, &devices)
                .map_err(|errno| StepError::at("attach", &devices, errno))?;
        }
        let site = Site {
            stage,
            lower: &lower,
            // Nothing is mounted there yet.
            empty: &proc,
            inodes: self.options.inodes,
            has_own_devices,
        };
        for (index, (entry, tree)) in self.entries.iter().zip(trees.entries).enumerate() {
            site.make(index, entry, tree)?;
        }
        if has_own_devices {
            sys::mount_setattr(&devices, sys::MountAttr::DEVICES, false)
                .map_err(|errno| StepError::at("make read-only", &devices, errno))?;
        }
        // With the lower layers of all overlays: every unmounting waits for all processors.
        umount2(&lower, MntFlags::MNT_DETACH)
            .map_err(|errno| StepError::at("unmount", &lower, errno))?;
        fs::remove_dir(&lower).map_err(|error| StepError::io("remove", &lower, &error))?;
        let last_pid = self.options.proc.then(open_last_pid).flatten();
        if self.options.proc {
            mount_proc(&proc)?;
            for mask in &self.masks {
                cover(stage, mask)?;
            }
        }
        sys::mount_setattr(stage, sys::MountAttr::READ_ONLY, false)
            .map_err(|errno| StepError::at("make read-only", stage, errno))?;
        nix::unistd::chdir(stage).map_err(|errno| StepError::at("enter", stage, errno))?;
        nix::unistd::pivot_root(".", ".").map_err(|errno| StepError::at(PIVOT, stage, errno))?;
        umount2(".", MntFlags::MNT_DETACH)
            .map_err(|errno| StepError::new("leave the host's root", errno))?;
        nix::unistd::chdir("/").map_err(|errno| StepError::new("enter the new root", errno))?;
        let folders = self.entries.iter().filter_map(|entry| match entry.what {
            What::Scratch { mode } => Some((entry.target.clone(), mode)),
            _ => None,
        });
        Ok(Entered {
            scratch: Scratch::new(folders.collect()),
            last_pid,
        })
    }
}

/// The file by which this process-id namespace is told where to go on counting. The `/proc` that jobs see
/// cannot be written, so it is opened through one that is mounted nowhere.
fn open_last_pid() -> Option<File> {
    let attr = sys::MountAttr {
        set: libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC,
    };
    let proc = sys::new_mount("proc", &[], attr).ok()?;
    let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC;
    let file = openat(&proc, "sys/kernel/ns_last_pid", flags, Mode::empty()).ok()?;
    Some(File::from(file))
}

fn mount_tmpfs(target: &Path, options: &str) -> Result<(), StepError> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), target, Some("tmpfs"), flags, Some(options))
        .map_err(|errno| StepError::at("mount a tmpfs at", target, errno))
}

fn mount_proc(target: &Path) -> Result<(), StepError> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC | MsFlags::MS_RDONLY;
    mount(Some("proc"), target, Some("proc"), flags, None::<&str>)
        .map_err(|errno| StepError::at(MOUNT_PROC, target, errno))
}

/// Covers a part of `/proc`: a file by the null device, a folder by an empty file system.
fn cover(stage: &Path, mask: &Path) -> Result<(), StepError> {
    let target = below(stage, mask);
    let Ok(found) = fs::symlink_metadata(&target) else {
        return Ok(());
    };
    if found.is_dir() {
        let flags =
            MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC | MsFlags::MS_RDONLY;
        return mount(
            Some("tmpfs"),
            &target,
            Some("tmpfs"),
            flags,
            Some("size=0,nr_inodes=1,mode=0555"),
        )
        .map_err(|errno| StepError::at("cover", &target, errno));
    }
    let null = below(stage, Path::new("/dev/null"));
    mount(
        Some(&null),
        &target,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )
    .map_err(|errno| StepError::at("cover", &target, errno))
}
