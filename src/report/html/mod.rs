//! The report as one HTML file: nothing is fetched from anywhere, and nothing that a model wrote is markup.
//!
//! `frame` is the page around it all, `chart` draws bars, `samples` shows single samples. Everything goes through
//! maud, which escapes by itself; beyond that the page's own policy lets no script run but ours.

mod chart;
mod frame;
mod samples;

use maud::{Markup, html};

use super::page::Page;
use super::sheet::Sheet;
use super::summary::Summary;
pub use samples::SampleView;

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
    let class = |column: usize| sheet.numeric.contains(&column).then_some("number");
    html! {
        section {
            h2 { (sheet.title) }
            div.scroll {
                table.sortable {
                    thead { tr {
                        @for (column, cell) in sheet.header.iter().enumerate() {
                            th class=[class(column)] scope="col" { button type="button" { (cell) } }
                        }
                    } }
                    tbody {
                        @for row in &sheet.rows {
                            tr { @for (column, cell) in row.iter().enumerate() { td class=[class(column)] { (cell) } } }
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
