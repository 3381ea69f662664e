//! A sample and its task, made into one self-contained program: what to run, under which limits and
//! profile, and the digest that identifies it. No I/O happens here.

use crate::base::digest::Digest;
use crate::base::id::SampleId;
use crate::base::limits::Limits;
use crate::base::version;
use crate::dataset::{Sample, Task};
use crate::harness::{Grading, Plan, plan};

/// The sandbox profile under which samples are graded.
pub const PROFILE: &str = "grade";

/// One sample, ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Which sample it is.
    pub sample: SampleId,
    /// Identity of its code.
    pub code_digest: Digest,
    /// What to run.
    pub plan: Plan,
    /// What it may use.
    pub limits: Limits,
    /// Name of the sandbox profile.
    pub profile: &'static str,
    /// Identity of everything that decides the verdict, but for the host and the limits: equal
    /// digests may share a verdict.
    pub digest: Digest,
}

impl Job {
    /// A job for one sample; `nonce` must be fresh and unpredictable.
    pub fn new(
        task: &Task,
        sample: &Sample,
        grading: Grading,
        limits: Limits,
        nonce: [u8; 32],
    ) -> Self {
        let code_digest = sample.code_digest();
        Self {
            sample: sample.id.clone(),
            code_digest,
            plan: plan(task, &sample.code, grading, nonce),
            limits,
            profile: PROFILE,
            digest: job_digest(task, code_digest, grading),
        }
    }
}

/// The identity of a job: the task's tests, the code, the grading and the version of the harness.
pub fn job_digest(task: &Task, code: Digest, grading: Grading) -> Digest {
    Digest::of_parts([
        task.digest().as_bytes().as_slice(),
        code.as_bytes(),
        grading.name().as_bytes(),
        &version::HARNESS.to_le_bytes(),
    ])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_digest_tells_code_and_grading_apart() {
        let task: Task = serde_json::from_value(serde_json::json!({
            "id": "T/1", "entry_point": "f", "prompt": "", "preamble": "", "ground_truth": null,
            "alternatives": {},
            "tests": {"kind": "check", "source": "def check(f): pass"}, "labels": {},
        }))
        .unwrap();
        let digests: BTreeSet<Digest> = [
            job_digest(&task, Digest::of("a"), Grading::Strict),
            job_digest(&task, Digest::of("a"), Grading::Paper),
            job_digest(&task, Digest::of("b"), Grading::Strict),
        ]
        .into();
        assert_eq!(digests.len(), 3);
    }
}
