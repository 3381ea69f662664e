//! Passes that came with a suspicion, as reports show them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::id::SampleId;
use crate::metrics::Suspects;
use crate::metrics::suspects::Suspect;
use crate::verdict::VerdictKind;

/// How many passes came with a suspicion, and what their controls came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuspectSummary {
    /// Passes that came with a suspicion, whatever became of them.
    pub passes: u64,
    /// Controls that were run for them: further runs, with tests that cannot be passed.
    pub controls: u64,
    /// Those that became `tampered` because they passed a control.
    pub unearned: u64,
    /// The samples, those that lost their pass first; of many only the first hundred of either kind.
    pub samples: Vec<SuspectSample>,
}

/// One suspect pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuspectSample {
    /// The sample.
    pub sample: SampleId,
    /// What it came to in the end.
    pub verdict: VerdictKind,
    /// Controls that were run for it.
    pub controls: u32,
    /// What it did, the first few; hostile text, bounded.
    pub suspicions: Vec<String>,
}

impl SuspectSummary {
    pub(super) fn of(suspects: &Suspects) -> Self {
        let sample = |suspect: Suspect<'_>| SuspectSample {
            sample: suspect.sample.clone(),
            verdict: match suspect.is_unearned {
                true => VerdictKind::Tampered,
                false => VerdictKind::Passed,
            },
            controls: suspect.controls,
            suspicions: suspect.reasons.to_vec(),
        };
        Self {
            passes: suspects.passes(),
            controls: suspects.controls(),
            unearned: suspects.unearned(),
            samples: suspects.listed().map(sample).collect(),
        }
    }
}
