//! What the scanners of a run say, counted and set side by side.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::aggregator::SecurityCounts;
use super::agreement::Agreement;
use super::confusion::Confusion;
use super::opinions::{Alike, Opinion, Opinions, Said};
use super::panel::Panel;
use crate::scan::Security;
use crate::scan::cwe::hierarchy;

/// Everything that is counted of the scanners' opinions.
#[derive(Clone, Debug)]
pub struct Comparison<'a> {
    panel: &'a Panel,
    alike: Vec<Alike<'a>>,
    /// What each CWE number is a kind of, itself first; every number once.
    lines: HashMap<u32, BTreeSet<u32>>,
}

/// What one scanner could analyse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Samples by answer.
    pub counts: SecurityCounts,
    /// Of the insecure ones, those that were not wholly analysed.
    pub partly: u64,
    /// Samples by the reason why they were not, or not wholly, analysed; the most frequent first.
    pub reasons: Vec<(String, u64)>,
}

/// Samples in which one weakness was found, by scanner in the order of the panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Samples with a finding of this number.
    pub own: Vec<u64>,
    /// Those of at least one scanner.
    pub own_any: u64,
    /// Samples with a finding of this number or of a kind of it.
    pub kinds: Vec<u64>,
    /// Those of at least one scanner.
    pub kinds_any: u64,
}

/// Of the samples that two scanners call insecure: whether they mean the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Naming {
    /// Samples that both call insecure.
    pub both_insecure: u64,
    /// Both name a same CWE number.
    pub same_cwe: u64,
    /// A number that one names is the same as, or in MITRE's hierarchy above, one that the other names;
    /// the same ones are among them.
    pub related_cwe: u64,
    /// At least one of the two names no number at all, so that nothing can be said.
    pub no_cwe: u64,
}

impl<'a> Comparison<'a> {
    /// Of these opinions.
    pub fn of(opinions: &'a Opinions) -> Self {
        let alike = opinions.alike();
        let scanners = alike.iter().flat_map(|alike| &alike.opinion.scanners);
        let numbers = scanners.flat_map(|said| said.cwes.iter().flatten());
        let mut lines = HashMap::new();
        for number in numbers {
            lines.entry(*number).or_insert_with(|| {
                let mut line = hierarchy::ancestors(*number);
                line.insert(*number);
                line
            });
        }
        Self {
            panel: opinions.panel(),
            alike,
            lines,
        }
    }

    /// Samples.
    pub fn samples(&self) -> u64 {
        self.alike.iter().map(|alike| alike.samples).sum()
    }

    /// Samples by label: insecure, secure.
    pub fn labelled(&self) -> (u64, u64) {
        let with = |wanted| {
            let those = self
                .alike
                .iter()
                .filter(|alike| alike.label == Some(wanted));
            those.map(|alike| alike.samples).sum()
        };
        (with(true), with(false))
    }

    /// What a scanner could analyse, and why not the rest; of all together for `None`, without reasons.
    pub fn reach(&self, scanner: Option<usize>) -> Reach {
        let mut reach = Reach::default();
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for alike in &self.alike {
            let security = answer(alike.opinion, scanner);
            *match security {
                Security::Secure => &mut reach.counts.secure,
                Security::Insecure => &mut reach.counts.insecure,
                Security::Unknown => &mut reach.counts.unknown,
            } += alike.samples;
            let said = scanner.and_then(|place| alike.opinion.scanners.get(place));
            if let Some(reason) = said.and_then(|said| said.not_analysed.as_deref()) {
                *reasons.entry(reason).or_default() += alike.samples;
                if security == Security::Insecure {
                    reach.partly += alike.samples;
                }
            }
        }
        let reasons = reasons.into_iter();
        reach.reasons = reasons
            .map(|(reason, count)| (reason.to_owned(), count))
            .collect();
        // Stable: equal counts stay in the order of their words.
        reach
            .reasons
            .sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        reach
    }

