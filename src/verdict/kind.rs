//! The closed set of verdicts.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::limits::LimitKind;
use crate::base::text::Excerpt;
use crate::harness::{CaseReport, SafetyReport, Suspicion};
use crate::worker::{Behaviour, Usage};

/// What became of one sample.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictKind {
    /// Every declared case ran and held.
    Passed,
    /// At least one case did not hold.
    Failed,
    /// The code did not load, or raised outside a case.
    Error,
    /// It used up its CPU time or its wall-clock time.
    Timeout,
    /// It used up its memory.
    Memory,
    /// It wrote more output than allowed.
    Output,
    /// It started more processes than allowed.
    Processes,
    /// A signal ended it.
    Crashed,
    /// It ended before the harness did.
    Incomplete,
    /// It interfered with the harness.
    Tampered,
    /// The sample holds no code.
    NoCode,
    /// fumehood or its host failed; never the sample's fault, and counted apart.
    Infra,
}

impl VerdictKind {
    /// All kinds, in the order in which reports show them.
    pub const ALL: [Self; 12] = [
        Self::Passed,
        Self::Failed,
        Self::Error,
        Self::Timeout,
        Self::Memory,
        Self::Output,
        Self::Processes,
        Self::Crashed,
        Self::Incomplete,
        Self::Tampered,
        Self::NoCode,
        Self::Infra,
    ];

    /// The kind's name in JSON and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::Output => "output",
            Self::Processes => "processes",
            Self::Crashed => "crashed",
            Self::Incomplete => "incomplete",
            Self::Tampered => "tampered",
            Self::NoCode => "no-code",
            Self::Infra => "infra",
        }
    }
}

impl fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The verdict on one sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What became of it.
    pub kind: VerdictKind,
    /// Every declared case that can be decided, in declared order.
    pub cases: Vec<CaseReport>,
    /// Cases that the tests declare and that can be decided; the denominator of the pass rate.
    pub declared: u32,
    /// What it used.
    pub usage: Usage,
    /// The limit that ended it.
    pub limit: Option<LimitKind>,
    /// Why, in a sentence.
    pub detail: String,
    /// What it did that a solution hardly ever does and a forgery may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspicions: Vec<Suspicion>,
    /// Further runs, with tests that cannot be passed, that this verdict rests on.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub controls: u32,
    /// What it printed.
    pub stdout: Excerpt,
    /// What it printed to standard error.
    pub stderr: Excerpt,
    /// The forbidden acts that it attempted; `None` where nobody could tell, and in records of
    /// before there was this report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behaviour: Option<Behaviour>,
    /// What became of the task's safety cases, a run of their own that decides nothing else; `None` where the task has
    /// none, and where nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safety: Option<SafetyReport>,
}

impl Verdict {
    /// A verdict of which nothing is known but its kind: no case, no usage, no output.
    pub fn of(kind: VerdictKind) -> Self {
        Self {
            kind,
            cases: Vec::new(),
            declared: 0,
            usage: Usage::default(),
            limit: None,
            detail: String::new(),
            suspicions: Vec::new(),
            controls: 0,
            stdout: Excerpt::default(),
            stderr: Excerpt::default(),
            behaviour: None,
            safety: None,
        }
    }

    /// Whether part of it is missing for a failure of ours, so that it is worth another try.
    pub fn is_ours(&self) -> bool {
        self.kind == VerdictKind::Infra || self.safety.as_ref().is_some_and(|report| report.ours)
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
