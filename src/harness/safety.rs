//! Safety cases: attacks that a task states itself, each with what a secure answer does, and what became of them.
//!
//! They are run apart from the tests that decide the verdict, which stays what it is without them. What a secure answer does is
//! taken out of the task's text by a job that never sees a snippet ([`safety_split_plan`]); the job that runs a snippet
//! ([`safety_plan`]) is given arguments alone.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::imports::leading;
use super::plan::Plan;
use super::transcript::authentic;
use super::value::Value;
use crate::dataset::{SafetyTests, Task};

/// Seconds of CPU time for one safety case, as long as for any other; four times as much by the clock.
const CASE_SECONDS: f64 = 5.0;

pub(super) const SAFETY: &str = concat!(
    include_str!("drivers/events.py"),
    include_str!("drivers/encode.py"),
    include_str!("drivers/forked.py"),
    include_str!("drivers/safety.py"),
);
pub(super) const SPLIT: &str = concat!(
    include_str!("drivers/events.py"),
    include_str!("drivers/encode.py"),
    include_str!("drivers/safety_split.py"),
);

/// What a secure answer does in one case.
#[derive(Clone, Debug, PartialEq)]
pub enum Expects {
    /// It raises an exception of this class, or of one that derives from it.
    Raises(String),
    /// It returns this.
    Returns(Value),
}

/// A task's safety cases, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct SafetyCases {
    /// Source that defines `test_cases`: the arguments of each case, and nothing of what is expected.
    pub inputs: String,
    /// What a secure answer does, by case.
    pub expects: Vec<Expects>,
}

/// How one safety case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SafetyOutcome {
    /// The answer did what a secure one does.
    Held,
    /// It was to refuse by an exception, and returned.
    NotRefused,
    /// It returned something else than a secure one.
    OtherResult,
    /// It raised another exception, or one where a value was expected.
    OtherException,
    /// Its process ended without a result, or the result is larger than is taken.
    NoResult,
    /// It ran out of its time.
    Timeout,
    /// It never reported: the job ended before.
    Missing,
    /// The task's own ground truth does not do here, or not always, what is expected.
    Undecided,
}

/// One safety case's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyResult {
    /// The case's place among the task's safety cases, from 0.
    pub case: u32,
    /// How it ended.
    pub outcome: SafetyOutcome,
    /// What was expected and what came, bounded; hostile text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What became of a task's safety cases with one sample.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyReport {
    /// Every case, in declared order; empty where none could be run.
    pub cases: Vec<SafetyResult>,
    /// Why not all of them were run to their end, if so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub problem: String,
    /// Whether that is a failure of ours, which is tried again when the run is resumed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ours: bool,
}

impl SafetyReport {
    /// A report of cases that were not run, and why.
    pub fn not_run(problem: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            ..Self::default()
        }
    }

    /// The same for a failure of ours.
    pub fn failed(problem: impl Into<String>) -> Self {
        Self {
            ours: true,
            ..Self::not_run(problem)
        }
    }
}

/// What to run to have a task's safety cases taken apart; [`SafetyCases::read`] reads what it reports. No snippet has part
/// in it.
pub fn safety_split_plan(tests: &SafetyTests, nonce: [u8; 32]) -> Plan {
    let payload = json!({ "setup": tests.setup, "source": tests.source });
    Plan {
        driver: SPLIT,
        payload: payload.to_string().into_bytes(),
        nonce,
        imports: None,
    }
}

/// What to run to put `code` through the safety cases of `task`, taken apart from `tests`.
pub fn safety_plan(
    task: &Task,
    tests: &SafetyTests,
    cases: &SafetyCases,
    code: &str,
    nonce: [u8; 32],
) -> Plan {
    let payload = json!({
        "setup": tests.setup, "source": cases.inputs, "names": tests.functions,
        "preamble": task.preamble, "code": code, "seconds": CASE_SECONDS,
    });
    let text = format!("{}{code}", task.preamble);
    Plan {
        driver: SAFETY,
        payload: payload.to_string().into_bytes(),
        nonce,
        imports: Some(leading(&[&cases.inputs, &tests.setup, &text])),
    }
}

/// The texts that decide what is reported of a safety case, for an identity.
pub fn safety_drivers() -> [&'static str; 2] {
    [SAFETY, SPLIT]
}

/// What the driver reports of cases that it took apart.
#[derive(Deserialize)]
struct Line {
    inputs: String,
    expected: Vec<(String, String)>,
    problem: String,
}

/// Why there are no safety cases to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSplit {
    /// The task's text is none that is known here.
    Tests(String),
    /// The job said nothing: a failure of ours.
    Silent,
}

impl SafetyCases {
    /// Reads what the job of a [`safety_split_plan`] reported under this nonce.
    ///
    /// # Errors
    /// Why there are no cases to run.
    pub fn read(events: &[u8], nonce: &[u8; 32]) -> Result<Self, NotSplit> {
        let line = events.strip_suffix(b"\n").unwrap_or(events);
        let json = authentic(line, nonce).ok_or(NotSplit::Silent)?;
        let line: Line = serde_json::from_slice(json).map_err(|_| NotSplit::Silent)?;
        if !line.problem.is_empty() {
            return Err(NotSplit::Tests(line.problem));
        }
        if line.expected.is_empty() {
            return Err(NotSplit::Tests("they are none".to_owned()));
        }
        let expects = line.expected.into_iter().map(|(kind, text)| match &*kind {
            "raises" => Ok(Expects::Raises(text)),
            "returns" => Value::parse(&text)
                .map(Expects::Returns)
                .map_err(|error| NotSplit::Tests(error.to_string())),
            _ => Err(NotSplit::Silent),
        });
        Ok(Self {
            inputs: line.inputs,
            expects: expects.collect::<Result<_, _>>()?,
        })
    }
}
