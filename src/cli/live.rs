//! The figures of a run that is still being written, from its journal.

use super::failure::Failure;
use super::render::manifest;
use crate::base::text::one_line;
use crate::journal::{Follow, Manifest, Record, RunFolder, StateRecord};
use crate::metrics::Figure;
use crate::pipeline::merge::MERGED;
use crate::pipeline::{Grouping, PipelineError, Replay};
use crate::report::format;
use crate::report::overview::headline;

/// Records that are read at one time, so that whoever shows figures can look up now and then.
const MOST: usize = 10_000;
/// Groups of which a line tells.
const GROUPS: usize = 4;

/// What a run's journal last said of its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// Nothing yet.
    #[default]
    New,
    /// A process began, and has not said that it ended.
    Running,
    /// It was asked to stop before the end.
    Interrupted,
    /// Everything was evaluated.
    Finished,
}

/// A run, counted as far as its journal has come.
#[derive(Debug)]
pub(super) struct Live {
    follow: Follow,
    replay: Replay,
    pub(super) manifest: Manifest,
    pub(super) state: State,
}

impl Live {
    /// Begins to follow a run.
    pub(super) fn open(
        folder: &RunFolder,
        ks: &[u32],
        grouping: &Grouping,
    ) -> Result<Self, Failure> {
        let manifest = manifest(folder, None)?;
        Ok(Self {
            follow: Follow::open(&folder.journal_path())?,
            replay: Replay::new(&manifest, grouping, Some(ks))?,
            manifest,
            state: State::New,
        })
    }

    /// Reads on; whether there is more at once.
    pub(super) fn poll(&mut self) -> Result<bool, PipelineError> {
        let Self { replay, state, .. } = self;
        let read = self.follow.poll(MOST, |record| {
            if let Record::State(now) = &record {
                *state = match now {
                    StateRecord::Started { .. } => State::Running,
                    StateRecord::Interrupted { .. } => State::Interrupted,
                    StateRecord::Finished { .. } => State::Finished,
                };
            }
            replay.add(&record).map_err(PipelineError::from)
        })?;
        Ok(read == MOST)
    }

    /// Whether the run was put together from others: nobody can go on with it.
    pub(super) fn is_merged(&self) -> bool {
        let manifest = &self.manifest;
        !manifest.sources.is_empty() || manifest.identity.selection.starts_with(MERGED)
    }

    /// Whether some process works on the run, as far as the file system tells.
    pub(super) fn is_written(&self) -> Option<bool> {
        self.follow.is_written()
    }

    /// The figures of every group as they are now.
    pub(super) fn now(&mut self) -> Vec<(Option<String>, Vec<Figure>)> {
        self.replay.stream.now()
    }

    /// A line for each group, the first few: `Pass@1 0.4123, Secure@1 (combined) 0.7100`.
    pub(super) fn lines(&mut self) -> Vec<String> {
        let all = self.now();
        let is_plain = matches!(all.as_slice(), [(None, _)]);
        let mut lines = Vec::new();
        for (name, figures) in all.iter().take(GROUPS) {
            let known = headline(figures).into_iter();
            let known = known.filter(|figure| figure.value.is_some());
            let figures: Vec<String> = known
                .map(|figure| format!("{} {}", figure.name, format::value(figure.value)))
                .collect();
            if figures.is_empty() {
                continue;
            }
            let name = match is_plain {
                true => String::new(),
                false => format!("{}: ", one_line(format::group_name(name.as_deref()), 40)),
            };
            lines.push(format!("{name}{}", figures.join(", ")));
        }
        if all.len() > GROUPS {
            lines.push(format!("and {} more groups", all.len() - GROUPS));
        }
        lines
    }
}
