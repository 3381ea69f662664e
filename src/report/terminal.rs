//! The summary for a terminal: plain text, no colours, so that nothing is lost on any screen, in a
//! log, or under `NO_COLOR`.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, presets};

use super::compare::CompareSummary;
use super::format;
use super::overview::{self, Standing};
use super::page::Page;
use super::sheet::{self, Sheet};
use super::study::StudySummary;
use super::summary::Summary;

/// The narrowest width that is laid out for.
const NARROWEST: usize = 40;

/// The report, laid out for `width` columns.
pub fn render(summary: &Summary, width: usize) -> String {
    lay_out(&Page::of(summary), width)
}

/// The scanners side by side, laid out for `width` columns.
pub fn render_study(study: &StudySummary, width: usize) -> String {
    lay_out(&Page::of_study(study), width)
}

/// Techniques against a base, laid out for `width` columns.
pub fn render_compare(summary: &CompareSummary, width: usize) -> String {
    lay_out(&Page::of_compare(summary), width)
}

/// Groups at a glance, laid out for `width` columns: one group with all its figures, several with a row for each.
pub fn render_overview(dataset: &str, groups: &[Standing<'_>], width: usize) -> String {
    let width = width.max(NARROWEST);
    let sheet = match groups {
        [one] => sheet::figures_of(one.figures),
        _ => overview::figures(groups),
    };
    if sheet.rows.is_empty() {
        return format!("{}: no sample yet\n", sheet::clean(dataset));
    }
    format!("{}\n{}\n", sheet::clean(dataset), draw(&sheet, width))
}

fn lay_out(page: &Page, width: usize) -> String {
    let width = width.max(NARROWEST);
    let mut text = format::wrap(&page.title, width, 2);
    text.push('\n');
    for sheet in &page.sheets {
        text.push('\n');
        text.push_str(&sheet.title);
        text.push('\n');
        text.push_str(&draw(sheet, width));
        text.push('\n');
        for remark in &sheet.remarks {
            paragraph(&mut text, &format!("- {remark}"), width);
        }
    }
    for (title, lines) in &page.blocks {
        text.push_str(&format!("\n{title}\n"));
        for line in lines {
            text.push_str(&format!("  {line}\n"));
        }
    }
    let (title, meanings) = &page.meanings;
    text.push_str(&format!("\n{title}\n"));
    for (name, meaning) in meanings {
        paragraph(&mut text, &format!("{name}: {meaning}"), width);
    }
    text.push_str("\nHow it was run\n");
    for (name, line) in &page.facts {
        paragraph(&mut text, &format!("{name}: {line}"), width);
    }
    text
}

fn paragraph(text: &mut String, line: &str, width: usize) {
    text.push_str("  ");
    text.push_str(&format::wrap(line, width - 2, 4));
    text.push('\n');
}

fn draw(sheet: &Sheet, width: usize) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::ASCII_NO_BORDERS.row_separator(LineStyle::none()))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header(sheet.header.clone());
    for row in &sheet.rows {
        table.add_row(row.clone());
    }
    for column in &sheet.numeric {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}
