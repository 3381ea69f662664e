//! What the journal records.
//!
//! Every record can be computed again from the run's inputs, so losing one is safe. None refers to
//! another by its place: replaying them in any order, with duplicates, gives the same run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::manifest::Host;
use crate::base::digest::Digest;
use crate::base::id::{SampleId, TaskId};
use crate::scan::ScanResult;
use crate::verdict::Verdict;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "of", rename_all = "kebab-case")]
pub enum Record {
    /// What became of a sample.
    Verdict(Box<VerdictRecord>),
    /// What a scanner says about a piece of code.
    Scan(ScanRecord),
    /// What became of a task's ground truth.
    Reference(ReferenceRecord),
    /// A line of the sample file that is no sample.
    Rejected(RejectedRecord),
    /// A process began, or stopped working on the run.
    State(StateRecord),
}

/// What became of a sample. Its key is the sample's id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictRecord {
    /// The sample.
    pub sample: SampleId,
    /// Its code.
    pub code: Digest,
    /// The job that was run: program, harness, limits, profile, interpreter.
    pub job: Digest,
    /// Line of the sample file, from 1.
    pub line: u64,
    /// The file's own name for the sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Place in the model's own ranking, 1 is best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
    /// The model that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The hardening technique that was used on the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technique: Option<String>,
    /// Other fields of the sample, for reports to group by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Fields of the task that reports group by, such as `cwe`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Where the sample comes from, in a run that was merged from several sample files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The sample whose job was executed, where that was another one with the same task and the same
    /// code: the verdict is that one's, whole. For people; no figure depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<SampleId>,
    /// The verdict.
    pub verdict: Verdict,
}

/// Where a sample of a merged run comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Digest of its sample file.
    pub samples: Digest,
    /// Its place among the samples of its task there.
    pub index: u32,
}

/// What a scanner says about a piece of code. Its key is the code and the scanner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScanRecord {
    /// The code.
    pub code: Digest,
    /// What the scanner says.
    pub result: ScanResult,
}

/// What became of a task's ground truth. Its key is the task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReferenceRecord {
    /// The task.
    pub task: TaskId,
    /// What became of it.
    pub status: ReferenceStatus,
    /// Why, where it is not simply usable.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cause: String,
}

/// Whether a task can be graded in this environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferenceStatus {
    /// Its ground truth gives what the tests need.
    Usable,
    /// Some of its cases have no stable expected value; they count nowhere.
    Unstable,
    /// Its ground truth fails here; the task is set apart, with the cause.
    Failed,
}

/// A line of the sample file that is no sample. Its key is the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedRecord {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
    /// Where the line comes from, in a run that was merged from several sample files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<LineOrigin>,
}

/// Where a line of a merged run comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineOrigin {
    /// Digest of its sample file.
    pub samples: Digest,
    /// The line there, from 1.
    pub line: u64,
}

/// A process began, or stopped working on the run. History only: no number depends on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum StateRecord {
    /// It began.
    Started {
        /// When, in UTC.
        at: String,
        /// On which host.
        host: Host,
        /// What its sandboxes really enforced.
        attestation: serde_json::Value,
    },
    /// It was asked to stop before the end.
    Interrupted {
        /// When, in UTC.
        at: String,
    },
    /// Everything was evaluated.
    Finished {
        /// When, in UTC.
        at: String,
    },
}
