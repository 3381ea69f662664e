//! A report before it is drawn: what the terminal and Markdown have in common.
//!
//! Every hostile text in it is on one line, bounded, with its control characters made visible.

use super::compare::CompareSummary;
use super::compare_sheet;
use super::format;
use super::listing_sheet;
use super::sheet::{self, Sheet};
use super::study::StudySummary;
use super::study_sheet;
use super::summary::Summary;

/// What is drawn, from the top to the bottom.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) title: String,
    pub(super) sheets: Vec<Sheet>,
    /// Texts that keep their lines, below the tables: a title, and lines that are safe to show.
    pub(super) blocks: Vec<(String, Vec<String>)>,
    /// What the numbers mean: a title, and names with their meanings.
    pub(super) meanings: (&'static str, Vec<(String, &'static str)>),
    /// What was evaluated and in what.
    pub(super) facts: Vec<(&'static str, String)>,
}

impl Page {
    /// A run.
    pub(super) fn of(summary: &Summary) -> Self {
        Self {
            title: sheet::heading(summary),
            sheets: sheet::all(summary),
            blocks: Vec::new(),
            meanings: ("What the figures mean", format::meanings(summary)),
            facts: sheet::facts(&summary.about),
        }
    }

    /// The scanners of a run.
    pub(super) fn of_study(study: &StudySummary) -> Self {
        Self {
            title: study_sheet::heading(study),
            sheets: study_sheet::all(study),
            blocks: Vec::new(),
            meanings: ("What the numbers mean", study_sheet::meanings(study)),
            facts: sheet::facts(&study.about),
        }
    }

    /// Techniques against a base.
    pub(super) fn of_compare(summary: &CompareSummary) -> Self {
        Self {
            title: compare_sheet::heading(summary),
            sheets: compare_sheet::all(summary),
            blocks: listing_sheet::blocks(summary),
            meanings: ("What the numbers mean", compare_sheet::meanings(summary)),
            facts: sheet::facts(&summary.about),
        }
    }
}
