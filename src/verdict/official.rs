//! Verdicts in the words of the datasets' own evaluators.

use super::kind::{Verdict, VerdictKind};
use crate::harness::CaseOutcome;

/// BigCodeBench's status: `pass`, `fail` or `timeout`.
pub fn bigcodebench_status(verdict: &Verdict) -> &'static str {
    match verdict.kind {
        VerdictKind::Passed => "pass",
        VerdictKind::Timeout => "timeout",
        _ => "fail",
    }
}

/// EvalPlus's statuses for the original and for the added tests, each `pass`, `fail` or `timeout`.
/// A list in which no case can be decided passes, as an empty list does there.
pub fn evalplus_status(verdict: &Verdict) -> (&'static str, &'static str) {
    let status = |set: &str| {
        let mut of_set = verdict
            .cases
            .iter()
            .filter(|case| case.id.starts_with(set))
            .peekable();
        if of_set.peek().is_none() {
            return if verdict.kind == VerdictKind::Passed {
                "pass"
            } else {
                "fail"
            };
        }
        let mut status = "pass";
        for case in of_set {
            match case.outcome {
                CaseOutcome::Passed => {}
                CaseOutcome::Missing if verdict.kind == VerdictKind::Timeout => return "timeout",
                _ => status = "fail",
            }
        }
        status
    };
    (status("base/"), status("plus/"))
}
