//! The report as one HTML file: nothing is fetched from anywhere, and nothing that a model wrote is markup.
//!
//! `frame` is the page around it all, `chart` draws bars, `samples` shows single samples. Of comparisons `forest` draws
//! changes, `levels` the base beside techniques, `heat` the transitions, and `diffs` shows what changed in codes. Everything
//! goes through maud, which escapes by itself; beyond that the page's own policy lets no script run but ours.

mod chart;
mod compare;
mod diffs;
mod forest;
mod frame;
mod heat;
mod levels;
mod samples;

use maud::{Markup, html};

use super::page::Page;
use super::sheet::Sheet;
use super::summary::Summary;
pub use compare::render as render_compare;
pub use samples::SampleView;

/// Characters of a cell that stays on one line.
const BRIEF: usize = 12;

/// The report, with these samples shown one by one, of so many.
pub fn render(summary: &Summary, samples: &[SampleView]) -> String {
    let page = Page::of(summary);
    let all: u64 = summary.groups.iter().map(|group| group.samples).sum();
    let body = html! {
        h1 { (page.title) }
        (chart::figures(summary))
        (chart::verdicts(summary))
        (chart::weaknesses(summary))
        @for sheet in &page.sheets { (table(sheet)) }
        (samples::all(samples, all))
        (meanings(&page))
        section {
            h2 { "How it was run" }
            ul { @for (name, line) in &page.facts { li { b { (name) } ": " (line) } } }
        }
    };
    frame::document(&page.title, &body)
}

fn table(sheet: &Sheet) -> Markup {
    let is_number = |column: usize| sheet.numeric.contains(&column);
    // Such as `CWE-330`, which is no word to be broken.
    let is_brief = |cell: &str| cell.chars().count() <= BRIEF;
    html! {
        section {
            h2 { (sheet.title) }
            div.scroll {
                table.sortable {
                    thead { tr {
                        @for (column, cell) in sheet.header.iter().enumerate() {
                            th.number[is_number(column)] scope="col" { button type="button" { (cell) } }
                        }
                    } }
                    tbody {
                        @for row in &sheet.rows {
                            tr { @for (column, cell) in row.iter().enumerate() { td.number[is_number(column)].brief[is_brief(cell)] { (cell) } } }
                        }
                    }
                }
            }
            @if !sheet.remarks.is_empty() {
                ul.remarks { @for remark in &sheet.remarks { li { (remark) } } }
            }
        }
    }
}

fn meanings(page: &Page) -> Markup {
    let (title, meanings) = &page.meanings;
    html! {
        section {
            h2 { (title) }
            dl { @for (name, meaning) in meanings { dt { (name) } dd { (meaning) } } }
        }
    }
}
