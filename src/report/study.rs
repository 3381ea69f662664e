//! The scanners of a run side by side: every number of `fumehood report --scanners`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::summary::About;
use crate::base::text::one_line;
use crate::base::version::STUDY;
use crate::dataset::{Labels, Which};
use crate::metrics::comparison::{Found, Naming};
use crate::metrics::{
    Agreement, Comparison, Confusion, Interval, Kappa, Opinions, SecurityCounts, Share,
};
use crate::scan::cwe::hierarchy;

/// Reasons of one scanner that are listed; of the others only the number of samples is told.
const REASONS: usize = 20;
/// Labels without a sample that are listed.
const UNMATCHED: usize = 100;
/// Characters of a name.
const NAME: usize = 200;
/// Characters of what is wrong with a line.
const REASON: usize = 500;

/// What the scanners of a run say, side by side. Built from the same journal and labels it is the same
/// to the byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StudySummary {
    /// Format of this document.
    pub version: u32,
    /// What was evaluated, and how.
    pub about: About,
    /// Version of MITRE's list, for names and parents of weaknesses.
    pub cwe_version: String,
    /// The scanners, in the order of every list of numbers below.
    pub scanners: Vec<String>,
    /// Samples, those that count in no figure included.
    pub samples: u64,
    /// What each scanner could analyse; where there are several, all together at the end.
    pub coverage: Vec<ScannerReach>,
    /// Samples by weakness, that of most samples first; also weaknesses that only kinds of were found.
    pub weaknesses: Vec<WeaknessCount>,
    /// Every pair of scanners.
    pub agreement: Vec<PairSummary>,
    /// The scanners against labels, if there are any.
    pub labels: Option<LabelSummary>,
}

/// What one scanner could analyse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScannerReach {
    /// The scanner; `None` for all together.
    pub scanner: Option<String>,
    /// Samples by answer.
    pub counts: SecurityCounts,
    /// Of the insecure ones, those that were not wholly analysed.
    pub insecure_not_wholly_analysed: u64,
    /// Samples by the reason why they were not, or not wholly, analysed; the twenty most frequent.
    pub reasons: Vec<ReasonCount>,
    /// Samples with other reasons.
    pub other_reasons: u64,
}

/// Samples that were not, or not wholly, analysed for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonCount {
    /// The reason, with `…` for what differs from sample to sample; hostile text, bounded.
    pub reason: String,
    /// How many samples.
    pub samples: u64,
}

/// Samples in which one weakness was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeaknessCount {
    /// The CWE number; `None` for rules that have none.
    pub cwe: Option<u32>,
    /// MITRE's name; `None` for a number that MITRE's list of weaknesses does not have.
    pub name: Option<String>,
    /// The weaknesses that it is directly a kind of.
    pub parents: Vec<u32>,
    /// Samples with a counting finding of this number, by scanner.
    pub samples: Vec<u64>,
    /// Those in which at least one scanner has such a finding.
    pub samples_any: u64,
    /// Samples with a counting finding of this number or of a kind of it, by scanner.
    pub with_kinds: Vec<u64>,
    /// Those in which at least one scanner has such a finding.
    pub with_kinds_any: u64,
}

/// Two scanners.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairSummary {
    /// The first.
    pub first: String,
    /// The second.
    pub second: String,
    /// What they say of the same samples.
    pub counts: Agreement,
    /// Samples that both could analyse.
    pub samples: u64,
    /// The share of which they say the same.
    pub observed: Option<f64>,
    /// Its 95 % interval (Wilson).
    pub observed_interval: Option<Interval>,
    /// That share if chance alone decided.
    pub expected: Option<f64>,
    /// Cohen's kappa; `None` where it is not defined.
    pub kappa: Option<Kappa>,
    /// Whether they mean the same by insecure.
    pub naming: Naming,
}

/// The scanners against labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelSummary {
    /// Samples that are labelled insecure.
    pub insecure: u64,
    /// Samples that are labelled secure.
    pub secure: u64,
    /// Samples without a label.
    pub samples_without_label: u64,
    /// Lines whose label is null.
    pub null_labels: u64,
    /// Labels of samples that the run does not have.
    pub labels_without_sample: u64,
    /// The first hundred of them.
    pub without_sample: Vec<UnmatchedLabel>,
    /// Lines that are no labels.
    pub rejected_lines: u64,
    /// The first hundred of them.
    pub rejected: Vec<RejectedLabel>,
    /// Every scanner against the labels; where there are several, all together at the end.
    pub scanners: Vec<Judged>,
}

/// A label of a sample that the run does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnmatchedLabel {
    /// The line, from 1.
    pub line: u64,
    /// The task; hostile text, bounded.
    pub task_id: String,
    /// The sample's place in its task, if it is named so.
    pub sample: Option<u32>,
    /// The sample's own name, if it is named so; hostile text, bounded.
    pub sample_id: Option<String>,
}

/// A line that is no label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectedLabel {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it, and what to do; hostile text, bounded.
    pub reason: String,
}

/// One scanner against the labels. Positive means insecure; unknown samples are left out of all
/// figures but the ranges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// The scanner; `None` for all together.
    pub scanner: Option<String>,
    /// Samples by label and answer.
    pub counts: Confusion,
    /// Of the flagged samples, those labelled insecure.
    pub precision: Share,
    /// Of the samples labelled insecure, those flagged.
    pub recall: Share,
    /// The recall if no unknown sample was flagged, and if every one was; `None` if none is unknown.
    pub recall_range: Option<Interval>,
    /// Of the samples labelled secure, those passed as secure.
    pub specificity: Share,
    /// The specificity if every unknown sample was flagged, and if none was; `None` if none is unknown.
    pub specificity_range: Option<Interval>,
    /// The harmonic mean of precision and recall.
    pub f1: Option<f64>,
    /// Of all samples, those of which label and scanner say the same.
    pub accuracy: Share,
}

