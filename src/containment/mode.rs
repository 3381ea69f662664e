//! How a hostile program comes to run: the ways in which fumehood runs programs.

use std::fmt;

use serde::Serialize;

/// One way. What is a program of its own is tried as a snippet, too, if it is in Python; what answers a task
/// can be tried as a snippet only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// As a program of its own, as under `fumehood exec`.
    Exec,
    /// As a snippet, in an interpreter of its own.
    Cold,
    /// As a snippet, in a process forked from an interpreter that other jobs are forked from.
    Warm,
}

impl Mode {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 3] = [Self::Exec, Self::Cold, Self::Warm];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exec => "exec",
            Self::Cold => "cold",
            Self::Warm => "warm",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
