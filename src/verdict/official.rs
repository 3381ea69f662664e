//! Verdicts in the words of the datasets' own evaluators.

use super::kind::{Verdict, VerdictKind};

/// BigCodeBench's status: `pass`, `fail` or `timeout`.
pub fn bigcodebench_status(verdict: &Verdict) -> &'static str {
    match verdict.kind {
        VerdictKind::Passed => "pass",
        VerdictKind::Timeout => "timeout",
        _ => "fail",
    }
}
