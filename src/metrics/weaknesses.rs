//! Which weaknesses the scanners found, by CWE.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::base::id::SampleId;

/// For each scanner and CWE number, the samples in which it was found. A sample counts once for
/// each, however many findings it has and however often it is added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weaknesses {
    found: BTreeMap<String, BTreeMap<Option<u32>, BTreeSet<SampleId>>>,
    /// Samples that were counted elsewhere.
    counted: BTreeMap<String, BTreeMap<Option<u32>, u64>>,
}

impl Weaknesses {
    /// Adds one finding that the policy counts; `None` for a rule that has no CWE.
    pub fn add(&mut self, scanner: &str, cwe: Option<u32>, sample: &SampleId) {
        // Most scanners are known by now; only a new one needs its name copied.
        if !self.found.contains_key(scanner) {
            self.found.insert(scanner.to_owned(), BTreeMap::new());
        }
        if let Some(by_cwe) = self.found.get_mut(scanner) {
            by_cwe.entry(cwe).or_default().insert(sample.clone());
        }
    }

    /// Adds so many samples with a finding that the policy counts, none of which is added otherwise.
    pub(super) fn count(&mut self, scanner: &str, cwe: Option<u32>, samples: u64) {
        let counted = self.counted.entry(scanner.to_owned()).or_default();
        *counted.entry(cwe).or_default() += samples;
    }

    /// The same with other sample ids.
    pub(super) fn renumbered(&self, id: impl Fn(&SampleId) -> SampleId) -> Self {
        let mut all = Self::default();
        for (scanner, by_cwe) in &self.found {
            for (cwe, samples) in by_cwe {
                samples
                    .iter()
                    .for_each(|sample| all.add(scanner, *cwe, &id(sample)));
            }
        }
        all
    }

    /// Adds all that another one holds of single samples.
    pub fn merge(&mut self, other: &Self) {
        for (scanner, by_cwe) in &other.found {
            let mine = self.found.entry(scanner.clone()).or_default();
            for (cwe, samples) in by_cwe {
                mine.entry(*cwe)
                    .or_default()
                    .extend(samples.iter().cloned());
            }
        }
    }

    /// Samples by CWE for one scanner, findings without a CWE first.
    pub fn counts(&self, scanner: &str) -> BTreeMap<Option<u32>, u64> {
        let mut counts = self.counted.get(scanner).cloned().unwrap_or_default();
        for (cwe, samples) in self.found.get(scanner).into_iter().flatten() {
            *counts.entry(*cwe).or_default() += samples.len() as u64;
        }
        counts
    }
}
