//! The few calls that a slot's first process still makes under the filter that its jobs inherit.
//!
//! They have a register to spare. The filter lets them through when that holds a random number, which
//! only the first process knows: its memory is closed to the jobs, and a program that is executed
//! starts with empty registers. A job that guessed it would gain nothing: these calls need
//! capabilities, which it has not.

use std::ffi::CString;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;

use super::caps;
use super::check;

/// Which argument of a permitted call holds the number.
pub const PERMIT_ARGUMENT: u8 = 5;

/// The calls that a permit opens.
pub const PERMITTED: [syscalls::Sysno; 6] = [
    syscalls::Sysno::mount,
    syscalls::Sysno::umount2,
    syscalls::Sysno::capset,
    syscalls::Sysno::landlock_create_ruleset,
    syscalls::Sysno::landlock_add_rule,
    syscalls::Sysno::landlock_restrict_self,
];

/// A number that opens [`PERMITTED`] in one worker's filters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Permit(u64);

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

/// What a mount is of, and how.
#[derive(Clone, Copy, Debug)]
pub enum Mounting<'a> {
    /// A fresh file system in memory, with its options. Nothing in it is a device or changes a user, and
    /// reading a folder leaves no trace.
    Tmpfs(&'a str),
    /// What is at another place already.
    Bind(&'a Path),
}

/// `struct landlock_ruleset_attr`.
#[repr(C)]
struct RulesetAttr {
    files: u64,
    network: u64,
    scoped: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: RawFd,
}

const LANDLOCK_RULE_PATH_BENEATH: libc::c_long = 1;

fn c_path(path: &Path) -> Result<CString, Errno> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)
}

impl Permit {
    /// A fresh one.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0; 8];
        let mut file = std::fs::File::open("/dev/urandom")?;
        io::Read::read_exact(&mut file, &mut bytes)?;
        Ok(Self(u64::from_ne_bytes(bytes)))
    }

    /// The number itself, for the filter.
    pub fn number(self) -> u64 {
        self.0
    }

    /// Mounts something at `target`.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn mount(self, what: Mounting<'_>, target: &Path) -> Result<(), Errno> {
        let (source, options, flags) = match what {
            Mounting::Tmpfs(options) => (
                CString::from(c"tmpfs"),
                CString::new(options).map_err(|_| Errno::EINVAL)?,
                libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NODIRATIME,
            ),
            Mounting::Bind(source) => (c_path(source)?, CString::default(), libc::MS_BIND),
        };
        let target = c_path(target)?;
        // SAFETY: all four are C strings that outlive the call.
        let result = unsafe {
            libc::syscall(
                libc::SYS_mount,
                source.as_ptr(),
                target.as_ptr(),
                c"tmpfs".as_ptr(),
                flags,
                options.as_ptr(),
                self.0,
            )
        };
        check(result).map(drop)
    }

    /// Takes the topmost mount at `target` away; whoever holds on to it keeps it.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn unmount(self, target: &Path) -> Result<(), Errno> {
        let target = c_path(target)?;
        let none: libc::c_long = 0;
        // SAFETY: a C string that outlives the call, and numbers.
        let result = unsafe {
            libc::syscall(
                libc::SYS_umount2,
                target.as_ptr(),
                libc::c_long::from(libc::MNT_DETACH),
                none,
                none,
                none,
                self.0,
            )
        };
        check(result).map(drop)
    }

    /// Empties the effective, permitted and inheritable sets.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn drop_capabilities(self) -> Result<(), Errno> {
        caps::clear(self.0)
    }

    /// A set of Landlock rules that handles these kinds of access (bits of the kernel's interface) and
    /// allows none yet.
    ///
    /// # Errors
    /// `EINVAL` for bits that the kernel does not know, `EOPNOTSUPP` and `ENOSYS` without Landlock.
    pub fn create_ruleset(self, files: u64, network: u64, scoped: u64) -> Result<OwnedFd, Errno> {
        let attr = RulesetAttr {
            files,
            network,
            scoped,
        };
        let none: libc::c_long = 0;
        // SAFETY: the structure outlives the call and the size is its own; fields that an older kernel
        // does not know must be zero, which it checks.
        let result = unsafe {
            libc::syscall(
                libc::SYS_landlock_create_ruleset,
                &raw const attr,
                size_of::<RulesetAttr>(),
                none,
                none,
                none,
                self.0,
            )
        };
        let fd = check(result)? as RawFd;
        // SAFETY: the kernel has just opened this descriptor for us; nobody else owns it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Allows these kinds of access to `place` and below it.
    ///
    /// # Errors
    /// `EINVAL` for bits that the set does not handle or that make no sense for a file.
    pub fn add_rule(self, ruleset: impl AsFd, place: impl AsFd, allowed: u64) -> Result<(), Errno> {
        let attr = PathBeneath {
            allowed,
            parent: place.as_fd().as_raw_fd(),
        };
        let none: libc::c_long = 0;
        // SAFETY: the structure, of the layout that this kind of rule has, outlives the call.
        let result = unsafe {
            libc::syscall(
                libc::SYS_landlock_add_rule,
                libc::c_long::from(ruleset.as_fd().as_raw_fd()),
                LANDLOCK_RULE_PATH_BENEATH,
                &raw const attr,
                none,
                none,
                self.0,
            )
        };
        check(result).map(drop)
    }

    /// Restricts this process and its descendants to the rules.
    ///
    /// # Errors
    /// `EPERM` without no_new_privs.
    pub fn restrict_self(self, ruleset: impl AsFd) -> Result<(), Errno> {
        let none: libc::c_long = 0;
        // SAFETY: a descriptor and numbers.
        let result = unsafe {
            libc::syscall(
                libc::SYS_landlock_restrict_self,
                libc::c_long::from(ruleset.as_fd().as_raw_fd()),
                none,
                none,
                none,
                none,
                self.0,
            )
        };
        check(result).map(drop)
    }
}
