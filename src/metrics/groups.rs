//! What reports compare side by side.

use std::collections::{BTreeMap, BTreeSet};

use super::aggregator::{Aggregator, MetricsError};
use super::facts::{Exclusion, Facts};
use super::figure::Figure;
use super::figures;
use super::panel::Panel;
use serde::{Deserialize, Serialize};

use super::record::Record;
use crate::base::id::TaskId;

/// The most groups of one run: more than anybody can look at means that samples are grouped by something that
/// is different for each.
pub const MOST: usize = 10_000;

/// One aggregator for each group of a run, by the group's name.
#[derive(Clone, Debug)]
pub struct Groups {
    panel: Panel,
    /// The values of k, where the groups are watched.
    watched: Option<Vec<u32>>,
    places: BTreeMap<Option<String>, u16>,
    groups: Vec<Aggregator>,
    /// Tasks of which no sample counts, in whatever group.
    apart: BTreeMap<TaskId, Exclusion>,
}

/// Where a sample is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Seat {
    pub(super) task: u32,
    pub(super) index: u32,
    pub(super) group: u16,
    /// Whether its group is the first, by name, of those that the sample is in.
    pub(super) is_first: bool,
}

impl Groups {
    /// No group yet, for a run with these scanners.
    pub fn new(panel: Panel) -> Self {
        Self {
            panel,
            watched: None,
            places: BTreeMap::new(),
            groups: Vec::new(),
            apart: BTreeMap::new(),
        }
    }

    /// No group yet; the figures for these values of k can be asked for at any moment.
    pub fn watched(panel: Panel, ks: &[u32]) -> Self {
        Self {
            watched: Some(ks.to_vec()),
            ..Self::new(panel)
        }
    }

    /// Adds a sample's facts to its group.
    ///
    /// # Errors
    /// As [`Aggregator::add`], and when there would be more than [`MOST`] groups.
    pub fn add(&mut self, facts: &Facts) -> Result<(), MetricsError> {
        self.seat(facts, facts.group.as_deref(), true, 0)
            .map(|_| ())
    }

    /// As [`Groups::add`], in the group of that name, with what scanners are known to say of the sample's code; says where
    /// the sample is kept.
    pub(super) fn seat(
        &mut self,
        facts: &Facts,
        group: Option<&str>,
        is_first: bool,
        known: u64,
    ) -> Result<Seat, MetricsError> {
        let group = self.place(group)?;
        let aggregator = &mut self.groups[group as usize];
        Ok(Seat {
            group,
            task: aggregator.put(facts, known)?,
            index: facts.sample.index,
            is_first,
        })
    }

    fn place(&mut self, name: Option<&str>) -> Result<u16, MetricsError> {
        // Mostly there is one, or few: no name needs to be copied then.
        let mut few = self.places.iter().take(4);
        if let Some((_, place)) = few.find(|(known, _)| known.as_deref() == name) {
            return Ok(*place);
        }
        let name = name.map(str::to_owned);
        if let Some(place) = self.places.get(&name) {
            return Ok(*place);
        }
        if self.groups.len() >= MOST {
            let last = self.places.keys().flatten().next_back();
            let last = last.map_or("", String::as_str);
            return Err(MetricsError::TooManyGroups(crate::base::text::one_line(
                &format!("such as {last}"),
                100,
            )));
        }
        let panel = self.panel.clone();
        let mut new = match &self.watched {
            Some(ks) => Aggregator::watched(panel, ks),
            None => Aggregator::new(panel),
        };
        for (task, why) in &self.apart {
            new.set_apart(task, *why);
        }
        let place = self.groups.len() as u16;
        self.groups.push(new);
        self.places.insert(name, place);
        Ok(place)
    }

    /// Adds what scanners say of a sample that is kept there; see [`Aggregator::learn`].
    pub(super) fn learn(&mut self, seat: Seat, security: u64) {
        if let Some(group) = self.groups.get_mut(seat.group as usize) {
            group.learn(seat.task, seat.index, security);
        }
    }

