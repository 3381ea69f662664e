//! Verdicts of a journal, for tests that only need some.

use std::collections::BTreeMap;

use fumehood::base::digest::Digest;
use fumehood::base::id::SampleId;
use fumehood::journal::VerdictRecord;
use fumehood::verdict::{Verdict, VerdictKind};

/// What became of a sample with one declared case, and nothing else of it.
pub(crate) fn verdict(task: &str, index: u32, code: Digest, kind: VerdictKind) -> VerdictRecord {
    VerdictRecord {
        sample: SampleId {
            task: task.into(),
            index,
        },
        code,
        job: Digest::of("job"),
        line: 1,
        name: None,
        rank: None,
        model: None,
        technique: None,
        fields: Default::default(),
        labels: BTreeMap::new(),
        origin: None,
        same_as: None,
        verdict: Verdict {
            declared: 1,
            ..Verdict::of(kind)
        },
    }
}
