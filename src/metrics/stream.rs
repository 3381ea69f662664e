//! A run's events, in any order, as often as they come.

use std::collections::{BTreeMap, BTreeSet};

use super::aggregator::MetricsError;
pub use super::codes::Key as CodeKey;
use super::codes::{Codes, Weakness, key_of};
use super::facts::{Exclusion, Facts};
use super::figure::Figure;
use super::groups::{Groups, Seat};
use super::panel::Panel;
use super::record::bits;
use super::{Acts, Suspects, Weaknesses};
use crate::base::digest::Digest;
use crate::base::id::{SampleId, TaskId};
use crate::scan::Security;
use crate::verdict::{Verdict, VerdictKind};

/// What is wrong with a task. Of two faults the later in this order counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum TaskFault {
    /// Some of its cases have no stable expected value, and why.
    Unstable(String),
    /// Its ground truth fails here, and why: none of its samples counts.
    GroundTruth(String),
}

/// What became of a sample.
#[derive(Clone, Debug)]
pub struct Graded<'a> {
    /// Its facts; of scanners those that judge what the sample did, and not its code. Its group is not
    /// looked at.
    pub facts: Facts,
    /// The groups that it is in, sorted, at least one.
    pub groups: Vec<Option<String>>,
    /// Its code.
    pub code: Digest,
    /// What those scanners found, by scanner and CWE.
    pub found: Vec<(String, Option<u32>)>,
    /// The verdict.
    pub verdict: &'a Verdict,
}

/// Everything that reports need to know of a run, from its events. They may come in any order, late and more than
/// once: what a scanner says of a code finds the samples with that code, whichever comes first. Of two events with one
/// key the graver counts. Merging is associative, commutative and idempotent.
///
/// A sample takes some hundred bytes: 32 for its facts, the rest for its code, if it has one to itself.
#[derive(Clone, Debug)]
pub struct Stream {
    pub(super) groups: Groups,
    pub(super) codes: Codes,
    /// What was found in what samples did.
    pub(super) own: Weaknesses,
    pub(super) acts: Acts,
    pub(super) suspects: Suspects,
    pub(super) faults: BTreeMap<TaskId, TaskFault>,
    pub(super) rejected: BTreeMap<u64, String>,
}

impl Stream {
    /// Nothing yet, for a run with these scanners.
    pub fn new(panel: Panel) -> Self {
        Self::of(Groups::new(panel))
    }

    /// Nothing yet; the figures for these values of k can be asked for at any moment.
    pub fn watched(panel: Panel, ks: &[u32]) -> Self {
        Self::of(Groups::watched(panel, ks))
    }

    fn of(groups: Groups) -> Self {
        Self {
            groups,
            codes: Codes::default(),
            own: Weaknesses::default(),
            acts: Acts::default(),
            suspects: Suspects::default(),
            faults: BTreeMap::new(),
            rejected: BTreeMap::new(),
        }
    }

    /// Adds what became of a sample.
    ///
    /// # Errors
    /// As [`Groups::add`].
    pub fn graded(&mut self, graded: &Graded<'_>) -> Result<(), MetricsError> {
        let key = key_of(&graded.code);
        let known = self.codes.known(&key);
        for (place, group) in graded.groups.iter().enumerate() {
            let seat = self
                .groups
                .seat(&graded.facts, group.as_deref(), place == 0, known)?;
            self.codes.seat(key, seat);
        }
        let sample = &graded.facts.sample;
        for (scanner, cwe) in &graded.found {
            self.own.add(scanner, *cwe, sample);
        }
        // A sample that fumehood failed to judge did nothing.
        if graded.verdict.kind != VerdictKind::Infra {
            self.acts.add(sample, graded.verdict.behaviour.as_ref());
        }
        self.suspects.add(sample, graded.verdict);
        Ok(())
    }