    /// Sets a task apart: no sample of it counts, in whatever group and whenever it comes.
    pub fn set_apart(&mut self, task: &TaskId, why: Exclusion) {
        let known = self.apart.entry(task.clone()).or_insert(why);
        *known = why.min(*known);
        for group in &mut self.groups {
            group.set_apart(task, why);
        }
    }

    /// Takes the ranks from the samples of these tasks.
    pub(super) fn unrank(&mut self, tasks: &BTreeSet<TaskId>) {
        for group in &mut self.groups {
            tasks.iter().for_each(|task| group.unrank(task));
        }
    }

    /// Adds all that another run's groups hold.
    ///
    /// # Errors
    /// As [`Aggregator::merge`], and when there would be more than [`MOST`] groups.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        self.check(&other.panel)?;
        for (task, why) in &other.apart {
            self.set_apart(task, *why);
        }
        for (name, place) in &other.places {
            let mine = self.place(name.as_deref())?;
            self.groups[mine as usize].merge(&other.groups[*place as usize])?;
        }
        Ok(())
    }

    pub(super) fn check(&self, panel: &Panel) -> Result<(), MetricsError> {
        if self.panel == *panel {
            return Ok(());
        }
        Err(MetricsError::PanelMismatch(
            self.panel.describe(),
            panel.describe(),
        ))
    }

    /// Adds a record of a task to the group of that name; says where both are kept.
    pub(super) fn put(
        &mut self,
        group: Option<&str>,
        task: &TaskId,
        record: Record,
    ) -> Result<(u16, u32), MetricsError> {
        let place = self.place(group)?;
        Ok((place, self.groups[place as usize].put_record(task, record)))
    }

    /// The groups by place, with their names.
    pub(super) fn by_place(&self) -> Vec<(Option<&str>, &Aggregator)> {
        let mut places: Vec<_> = self.places.iter().collect();
        places.sort_by_key(|(_, place)| **place);
        let all = places.into_iter();
        all.map(|(name, place)| (name.as_deref(), &self.groups[*place as usize]))
            .collect()
    }

    /// Tasks that are set apart, with the reason.
    pub(super) fn apart(&self) -> &BTreeMap<TaskId, Exclusion> {
        &self.apart
    }

    /// Distinct samples; one that is in several groups counts once.
    pub fn samples(&self) -> u64 {
        if let [one] = self.groups.as_slice() {
            return one.samples();
        }
        let mut tasks: BTreeMap<&TaskId, Vec<u32>> = BTreeMap::new();
        for (task, records) in self.groups.iter().flat_map(Aggregator::all) {
            let indices = tasks.entry(task).or_default();
            indices.extend(records.iter().map(|record| record.index));
        }
        let distinct = |mut indices: Vec<u32>| {
            indices.sort_unstable();
            indices.dedup();
            indices.len() as u64
        };
        tasks.into_values().map(distinct).sum()
    }

    /// The groups by name, the unnamed one first.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&str>, &Aggregator)> {
        self.places
            .iter()
            .map(|(name, place)| (name.as_deref(), &self.groups[*place as usize]))
    }

    /// The figures of every group as they are now, where the groups are watched; see [`figures::now`].
    pub fn now(&mut self) -> Vec<(Option<String>, Vec<Figure>)> {
        let places = self.places.iter();
        let groups = &mut self.groups;
        let now = places.map(|(name, place)| {
            let figures = figures::now(&mut groups[*place as usize]);
            (name.clone(), figures)
        });
        now.collect()
    }

    /// The scanners.
    pub fn panel(&self) -> &Panel {
        &self.panel
    }
}

/// What was added is the same, in whatever order it came.
impl PartialEq for Groups {
    fn eq(&self, other: &Self) -> bool {
        self.panel == other.panel && self.apart == other.apart && self.iter().eq(other.iter())
    }
}

impl Eq for Groups {}
