//! The scanners of code that there are.

use std::ops::Deref;

use super::adapter::Adapter;
use super::bandit::Bandit;
use super::bearer::Bearer;
use super::codeql::CodeQl;
use super::codeshield::CodeShield;
use super::cppcheck::Cppcheck;
use super::flawfinder::Flawfinder;
use super::gosec::Gosec;
use super::ruff::RuffS;
use super::semgrep::Semgrep;

/// Which scanner; stands for its [`Adapter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScannerKind {
    /// Bandit.
    Bandit,
    /// ruff's S rules.
    RuffS,
    /// Semgrep with fumehood's own rules.
    Semgrep,
    /// Bearer with the user's rules.
    Bearer,
    /// CodeQL.
    CodeQl,
    /// flawfinder.
    Flawfinder,
    /// CodeShield's detector.
    CodeShield,
    /// cppcheck.
    Cppcheck,
    /// gosec.
    Gosec,
}

impl ScannerKind {
    /// All scanners.
    pub const ALL: [Self; 9] = [
        Self::Bandit,
        Self::RuffS,
        Self::Semgrep,
        Self::Bearer,
        Self::CodeQl,
        Self::Flawfinder,
        Self::CodeShield,
        Self::Cppcheck,
        Self::Gosec,
    ];

    /// The scanner of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What it stands for.
    pub(super) fn known(self) -> &'static dyn Adapter {
        match self {
            Self::Bandit => &Bandit,
            Self::RuffS => &RuffS,
            Self::Semgrep => &Semgrep,
            Self::Bearer => &Bearer,
            Self::CodeQl => &CodeQl,
            Self::Flawfinder => &Flawfinder,
            Self::CodeShield => &CodeShield,
            Self::Cppcheck => &Cppcheck,
            Self::Gosec => &Gosec,
        }
    }

    /// Its name in results and on the command line.
    pub fn name(self) -> &'static str {
        self.known().name()
    }
}

impl Deref for ScannerKind {
    type Target = dyn Adapter;

    fn deref(&self) -> &Self::Target {
        self.known()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scanners_are_known_by_name() {
        for kind in ScannerKind::ALL {
            assert_eq!(ScannerKind::by_name(kind.name()), Some(kind));
        }
        assert_eq!(ScannerKind::by_name("none"), None);
    }
}
