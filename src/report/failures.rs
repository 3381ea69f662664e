//! The samples that did not pass, one line each.

use std::io::{self, Write};

use crate::base::id::SampleId;
use crate::base::text::one_line;
use crate::harness::CaseOutcome;
use crate::verdict::{Verdict, VerdictKind};

/// Room for a sample's name; longer ones are cut.
const NAME: usize = 32;
/// Room for a verdict.
const KIND: usize = 10;

/// Writes one sample's line, cut to `width` characters, unless it passed. Returns whether it wrote
/// one.
///
/// # Errors
/// When writing fails.
pub fn write_line(
    out: &mut impl Write,
    sample: &SampleId,
    verdict: &Verdict,
    width: usize,
) -> io::Result<bool> {
    if verdict.kind == VerdictKind::Passed {
        return Ok(false);
    }
    let name = one_line(&sample.to_string(), NAME);
    let left = width.saturating_sub(NAME + KIND + 4).max(20);
    let detail = one_line(&reason(verdict), left);
    let line = format!("{name:<NAME$}  {:<KIND$}  {detail}", verdict.kind.name());
    writeln!(out, "{}", line.trim_end())?;
    Ok(true)
}

/// Why a sample did not pass, in a line; hostile text.
pub fn reason(verdict: &Verdict) -> String {
    let held = |outcome| outcome == CaseOutcome::Passed || outcome == CaseOutcome::Undecided;
    let first = verdict.cases.iter().find(|case| !held(case.outcome));
    let case = first.map(|case| {
        if case.detail.is_empty() {
            let outcome = format!("{:?}", case.outcome).to_lowercase();
            format!("{}: {outcome}", case.id)
        } else {
            // A traceback says what happened in its last line.
            let last = case.detail.trim_end().lines().next_back().unwrap_or("");
            format!("{}: {last}", case.id)
        }
    });
    match (verdict.detail.is_empty(), case) {
        (false, Some(case)) => format!("{}; {case}", verdict.detail),
        (false, None) => verdict.detail.clone(),
        (true, Some(case)) => case,
        (true, None) => String::new(),
    }
}
