//! The facts of many samples, each kept once, in a few dozen bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::board::Board;
use super::facts::{Exclusion, Facts, Functional};
use super::panel::Panel;
use super::record::{Judge, Record, bits, graver};
use super::records::{Change, Records, Slot};
use super::task::{State, Task};
use crate::base::id::TaskId;
use crate::scan::Security;
use crate::verdict::VerdictKind;

/// Tasks that have changed since the sums were last right. With more of them, the sums are made right whether
/// somebody asks or not, so that whoever asks never waits for long.
const MOST_DIRTY: usize = 8192;

/// What the aggregator refuses.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MetricsError {
    /// More scanners than a sample's record has room for.
    #[error("{0} scanners were named, at most {max} can be counted in one run", max = Panel::MAX)]
    TooManyScanners(usize),
    /// More groups than anybody can look at.
    #[error("more than {most} groups ({0}): group by something that fewer samples have to themselves", most = super::groups::MOST)]
    TooManyGroups(String),
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

/// Where an aggregator keeps a task.
pub(super) type Place = u32;

/// The facts of all samples of one group. Adding is free of order, and a sample added twice counts
/// once; merging is associative, commutative and idempotent.
///
/// What a scanner says may come later than the rest, or be said twice: of each judgement the graver one is
/// kept.
#[derive(Clone, Debug)]
pub struct Aggregator {
    panel: Panel,
    places: BTreeMap<TaskId, Place>,
    tasks: Vec<Task>,
    samples: u64,
    kinds: [u64; VerdictKind::ALL.len()],
    /// Sums that are kept up to date, where somebody watches.
    watched: Option<Watched>,
}

#[derive(Clone, Debug)]
struct Watched {
    board: Board,
    /// Tasks whose part is not in the sums.
    dirty: Vec<Place>,
}

impl Aggregator {
    /// An empty one for a run with these scanners.
    pub fn new(panel: Panel) -> Self {
        Self {
            panel,
            places: BTreeMap::new(),
            tasks: Vec::new(),
            samples: 0,
            kinds: [0; VerdictKind::ALL.len()],
            watched: None,
        }
    }

    /// An empty one that can be asked for its figures at any moment, for these values of k.
    pub fn watched(panel: Panel, ks: &[u32]) -> Self {
        let board = Board::new(ks, panel.names().len());
        Self {
            watched: Some(Watched {
                board,
                dirty: Vec::new(),
            }),
            ..Self::new(panel)
        }
    }

    /// Adds a sample's facts; its group is not looked at.
    ///
    /// # Errors
    /// When a scanner is named that is not in the panel; nothing is added then.
    pub fn add(&mut self, facts: &Facts) -> Result<(), MetricsError> {
        self.put(facts, 0).map(|_| ())
    }

