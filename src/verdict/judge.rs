//! From an observation to a verdict.
//!
//! The first of these that holds decides the kind:
//!
//! | what was observed | kind |
//! |---|---|
//! | no first event: the driver itself did not get going | infra |
//! | the task's own tests do not run, or a reference is missing | infra |
//! | the cpu or wall limit / memory / output / processes limit was hit, or too many events | timeout, memory, output, processes |
//! | bytes on the event channel that the driver did not write, or signs of interference | tampered |
//! | the sample holds no code | no-code |
//! | the sample did not load | error |
//! | a signal ended it before its end event | crashed |
//! | no end event | incomplete |
//! | no case is declared, or none can be decided | error |
//! | an error outside any case, or a case that did not pass | failed |
//! | every declared case passed | passed |
//!
//! A pass that comes with a suspicion is not final: see [`Control`](super::Control).
//!
//! Cases that passed before a limit or a crash still count, over all declared cases; after
//! interference, whenever it is noticed and whatever the kind, none does.

use serde_json::Value as Json;

use super::kind::{Verdict, VerdictKind};
use super::rules;
use crate::base::limits::LimitKind;
use crate::base::text::Excerpt;
use crate::dataset::{Task, Tests};
use crate::harness::oracle::Oracle;
use crate::harness::{
    CaseOutcome, CaseReport, CaseResult, Grading, Reference, Transcript, needs_reference,
};
use crate::worker::{End, Observation};

/// Bytes of each end of an output stream that a verdict keeps.
const OUTPUT_KEPT: usize = 2048;
/// Characters of a detail that are kept.
const DETAIL_KEPT: usize = 2000;

/// Judges one observation of `code` as an answer to `task`.
///
/// `reference` is needed for tests whose expected values come from the ground truth (see
/// [`needs_reference`]); `nonce` is that of the plan that was run.
pub fn judge(
    task: &Task,
    code: &str,
    grading: Grading,
    reference: Option<&Reference>,
    nonce: &[u8; 32],
    observation: &Observation,
) -> Verdict {
    let transcript = Transcript::read(&observation.events, nonce);
    let mut cases = match reference.filter(|_| needs_reference(&task.tests)) {
        Some(reference) => compared(task, grading, reference, &transcript),
        None => judged(&transcript),
    };
    let honest = transcript.forged.is_none() && transcript.tampered.is_empty();
    if !honest {
        for case in &mut cases {
            if case.outcome == CaseOutcome::Passed {
                case.outcome = CaseOutcome::Failed;
                "does not count: the harness was tampered with".clone_into(&mut case.detail);
            }
        }
    }
    cases.retain(|case| case.outcome != CaseOutcome::Undecided);
    let (kind, detail) = kind_of(task, code, reference, &transcript, observation, &cases);
    Verdict {
        kind,
        declared: u32::try_from(cases.len()).unwrap_or(u32::MAX),
        cases,
        usage: observation.usage,
        limit: limit_of(observation),
        detail: bounded(&detail),
        suspicions: transcript.suspicions,
        controls: 0,
        stdout: Excerpt::of(&observation.stdout.bytes, OUTPUT_KEPT, OUTPUT_KEPT),
        stderr: Excerpt::of(&observation.stderr.bytes, OUTPUT_KEPT, OUTPUT_KEPT),
        behaviour: observation.behaviour.clone(),
        safety: None,
    }
}

/// Whether a sample is only white space and comments.
pub fn is_without_code(code: &str) -> bool {
    code.lines()
        .map(str::trim)
        .all(|line| line.is_empty() || line.starts_with('#'))
}

pub(super) fn limit_of(observation: &Observation) -> Option<LimitKind> {
    observation
        .limit
        .or(observation.events_overflow.then_some(LimitKind::Output))
}

