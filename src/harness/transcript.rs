//! What a driver reported, checked event by event.
//!
//! Every event is one line: compact JSON with a sequence number, a space, and the HMAC-SHA256 of
//! that JSON under the job's nonce. Bytes that do not verify were written by something other than
//! the driver, which is a sign of tampering; a torn last line is not, since a job can be ended at
//! any moment.

use std::collections::HashMap;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::value::{Value, unhex};

/// Cases that one task may declare; far above every dataset's.
const CASE_LIMIT: usize = 100_000;
/// What a control's driver says of a case that held although an expected value in it was altered.
pub const ALTERED: &str = "altered";

/// How one case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseOutcome {
    /// It ran and held.
    Passed,
    /// It ran and an assertion or a comparison did not hold.
    Failed,
    /// It raised something else.
    Error,
    /// It asked to be skipped, which counts as not passed.
    Skipped,
    /// It ran out of its own time.
    Timeout,
    /// It never reported: the process ended before.
    Missing,
    /// It cannot be decided, for want of a stable expected value; it counts nowhere.
    Undecided,
}

/// One case's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseReport {
    /// The case's name within its task.
    pub id: String,
    /// How it ended.
    pub outcome: CaseOutcome,
    /// Why, in a few words or the end of a traceback; hostile text, bounded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What one case came to, as the driver saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CaseResult {
    /// The driver itself judged it, with the tests in its own process.
    Judged {
        /// Its judgement.
        outcome: CaseOutcome,
        /// Why.
        detail: String,
    },
    /// The function returned.
    Returned {
        /// What it returned.
        value: Value,
        /// Digest of the value's `repr`, where the grading compares those.
        repr: Option<String>,
    },
    /// The function raised.
    Raised {
        /// Name of the exception's class.
        name: String,
        /// Its message, bounded.
        message: String,
    },
    /// The case ran out of its own time, or was not run because others had.
    Timeout {
        /// Why it was not run, if so.
        detail: String,
    },
    /// The process of the case ended without a result, or the result is larger than is taken.
    NoResult {
        /// How it ended.
        detail: String,
    },
}

/// An exception that kept a snippet from loading.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadError {
    /// Name of the exception's class.
    pub name: String,
    /// Its message, bounded.
    pub message: String,
    /// Where it was raised.
    pub detail: String,
}

/// Something that a snippet did which a solution hardly ever does and a forgery may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspicion {
    /// What it did; hostile text, bounded.
    pub reason: String,
    /// Whether it looked at the code of its tests, or at everything there is in the process.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub grave: bool,
}

/// The events of one job, in order, each with a valid authentication code.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    /// The cases that the tests declare, from before the snippet ran; `None` without a first event.
    pub declared: Option<Vec<String>>,
    /// What the seed's comparison keys each declared case by, where the driver knows it.
    pub keys: Vec<String>,
    /// Results, in the order in which they came; no two of the same case.
    pub cases: Vec<(String, CaseResult)>,
    /// Where among the results that of each declared case is, once it came.
    places: HashMap<String, Option<usize>>,
    /// CPU time of cases that took some, in milliseconds, where the driver measures it.
    pub times: HashMap<String, u32>,
    /// Whether the snippet was loaded.
    pub loaded: bool,
    /// Why it was not.
    pub load_error: Option<LoadError>,
    /// Why the tests themselves cannot run; the dataset's fault.
    pub tests_error: Option<String>,
    /// Signs of interference that the driver noticed.
    pub tampered: Vec<String>,
    /// What the snippet did that a solution hardly ever does.
    pub suspicions: Vec<Suspicion>,
    /// In a control: the cases of which an expected value was altered.
    pub altered: Vec<String>,
    /// Errors outside any case, such as in `tearDownClass`.
    pub fixture: Option<String>,
    /// Whether the driver reached its end.
    pub ended: bool,
    /// Why the bytes were not all written by the driver.
    pub forged: Option<String>,
}

/// One line's JSON; which fields are there depends on `event`.
#[derive(Deserialize)]
struct Line {
    seq: u64,
    event: String,
    #[serde(default)]
    cases: Vec<String>,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    id: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    repr: Option<String>,
    #[serde(default)]
    error: Vec<String>,
    #[serde(default)]
    ms: u32,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    grave: bool,
    #[serde(default)]
    fixture: String,
}

