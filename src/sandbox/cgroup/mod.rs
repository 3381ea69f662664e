//! Control groups: version 1, version 2, or both at once (hybrid).
//!
//! Each thing that a job needs (a memory limit, a process limit, CPU accounting, a way to kill all)
//! comes from whichever hierarchy has it, so that a hybrid host is no special case.

mod counters;
mod discover;
mod group;

pub use counters::Counts;
pub use discover::{Controllers, Hierarchy, discover, hierarchies, sweep};
pub use group::Group;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Which interface a hierarchy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// One hierarchy a controller.
    V1,
    /// The unified hierarchy.
    V2,
}

/// A folder of a hierarchy in which this process may make groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Which interface.
    pub version: Version,
    /// The folder.
    pub folder: PathBuf,
}
