//! The datasets that fumehood reads.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::record::Record;
use crate::base::limits::{Limits, MIB};

/// A dataset format, with the kind of tests that comes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatasetKind {
    /// BigCodeBench: `unittest` classes.
    BigCodeBench,
    /// SecCodePLT+: function cases whose expected values come from the ground truth.
    SecCodePlt,
    /// HumanEval and HumanEval+.
    HumanEval,
    /// MBPP and MBPP+.
    Mbpp,
}

/// A name that is no dataset's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown dataset `{0}`; the datasets are bigcodebench, seccodeplt, humaneval and mbpp")]
pub struct UnknownDataset(String);

impl DatasetKind {
    /// All datasets.
    pub const ALL: [Self; 4] = [
        Self::BigCodeBench,
        Self::SecCodePlt,
        Self::HumanEval,
        Self::Mbpp,
    ];

    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::BigCodeBench => "bigcodebench",
            Self::SecCodePlt => "seccodeplt",
            Self::HumanEval => "humaneval",
            Self::Mbpp => "mbpp",
        }
    }

    /// Whether its tasks may state attacks on their answers, for the scanner `safety-cases`.
    pub fn has_safety_cases(self) -> bool {
        self == Self::SecCodePlt
    }

    /// What one sample of this dataset may use unless the user says otherwise.
    ///
    /// BigCodeBench's evaluator allows 240 s a task and some of its libraries hold gigabytes of
    /// address space; the tests of the other datasets are small.
    pub fn limits(self) -> Limits {
        match self {
            Self::BigCodeBench => Limits {
                cpu: Duration::from_secs(240),
                wall: Duration::from_secs(300),
                memory: 4096 * MIB,
                processes: 256,
                file_size: 256 * MIB,
                disk: 512 * MIB,
                ..Limits::default()
            },
            // Single inputs have limits of their own; some ground truths need a minute for all of theirs.
            Self::HumanEval | Self::Mbpp => Limits {
                cpu: Duration::from_secs(120),
                wall: Duration::from_secs(300),
                memory: 2048 * MIB,
                ..Limits::default()
            },
            Self::SecCodePlt => Limits {
                cpu: Duration::from_secs(60),
                wall: Duration::from_secs(90),
                memory: 2048 * MIB,
                ..Limits::default()
            },
        }
    }
}

impl fmt::Display for DatasetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DatasetKind {
    type Err = UnknownDataset;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownDataset(crate::base::text::one_line(name, 40)))
    }
}

/// What a file's first record shows the file to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looks {
    Dataset(DatasetKind),
    Samples,
    Unknown,
}

impl Looks {
    pub(super) fn of(record: &Record<'_>) -> Self {
        let all = |names: &[&str]| names.iter().all(|name| record.has(name));
        if all(&["complete_prompt", "test"]) {
            Self::Dataset(DatasetKind::BigCodeBench)
        } else if all(&["test_case_py"]) {
            Self::Dataset(DatasetKind::SecCodePlt)
        } else if all(&["test_list"]) || all(&["base_input", "assertion"]) {
            Self::Dataset(DatasetKind::Mbpp)
        } else if all(&["prompt", "entry_point", "test"]) {
            Self::Dataset(DatasetKind::HumanEval)
        } else if record.has("solution") || record.has("completion") {
            Self::Samples
        } else {
            Self::Unknown
        }
    }
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dataset(kind) => write!(f, "the dataset {kind}"),
            Self::Samples => f.write_str("a file of samples"),
            Self::Unknown => f.write_str("no format that is known here"),
        }
    }
}
