//! Techniques against a base as one HTML file.

use maud::{Markup, html};

use super::{chart, diffs, forest, frame, heat, levels, meanings, table};
use crate::report::compare::CompareSummary;
use crate::report::page::Page;
use crate::report::{by_scanner_sheet, compare_sheet, format, listing_sheet};

/// The comparison.
pub fn render(summary: &CompareSummary) -> String {
    let page = Page::of_compare(summary);
    let body = html! {
        h1 { (page.title) }
        @for sheet in compare_sheet::warnings(summary) { (table(&sheet)) }
        (forest::changes(summary))
        (levels::figures(summary))
        (heat::transitions(summary))
        (shown(&compare_sheet::transitions(summary)))
        (failures(summary))
        (levels::weaknesses(summary))
        @for technique in &summary.techniques {
            (shown(&by_scanner_sheet::weaknesses(technique)))
        }
        @for technique in &summary.techniques {
            (shown(&compare_sheet::figures(technique, summary.techniques.len() > 1)))
            (shown(&compare_sheet::left_out(technique)))
        }
        @for technique in &summary.techniques { (diffs::listing(technique)) }
        (meanings(&page))
        section {
            h2 { "How it was run" }
            ul { @for (name, line) in &page.facts { li { b { (name) } ": " (line) } } }
        }
    };
    frame::document(&page.title, &body)
}

/// A table, if it has any rows.
fn shown(sheet: &super::Sheet) -> Markup {
    html! { @if !sheet.rows.is_empty() { (table(sheet)) } }
}

/// Why samples stopped working, where their codes were given.
fn failures(summary: &CompareSummary) -> Markup {
    let sheet = listing_sheet::failures(summary);
    html! {
        @if !sheet.rows.is_empty() {
            (table(&sheet))
            @for technique in &summary.techniques {
                @if let Some(failures) = technique.failures.as_ref().filter(|all| all.samples > 0) {
                    h3 { (compare_sheet::name(technique)) ", " (format::plural(failures.samples, "sample")) }
                    (chart::failures(failures))
                }
            }
        }
    }
}
