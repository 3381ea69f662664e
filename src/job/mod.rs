//! A sample and its task as one job: the profile that it runs under, and the digest that identifies
//! it. No I/O happens here.

use crate::base::digest::Digest;
use crate::base::version;
use crate::dataset::Task;
use crate::harness::Grading;

/// The sandbox profile under which samples are graded.
pub const PROFILE: &str = "grade";

/// The identity of a job: the task's tests, the code, the grading and the version of the harness; all
/// that decides the verdict, but for the host, the interpreter and the limits. Jobs of one run with
/// equal digests may share a verdict.
pub fn job_digest(task: &Task, code: Digest, grading: Grading) -> Digest {
    job_digest_of(task.digest(), code, grading)
}

/// The same, where the task's own digest is known: that one takes reading all of its tests.
pub fn job_digest_of(task: Digest, code: Digest, grading: Grading) -> Digest {
    Digest::of_parts([
        task.as_bytes().as_slice(),
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