    /// The weaknesses that were found, and all that they are kinds of; findings without a number are
    /// under `None`.
    pub fn found(&self) -> BTreeMap<Option<u32>, Found> {
        let scanners = self.panel.names().len();
        let mut all: BTreeMap<Option<u32>, Found> = BTreeMap::new();
        for alike in &self.alike {
            let (mut own_any, mut kinds_any) = (BTreeSet::new(), BTreeSet::new());
            for (place, said) in alike.opinion.scanners.iter().enumerate() {
                let kinds = self.with_parents(said);
                for cwe in &said.cwes {
                    entry(&mut all, *cwe, scanners).own[place] += alike.samples;
                }
                for cwe in &kinds {
                    entry(&mut all, *cwe, scanners).kinds[place] += alike.samples;
                }
                own_any.extend(said.cwes.iter().copied());
                kinds_any.extend(kinds);
            }
            for cwe in own_any {
                entry(&mut all, cwe, scanners).own_any += alike.samples;
            }
            for cwe in kinds_any {
                entry(&mut all, cwe, scanners).kinds_any += alike.samples;
            }
        }
        all
    }

    fn with_parents(&self, said: &Said) -> BTreeSet<Option<u32>> {
        let mut all = said.cwes.clone();
        for number in said.cwes.iter().flatten() {
            all.extend(self.line(*number).iter().copied().map(Some));
        }
        all
    }

    fn line(&self, number: u32) -> &BTreeSet<u32> {
        &self.lines[&number]
    }

    /// How far two scanners agree.
    pub fn agreement(&self, first: usize, second: usize) -> Agreement {
        let mut agreement = Agreement::default();
        for alike in &self.alike {
            let of = |place| answer(alike.opinion, Some(place));
            agreement.add(of(first), of(second), alike.samples);
        }
        agreement
    }

    /// Whether two scanners mean the same by insecure.
    pub fn naming(&self, first: usize, second: usize) -> Naming {
        let mut naming = Naming::default();
        for alike in &self.alike {
            let scanners = &alike.opinion.scanners;
            let (Some(one), Some(other)) = (scanners.get(first), scanners.get(second)) else {
                continue;
            };
            if [one, other]
                .iter()
                .any(|said| said.security != Security::Insecure)
            {
                continue;
            }
            naming.both_insecure += alike.samples;
            let numbers = |said: &'a Said| said.cwes.iter().flatten();
            let pairs = || numbers(one).flat_map(|a| numbers(other).map(move |b| (*a, *b)));
            if numbers(one).next().is_none() || numbers(other).next().is_none() {
                naming.no_cwe += alike.samples;
            }
            if pairs().any(|(a, b)| a == b) {
                naming.same_cwe += alike.samples;
            }
            if pairs().any(|(a, b)| self.line(a).contains(&b) || self.line(b).contains(&a)) {
                naming.related_cwe += alike.samples;
            }
        }
        naming
    }

    /// A scanner's answers against the labels; those of all together for `None`.
    pub fn confusion(&self, scanner: Option<usize>) -> Confusion {
        let mut confusion = Confusion::default();
        for alike in &self.alike {
            if let Some(insecure) = alike.label {
                confusion.add(answer(alike.opinion, scanner), insecure, alike.samples);
            }
        }
        confusion
    }
}

fn answer(opinion: &Opinion, scanner: Option<usize>) -> Security {
    scanner.map_or(opinion.combined, |place| {
        let said = opinion.scanners.get(place);
        said.map_or(Security::Unknown, |said| said.security)
    })
}

fn entry(all: &mut BTreeMap<Option<u32>, Found>, cwe: Option<u32>, scanners: usize) -> &mut Found {
    all.entry(cwe).or_insert_with(|| Found {
        own: vec![0; scanners],
        own_any: 0,
        kinds: vec![0; scanners],
        kinds_any: 0,
    })
}