impl Transcript {
    /// Reads what came out of a job's event channel. It never fails: what is wrong is in
    /// [`Transcript::forged`], and everything before it is kept.
    pub fn read(events: &[u8], nonce: &[u8; 32]) -> Self {
        let mut transcript = Self::default();
        let mut rest = events;
        let mut count = 0;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, tail) = rest.split_at(end);
            rest = &tail[1..];
            if let Err(reason) = transcript.take(line, nonce, count) {
                transcript.forged = Some(format!("event {count}: {reason}"));
                return transcript;
            }
            count += 1;
        }
        if transcript.ended && !rest.is_empty() {
            transcript.forged = Some("bytes after the end event".to_owned());
        }
        transcript
    }

    fn take(&mut self, line: &[u8], nonce: &[u8; 32], count: u64) -> Result<(), String> {
        let json = authentic(line, nonce).ok_or("its authentication code is wrong")?;
        let line: Line = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if line.seq != count {
            return Err(format!("its number is {}", line.seq));
        }
        if self.ended {
            return Err("it follows the end event".to_owned());
        }
        if (line.event == "begin") != self.declared.is_none() {
            return Err(format!("{} is out of order", line.event));
        }
        match line.event.as_str() {
            "begin" => {
                self.places = line.cases.iter().map(|id| (id.clone(), None)).collect();
                if self.places.len() != line.cases.len() || line.cases.len() > CASE_LIMIT {
                    return Err("it declares too many cases, or one twice".to_owned());
                }
                self.declared = Some(line.cases);
                self.keys = line.keys;
            }
            "case" => {
                match self.places.get_mut(&line.id) {
                    None => return Err(format!("case {} was not declared", line.id)),
                    Some(Some(_)) => return Err(format!("case {} came twice", line.id)),
                    Some(place) => *place = Some(self.cases.len()),
                }
                let result = case_result(&line)?;
                if line.ms > 0 {
                    self.times.insert(line.id.clone(), line.ms);
                }
                self.cases.push((line.id, result));
            }
            "loaded" => self.loaded = true,
            "load_error" => {
                let mut words = line.error.into_iter();
                self.load_error = Some(LoadError {
                    name: words.next().unwrap_or_default(),
                    message: words.next().unwrap_or_default(),
                    detail: line.detail,
                });
            }
            "tests_error" => self.tests_error = Some(line.detail),
            "tampered" => self.tampered.push(line.reason),
            "suspect" => self.suspicions.push(Suspicion {
                reason: line.reason,
                grave: line.grave,
            }),
            "altered" => self.altered = line.cases,
            "end" => {
                self.ended = true;
                self.fixture = Some(line.fixture).filter(|text| !text.is_empty());
            }
            other => return Err(format!("unknown event {other}")),
        }
        Ok(())
    }

    /// The result of one case, if it came.
    pub fn result(&self, id: &str) -> Option<&CaseResult> {
        let place = (*self.places.get(id)?)?;
        self.cases.get(place).map(|(_, result)| result)
    }
}

/// Where in a job's events three of them end. The codes are not looked at: this is for asking where the
/// time went, and for nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The first event.
    pub begin: Option<usize>,
    /// The one that says that the snippet was loaded.
    pub loaded: Option<usize>,
    /// The last one.
    pub end: Option<usize>,
}

impl Marks {
    /// Looks for them.
    pub fn of(events: &[u8]) -> Self {
        let mut marks = Self::default();
        let mut place = 0;
        for line in events.split_inclusive(|byte| *byte == b'\n') {
            place += line.len();
            marks.begin = marks.begin.or(Some(place));
            // A driver writes number and name first, so that a few bytes tell.
            let name = line
                .split(|byte| *byte == b',')
                .nth(1)
                .and_then(|rest| rest.strip_prefix(b"\"event\":\""));
            match name {
                Some(name) if name.starts_with(b"loaded\"") => marks.loaded = Some(place),
                Some(name) if name.starts_with(b"end\"") => marks.end = Some(place),
                _ => {}
            }
        }
        marks
    }
}

fn case_result(line: &Line) -> Result<CaseResult, String> {
    let judged = |outcome| CaseResult::Judged {
        outcome,
        detail: line.detail.clone(),
    };
    Ok(match line.outcome.as_str() {
        "passed" => judged(CaseOutcome::Passed),
        "failed" => judged(CaseOutcome::Failed),
        "error" => judged(CaseOutcome::Error),
        "skipped" => judged(CaseOutcome::Skipped),
        "timeout" => CaseResult::Timeout {
            detail: line.detail.clone(),
        },
        "returned" => match Value::parse(&line.value) {
            Ok(value) => CaseResult::Returned {
                value,
                repr: line.repr.clone(),
            },
            // The value passed through a process that the snippet owned: garbage is its result.
            Err(error) => CaseResult::NoResult {
                detail: error.to_string(),
            },
        },
        "raised" => CaseResult::Raised {
            name: line.error.first().cloned().unwrap_or_default(),
            message: line.error.get(1).cloned().unwrap_or_default(),
        },
        "no_result" => CaseResult::NoResult {
            detail: line.detail.clone(),
        },
        other => return Err(format!("unknown outcome {other}")),
    })
}

/// The JSON of a line whose authentication code holds.
pub(super) fn authentic<'a>(line: &'a [u8], nonce: &[u8; 32]) -> Option<&'a [u8]> {
    let space = line.len().checked_sub(65)?;
    let (json, code) = line.split_at(space);
    let code = std::str::from_utf8(code.strip_prefix(b" ")?).ok()?;
    let code = unhex(code).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(nonce).ok()?;
    mac.update(json);
    mac.verify_slice(&code).ok()?;
    Some(json)
}

#[cfg(test)]
pub(crate) mod signed;
#[cfg(test)]
mod tests;
