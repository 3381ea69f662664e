//! Which tasks and samples of two groups belong together.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::base::id::TaskId;
use crate::metrics::counts::Counts;
use crate::metrics::record::{Judge, Record};
use crate::metrics::{Aggregator, Exclusion, Panel};

/// Which samples of a task are partners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partners {
    /// Those of the same index: two runs number each task's samples from 0.
    ByIndex,
    /// The first with the first, and so on: groups of one run share its numbers.
    ByOrder,
}

/// Why a task is not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unpaired {
    /// Only the base has samples for it.
    OnlyBase,
    /// Only the technique has samples for it.
    OnlyTechnique,
    /// None of its samples counts on one side, or on both; the base's reason if it has one.
    Excluded(Exclusion),
}

impl Unpaired {
    /// Its name in JSON and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::OnlyBase => "only-base",
            Self::OnlyTechnique => "only-technique",
            Self::Excluded(why) => why.name(),
        }
    }

    /// What it means, in a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::OnlyBase => "only the base has samples for it",
            Self::OnlyTechnique => "only the technique has samples for it",
            Self::Excluded(why) => why.meaning(),
        }
    }
}

/// One task that counts in both.
#[derive(Clone, Debug)]
pub(super) struct PairedTask<'a> {
    pub(super) id: &'a TaskId,
    pub(super) base: Cow<'a, [Record]>,
    pub(super) technique: Cow<'a, [Record]>,
}

/// What became of the samples of the tasks that count in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairCounts {
    /// Pairs of which both count.
    pub pairs: u64,
    /// Pairs of which one or both could not be judged.
    pub not_judged: u64,
    /// Samples of the base without a partner.
    pub base_alone: u64,
    /// Samples of the technique without a partner.
    pub technique_alone: u64,
}

/// The tasks of two groups that count in both.
#[derive(Clone, Debug)]
pub struct Pairing<'a> {
    pub(super) base_panel: &'a Panel,
    pub(super) technique_panel: &'a Panel,
    pub(super) tasks: Vec<PairedTask<'a>>,
    partners: Partners,
    unpaired: BTreeMap<&'a TaskId, Unpaired>,
}

impl<'a> Pairing<'a> {
    /// Of a base and a technique.
    pub fn of(base: &'a Aggregator, technique: &'a Aggregator, partners: Partners) -> Self {
        let (lost_before, lost_after) = (base.excluded_tasks(), technique.excluded_tasks());
        let known: BTreeSet<&TaskId> = technique.task_ids().collect();
        let mut unpaired: BTreeMap<&TaskId, Unpaired> = BTreeMap::new();
        let mut tasks = Vec::new();
        for id in base.task_ids() {
            let (Some(before), Some(after)) = (base.records_of(id), technique.records_of(id))
            else {
                unpaired.insert(id, Unpaired::OnlyBase);
                continue;
            };
            match lost_before.get(id).or_else(|| lost_after.get(id)) {
                Some(why) => _ = unpaired.insert(id, Unpaired::Excluded(*why)),
                None => tasks.push(PairedTask {
                    id,
                    base: before,
                    technique: after,
                }),
            }
        }
        let ours: BTreeSet<&TaskId> = base.task_ids().collect();
        for id in known.difference(&ours) {
            unpaired.insert(id, Unpaired::OnlyTechnique);
        }
        Self {
            base_panel: base.panel(),
            technique_panel: technique.panel(),
            tasks,
            partners,
            unpaired,
        }
    }

    /// Tasks that are compared.
    pub fn tasks(&self) -> u64 {
        self.tasks.len() as u64
    }

    /// Tasks that are not compared, with the reason.
    pub fn unpaired(&self) -> &BTreeMap<&'a TaskId, Unpaired> {
        &self.unpaired
    }

    /// The scanners that both were judged by.
    pub fn scanners(&self) -> impl Iterator<Item = &'a str> {
        let others = self.technique_panel.names();
        let names = self.base_panel.names().iter();
        names
            .filter(|name| others.contains(name))
            .map(String::as_str)
    }

    /// Where each side keeps the judgement of a scanner; `None` unless both were judged by it.
    pub(super) fn judges(&self, scanner: &str) -> Option<(Judge, Judge)> {
        let place = |panel: &Panel| panel.place(scanner).map(Judge::Scanner);
        place(self.base_panel).zip(place(self.technique_panel))
    }

    /// How many samples have partners.
    pub fn counts(&self) -> PairCounts {
        let mut counts = PairCounts::default();
        for task in &self.tasks {
            let mut paired = 0;
            for (before, after) in self.pairs_of(task) {
                paired += 1;
                if before.is_scored() && after.is_scored() {
                    counts.pairs += 1;
                } else {
                    counts.not_judged += 1;
                }
            }
            counts.base_alone += task.base.len() as u64 - paired;
            counts.technique_alone += task.technique.len() as u64 - paired;
        }
        counts
    }

    /// Whether no task has more than one sample that counts, on either side.
    pub fn is_single(&self) -> bool {
        let single =
            |records: &[Record]| records.iter().filter(|record| record.is_scored()).count() <= 1;
        self.tasks
            .iter()
            .all(|task| single(&task.base) && single(&task.technique))
    }

    /// Whether every sample of both sides has a rank.
    pub(super) fn is_ranked(&self) -> bool {
        let mut all = self.tasks.iter();
        all.all(|task| {
            Counts::of(task.base.iter(), 0).is_ranked()
                && Counts::of(task.technique.iter(), 0).is_ranked()
        })
    }

    /// The samples of a task that are partners, judged or not.
    pub(super) fn pairs_of<'t>(
        &self,
        task: &'t PairedTask<'a>,
    ) -> Box<dyn Iterator<Item = (&'t Record, &'t Record)> + 't> {
        match self.partners {
            Partners::ByOrder => Box::new(task.base.iter().zip(task.technique.iter())),
            Partners::ByIndex => Box::new(task.base.iter().filter_map(|before| {
                // Both are sorted by index.
                let place = task
                    .technique
                    .binary_search_by_key(&before.index, |after| after.index);
                Some((before, task.technique.get(place.ok()?)?))
            })),
        }
    }
}
