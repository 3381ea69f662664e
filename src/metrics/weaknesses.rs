//! Which weaknesses the scanners found, by CWE.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::id::SampleId;

/// For each scanner and CWE number, the samples in which it was found. A sample counts once for
/// each, however many findings it has and however often it is added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weaknesses {
    found: BTreeMap<String, BTreeMap<Option<u32>, BTreeSet<SampleId>>>,
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

    /// Adds all that another one holds.
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
        self.found.get(scanner).map_or_else(BTreeMap::new, |found| {
            found
                .iter()
                .map(|(cwe, samples)| (*cwe, samples.len() as u64))
                .collect()
        })
    }
}