fn kind_of(
    task: &Task,
    code: &str,
    reference: Option<&Reference>,
    transcript: &Transcript,
    observation: &Observation,
    cases: &[CaseReport],
) -> (VerdictKind, String) {
    let wants_reference = needs_reference(&task.tests);
    if transcript.declared.is_none() && transcript.forged.is_none() {
        let stderr = String::from_utf8_lossy(&observation.stderr.bytes);
        let end = match (observation.limit, observation.end) {
            (Some(limit), _) => format!("its {limit} limit ended it"),
            (None, End::Exited(code)) => format!("it exited with {code}"),
            (None, End::Signaled(signal)) => format!("signal {signal} ended it"),
        };
        let last = stderr.trim().lines().last().unwrap_or("").to_owned();
        return (
            VerdictKind::Infra,
            format!("the test driver did not start: {end} {last}"),
        );
    }
    if let Some(error) = &transcript.tests_error {
        return (
            VerdictKind::Infra,
            format!("the task's tests cannot run: {error}"),
        );
    }
    if wants_reference && reference.is_none() {
        return (
            VerdictKind::Infra,
            "there are no expected values: the ground truth was not run".to_owned(),
        );
    }
    if let Some(limit) = limit_of(observation) {
        let kind = match limit {
            LimitKind::Cpu | LimitKind::Wall => VerdictKind::Timeout,
            LimitKind::Memory => VerdictKind::Memory,
            LimitKind::Output => VerdictKind::Output,
            LimitKind::Processes => VerdictKind::Processes,
        };
        return (kind, format!("it used up its {limit} limit"));
    }
    if let Some(reason) = &transcript.forged {
        return (
            VerdictKind::Tampered,
            format!("the event channel holds bytes that the driver did not write: {reason}"),
        );
    }
    if let Some(reason) = transcript.tampered.first() {
        let detail = format!("it interfered with the harness: {reason}");
        return (VerdictKind::Tampered, detail);
    }
    if is_without_code(code) {
        return (VerdictKind::NoCode, "the sample holds no code".to_owned());
    }
    if let Some(error) = &transcript.load_error {
        return (VerdictKind::Error, error.detail.trim_end().to_owned());
    }
    if !transcript.ended {
        return match observation.end {
            End::Signaled(signal) => (VerdictKind::Crashed, format!("signal {signal} ended it")),
            End::Exited(code) => (
                VerdictKind::Incomplete,
                format!("it exited with {code} before all cases had run"),
            ),
        };
    }
    if cases.is_empty() {
        let reason = reference
            .and_then(|reference| reference.problem.clone())
            .unwrap_or_else(|| "the tests declare no case that can be decided".to_owned());
        return (VerdictKind::Error, reason);
    }
    if let Some(case) = cases
        .iter()
        .find(|case| case.outcome != CaseOutcome::Passed)
    {
        let passed = cases
            .iter()
            .filter(|case| case.outcome == CaseOutcome::Passed)
            .count();
        let detail = format!(
            "{passed} of {} cases passed; {}: {}",
            cases.len(),
            case.id,
            case.detail.lines().next().unwrap_or("")
        );
        return (VerdictKind::Failed, detail);
    }
    if let Some(error) = &transcript.fixture {
        return (VerdictKind::Failed, error.clone());
    }
    (VerdictKind::Passed, String::new())
}

/// Cases that the driver judged itself.
fn judged(transcript: &Transcript) -> Vec<CaseReport> {
    let report = |id: &String| match transcript.result(id) {
        Some(CaseResult::Judged { outcome, detail }) => case(id, *outcome, detail),
        Some(CaseResult::Timeout { detail }) => case(id, CaseOutcome::Timeout, detail),
        Some(_) => case(id, CaseOutcome::Error, "its values have no reference"),
        None if transcript.ended && transcript.fixture.is_some() => case(
            id,
            CaseOutcome::Error,
            transcript.fixture.as_deref().unwrap_or(""),
        ),
        None => case(id, CaseOutcome::Missing, ""),
    };
    transcript.declared.iter().flatten().map(report).collect()
}

/// Cases whose values are compared here, outside the snippet's process.
fn compared(
    task: &Task,
    grading: Grading,
    reference: &Reference,
    transcript: &Transcript,
) -> Vec<CaseReport> {
    match &task.tests {
        Tests::Pairs {
            base,
            plus,
            atol,
            oracle,
            ..
        } => {
            let mut reports = Vec::with_capacity(reference.cases.len());
            for (set, inputs) in [("base/", base), ("plus/", plus)] {
                let inputs: Vec<Json> = match oracle.as_str() {
                    "surface_area" | "digit_distance" | "poly_zero" => {
                        serde_json::from_str(inputs).unwrap_or_default()
                    }
                    _ => Vec::new(),
                };
                let mut rule = Oracle::new(oracle, *atol);
                let of_set = reference
                    .cases
                    .iter()
                    .filter(|case| case.id.starts_with(set));
                for (place, expected) in of_set.enumerate() {
                    let found = transcript.result(&expected.id);
                    reports.push(rules::pair(expected, found, inputs.get(place), &mut rule));
                }
            }
            reports
        }
        _ if grading == Grading::Paper => rules::paper(reference, transcript),
        _ => reference
            .cases
            .iter()
            .map(|expected| rules::strict(expected, transcript.result(&expected.id)))
            .collect(),
    }
}

pub(super) fn case(id: &str, outcome: CaseOutcome, detail: &str) -> CaseReport {
    CaseReport {
        id: id.to_owned(),
        outcome,
        detail: bounded(detail),
    }
}

fn bounded(text: &str) -> String {
    text.chars().take(DETAIL_KEPT).collect()
}

#[cfg(test)]
mod tests;
