//! Tables for a paper, as LaTeX with booktabs. Shares are in per cent; nothing is set in bold, since what is best is
//! for the author to say.
//!
//! `escape` makes text harmless, `draw` writes tables; the other files fill them.

mod changes;
mod draw;
mod escape;
mod figures;

pub use escape::escape;

use super::compare::CompareSummary;
use super::summary::Summary;
use super::{compare_sheet, sheet};

/// The tables of a run.
pub fn render(summary: &Summary) -> String {
    let tables = figures::tables(summary);
    draw::file(
        &sheet::heading(summary),
        &sheet::facts(&summary.about),
        &tables,
    )
}

/// The tables of a comparison.
pub fn render_compare(summary: &CompareSummary) -> String {
    let tables = changes::tables(summary);
    draw::file(
        &compare_sheet::heading(summary),
        &sheet::facts(&summary.about),
        &tables,
    )
}
