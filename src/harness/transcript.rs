//! What a driver reported, checked event by event.

use serde::{Deserialize, Serialize};

/// How one case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseOutcome {
    /// It ran and held.
    Passed,
    /// It ran and an assertion or a comparison did not hold.
    Failed,
    /// It raised something else.
    Error,
    /// It asked to be skipped, which counts as not passed.
    Skipped,
    /// It ran out of its own time.
    Timeout,
    /// It never reported: the process ended before.
    Missing,
    /// It cannot be decided, for want of a stable expected value; it counts nowhere.
    Undecided,
}

/// One case's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseReport {
    /// The case's name within its task.
    pub id: String,
    /// How it ended.
    pub outcome: CaseOutcome,
    /// Why, in a few words or the end of a traceback; hostile text, bounded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// The events of one job, in order, each with a valid authentication code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {}
