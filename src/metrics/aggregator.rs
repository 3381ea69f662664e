//! The facts of many samples, each kept once, in a few dozen bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::facts::{Exclusion, Facts, Functional};
use super::record::{Judge, Record, bits};
use super::records::Records;
use crate::base::id::TaskId;
use crate::scan::Security;
use crate::verdict::VerdictKind;

/// What the aggregator refuses.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MetricsError {
    /// More scanners than a sample's record has room for.
    #[error("{0} scanners were named, at most {max} can be counted in one run", max = Panel::MAX)]
    TooManyScanners(usize),
    /// Facts from a scanner that is not part of the run.
    #[error("sample {sample} was judged by `{scanner}`, which is no scanner of this run ({panel})")]
    UnknownScanner {
        /// The sample.
        sample: String,
        /// The scanner.
        scanner: String,
        /// The run's scanners.
        panel: String,
    },
    /// Counters of runs with different scanners.
    #[error("counters of different scanners cannot be merged: {0} and {1}")]
    PanelMismatch(String, String),
}

/// The scanners of a run, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Panel(Vec<String>);

impl Panel {
    /// The most scanners in one run: two bits each, and two for all of them together.
    pub const MAX: usize = 31;

    /// A panel of these scanners; order and repetition do not matter.
    ///
    /// # Errors
    /// When there are more than [`Panel::MAX`].
    pub fn new<S: Into<String>>(
        scanners: impl IntoIterator<Item = S>,
    ) -> Result<Self, MetricsError> {
        let mut names: Vec<String> = scanners.into_iter().map(Into::into).collect();
        names.sort();
        names.dedup();
        if names.len() > Self::MAX {
            return Err(MetricsError::TooManyScanners(names.len()));
        }
        Ok(Self(names))
    }

    /// The scanners' names.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    pub(super) fn describe(&self) -> String {
        if self.0.is_empty() {
            "none".to_owned()
        } else {
            self.0.join(", ")
        }
    }
}

/// Samples that count in the figures, by what a scanner says of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecurityCounts {
    /// Analysed, and nothing that counts was found.
    pub secure: u64,
    /// Something that counts was found.
    pub insecure: u64,
    /// Not, or not wholly, analysed.
    pub unknown: u64,
}

/// The facts of all samples of one group. Adding is free of order, and a sample added twice counts
/// once; merging is associative, commutative and idempotent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregator {
    panel: Panel,
    tasks: BTreeMap<TaskId, Records>,
}

impl Aggregator {
    /// An empty one for a run with these scanners.
    pub fn new(panel: Panel) -> Self {
        Self {
            panel,
            tasks: BTreeMap::new(),
        }
    }

    /// Adds a sample's facts; its group is not looked at.
    ///
    /// # Errors
    /// When a scanner is named that is not in the panel; nothing is added then.
    pub fn add(&mut self, facts: &Facts) -> Result<(), MetricsError> {
        let mut security = bits(facts.combined);
        // Both are sorted by name, so that one walk over the panel finds them all.
        let mut panel = self.panel.0.iter().enumerate();
        for (scanner, judgement) in &facts.scanners {
            let (place, _) = panel.find(|(_, known)| *known == scanner).ok_or_else(|| {
                MetricsError::UnknownScanner {
                    sample: facts.sample.to_string(),
                    scanner: scanner.clone(),
                    panel: self.panel.describe(),
                }
            })?;
            security |= bits(*judgement) << (2 * (place + 1));
        }
        let functional = match facts.functional {
            Functional::Passed if facts.declared_cases == 0 => {
                Functional::Excluded(Exclusion::NoCases)
            }
            other => other,
        };
        let record = Record {
            index: facts.sample.index,
            passed: match functional {
                Functional::Passed => facts.declared_cases,
                _ => facts.passed_cases.min(facts.declared_cases),
            },
            declared: facts.declared_cases,
            rank: facts.rank,
            kind: facts.kind,
            functional,
            security,
        };
        self.put(&facts.sample.task, record);
        Ok(())
    }

