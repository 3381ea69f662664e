//! Landlock: the profile's rules, at the newest interface that both this kernel and fumehood know.
//!
//! Which rights an interface has comes from the landlock crate. The three calls are our own, because they
//! have to show the slot's permit to the filter (see [`super::sys::Permit`]).

use std::os::fd::OwnedFd;
use std::path::Path;

use landlock::{ABI, Access as _, AccessFs, AccessNet, BitFlags, Scope};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag, fstat};
use thiserror::Error;

use super::profile::{Access, LandlockRule};
use super::sys::Permit;

/// The newest interface that fumehood asks for.
pub const NEWEST: u32 = 7;

/// Why Landlock could not be enforced.
#[derive(Debug, Error)]
pub enum LandlockError {
    /// The kernel refused a rule or the whole set.
    #[error("landlock: {0}")]
    Refused(String),
}

/// The interface to ask for on a kernel that offers `offered`.
pub fn interface(offered: u32) -> Option<ABI> {
    match offered.min(NEWEST) {
        0 => None,
        1 => Some(ABI::V1),
        2 => Some(ABI::V2),
        3 => Some(ABI::V3),
        4 => Some(ABI::V4),
        5 => Some(ABI::V5),
        6 => Some(ABI::V6),
        _ => Some(ABI::V7),
    }
}

/// What an interface covers, for people.
pub fn describe(offered: u32) -> String {
    let used = offered.min(NEWEST);
    let mut covers = vec!["files"];
    covers.extend((used >= 3).then_some("truncation"));
    covers.extend((used >= 4).then_some("TCP"));
    covers.extend((used >= 5).then_some("device control"));
    covers.extend((used >= 6).then_some("abstract sockets, signals"));
    format!("interface {used}: {}", covers.join(", "))
}

/// Rules of this kernel, ready to be put over a process.
#[derive(Debug)]
pub struct Ruleset(OwnedFd);

impl Ruleset {
    /// The rules at an interface that this kernel offers. Paths that do not exist are skipped: nothing
    /// can be reached there. Rules stick to what is at their paths now; what is mounted over one later
    /// they do not know.
    ///
    /// # Errors
    /// [`LandlockError`]; nothing may run then.
    pub fn new(
        rules: &[LandlockRule],
        refuse_tcp: bool,
        abi: ABI,
        permit: Permit,
    ) -> Result<Self, LandlockError> {
        let refused = |errno: Errno| LandlockError::Refused(errno.desc().to_owned());
        let network = match refuse_tcp && abi >= ABI::V4 {
            true => AccessNet::from_all(abi),
            false => BitFlags::empty(),
        };
        // The kernel refuses bits that it does not know: never silently less.
        let created = permit
            .create_ruleset(
                AccessFs::from_all(abi).bits(),
                network.bits(),
                Scope::from_all(abi).bits(),
            )
            .map_err(refused)?;
        for rule in rules {
            let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
            let place = match open(&rule.path, flags, Mode::empty()) {
                Ok(place) => place,
                Err(Errno::ENOENT | Errno::ENOTDIR) => continue,
                Err(errno) => return Err(on(&rule.path, errno)),
            };
            let found = fstat(&place).map_err(|errno| on(&rule.path, errno))?;
            let is_dir = found.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits();
            let access = granted(rule.access, abi, is_dir);
            permit
                .add_rule(&created, &place, access.bits())
                .map_err(|errno| on(&rule.path, errno))?;
        }
        Ok(Self(created))
    }

    /// Restricts this process and its descendants to the rules.
    ///
    /// # Errors
    /// [`LandlockError`]; nothing may run then.
    pub fn restrict_self(&self, permit: Permit) -> Result<(), LandlockError> {
        permit
            .restrict_self(&self.0)
            .map_err(|errno| LandlockError::Refused(errno.desc().to_owned()))
    }
}

fn on(path: &Path, errno: Errno) -> LandlockError {
    LandlockError::Refused(format!("{}: {}", path.display(), errno.desc()))
}

fn granted(access: Access, abi: ABI, is_dir: bool) -> BitFlags<AccessFs> {
    let granted = match access {
        Access::Read => AccessFs::ReadFile | AccessFs::ReadDir,
        Access::Execute => AccessFs::from_read(abi),
        Access::Use => AccessFs::ReadFile | AccessFs::WriteFile,
        Access::Write => {
            AccessFs::from_all(abi)
                & !(AccessFs::MakeBlock | AccessFs::MakeChar | AccessFs::IoctlDev)
        }
    };
    if is_dir {
        granted
    } else {
        granted & AccessFs::from_file(abi)
    }
}