impl StudySummary {
    /// The study of a run: `labels` are those that the opinions were marked by.
    pub fn build(mut about: About, opinions: &Opinions, labels: Option<&Labels>) -> Self {
        about.tools.sort();
        about.tools.dedup();
        let names = opinions.panel().names();
        let comparison = Comparison::of(opinions);
        let with_all: Vec<Option<usize>> = (0..names.len())
            .map(Some)
            .chain((names.len() > 1).then_some(None))
            .collect();
        let name = |place: &Option<usize>| place.map(|place| names[place].clone());
        let pairs = (0..names.len()).flat_map(|a| (a + 1..names.len()).map(move |b| (a, b)));
        Self {
            version: STUDY,
            about,
            cwe_version: hierarchy::version().to_owned(),
            scanners: names.to_vec(),
            samples: comparison.samples(),
            coverage: with_all
                .iter()
                .map(|place| ScannerReach::of(name(place), &comparison, *place))
                .collect(),
            weaknesses: weaknesses(&comparison),
            agreement: pairs
                .map(|(a, b)| PairSummary::of((a, &names[a]), (b, &names[b]), &comparison))
                .collect(),
            labels: labels.map(|labels| {
                let scanners = with_all
                    .iter()
                    .map(|place| Judged::of(name(place), comparison.confusion(*place)));
                LabelSummary::of(labels, &comparison, scanners.collect())
            }),
        }
    }
}

impl ScannerReach {
    fn of(scanner: Option<String>, comparison: &Comparison<'_>, place: Option<usize>) -> Self {
        let mut reach = comparison.reach(place);
        let others = reach.reasons.split_off(reach.reasons.len().min(REASONS));
        Self {
            scanner,
            counts: reach.counts,
            insecure_not_wholly_analysed: reach.partly,
            reasons: reach
                .reasons
                .into_iter()
                .map(|(reason, samples)| ReasonCount { reason, samples })
                .collect(),
            other_reasons: others.iter().map(|(_, samples)| samples).sum(),
        }
    }
}

fn weaknesses(comparison: &Comparison<'_>) -> Vec<WeaknessCount> {
    let found: BTreeMap<Option<u32>, Found> = comparison.found();
    let mut counts: Vec<WeaknessCount> = found
        .into_iter()
        .map(|(cwe, found)| WeaknessCount {
            cwe,
            name: cwe.and_then(hierarchy::name).map(str::to_owned),
            parents: cwe.map_or_else(Vec::new, |cwe| hierarchy::parents(cwe).to_vec()),
            samples: found.own,
            samples_any: found.own_any,
            with_kinds: found.kinds,
            with_kinds_any: found.kinds_any,
        })
        .collect();
    // Stable: equal counts stay in the order of their numbers.
    counts.sort_by_key(|count| std::cmp::Reverse((count.samples_any, count.with_kinds_any)));
    counts
}

impl PairSummary {
    fn of(first: (usize, &str), second: (usize, &str), comparison: &Comparison<'_>) -> Self {
        let counts = comparison.agreement(first.0, second.0);
        Self {
            first: first.1.to_owned(),
            second: second.1.to_owned(),
            counts,
            samples: counts.samples(),
            observed: counts.observed(),
            observed_interval: counts.observed_interval(),
            expected: counts.expected(),
            kappa: counts.kappa(),
            naming: comparison.naming(first.0, second.0),
        }
    }
}

impl LabelSummary {
    fn of(labels: &Labels, comparison: &Comparison<'_>, scanners: Vec<Judged>) -> Self {
        let (insecure, secure) = comparison.labelled();
        let unmatched = labels.unmatched();
        let (rejected, rejected_lines) = labels.rejected();
        Self {
            insecure,
            secure,
            samples_without_label: comparison.samples() - insecure - secure,
            null_labels: labels.nulls(),
            labels_without_sample: unmatched.len() as u64,
            without_sample: unmatched
                .into_iter()
                .take(UNMATCHED)
                .map(|label| {
                    let (sample, sample_id) = match label.which {
                        Which::Index(index) => (Some(index), None),
                        Which::Name(name) => (None, Some(one_line(&name, NAME))),
                    };
                    UnmatchedLabel {
                        line: label.line,
                        task_id: one_line(label.task.as_str(), NAME),
                        sample,
                        sample_id,
                    }
                })
                .collect(),
            rejected_lines,
            rejected: rejected
                .iter()
                .map(|error| RejectedLabel {
                    line: error.line.unwrap_or_default(),
                    reason: one_line(&format!("{}; {}", error.what, error.remedy), REASON),
                })
                .collect(),
            scanners,
        }
    }
}

impl Judged {
    fn of(scanner: Option<String>, counts: Confusion) -> Self {
        Self {
            scanner,
            counts,
            precision: counts.precision(),
            recall: counts.recall(),
            recall_range: counts.recall_range(),
            specificity: counts.specificity(),
            specificity_range: counts.specificity_range(),
            f1: counts.f1(),
            accuracy: counts.accuracy(),
        }
    }
}
