//! Names of tasks, samples and cases.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A task's name as its dataset writes it, such as `BigCodeBench/17`.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct TaskId(pub String);

impl TaskId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<T: Into<String>> From<T> for TaskId {
    fn from(name: T) -> Self {
        Self(name.into())
    }
}

/// One sample of a run: the `index`th output (from 0, in file order) for `task`.
///
/// It is the key under which results are journalled: a repeated record for the same id is the same
/// result, never a second one.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct SampleId {
    /// The task that the sample answers.
    pub task: TaskId,
    /// Its place among the samples of that task, from 0.
    pub index: u32,
}

impl fmt::Display for SampleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.task, self.index)
    }
}
