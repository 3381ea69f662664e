//! Whether one case of a snippet came to what the ground truth came to.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::judge::case;
use crate::harness::equality::{is_nan, py_equal};
use crate::harness::oracle::Oracle;
use crate::harness::reference::Expected;
use crate::harness::{CaseOutcome, CaseReport, CaseResult, Reference, Transcript, Value};

/// Characters of a value that a report shows.
const SHOWN: usize = 200;

/// The strict rule for function cases: values by Python's equality, exceptions by class, and a
/// case in which the ground truth itself gives no firm answer is undecided.
pub(super) fn strict(expected: &Expected, found: Option<&CaseResult>) -> CaseReport {
    let id = expected.id.as_str();
    if !expected.stable {
        return case(id, CaseOutcome::Undecided, "");
    }
    match (&expected.result, found) {
        (_, None) => case(id, CaseOutcome::Missing, ""),
        (_, Some(CaseResult::Timeout { detail })) => case(id, CaseOutcome::Timeout, detail),
        (_, Some(CaseResult::NoResult { detail })) => case(id, CaseOutcome::Error, detail),
        (CaseResult::Returned { value, .. }, Some(CaseResult::Returned { value: other, .. })) => {
            if py_equal(value, other) || is_nan(value) && is_nan(other) {
                case(id, CaseOutcome::Passed, "")
            } else {
                differ(id, value, other)
            }
        }
        (CaseResult::Raised { name, .. }, Some(CaseResult::Raised { name: other, .. }))
            if name == other =>
        {
            case(id, CaseOutcome::Passed, "")
        }
        (_, Some(CaseResult::Raised { name, message })) => {
            case(id, CaseOutcome::Error, &format!("{name}: {message}"))
        }
        (CaseResult::Raised { name, .. }, Some(_)) => {
            case(id, CaseOutcome::Failed, &format!("it did not raise {name}"))
        }
        (_, Some(_)) => case(id, CaseOutcome::Failed, "another kind of result"),
    }
}

/// EvalPlus's rule for one input.
pub(super) fn pair(
    expected: &Expected,
    found: Option<&CaseResult>,
    input: Option<&Json>,
    oracle: &mut Oracle<'_>,
) -> CaseReport {
    let id = expected.id.as_str();
    let CaseResult::Returned { value, .. } = &expected.result else {
        return case(id, CaseOutcome::Undecided, "");
    };
    if !expected.stable && !oracle.allows_change() {
        return case(id, CaseOutcome::Undecided, "");
    }
    match found {
        None => case(id, CaseOutcome::Missing, ""),
        Some(CaseResult::Returned { value: other, .. }) => {
            if oracle.accepts(input, other, value) {
                case(id, CaseOutcome::Passed, "")
            } else {
                differ(id, value, other)
            }
        }
        Some(CaseResult::Timeout { detail }) => case(id, CaseOutcome::Timeout, detail),
        Some(CaseResult::Raised { name, message }) => {
            case(id, CaseOutcome::Error, &format!("{name}: {message}"))
        }
        Some(CaseResult::NoResult { detail }) => case(id, CaseOutcome::Error, detail),
        Some(CaseResult::Judged { .. }) => case(id, CaseOutcome::Error, "a judgement, no value"),
    }
}

/// The seed's rule: cases with equal arguments are one, of which the last counts; a timeout and a
/// missing result are successes with a text of their own; values compare by `repr`; exceptions
/// differ only if both class and message do.
pub(super) fn paper(reference: &Reference, transcript: &Transcript) -> Vec<CaseReport> {
    let mut last: HashMap<&str, usize> = HashMap::new();
    let key = |expected: &'_ Expected| -> String {
        if expected.key.is_empty() {
            expected.id.clone()
        } else {
            expected.key.clone()
        }
    };
    let keys: Vec<String> = reference.cases.iter().map(key).collect();
    for (place, key) in keys.iter().enumerate() {
        last.insert(key, place);
    }
    let of_last = |(place, _): &(usize, &Expected)| last.get(keys[*place].as_str()) == Some(place);
    reference
        .cases
        .iter()
        .enumerate()
        .filter(of_last)
        .map(|(_, expected)| {
            let id = expected.id.as_str();
            match transcript.result(id) {
                None => case(id, CaseOutcome::Missing, ""),
                Some(found) if alike(&expected.result, found) => case(id, CaseOutcome::Passed, ""),
                Some(found) => case(id, CaseOutcome::Failed, &word(found)),
            }
        })
        .collect()
}

fn alike(expected: &CaseResult, found: &CaseResult) -> bool {
    match (expected, found) {
        (
            CaseResult::Raised { name, message },
            CaseResult::Raised {
                name: other,
                message: text,
            },
        ) => name == other || message == text,
        (CaseResult::Returned { value, repr }, CaseResult::Returned { value: v, repr: r }) => {
            match (repr, r) {
                (Some(expected), Some(found)) => expected == found,
                _ => value.tokens() == v.tokens(),
            }
        }
        (CaseResult::Timeout { .. }, CaseResult::Timeout { .. })
        | (CaseResult::NoResult { .. }, CaseResult::NoResult { .. }) => true,
        _ => false,
    }
}

fn word(found: &CaseResult) -> String {
    match found {
        CaseResult::Returned { value, .. } => format!("got {}", shown(value)),
        CaseResult::Raised { name, message } => format!("{name}: {message}"),
        CaseResult::Timeout { .. } => "timeout".to_owned(),
        CaseResult::NoResult { detail } | CaseResult::Judged { detail, .. } => detail.clone(),
    }
}

fn differ(id: &str, expected: &Value, found: &Value) -> CaseReport {
    let detail = format!("expected {}, got {}", shown(expected), shown(found));
    case(id, CaseOutcome::Failed, &detail)
}

pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHOWN {
        return text;
    }
    let mut cut: String = text.chars().take(SHOWN).collect();
    cut.push('…');
    cut
}
