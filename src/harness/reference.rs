//! What the ground truth does on every case, and whether it always does the same.

use serde::{Deserialize, Serialize};

use super::equality::{is_nan, py_equal};
use super::transcript::{CaseResult, Transcript};
use super::value::Value;
use crate::base::version;
use crate::dataset::Tests;

/// The expected outcomes of one task's cases, in declared order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Format of this record.
    pub version: u32,
    /// Every declared case.
    pub cases: Vec<Expected>,
    /// Why nothing can be decided, such as a ground truth that does not load.
    pub problem: Option<String>,
}

/// The expected outcome of one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// The case's name.
    pub id: String,
    /// What the seed's comparison keys the case by, empty where that is not known.
    #[serde(default)]
    pub key: String,
    /// What the first run came to.
    pub result: CaseResult,
    /// Whether every run came to the same, and that is something an answer can be held to.
    pub stable: bool,
    /// The CPU time of the slowest run, in milliseconds; 0 where that is little or not known.
    #[serde(default)]
    pub ms: u32,
}

/// Whether tests can only be judged against the ground truth's own outcomes.
pub fn needs_reference(tests: &Tests) -> bool {
    matches!(tests, Tests::Cases { .. } | Tests::Pairs { .. })
}

impl Reference {
    /// Compares runs of the ground truth, at least one; more of them, under different hash seeds,
    /// find what is random.
    pub fn from_runs(runs: &[Transcript]) -> Self {
        let first = runs.first().cloned().unwrap_or_default();
        let problem = if runs.is_empty() {
            Some("the ground truth was not run".to_owned())
        } else {
            runs.iter().find_map(problem_of)
        };
        let declared = first.declared.clone().unwrap_or_default();
        let cases = declared
            .iter()
            .enumerate()
            .map(|(place, id)| {
                let results: Vec<Option<&CaseResult>> =
                    runs.iter().map(|run| run.result(id)).collect();
                let stable = problem.is_none() && all_agree(&results);
                let result = results.first().copied().flatten().cloned();
                Expected {
                    id: id.clone(),
                    key: first.keys.get(place).cloned().unwrap_or_default(),
                    result: result.unwrap_or_else(|| CaseResult::NoResult {
                        detail: "the ground truth did not report this case".to_owned(),
                    }),
                    stable,
                    ms: runs
                        .iter()
                        .filter_map(|run| run.times.get(id))
                        .max()
                        .map_or(0, |ms| *ms),
                }
            })
            .collect();
        Self {
            version: version::REFERENCE,
            cases,
            problem,
        }
    }

    /// Cases that an answer can be held to.
    pub fn decided(&self) -> usize {
        self.cases.iter().filter(|case| case.stable).count()
    }
}

fn problem_of(run: &Transcript) -> Option<String> {
    if let Some(error) = &run.load_error {
        return Some(format!(
            "the ground truth does not load: {}: {}",
            error.name, error.message
        ));
    }
    if let Some(error) = &run.tests_error {
        return Some(format!("the tests cannot run: {error}"));
    }
    if !run.ended {
        return Some("the ground truth's run did not reach its end".to_owned());
    }
    run.forged.clone()
}

fn all_agree(results: &[Option<&CaseResult>]) -> bool {
    let Some(Some(first)) = results.first() else {
        return false;
    };
    let firm = match first {
        CaseResult::Returned { value, .. } => !has_depths(value),
        CaseResult::Raised { .. } => true,
        _ => false,
    };
    firm && results.iter().all(|other| match (first, other) {
        (
            CaseResult::Returned { value, repr },
            Some(CaseResult::Returned {
                value: other,
                repr: other_repr,
            }),
        ) => {
            (py_equal(value, other) || is_nan(value) && is_nan(other))
                && value.type_name() == other.type_name()
                && repr == other_repr
        }
        (CaseResult::Raised { name, .. }, Some(CaseResult::Raised { name: other, .. })) => {
            name == other
        }
        _ => false,
    })
}

/// Whether part of a value could not be told.
fn has_depths(value: &Value) -> bool {
    match value {
        Value::Deep => true,
        Value::List(items) | Value::Tuple(items) => items.iter().any(has_depths),
        Value::Set(items) | Value::FrozenSet(items) => items.iter().any(has_depths),
        Value::Dict(pairs) => pairs.iter().any(|(k, v)| has_depths(k) || has_depths(v)),
        Value::Sub(_, inner) => has_depths(inner),
        _ => false,
    }
}
