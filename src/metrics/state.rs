//! A stream as it is written to a file: the same events give the same bytes, in whatever order they came.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::aggregator::MetricsError;
use super::codes::Entry;
use super::facts::Exclusion;
use super::groups::Seat;
use super::panel::Panel;
use super::record::Record;
use super::stream::{Stream, TaskFault};
use super::{Acts, Suspects, Weaknesses};
use crate::base::id::TaskId;

/// Everything that a stream holds, in one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    panel: Panel,
    groups: Vec<Group>,
    apart: BTreeMap<TaskId, Exclusion>,
    /// By key; seats by the places of groups and tasks here.
    codes: Vec<Entry>,
    own: Weaknesses,
    acts: Acts,
    suspects: Suspects,
    faults: BTreeMap<TaskId, TaskFault>,
    rejected: BTreeMap<u64, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Group {
    name: Option<String>,
    tasks: Vec<(TaskId, Vec<Record>)>,
}

impl State {
    /// What a stream holds.
    pub fn of(stream: &Stream) -> Self {
        let groups: Vec<Group> = stream
            .groups
            .iter()
            .map(|(name, group)| Group {
                name: name.map(str::to_owned),
                tasks: group
                    .all()
                    .map(|(task, records)| (task.clone(), records.settled().into_owned()))
                    .collect(),
            })
            .collect();
        // From places in the stream to places here: group, then task.
        let by_name: BTreeMap<Option<&str>, usize> = groups
            .iter()
            .enumerate()
            .map(|(place, group)| (group.name.as_deref(), place))
            .collect();
        let mut places = Vec::new();
        for (name, group) in stream.groups.by_place() {
            let Some(here) = by_name.get(&name) else {
                continue;
            };
            let tasks = &groups[*here].tasks;
            let find = |task| tasks.binary_search_by(|(known, _)| known.cmp(task)).ok();
            let tasks: Vec<Option<usize>> = group.by_place().into_iter().map(find).collect();
            places.push((*here, tasks));
        }
        let moved = |seat: Seat| {
            let (group, tasks) = places.get(usize::from(seat.group))?;
            let task = tasks.get(seat.task as usize).copied().flatten()?;
            Some(Seat {
                group: *group as u16,
                task: task as u32,
                ..seat
            })
        };
        let mut codes: Vec<Entry> = stream.codes.entries().collect();
        for entry in &mut codes {
            entry.seats = entry.seats.iter().copied().filter_map(moved).collect();
            entry.seats.sort_unstable();
        }
        codes.sort_unstable_by_key(|entry| entry.key);
        Self {
            panel: stream.groups.panel().clone(),
            groups,
            apart: stream.groups.apart().clone(),
            codes,
            own: stream.own.clone(),
            acts: stream.acts.clone(),
            suspects: stream.suspects.clone(),
            faults: stream.faults.clone(),
            rejected: stream.rejected.clone(),
        }
    }

    /// The stream that holds this. Seats that are nowhere, as only a forged state has, are passed over.
    ///
    /// # Errors
    /// When there are more groups than any run has.
    pub fn stream(self) -> Result<Stream, MetricsError> {
        let mut stream = Stream::new(self.panel);
        for (task, why) in &self.apart {
            stream.groups.set_apart(task, *why);
        }
        let mut places = Vec::new();
        for group in &self.groups {
            let mut tasks = Vec::new();
            for (task, records) in &group.tasks {
                let mut place = None;
                for record in records {
                    place = Some(stream.groups.put(group.name.as_deref(), task, *record)?);
                }
                tasks.push(place);
            }
            places.push(tasks);
        }
        for entry in self.codes {
            stream
                .codes
                .learn(entry.key, entry.security, entry.weaknesses, |_, _| {});
            for seat in entry.seats {
                let tasks = places.get(usize::from(seat.group));
                let place = tasks.and_then(|tasks| tasks.get(seat.task as usize));
                if let Some(Some((group, task))) = place {
                    let seat = Seat {
                        group: *group,
                        task: *task,
                        ..seat
                    };
                    stream.codes.seat(entry.key, seat);
                    // An honest state's records have it already.
                    stream.groups.learn(seat, entry.security);
                }
            }
        }
        stream.own = self.own;
        stream.acts = self.acts;
        stream.suspects = self.suspects;
        stream.faults = self.faults;
        stream.rejected = self.rejected;
        Ok(stream)
    }

    /// The scanners.
    pub fn panel(&self) -> &Panel {
        &self.panel
    }
}
