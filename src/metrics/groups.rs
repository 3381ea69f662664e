//! What reports compare side by side.

use std::collections::BTreeMap;

use super::aggregator::{Aggregator, MetricsError, Panel};
use super::facts::Facts;

/// One aggregator for each group of a run, by the group's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    panel: Panel,
    groups: BTreeMap<Option<String>, Aggregator>,
}

impl Groups {
    /// No group yet, for a run with these scanners.
    pub fn new(panel: Panel) -> Self {
        Self {
            panel,
            groups: BTreeMap::new(),
        }
    }

    /// Adds a sample's facts to its group.
    ///
    /// # Errors
    /// As [`Aggregator::add`].
    pub fn add(&mut self, facts: &Facts) -> Result<(), MetricsError> {
        if let Some(known) = self.groups.get_mut(&facts.group) {
            return known.add(facts);
        }
        let mut new = Aggregator::new(self.panel.clone());
        new.add(facts)?;
        self.groups.insert(facts.group.clone(), new);
        Ok(())
    }

    /// Adds all that another run's groups hold.
    ///
    /// # Errors
    /// As [`Aggregator::merge`].
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        if self.panel != other.panel {
            return Err(MetricsError::PanelMismatch(
                self.panel.describe(),
                other.panel.describe(),
            ));
        }
        for (name, aggregator) in &other.groups {
            self.groups
                .entry(name.clone())
                .or_insert_with(|| Aggregator::new(self.panel.clone()))
                .merge(aggregator)?;
        }
        Ok(())
    }

    /// The groups by name, the unnamed one first.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&str>, &Aggregator)> {
        self.groups
            .iter()
            .map(|(name, aggregator)| (name.as_deref(), aggregator))
    }

    /// The scanners.
    pub fn panel(&self) -> &Panel {
        &self.panel
    }
}
