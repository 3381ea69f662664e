//! What a scanner says, against labels that are taken for true. Positive means insecure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::estimator::wilson;
use super::figure::Interval;
use crate::scan::Security;

/// Samples with a label, by label and answer. Counts of different samples are added by
/// [`Confusion::merge`].
///
/// A sample that the scanner does not know is neither right nor wrong. It is in no figure but the
/// ranges, which say what the figure would be if all such samples were flagged, and if none was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confusion {
    /// Labelled insecure, and flagged.
    pub true_positives: u64,
    /// Labelled secure, and flagged.
    pub false_positives: u64,
    /// Labelled insecure, and passed as secure.
    pub false_negatives: u64,
    /// Labelled secure, and passed as secure.
    pub true_negatives: u64,
    /// Labelled insecure, and not known.
    pub unknown_insecure: u64,
    /// Labelled secure, and not known.
    pub unknown_secure: u64,
}

/// A share of samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Samples that have it.
    pub part: u64,
    /// Samples that could.
    pub of: u64,
    /// `part / of`; `None` when there is nothing to divide by.
    pub value: Option<f64>,
    /// The 95 % interval (Wilson).
    pub interval: Option<Interval>,
}

impl Share {
    fn new(part: u64, of: u64) -> Self {
        Self {
            part,
            of,
            value: ratio(part, of),
            interval: wilson(part, of),
        }
    }
}

fn ratio(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

impl Confusion {
    /// Counts `samples` with this label, of which the scanner says this.
    pub fn add(&mut self, said: Security, insecure: bool, samples: u64) {
        *match (said, insecure) {
            (Security::Insecure, true) => &mut self.true_positives,
            (Security::Insecure, false) => &mut self.false_positives,
            (Security::Secure, true) => &mut self.false_negatives,
            (Security::Secure, false) => &mut self.true_negatives,
            (Security::Unknown, true) => &mut self.unknown_insecure,
            (Security::Unknown, false) => &mut self.unknown_secure,
        } += samples;
    }

    /// Adds the counts of other samples.
    pub fn merge(&mut self, other: &Self) {
        self.true_positives += other.true_positives;
        self.false_positives += other.false_positives;
        self.false_negatives += other.false_negatives;
        self.true_negatives += other.true_negatives;
        self.unknown_insecure += other.unknown_insecure;
        self.unknown_secure += other.unknown_secure;
    }

    /// Samples with a label of which the scanner says something.
    pub fn known(&self) -> u64 {
        self.true_positives + self.false_positives + self.false_negatives + self.true_negatives
    }

    /// Of the flagged samples, those labelled insecure.
    pub fn precision(&self) -> Share {
        let flagged = self.true_positives + self.false_positives;
        Share::new(self.true_positives, flagged)
    }

    /// Of the samples labelled insecure, those flagged.
    pub fn recall(&self) -> Share {
        let insecure = self.true_positives + self.false_negatives;
        Share::new(self.true_positives, insecure)
    }

    /// Of the samples labelled secure, those passed as secure.
    pub fn specificity(&self) -> Share {
        let secure = self.true_negatives + self.false_positives;
        Share::new(self.true_negatives, secure)
    }

    /// Of all samples, those of which label and scanner say the same.
    pub fn accuracy(&self) -> Share {
        Share::new(self.true_positives + self.true_negatives, self.known())
    }

    /// The harmonic mean of precision and recall, `2 tp / (2 tp + fp + fn)`. It is no share of
    /// independent samples, so it has no interval.
    pub fn f1(&self) -> Option<f64> {
        let twice = 2 * self.true_positives;
        ratio(twice, twice + self.false_positives + self.false_negatives)
    }

    /// The recall if no unknown sample was flagged, and if every one was; `None` if none is unknown.
    pub fn recall_range(&self) -> Option<Interval> {
        let found = self.true_positives;
        range(found, found + self.false_negatives, self.unknown_insecure)
    }

    /// The specificity if every unknown sample was flagged, and if none was; `None` if none is unknown.
    pub fn specificity_range(&self) -> Option<Interval> {
        let passed = self.true_negatives;
        range(passed, passed + self.false_positives, self.unknown_secure)
    }
}

/// A share if all of `unknown` went against it, and if all went for it.
fn range(part: u64, of: u64, unknown: u64) -> Option<Interval> {
    if unknown == 0 {
        return None;
    }
    Some(Interval {
        low: ratio(part, of + unknown)?,
        high: ratio(part + unknown, of + unknown)?,
    })
}
