//! Landlock: the profile's rules, at the newest interface that both this kernel and fumehood know.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};
use thiserror::Error;

use super::profile::{Access, LandlockRule};

/// The newest interface that fumehood asks for.
pub const NEWEST: u32 = 7;

/// Why Landlock could not be enforced.
#[derive(Debug, Error)]
pub enum LandlockError {
    /// The kernel refused a rule or the whole set.
    #[error("landlock: {0}")]
    Refused(String),
    /// The kernel enforced only a part. This cannot happen at an interface that it offers.
    #[error("landlock: the kernel enforced only a part of the rules")]
    Partial,
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

/// Restricts this process and its descendants to the rules. Paths that do not exist are skipped:
/// nothing can be reached there.
///
/// # Errors
/// [`LandlockError`]; nothing may run then.
pub fn restrict(rules: &[LandlockRule], refuse_tcp: bool, abi: ABI) -> Result<(), LandlockError> {
    let refused = |error: &dyn std::fmt::Display| LandlockError::Refused(error.to_string());
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(abi))
        .map_err(|error| refused(&error))?;
    if refuse_tcp && abi >= ABI::V4 {
        ruleset = ruleset
            .handle_access(AccessNet::from_all(abi))
            .map_err(|error| refused(&error))?;
    }
    if abi >= ABI::V6 {
        ruleset = ruleset
            .scope(Scope::from_all(abi))
            .map_err(|error| refused(&error))?;
    }
    let mut created = ruleset.create().map_err(|error| refused(&error))?;
    for rule in rules {
        let Ok(found) = std::fs::metadata(&rule.path) else {
            continue;
        };
        let access = granted(rule.access, abi, found.is_dir());
        let place = PathFd::new(&rule.path).map_err(|error| refused(&error))?;
        created = created
            .add_rule(PathBeneath::new(place, access))
            .map_err(|error| LandlockError::Refused(on(&rule.path, &error)))?;
    }
    let status = created.restrict_self().map_err(|error| refused(&error))?;
    if status.ruleset == RulesetStatus::FullyEnforced {
        Ok(())
    } else {
        Err(LandlockError::Partial)
    }
}

fn on(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
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