    fn put(&mut self, task: &TaskId, record: Record) {
        // A journal is counted in the order of its tasks, so that mostly this is the last one.
        if let Some(mut last) = self.tasks.last_entry()
            && last.key() == task
        {
            last.get_mut().keep(record);
            return;
        }
        match self.tasks.get_mut(task) {
            Some(records) => records.keep(record),
            None => _ = self.tasks.insert(task.clone(), Records::of(record)),
        }
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
        for (task, records) in &other.tasks {
            match self.tasks.get_mut(task) {
                Some(mine) => {
                    for record in records.settled().iter() {
                        mine.keep(*record);
                    }
                }
                None => _ = self.tasks.insert(task.clone(), records.clone()),
            }
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
            .map(|records| records.settled().len() as u64)
            .sum()
    }

    /// Tasks with at least one sample.
    pub fn tasks(&self) -> u64 {
        self.tasks.len() as u64
    }

    /// The tasks with at least one sample, sorted.
    pub fn task_ids(&self) -> impl Iterator<Item = &TaskId> {
        self.tasks.keys()
    }

    /// Samples by verdict, those left out of the figures included.
    pub fn kinds(&self) -> BTreeMap<VerdictKind, u64> {
        let mut counts = BTreeMap::new();
        for records in self.tasks.values().map(Records::settled) {
            for record in records.iter() {
                *counts.entry(record.kind).or_insert(0) += 1;
            }
        }
        counts
    }

    /// Samples that count, by what a scanner says of them; of all scanners together for `None`.
    /// All zero for a scanner that is not in the panel.
    pub fn security(&self, scanner: Option<&str>) -> SecurityCounts {
        let judge = match scanner {
            None => Some(Judge::Combined),
            Some(name) => {
                let place = self.panel.0.iter().position(|known| known == name);
                place.map(Judge::Scanner)
            }
        };
        let mut counts = SecurityCounts::default();
        let Some(judge) = judge else { return counts };
        for records in self.by_task() {
            for record in records.iter().filter(|record| record.is_scored()) {
                match record.security(judge) {
                    Security::Secure => counts.secure += 1,
                    Security::Insecure => counts.insecure += 1,
                    Security::Unknown => counts.unknown += 1,
                }
            }
        }
        counts
    }

    /// Samples that count in no figure, by reason.
    pub fn excluded(&self) -> BTreeMap<Exclusion, u64> {
        let mut counts = BTreeMap::new();
        for records in self.tasks.values().map(Records::settled) {
            let undefined = undefined(&records);
            for record in records.iter() {
                let own = match record.functional {
                    Functional::Excluded(why) => Some(why),
                    _ => None,
                };
                if let Some(why) = undefined.or(own) {
                    *counts.entry(why).or_insert(0) += 1;
                }
            }
        }
        counts
    }

    /// Tasks of which no sample counts, each with its reason.
    pub fn excluded_tasks(&self) -> BTreeMap<TaskId, Exclusion> {
        self.tasks
            .iter()
            .filter_map(|(task, records)| {
                let records = records.settled();
                let lost = !records.iter().any(Record::is_scored);
                let why = undefined(&records).or(lost.then_some(Exclusion::Infra));
                why.map(|why| (task.clone(), why))
            })
            .collect()
    }

    /// The records of one task, by index.
    pub(super) fn records_of(&self, task: &TaskId) -> Option<Cow<'_, [Record]>> {
        self.tasks.get(task).map(Records::settled)
    }

    /// Bytes that the records and task names take, spare room included.
    pub fn footprint(&self) -> usize {
        self.tasks
            .iter()
            .map(|(task, records)| {
                size_of::<(TaskId, Records)>() + task.0.capacity() + records.footprint()
            })
            .sum()
    }

    /// The records of every task that can be judged, by sorted task id: the order in which every
    /// sum is taken.
    pub(super) fn by_task(&self) -> impl Iterator<Item = Cow<'_, [Record]>> {
        self.tasks
            .values()
            .map(Records::settled)
            .filter(|records| undefined(records).is_none())
    }
}

/// Why no sample of a task can be judged, if one of its records says so.
fn undefined(records: &[Record]) -> Option<Exclusion> {
    let reasons = records.iter().filter_map(|record| match record.functional {
        Functional::Excluded(why) if why != Exclusion::Infra => Some(why),
        _ => None,
    });
    reasons.min()
}