    /// As [`Aggregator::add`], with what scanners are known to say of the sample's code; says where the task is
    /// kept.
    pub(super) fn put(&mut self, facts: &Facts, known: u64) -> Result<Place, MetricsError> {
        let mut security = 0;
        // Both are sorted by name, so that one walk over the panel finds them all.
        let mut panel = self.panel.names().iter().enumerate();
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
            security: graver(security, known),
        };
        let place = self.place(&facts.sample.task);
        self.keep(place, record);
        Ok(place)
    }

    /// Adds a record; says where the task is kept.
    pub(super) fn put_record(&mut self, task: &TaskId, record: Record) -> Place {
        let place = self.place(task);
        self.keep(place, record);
        place
    }

    /// The tasks by place.
    pub(super) fn by_place(&self) -> Vec<&TaskId> {
        let mut places: Vec<_> = self.places.iter().collect();
        places.sort_by_key(|(_, place)| **place);
        places.into_iter().map(|(task, _)| task).collect()
    }

    /// The place of a task, which is made if there is none.
    fn place(&mut self, task: &TaskId) -> Place {
        // A journal is counted in the order of its tasks, so that mostly this is the last one.
        if let Some(last) = self.places.last_entry()
            && last.key() == task
        {
            return *last.get();
        }
        if let Some(place) = self.places.get(task) {
            return *place;
        }
        let place = self.tasks.len() as Place;
        self.tasks.push(Task::default());
        self.places.insert(task.clone(), place);
        place
    }

    fn keep(&mut self, place: Place, record: Record) {
        let records = &mut self.tasks[place as usize].records;
        if let Some(slot) = records.slot(record.index) {
            self.replace(place, slot, |known| known.join(&record));
            return;
        }
        let after = settled(&self.panel, record);
        // The part of the task as it was must leave the sums before it changes.
        self.take_out(place);
        self.tasks[place as usize].records.insert(after);
        let change = Change {
            before: None,
            after,
        };
        self.note(place, &change);
    }

    fn replace(&mut self, place: Place, slot: Slot, change: impl Fn(&Record) -> Record) {
        let Some(known) = self.tasks[place as usize].records.at(slot) else {
            return;
        };
        let before = *known;
        let after = settled(&self.panel, change(&before));
        if after == before {
            return;
        }
        self.take_out(place);
        if let Some(known) = self.tasks[place as usize].records.at(slot) {
            *known = after;
        }
        let change = Change {
            before: Some(before),
            after,
        };
        self.note(place, &change);
    }

    /// Adds what scanners say of a sample that is known: two bits a scanner, in the order of the panel, above two
    /// that are not looked at.
    pub(super) fn learn(&mut self, place: Place, index: u32, security: u64) {
        let task = self.tasks.get(place as usize);
        if let Some(slot) = task.and_then(|task| task.records.slot(index)) {
            self.replace(place, slot, |known| Record {
                security: graver(known.security, security),
                ..*known
            });
        }
    }

    /// Counts what became of a record.
    fn note(&mut self, place: Place, change: &Change) {
        match &change.before {
            Some(before) => self.kinds[before.kind as usize] -= 1,
            None => self.samples += 1,
        }
        self.kinds[change.after.kind as usize] += 1;
        let task = &mut self.tasks[place as usize];
        if let Some(counts) = &mut task.counts
            && !counts.follow(change)
        {
            task.counts = None;
        }
    }

    /// Sets a task apart: no sample of it counts, whenever it comes.
    pub(super) fn set_apart(&mut self, task: &TaskId, why: Exclusion) {
        let place = self.place(task);
        let known = self.tasks[place as usize].why;
        if known.is_some_and(|known| known <= why) {
            return;
        }
        self.take_out(place);
        self.tasks[place as usize].why = Some(why);
    }

    /// Takes the ranks from the samples of a task.
    pub(super) fn unrank(&mut self, task: &TaskId) {
        let Some(place) = self.places.get(task).copied() else {
            return;
        };
        self.take_out(place);
        let task = &mut self.tasks[place as usize];
        task.records.each_mut(|record| record.rank = None);
        task.counts = None;
    }

    /// Takes a task's part out of the watched sums.
    fn take_out(&mut self, place: Place) {
        let Some(watched) = &mut self.watched else {
            return;
        };
        if self.tasks[place as usize].state == State::Dirty {
            return;
        }
        if watched.dirty.len() >= MOST_DIRTY {
            bring_in(watched, &mut self.tasks);
        }
        let task = &mut self.tasks[place as usize];
        if task.state == State::Summed {
            task.shift(&mut watched.board, -1);
        }
        task.state = State::Dirty;
        watched.dirty.push(place);
    }

    /// The sums as they are now, where they are watched.
    pub(super) fn board(&mut self) -> Option<&Board> {
        let watched = self.watched.as_mut()?;
        bring_in(watched, &mut self.tasks);
        Some(&watched.board)
    }

    /// The sums for these values of k, all tasks counted again.
    pub(super) fn board_of(&self, ks: &[u32]) -> Board {
        let scanners = self.panel.names().len();
        let mut board = Board::new(ks, scanners);
        for task in &self.tasks {
            let counts = task.counts(scanners);
            board.shift(&counts, &task.records, task.undefined(&counts), 1);
        }
        board
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
        for (task, place) in &other.places {
            let theirs = &other.tasks[*place as usize];
            if let Some(why) = theirs.why {
                self.set_apart(task, why);
            }
            if theirs.records.len() > 0 {
                for record in theirs.records.settled().iter() {
                    self.put_record(task, *record);
                }
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
        self.samples
    }

    /// Tasks with at least one sample.
    pub fn tasks(&self) -> u64 {
        let with_samples = self.tasks.iter().filter(|task| task.records.len() > 0);
        with_samples.count() as u64
    }

    /// The tasks with at least one sample, sorted.
    pub fn task_ids(&self) -> impl Iterator<Item = &TaskId> {
        self.by_id().map(|(id, _)| id)
    }

    /// Every task's records, by sorted task id.
    pub(super) fn all(&self) -> impl Iterator<Item = (&TaskId, &Records)> {
        self.by_id().map(|(id, task)| (id, &task.records))
    }

    fn by_id(&self) -> impl Iterator<Item = (&TaskId, &Task)> {
        let all = self.places.iter();
        let all = all.map(|(id, place)| (id, &self.tasks[*place as usize]));
        all.filter(|(_, task)| task.records.len() > 0)
    }

    /// Samples by verdict, those left out of the figures included.
    pub fn kinds(&self) -> BTreeMap<VerdictKind, u64> {
        let counts = VerdictKind::ALL.into_iter();
        let counts = counts.map(|kind| (kind, self.kinds[kind as usize]));
        counts.filter(|(_, samples)| *samples > 0).collect()
    }

    /// Samples that count, by what a scanner says of them; of all scanners together for `None`.
    /// All zero for a scanner that is not in the panel.
    pub fn security(&self, scanner: Option<&str>) -> SecurityCounts {
        let judge = match scanner {
            None => Some(Judge::Combined),
            Some(name) => self.panel.place(name).map(Judge::Scanner),
        };
        let mut counts = SecurityCounts::default();
        let Some(judge) = judge else { return counts };
        for (_, records) in self.judged() {
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
        let board = self.board_of(&[]);
        let all = Exclusion::ALL.into_iter().zip(board.totals.excluded);
        all.filter(|(_, samples)| *samples > 0).collect()
    }

    /// Tasks of which no sample counts, each with its reason.
    pub fn excluded_tasks(&self) -> BTreeMap<TaskId, Exclusion> {
        let scanners = self.panel.names().len();
        let lost = self.by_id().filter_map(|(id, task)| {
            let counts = task.counts(scanners);
            let lost = (counts.scored == 0).then_some(Exclusion::Infra);
            let why = task.undefined(&counts).or(lost)?;
            Some((id.clone(), why))
        });
        lost.collect()
    }

    /// The records of one task, by index.
    pub(super) fn records_of(&self, task: &TaskId) -> Option<Cow<'_, [Record]>> {
        let place = self.places.get(task)?;
        let records = &self.tasks[*place as usize].records;
        (records.len() > 0).then(|| records.settled())
    }

    /// The counts and records of every task that can be judged, by sorted task id.
    pub(super) fn judged(&self) -> impl Iterator<Item = (&TaskId, &Records)> {
        let scanners = self.panel.names().len();
        let all = self.by_id();
        let judged = all.filter(move |(_, task)| task.undefined(&task.counts(scanners)).is_none());
        judged.map(|(id, task)| (id, &task.records))
    }

    /// Bytes that the records and task names take, spare room included.
    pub fn footprint(&self) -> usize {
        let names: usize = self
            .places
            .keys()
            .map(|task| size_of::<(TaskId, Place)>() + task.0.capacity())
            .sum();
        let tasks = self.tasks.iter();
        let records: usize = tasks.map(|task| task.records.footprint()).sum();
        names + records + self.tasks.capacity() * size_of::<Task>()
    }
}

/// What was added is the same, in whatever order it came.
impl PartialEq for Aggregator {
    fn eq(&self, other: &Self) -> bool {
        let all = |of: &Self| -> Vec<_> {
            let tasks = of.places.iter();
            tasks
                .map(|(id, place)| (id.clone(), *place as usize))
                .collect()
        };
        let (mine, theirs) = (all(self), all(other));
        self.panel == other.panel
            && mine.len() == theirs.len()
            && mine.iter().zip(&theirs).all(|((one, at), (two, there))| {
                let (a, b) = (&self.tasks[*at], &other.tasks[*there]);
                one == two && a.why == b.why && a.records == b.records
            })
    }
}

impl Eq for Aggregator {}

/// Makes the watched sums right.
fn bring_in(watched: &mut Watched, tasks: &mut [Task]) {
    for place in watched.dirty.drain(..) {
        let task = &mut tasks[place as usize];
        task.shift(&mut watched.board, 1);
        task.state = State::Summed;
    }
}

/// The record with what all scanners together say of it.
fn settled(panel: &Panel, record: Record) -> Record {
    Record {
        security: panel.combine(record.security),
        ..record
    }
}
