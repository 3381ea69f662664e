//! What the scanners of a run say of each sample, as far as comparing scanners needs it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::aggregator::MetricsError;
use super::panel::Panel;
use crate::base::id::{SampleId, TaskId};
use crate::base::text::one_line;
use crate::scan::{Policy, ScanResult, Security};

/// Characters of a reason that are kept.
const REASON: usize = 100;
/// Words after which a number says what happened and not where.
const NUMBERED: [&str; 4] = ["code", "signal", "than", "rule"];

/// What one scanner says of one sample.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    /// Secure or not.
    pub security: Security,
    /// The CWE numbers of the findings that count; `None` for a rule without one.
    pub cwes: BTreeSet<Option<u32>>,
    /// Why the sample was not, or not wholly, analysed, without what differs from sample to sample.
    pub not_analysed: Option<String>,
}

impl Said {
    /// What a scanner's result says by this policy.
    pub fn of(result: &ScanResult, policy: &Policy) -> Self {
        let findings = result.findings.iter();
        let counted = findings.filter(|finding| policy.counts(&result.scanner, finding));
        Self {
            security: policy.judge(result),
            cwes: counted.map(|finding| finding.cwe).collect(),
            not_analysed: result.not_analysed.as_deref().map(kind_of_reason),
        }
    }

    fn nothing() -> Self {
        Self {
            security: Security::Unknown,
            cwes: BTreeSet::new(),
            not_analysed: None,
        }
    }
}

/// A reason without the names of files, lines and columns in it, so that equal reasons are counted
/// together: words with a digit become `…`, but for what follows words such as `code`.
fn kind_of_reason(reason: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | '-');
    let mut kind = String::new();
    let mut rest = reason;
    let mut before = "";
    while !rest.is_empty() {
        let gap = rest.find(is_word).unwrap_or(rest.len());
        kind.push_str(&rest[..gap]);
        rest = &rest[gap..];
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let word = &rest[..end];
        if word.contains(|c: char| c.is_ascii_digit()) && !NUMBERED.contains(&before) {
            kind.push('…');
        } else {
            kind.push_str(word);
        }
        before = word;
        rest = &rest[end..];
    }
    one_line(&kind, REASON)
}

/// What all scanners say of one sample.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opinion {
    /// Together, by the policy.
    pub combined: Security,
    /// Each one, in the order of the panel.
    pub scanners: Vec<Said>,
}

/// What the scanners say of every sample, and what its label says. Adding is free of order, and a
/// sample added twice counts once; merging is associative, commutative and idempotent.
///
/// Samples of which the same is said share it, so that one takes 16 bytes beside its task's name.
/// Findings are not kept.
#[derive(Clone, Debug)]
pub struct Opinions {
    panel: Panel,
    /// Everything that is said of some sample, once.
    said: BTreeSet<Arc<Opinion>>,
    /// By index within the task.
    tasks: BTreeMap<TaskId, Vec<Entry>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    index: u32,
    /// Whether the sample is insecure, where that is known.
    label: Option<bool>,
    opinion: Arc<Opinion>,
}

/// Samples that have the same label and of which the same is said.
#[derive(Clone, Copy, Debug)]
pub struct Alike<'a> {
    /// What is said.
    pub opinion: &'a Opinion,
    /// The label, if they have one.
    pub label: Option<bool>,
    /// How many they are.
    pub samples: u64,
}

impl Opinions {
    /// None yet, for a run with these scanners.
    pub fn new(panel: Panel) -> Self {
        Self {
            panel,
            said: BTreeSet::new(),
            tasks: BTreeMap::new(),
        }
    }

    /// Adds a sample: what each scanner says, all of them together, and its label. A scanner that is
    /// not named does not know. It is fast in the order of indices, as journals are read.
    ///
    /// # Errors
    /// When a scanner is named that is not in the panel; nothing is added then.
    pub fn add(
        &mut self,
        sample: &SampleId,
        mut said: BTreeMap<String, Said>,
        combined: Security,
        label: Option<bool>,
    ) -> Result<(), MetricsError> {
        let names = self.panel.names().iter();
        let scanners = names
            .map(|name| said.remove(name).unwrap_or_else(Said::nothing))
            .collect();
        if let Some((stranger, _)) = said.pop_first() {
            return Err(MetricsError::UnknownScanner {
                sample: sample.to_string(),
                scanner: stranger,
                panel: self.panel.describe(),
            });
        }
        let entry = Entry {
            index: sample.index,
            label,
            opinion: self.shared(Arc::new(Opinion { combined, scanners })),
        };
        // A journal is read in the order of its tasks, so that mostly the name is known.
        match self.tasks.get_mut(&sample.task) {
            Some(entries) => put(entries, entry),
            None => _ = self.tasks.insert(sample.task.clone(), vec![entry]),
        }
        Ok(())
    }

