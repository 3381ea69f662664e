//! One program to run in a sandbox.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::limits::Limits;

/// Everything that a worker needs to run one program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The program (an absolute path inside the sandbox, or a name looked up on `PATH` there) and
    /// its arguments.
    pub argv: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub env: Vec<(String, String)>,
    /// Bytes on standard input.
    #[serde(with = "super::bytes")]
    pub stdin: Vec<u8>,
    /// Bytes that the program reads from descriptor 3 until the end of the file; `None` closes it.
    #[serde(with = "super::bytes::optional")]
    pub payload: Option<Vec<u8>>,
    /// Whether the program gets descriptor 4, a pipe whose bytes come back as
    /// [`super::Observation::events`] (at most `events_limit` bytes).
    pub events_limit: Option<u64>,
    /// Name of the profile, as loaded by the worker.
    pub profile: String,
    /// Host folders shown in the sandbox, read-only, besides those of the profile.
    pub mounts: Vec<Mount>,
    /// What the program may use.
    pub limits: Limits,
    /// What it may have that was used before.
    pub reuse: Reuse,
}

/// What a job may have that served earlier ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reuse {
    /// Nothing: its sandbox is made for it and goes with it.
    Nothing,
    /// A sandbox, in which nothing is left of them.
    #[default]
    Sandbox,
    /// That, and an interpreter that waits there, from which its process may be forked. It is a driver.
    Interpreter {
        /// What the job imports first of all, in its order: some of these imports may have been made before.
        imports: Vec<String>,
        /// How many of them, from the first, so many other jobs will have made, too, that an interpreter with them is
        /// worth it at once. The others have to be wanted again.
        popular: usize,
    },
}

/// A host folder or file, shown read-only in the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mount {
    /// Where it is on the host; absolute, no symbolic link in its last component.
    pub source: PathBuf,
    /// Where the program sees it; absolute.
    pub target: PathBuf,
}

impl Mount {
    /// The same path inside as outside.
    pub fn same(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            source: path.clone(),
            target: path,
        }
    }
}
