//! Which forbidden acts samples attempted, by system call.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::base::id::SampleId;
use crate::worker::Behaviour;

/// For each system call, the samples that attempted it in vain and how often. A sample that is added
/// twice counts once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acts {
    by_call: BTreeMap<String, BTreeMap<SampleId, u64>>,
    unobserved: BTreeSet<SampleId>,
}

impl Acts {
    /// Adds a sample's acts; `None` where nobody could tell.
    pub fn add(&mut self, sample: &SampleId, behaviour: Option<&Behaviour>) {
        let Some(behaviour) = behaviour else {
            self.unobserved.insert(sample.clone());
            return;
        };
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for act in &behaviour.acts {
            *counts.entry(&act.call).or_default() += act.count;
        }
        for (call, count) in counts {
            self.put(call, sample, count);
        }
    }

    /// Adds all that another one holds.
    pub fn merge(&mut self, other: &Self) {
        for (call, samples) in &other.by_call {
            for (sample, count) in samples {
                self.put(call, sample, *count);
            }
        }
        self.unobserved.extend(other.unobserved.iter().cloned());
    }

    /// The same with other sample ids.
    pub(super) fn renumbered(&self, id: impl Fn(&SampleId) -> SampleId) -> Self {
        let mut all = Self::default();
        for (call, samples) in &self.by_call {
            for (sample, count) in samples {
                all.put(call, &id(sample), *count);
            }
        }
        all.unobserved = self.unobserved.iter().map(id).collect();
        all
    }

    fn put(&mut self, call: &str, sample: &SampleId, count: u64) {
        let samples = self.by_call.entry(call.to_owned()).or_default();
        // Of two records the larger, whatever the order of arrival.
        let known = samples.entry(sample.clone()).or_default();
        *known = count.max(*known);
    }

    /// Samples and attempts by system call.
    pub fn counts(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        self.by_call
            .iter()
            .map(|(call, by)| (call.as_str(), by.len() as u64, by.values().sum()))
    }

    /// Samples of which nobody could tell.
    pub fn unobserved(&self) -> u64 {
        self.unobserved.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::TaskId;
    use crate::worker::Act;

    fn seen(calls: &[(&str, u64)]) -> Behaviour {
        let act = |(call, count): &(&str, u64)| Act {
            call: (*call).to_owned(),
            detail: count.to_string(),
            answer: "EPERM".to_owned(),
            count: *count,
            first_ms: 0,
        };
        Behaviour {
            acts: calls.iter().map(act).collect(),
            ..Behaviour::default()
        }
    }

    #[test]
    fn samples_count_once_in_any_order() {
        let id = |index| SampleId {
            task: TaskId::from("t"),
            index,
        };
        let (first, second) = (
            seen(&[("mount", 1), ("mount", 2)]),
            seen(&[("mount", 1), ("bpf", 1)]),
        );
        let mut one = Acts::default();
        one.add(&id(0), Some(&first));
        one.add(&id(0), Some(&first));
        one.add(&id(2), None);
        let mut other = Acts::default();
        other.add(&id(1), Some(&second));
        other.add(&id(0), Some(&first));
        let merged = |a: &Acts, b: &Acts| {
            let mut all = a.clone();
            all.merge(b);
            all
        };
        assert_eq!(merged(&one, &other), merged(&other, &one));
        let all = merged(&one, &other);
        let counts: Vec<_> = all.counts().collect();
        assert_eq!(counts, [("bpf", 1, 1), ("mount", 2, 4)]);
        assert_eq!(all.unobserved(), 1);
    }
}