    fn shared(&mut self, opinion: Arc<Opinion>) -> Arc<Opinion> {
        if let Some(known) = self.said.get(&opinion) {
            return Arc::clone(known);
        }
        self.said.insert(Arc::clone(&opinion));
        opinion
    }

    /// Adds all that another one holds.
    ///
    /// # Errors
    /// When the other one is for other scanners.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        if self.panel != other.panel {
            return Err(MetricsError::PanelMismatch(
                self.panel.describe(),
                other.panel.describe(),
            ));
        }
        for (task, theirs) in &other.tasks {
            let mut all = self.tasks.remove(task).unwrap_or_default();
            for entry in theirs {
                let mut entry = entry.clone();
                entry.opinion = self.shared(entry.opinion);
                all.push(entry);
            }
            // Of two records for one sample the greater, whatever the order of arrival.
            all.sort();
            all.reverse();
            all.dedup_by_key(|entry| entry.index);
            all.reverse();
            self.tasks.insert(task.clone(), all);
        }
        Ok(())
    }

    /// The scanners.
    pub fn panel(&self) -> &Panel {
        &self.panel
    }

    /// Distinct samples.
    pub fn samples(&self) -> u64 {
        self.tasks
            .values()
            .map(|entries| entries.len() as u64)
            .sum()
    }

    /// What is said of a sample.
    pub fn of(&self, sample: &SampleId) -> Option<&Opinion> {
        let entries = self.tasks.get(&sample.task)?;
        let place = entries.binary_search_by_key(&sample.index, |entry| entry.index);
        Some(&entries.get(place.ok()?)?.opinion)
    }

    /// All samples, those alike together, in no order.
    pub fn alike(&self) -> Vec<Alike<'_>> {
        // What is the same is stored once, so its place says whether it is.
        let mut found: HashMap<(*const Opinion, Option<bool>), Alike<'_>> = HashMap::new();
        for entry in self.tasks.values().flatten() {
            let key = (Arc::as_ptr(&entry.opinion), entry.label);
            let alike = found.entry(key).or_insert(Alike {
                opinion: &entry.opinion,
                label: entry.label,
                samples: 0,
            });
            alike.samples += 1;
        }
        found.into_values().collect()
    }
}

impl PartialEq for Opinions {
    fn eq(&self, other: &Self) -> bool {
        // `said` may hold what a later record has replaced.
        self.panel == other.panel && self.tasks == other.tasks
    }
}

impl Eq for Opinions {}

/// Puts an entry at its place; of two for one sample the greater is kept.
fn put(entries: &mut Vec<Entry>, entry: Entry) {
    match entries.last() {
        Some(last) if last.index >= entry.index => {
            match entries.binary_search_by_key(&entry.index, |known| known.index) {
                Ok(place) if entries[place] < entry => entries[place] = entry,
                Ok(_) => {}
                Err(place) => entries.insert(place, entry),
            }
        }
        _ => entries.push(entry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_takes_little_memory() {
        assert_eq!(size_of::<Entry>(), 16);
        let mut opinions = Opinions::new(Panel::default());
        for index in 0..1000 {
            let task = TaskId::from("t");
            let sample = SampleId { task, index };
            let said = BTreeMap::new();
            opinions.add(&sample, said, Security::Secure, None).unwrap();
        }
        let alike = opinions.alike();
        assert_eq!(
            (opinions.said.len(), alike.len()),
            (1, 1),
            "what is the same is kept once"
        );
        assert_eq!(alike[0].samples, 1000);
    }

    #[test]
    fn reasons_of_one_kind_are_one_reason() {
        let kind = kind_of_reason;
        assert_eq!(
            kind("SyntaxError: invalid syntax (/b/3f0a9c/s.py, line 12)"),
            kind("SyntaxError: invalid syntax (/b/77aa/s.py, line 7)")
        );
        assert_eq!(
            kind("invalid syntax (a1.py, line 7)"),
            "invalid syntax (…, line …)"
        );
        assert_eq!(
            kind("it failed with exit code 2"),
            "it failed with exit code 2"
        );
        assert_eq!(
            kind("it crashed with signal 11"),
            "it crashed with signal 11"
        );
        assert_eq!(kind("more than 1000 findings"), "more than 1000 findings");
        assert_ne!(
            kind("its rule B101 failed"),
            kind("the scanner passed over it")
        );
        assert_eq!(kind(""), "");
        assert_eq!(kind("é7 ü\u{1b}[2J"), "… ü\\u{1b}[…");
        assert_eq!(kind(&"x ".repeat(500)).chars().count(), REASON);
    }
}
