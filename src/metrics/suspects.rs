//! Passes that came with a suspicion, and what their controls came to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::id::SampleId;
use crate::verdict::{Verdict, VerdictKind};

/// Samples of which the reasons are kept, of those that keep their pass and of the others each.
const LISTED: usize = 100;
/// Reasons of one sample that are kept.
const REASONS: usize = 4;
/// Characters of a reason that are kept.
const REASON: usize = 200;

/// What became of one suspect pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Outcome {
    is_unearned: bool,
    controls: u32,
}

/// The suspect passes of a run: numbers for all of them, reasons for the first in the order of
/// sample ids, so that a journal of any length takes little room. A sample that is added twice
/// counts once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspects {
    samples: BTreeMap<SampleId, Outcome>,
    /// Reasons of passes that stand.
    standing: BTreeMap<SampleId, Vec<String>>,
    /// Reasons of passes that were not earned.
    unearned: BTreeMap<SampleId, Vec<String>>,
}

/// One suspect pass of which the reasons are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspect<'a> {
    /// The sample.
    pub sample: &'a SampleId,
    /// Whether a control showed that the pass was not earned.
    pub is_unearned: bool,
    /// Controls that were run.
    pub controls: u32,
    /// What it did, the first few; hostile text, bounded.
    pub reasons: &'a [String],
}

impl Suspects {
    /// Adds a sample, unless its verdict is neither a suspect pass nor what a control made of one.
    ///
    /// Only passes are controlled, so a verdict that rests on a control was one.
    pub fn add(&mut self, sample: &SampleId, verdict: &Verdict) {
        let is_unearned = match verdict.kind {
            VerdictKind::Passed if !verdict.suspicions.is_empty() => false,
            VerdictKind::Tampered if verdict.controls > 0 => true,
            _ => return,
        };
        let outcome = Outcome {
            is_unearned,
            controls: verdict.controls,
        };
        let reasons = verdict.suspicions.iter().take(REASONS);
        let reasons = reasons.map(|known| known.reason.chars().take(REASON).collect());
        self.put(sample, outcome);
        list(self.reasons_of(is_unearned), sample, reasons.collect());
    }

    /// Adds all that another one holds.
    pub fn merge(&mut self, other: &Self) {
        for (sample, outcome) in &other.samples {
            self.put(sample, *outcome);
        }
        for (is_unearned, theirs) in [(false, &other.standing), (true, &other.unearned)] {
            for (sample, reasons) in theirs {
                list(self.reasons_of(is_unearned), sample, reasons.clone());
            }
        }
    }

    /// The same with other sample ids, in the same order within each task.
    pub(super) fn renumbered(&self, id: impl Fn(&SampleId) -> SampleId) -> Self {
        let listed = |all: &BTreeMap<SampleId, Vec<String>>| {
            let all = all.iter();
            all.map(|(sample, reasons)| (id(sample), reasons.clone()))
                .collect()
        };
        let samples = self.samples.iter();
        Self {
            samples: samples
                .map(|(sample, outcome)| (id(sample), *outcome))
                .collect(),
            standing: listed(&self.standing),
            unearned: listed(&self.unearned),
        }
    }

    fn put(&mut self, sample: &SampleId, outcome: Outcome) {
        let known = self.samples.entry(sample.clone()).or_insert(outcome);
        // Of two records the less favourable, whatever the order of arrival.
        *known = outcome.max(*known);
    }

    fn reasons_of(&mut self, is_unearned: bool) -> &mut BTreeMap<SampleId, Vec<String>> {
        match is_unearned {
            true => &mut self.unearned,
            false => &mut self.standing,
        }
    }

    /// Passes that came with a suspicion, whatever became of them.
    pub fn passes(&self) -> u64 {
        self.samples.len() as u64
    }

    /// Controls that were run for them.
    pub fn controls(&self) -> u64 {
        let controls = self.samples.values();
        controls.map(|outcome| u64::from(outcome.controls)).sum()
    }

    /// Those that controls showed to be not earned.
    pub fn unearned(&self) -> u64 {
        let outcomes = self.samples.values();
        outcomes.filter(|outcome| outcome.is_unearned).count() as u64
    }

    /// The samples of which the reasons are kept: those that lost their pass first.
    pub fn listed(&self) -> impl Iterator<Item = Suspect<'_>> {
        let both = [(true, &self.unearned), (false, &self.standing)];
        both.into_iter().flat_map(move |(is_unearned, listed)| {
            listed.iter().filter_map(move |(sample, reasons)| {
                // A sample with two records is listed as what it counts as.
                let outcome = self.samples.get(sample)?;
                (outcome.is_unearned == is_unearned).then_some(Suspect {
                    sample,
                    is_unearned,
                    controls: outcome.controls,
                    reasons,
                })
            })
        })
    }
}

/// Keeps the reasons of the first samples in order, so that it does not matter when they came.
fn list(listed: &mut BTreeMap<SampleId, Vec<String>>, sample: &SampleId, reasons: Vec<String>) {
    // Of two records the smaller, whatever the order of arrival.
    let known = listed
        .entry(sample.clone())
        .or_insert_with(|| reasons.clone());
    if reasons < *known {
        *known = reasons;
    }
    if listed.len() > LISTED {
        listed.pop_last();
    }
}

#[cfg(test)]
mod tests;
