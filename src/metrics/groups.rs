//! What reports compare side by side.

use std::collections::BTreeMap;

use super::aggregator::{Aggregator, MetricsError};
use super::facts::{Exclusion, Facts};
use super::figure::Figure;
use super::figures;
use super::panel::Panel;
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
    places: BTreeMap<Option<String>, u32>,
    groups: Vec<Aggregator>,
    /// Tasks of which no sample counts, in whatever group.
    apart: BTreeMap<TaskId, Exclusion>,
}

/// Where a sample is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seat {
    pub(super) group: u32,
    pub(super) task: u32,
    pub(super) index: u32,
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
        self.seat(facts).map(|_| ())
    }

    /// As [`Groups::add`]; says where the sample is kept.
    pub(super) fn seat(&mut self, facts: &Facts) -> Result<Seat, MetricsError> {
        let group = self.place(facts.group.as_ref())?;
        let aggregator = &mut self.groups[group as usize];
        let seat = Seat {
            group,
            task: aggregator.put(facts)?,
            index: facts.sample.index,
        };
        if let Some(why) = self.apart.get(&facts.sample.task) {
            aggregator.set_apart(&facts.sample.task, *why);
        }
        Ok(seat)
    }

    fn place(&mut self, name: Option<&String>) -> Result<u32, MetricsError> {
        // Mostly there is one, or few.
        let known = self.places.iter().find(|(known, _)| known.as_ref() == name);
        if self.places.len() <= 4
            && let Some((_, place)) = known
        {
            return Ok(*place);
        }
        let name = name.cloned();
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
        let place = self.groups.len() as u32;
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

    /// Adds all that another run's groups hold.
    ///
    /// # Errors
    /// As [`Aggregator::merge`], and when there would be more than [`MOST`] groups.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        if self.panel != other.panel {
            return Err(MetricsError::PanelMismatch(
                self.panel.describe(),
                other.panel.describe(),
            ));
        }
        for (task, why) in &other.apart {
            self.set_apart(task, *why);
        }
        for (name, place) in &other.places {
            let mine = self.place(name.as_ref())?;
            self.groups[mine as usize].merge(&other.groups[*place as usize])?;
        }
        Ok(())
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
