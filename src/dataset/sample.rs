//! One model output for one task.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::id::SampleId;

/// One model output, read and cleaned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Its task and its place among that task's samples.
    pub id: SampleId,
    /// The program that will be executed and scanned: after code fences were taken off and a
    /// completion was put behind its prompt. Empty when the model gave no code.
    pub code: String,
    /// Line of the sample file, from 1.
    pub line: u64,
    /// The file's own name for the sample.
    pub name: Option<String>,
    /// Place in the model's own ranking, 1 is best.
    pub rank: Option<u32>,
    /// The model that wrote it.
    pub model: Option<String>,
    /// The hardening technique that was used on the model.
    pub technique: Option<String>,
    /// Other short fields of the file's record, such as `temperature`, for reports to group by.
    pub fields: BTreeMap<String, String>,
}

impl Sample {
    /// The identity of the code: equal programs are scanned once.
    pub fn code_digest(&self) -> Digest {
        Digest::of(&self.code)
    }
}
