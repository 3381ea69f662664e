//! What one sample contributes to the metrics.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::record::precedence;
use crate::base::id::SampleId;
use crate::harness::CaseOutcome;
use crate::scan::Security;
use crate::verdict::{Verdict, VerdictKind};

/// Everything that the metrics need to know about one sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Which sample; a second set of facts for the same id never counts twice.
    pub sample: SampleId,
    /// What reports compare side by side, such as a hardening technique or a model.
    pub group: Option<String>,
    /// Cases that held, at most `declared_cases`.
    pub passed_cases: u32,
    /// Cases that the tests declare and that can be decided.
    pub declared_cases: u32,
    /// The verdict's kind, for the counts that go with the figures.
    pub kind: VerdictKind,
    /// Whether it passed as a whole.
    pub functional: Functional,
    /// What each scanner says; a scanner of the run that is missing here counts as unknown.
    pub scanners: BTreeMap<String, Security>,
    /// Place in the model's own ranking, 1 is best.
    pub rank: Option<u32>,
}

/// Whether a sample does what its task asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Functional {
    /// Every declared case held.
    Passed,
    /// It did not pass, for whatever reason of its own.
    NotPassed,
    /// It counts in no figure.
    Excluded(Exclusion),
}

/// Why a sample counts in no figure. None of these is the model's fault.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Exclusion {
    /// The task's own answer does not pass here, so no answer can be judged. Said of one sample, it
    /// holds for all samples of the task.
    GroundTruth,
    /// The task has no case that can be decided: 0 of 0 is no result. Said of one sample, it holds
    /// for all samples of the task.
    NoCases,
    /// fumehood or its host failed.
    Infra,
}

impl Exclusion {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::GroundTruth, Self::NoCases, Self::Infra];

    /// Its name in JSON and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::GroundTruth => "ground-truth",
            Self::NoCases => "no-cases",
            Self::Infra => "infra",
        }
    }

    /// What it means, in a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::GroundTruth => "the task's own answer does not pass here",
            Self::NoCases => "the task has no case that can be decided",
            Self::Infra => "fumehood or its host failed",
        }
    }
}

impl Facts {
    /// The facts of a verdict: no group, no rank, not scanned.
    ///
    /// Cases that never ran count as not passed, so a sample that timed out after three of five
    /// cases has 3 of 5. A sample that tampered with the harness has none: its reports are worth
    /// nothing.
    pub fn of(sample: SampleId, verdict: &Verdict) -> Self {
        let held = verdict
            .cases
            .iter()
            .filter(|case| case.outcome == CaseOutcome::Passed)
            .count();
        let held = u32::try_from(held).unwrap_or(u32::MAX);
        let (functional, passed_cases) = match verdict.kind {
            VerdictKind::Infra => (Functional::Excluded(Exclusion::Infra), 0),
            // The tests ran and had nothing to say. Only these kinds show it: code that cheats, dies
            // or hangs may also leave no declared case behind, and must not escape by it.
            VerdictKind::Passed | VerdictKind::Failed | VerdictKind::Error
                if verdict.declared == 0 =>
            {
                (Functional::Excluded(Exclusion::NoCases), 0)
            }
            VerdictKind::Passed => (Functional::Passed, verdict.declared),
            VerdictKind::Tampered | VerdictKind::NoCode => (Functional::NotPassed, 0),
            _ => (Functional::NotPassed, held.min(verdict.declared)),
        };
        Self {
            sample,
            group: None,
            kind: verdict.kind,
            passed_cases,
            declared_cases: verdict.declared,
            functional,
            scanners: BTreeMap::new(),
            rank: None,
        }
    }

    /// Which of two verdicts on one sample counts: the smaller. An aggregator that is given both keeps the same one.
    pub fn precedence(&self) -> impl Ord + use<> {
        let cases = (self.passed_cases, self.declared_cases);
        precedence(self.functional, cases, self.rank, self.kind)
    }

    /// The same, with what each scanner says.
    #[must_use]
    pub fn with_security(mut self, scanners: BTreeMap<String, Security>) -> Self {
        self.scanners = scanners;
        self
    }

    /// The same, in a group.
    #[must_use]
    pub fn in_group(mut self, group: Option<String>) -> Self {
        self.group = group;
        self
    }

    /// The same, with the model's own rank.
    #[must_use]
    pub fn ranked(mut self, rank: Option<u32>) -> Self {
        self.rank = rank;
        self
    }

    /// The same, counted in no figure: for every sample of a task whose ground truth fails.
    #[must_use]
    pub fn excluded(mut self, why: Exclusion) -> Self {
        self.functional = Functional::Excluded(why);
        self
    }
}

#[cfg(test)]
mod tests;