    /// Adds what a scanner says of a code, with the CWE of every finding that counts. A scanner that is not in the
    /// panel is passed over.
    pub fn scanned(
        &mut self,
        code: &Digest,
        scanner: &str,
        security: Security,
        cwes: impl IntoIterator<Item = Option<u32>>,
    ) {
        let Self { groups, codes, .. } = self;
        let Some(place) = groups.panel().place(scanner) else {
            return;
        };
        let said = bits(security) << (2 * (place + 1));
        let found = cwes.into_iter().map(|cwe| (place as u8, cwe));
        codes.learn(key_of(code), said, found, |seat, said| {
            groups.learn(seat, said);
        });
    }

    /// Adds what is wrong with a task.
    pub fn faulty(&mut self, task: &TaskId, fault: TaskFault) {
        if matches!(fault, TaskFault::GroundTruth(_)) {
            self.groups.set_apart(task, Exclusion::GroundTruth);
        }
        match self.faults.get(task) {
            Some(known) if *known >= fault => {}
            _ => _ = self.faults.insert(task.clone(), fault),
        }
    }

    /// Adds a line of the sample file that is no sample, and why.
    pub fn rejected(&mut self, line: u64, reason: &str) {
        let known = self.rejected.entry(line).or_default();
        if known.as_str() < reason {
            reason.clone_into(known);
        }
    }

