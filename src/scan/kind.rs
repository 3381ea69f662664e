//! The scanners of code that there are.

use std::ops::Deref;

use super::adapter::Adapter;
use super::bandit::Bandit;
use super::bearer::Bearer;
use super::ruff::RuffS;
use super::semgrep::Semgrep;
use crate::environment::Interpreter;

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
}

impl ScannerKind {
    /// All scanners.
    pub const ALL: [Self; 4] = [Self::Bandit, Self::RuffS, Self::Semgrep, Self::Bearer];

    /// The scanner of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The whole environment of its process.
    pub fn env(self, interpreter: &Interpreter) -> Vec<(String, String)> {
        let common = [
            ("HOME", "/nonexistent"),
            ("PATH", "/usr/bin:/bin"),
            ("LANG", "C.UTF-8"),
            ("NO_COLOR", "1"),
        ];
        common
            .iter()
            .chain(self.variables())
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .chain(interpreter.env.iter().cloned())
            .collect()
    }
}

impl Deref for ScannerKind {
    type Target = dyn Adapter;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Bandit => &Bandit,
            Self::RuffS => &RuffS,
            Self::Semgrep => &Semgrep,
            Self::Bearer => &Bearer,
        }
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
