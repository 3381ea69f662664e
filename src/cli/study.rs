//! The scanners of a run side by side, from its folder to the screen.

use std::path::Path;

use super::exit_code::Exit;
use super::failure::Failure;
use super::output::{print, say};
use super::render::{Format, about, read_run, width};
use crate::dataset::Labels;
use crate::journal::RunFolder;
use crate::pipeline::Study;
use crate::report::{StudySummary, json, markdown, terminal};

/// Lines of a label file that are named on standard error; the report has more of them.
const NAMED: usize = 5;

/// The scanners of a run, set side by side.
pub(super) struct Compared {
    pub(super) is_finished: bool,
    summary: StudySummary,
    labels: Option<Labels>,
    /// Whether lines of the sample file were rejected, or samples could not be judged.
    is_incomplete: bool,
}

impl Compared {
    /// Computes everything from the journal, and the labels if there are any.
    pub(super) fn read(
        folder: &RunFolder,
        policy: Option<&Path>,
        labels: Option<&Path>,
    ) -> Result<Self, Failure> {
        let (manifest, index) = read_run(folder, policy)?;
        if manifest.identity.scanners.is_empty() {
            let error = anyhow::anyhow!("{} was made without scanners", folder.path().display());
            return Err(Failure::new(Exit::RunFolder, error)
                .hint("evaluate the samples again with --scanners, into another folder"));
        }
        let mut labels = labels.map(Labels::read).transpose()?;
        let study = Study::of(&manifest, &index, labels.as_mut())?;
        Ok(Self {
            is_finished: index.is_finished(),
            summary: StudySummary::build(about(&manifest), &study.opinions, labels.as_ref()),
            is_incomplete: study.infra > 0 || !index.rejected().is_empty(),
            labels,
        })
    }

    /// Names the first lines that are no labels on standard error.
    pub(super) fn note_rejected(&self) {
        let Some((rejected, lines)) = self.labels.as_ref().map(Labels::rejected) else {
            return;
        };
        for error in rejected.iter().take(NAMED) {
            say(&format!("note: no label: {error}"));
        }
        let named = rejected.len().min(NAMED) as u64;
        if lines > named {
            say(&format!(
                "note: and {} more lines that are no labels",
                lines - named
            ));
        }
    }

    /// Shows the study on standard output.
    pub(super) fn show(&self, format: Format) -> Result<(), Failure> {
        print(&match format {
            Format::Terminal => terminal::render_study(&self.summary, width()),
            Format::Markdown => markdown::render_study(&self.summary),
            Format::Json => json::render_study(&self.summary)
                .map_err(|error| Failure::new(Exit::RunFolder, error))?,
        })
    }

    /// Whether everything could be judged, and every label read.
    pub(super) fn exit(&self) -> Exit {
        let rejected = self.labels.as_ref().map(Labels::rejected);
        if self.is_incomplete || rejected.is_some_and(|(_, lines)| lines > 0) {
            Exit::Incomplete
        } else {
            Exit::Success
        }
    }
}