    /// Adds all that another one holds, of the same samples or of others.
    ///
    /// # Errors
    /// As [`Groups::merge`].
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        self.absorb(other, |_| 0, 0)
    }

    /// Adds all that another one holds of other samples, though they may have the same ids: each task's samples are
    /// counted on from the last. The lines of their file are counted on, too.
    ///
    /// # Errors
    /// As [`Groups::merge`].
    pub fn append(&mut self, other: &Self) -> Result<(), MetricsError> {
        let mut next: BTreeMap<TaskId, u32> = BTreeMap::new();
        for (_, group) in self.groups.iter() {
            for (task, records) in group.all() {
                let last = records.iter().map(|record| record.index).max();
                let free = last.map_or(0, |last| last.saturating_add(1));
                let known = next.entry(task.clone()).or_default();
                *known = free.max(*known);
            }
        }
        // A rank among the samples of one file says nothing of those of another.
        let theirs = other.groups.iter();
        let common: BTreeSet<TaskId> = theirs
            .flat_map(|(_, group)| group.task_ids())
            .filter(|task| next.contains_key(*task))
            .cloned()
            .collect();
        self.groups.unrank(&common);
        let mut other = other.clone();
        other.groups.unrank(&common);
        let other = &other;
        let lines = self.rejected.keys().next_back().copied().unwrap_or(0);
        self.absorb(other, |task| next.get(task).copied().unwrap_or(0), lines)
    }

    fn absorb(
        &mut self,
        other: &Self,
        shift: impl Fn(&TaskId) -> u32,
        lines: u64,
    ) -> Result<(), MetricsError> {
        self.groups.check(other.groups.panel())?;
        for (task, why) in other.groups.apart() {
            self.groups.set_apart(task, *why);
        }
        // Where their samples are kept here, by their places: group, then task.
        let mut places = Vec::new();
        for (name, group) in other.groups.by_place() {
            let mut tasks = Vec::new();
            for task in group.by_place() {
                let mut mine = None;
                for record in group.records_of(task).unwrap_or_default().iter() {
                    let mut record = *record;
                    record.index = record.index.saturating_add(shift(task));
                    mine = Some(self.groups.put(name, task, record)?);
                }
                tasks.push((mine, shift(task)));
            }
            places.push(tasks);
        }
        for entry in other.codes.entries() {
            let Self { groups, codes, .. } = self;
            codes.learn(entry.key, entry.security, entry.weaknesses, |seat, said| {
                groups.learn(seat, said);
            });
            for seat in entry.seats {
                let tasks = places.get(usize::from(seat.group));
                let Some((Some((group, task)), by)) =
                    tasks.and_then(|tasks| tasks.get(seat.task as usize))
                else {
                    continue;
                };
                let seat = Seat {
                    group: *group,
                    task: *task,
                    index: seat.index.saturating_add(*by),
                    ..seat
                };
                let known = codes.seat(entry.key, seat);
                if known != 0 {
                    groups.learn(seat, known);
                }
            }
        }
        let id = |sample: &SampleId| SampleId {
            task: sample.task.clone(),
            index: sample.index.saturating_add(shift(&sample.task)),
        };
        self.own.merge(&other.own.renumbered(id));
        self.acts.merge(&other.acts.renumbered(id));
        self.suspects.merge(&other.suspects.renumbered(id));
        for (task, fault) in &other.faults {
            self.faulty(task, fault.clone());
        }
        for (line, reason) in &other.rejected {
            self.rejected(line.saturating_add(lines), reason);
        }
        Ok(())
    }

    /// Says of every line that is no sample which file it is a line of.
    pub fn name_lines(&mut self, file: &str) {
        for (line, reason) in &mut self.rejected {
            if !reason.starts_with("line ") {
                *reason = format!("line {line} of samples {file}: {reason}");
            }
        }
    }

    /// Forgets what is said of codes that no sample here has, but for those that `keep` names.
    pub fn forget_codes(&mut self, keep: impl Fn(&CodeKey) -> bool) {
        self.codes.forget(keep);
    }

    /// The codes that some sample here has.
    pub fn codes(&self) -> impl Iterator<Item = CodeKey> {
        self.codes.seated()
    }

    /// Tasks that have samples, or something wrong.
    pub fn tasks(&self) -> BTreeSet<&TaskId> {
        let groups = self.groups.iter();
        let with_samples = groups.flat_map(|(_, group)| group.task_ids());
        with_samples.chain(self.faults.keys()).collect()
    }

    /// Every sample's facts, by group.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Every finding that counts.
    pub fn weaknesses(&self) -> Weaknesses {
        let mut all = self.own.clone();
        let names = self.groups.panel().names();
        for (weakness, samples) in self.codes.weaknesses() {
            let (place, cwe): Weakness = weakness;
            if let Some(scanner) = names.get(usize::from(place)) {
                all.count(scanner, cwe, samples);
            }
        }
        all
    }

    /// Every forbidden act.
    pub fn acts(&self) -> &Acts {
        &self.acts
    }

    /// Every pass that came with a suspicion.
    pub fn suspects(&self) -> &Suspects {
        &self.suspects
    }

    /// Tasks whose ground truth fails here, with the cause.
    pub fn failed_references(&self) -> BTreeMap<TaskId, String> {
        self.causes(|fault| match fault {
            TaskFault::GroundTruth(cause) => Some(cause),
            TaskFault::Unstable(_) => None,
        })
    }

    /// Tasks of which some cases have no stable expected value, with the cause.
    pub fn unstable(&self) -> BTreeMap<TaskId, String> {
        self.causes(|fault| match fault {
            TaskFault::Unstable(cause) => Some(cause),
            TaskFault::GroundTruth(_) => None,
        })
    }

    fn causes(&self, of: impl Fn(&TaskFault) -> Option<&String>) -> BTreeMap<TaskId, String> {
        let faults = self.faults.iter();
        faults
            .filter_map(|(task, fault)| Some((task.clone(), of(fault)?.clone())))
            .collect()
    }

    /// Lines that are no samples, with the reason.
    pub fn rejected_lines(&self) -> &BTreeMap<u64, String> {
        &self.rejected
    }

    /// Samples that could not be judged for a failure of ours.
    pub fn infra(&self) -> u64 {
        let groups = self.groups.iter();
        groups
            .filter_map(|(_, group)| group.kinds().get(&VerdictKind::Infra).copied())
            .sum()
    }

    /// The figures of every group as they are now, where the stream is watched.
    pub fn now(&mut self) -> Vec<(Option<String>, Vec<Figure>)> {
        self.groups.now()
    }
}

/// What was added is the same, in whatever order it came.
impl PartialEq for Stream {
    fn eq(&self, other: &Self) -> bool {
        super::state::State::of(self) == super::state::State::of(other)
    }
}

impl Eq for Stream {}
