//! Whether a pass was earned.
//!
//! Where tests share the process of the snippet, it can report what they did not say, or read from
//! them what they expect. So a pass that comes with a suspicion is put to the test again, by the same
//! snippet and the same driver in a fresh sandbox, with tests that cannot be passed (see
//! [`control_plan`](crate::harness::control_plan)). What passes there is no solution:
//!
//! | what a control shows | the verdict |
//! |---|---|
//! | a case passes that was made to fail at its end | tampered: nothing honest can do that |
//! | a case holds against an altered expected value | one more control, with other values; again: tampered |
//! | the driver noticed interference, or bytes that it did not write | tampered |
//! | a case passed of which no expected value can be altered, and it reached for its tests, or for libraries that they call | tampered: it cannot be shown that it did not read the one or change the other |
//! | it ended otherwise, or no case passed | the pass stands |
//!
//! A solution that gives other results each time can equal an altered value by chance, though hardly
//! twice in a row; all other rows leave nothing to chance.

use super::kind::{Verdict, VerdictKind};
use crate::dataset::Task;
use crate::harness::transcript::ALTERED;
use crate::harness::{CaseOutcome, CaseResult, Transcript, is_controlled};
use crate::worker::Observation;

/// A pass whose controls are under way.
#[derive(Clone, Debug)]
pub struct Control {
    verdict: Verdict,
    /// Cases that held against altered values in every control so far.
    held: Option<Vec<String>>,
}

/// What a control led to.
#[derive(Clone, Debug)]
pub enum Step {
    /// One more control is needed.
    Again(Control),
    /// The verdict.
    Done(Verdict),
    /// The control did not run, which is our failure and no result; it is to be run again.
    NotRun(Control, String),
}

impl Control {
    /// Whether a verdict is a pass that may not have been earned.
    pub fn is_needed(task: &Task, verdict: &Verdict) -> bool {
        let is_suspect = verdict.kind == VerdictKind::Passed && !verdict.suspicions.is_empty();
        is_suspect && is_controlled(&task.tests)
    }

    /// Begins the controls of a verdict.
    pub fn new(verdict: Verdict) -> Self {
        Self {
            verdict,
            held: None,
        }
    }

    /// Takes what a control came to; `nonce` is that of its plan.
    pub fn take(mut self, nonce: &[u8; 32], observation: &Observation) -> Step {
        let transcript = Transcript::read(&observation.events, nonce);
        if transcript.declared.is_none() && transcript.forged.is_none() {
            return Step::NotRun(self, "the test driver did not start".to_owned());
        }
        if let Some(error) = transcript.tests_error {
            return Step::NotRun(self, format!("the altered tests cannot run: {error}"));
        }
        self.verdict.controls += 1;
        if transcript.forged.is_some() || !transcript.tampered.is_empty() {
            return self.unearned("in a control it interfered with the harness");
        }
        let mut held = Vec::new();
        for (id, result) in &transcript.cases {
            match result {
                CaseResult::Judged {
                    outcome: CaseOutcome::Passed,
                    detail,
                } if detail == ALTERED => held.push(id.clone()),
                CaseResult::Judged {
                    outcome: CaseOutcome::Passed,
                    ..
                } => {
                    let what = format!("{id} passed in a control in which it cannot be passed");
                    return self.unearned(&what);
                }
                _ => {}
            }
        }
        if let Some(before) = &self.held {
            held.retain(|id| before.contains(id));
            if let Some(id) = held.first() {
                let what = format!("{id} held against altered expected values, twice");
                return self.unearned(&what);
            }
            return Step::Done(self.verdict);
        }
        if !held.is_empty() {
            self.held = Some(held);
            return Step::Again(self);
        }
        let looked = self.verdict.suspicions.iter().find(|known| known.grave);
        let mut passed = self
            .verdict
            .cases
            .iter()
            .filter(|case| case.outcome == CaseOutcome::Passed);
        let open = passed.find(|case| !transcript.altered.contains(&case.id));
        if let (Some(looked), Some(open)) = (looked, open) {
            let what = format!(
                "{}, and no expected value of {} can be altered",
                looked.reason, open.id
            );
            return self.unearned(&what);
        }
        Step::Done(self.verdict)
    }

    /// What becomes of the sample when a control could not be run: our failure, and never a pass.
    pub fn failed(mut self, reason: &str) -> Verdict {
        self.verdict.kind = VerdictKind::Infra;
        self.verdict.detail = format!("its pass could not be controlled: {reason}");
        self.verdict.cases.clear();
        self.verdict.declared = 0;
        self.verdict
    }

    fn unearned(mut self, what: &str) -> Step {
        self.verdict.kind = VerdictKind::Tampered;
        self.verdict.detail = format!("the pass was not earned: {what}");
        for case in &mut self.verdict.cases {
            case.outcome = CaseOutcome::Failed;
            "does not count: the pass was not earned".clone_into(&mut case.detail);
        }
        Step::Done(self.verdict)
    }
}

#[cfg(test)]
mod tests;
