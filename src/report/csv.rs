//! Figures and changes as rows of CSV (RFC 4180, but lines end in a line feed), for spreadsheets and data frames.
//!
//! Numbers are written by the shortest form that reads back the same; what is not defined is an empty cell. Texts that
//! come from samples stay on one line and in their cell, and none is taken for a formula; see [`guard`].

use std::borrow::Cow;
use std::io;

use serde::Serialize;

use super::compare::{CompareSummary, TechniqueSummary};
use super::summary::{GroupSummary, Summary};
use crate::base::text::{for_terminal, one_line};
use crate::metrics::Figure;
use crate::metrics::paired::Delta;

/// The columns of a run's figures.
pub const FIGURES: [&str; 21] = [
    "group",
    "metric",
    "k",
    "scanner",
    "name",
    "value",
    "numerator",
    "denominator",
    "tasks",
    "tasks_short",
    "known",
    "total",
    "excluded",
    "low",
    "high",
    "method",
    "unknown_samples",
    "unknown_strict",
    "unknown_available",
    "unknown_lenient",
    "note",
];

/// The columns of a comparison's changes.
pub const CHANGES: [&str; 26] = [
    "base",
    "technique",
    "group",
    "metric",
    "k",
    "scanner",
    "name",
    "before",
    "after",
    "change",
    "low",
    "high",
    "p",
    "p_holm",
    "lost",
    "gained",
    "tasks",
    "tasks_short",
    "unknown_before",
    "unknown_after",
    "unknown_low",
    "unknown_high",
    "available_change",
    "available_tasks",
    "not_comparable",
    "note",
];

/// Every figure of a run: a row for each group and figure.
///
/// # Errors
/// When a row cannot be written, which does not happen.
pub fn render(summary: &Summary) -> io::Result<String> {
    let groups = summary.groups.iter();
    let rows = groups.flat_map(|group| group.figures.iter().map(|figure| of_figure(group, figure)));
    write(&FIGURES, rows)
}

/// Every change of a comparison: a row for each technique and metric.
///
/// # Errors
/// As [`render`].
pub fn render_compare(summary: &CompareSummary) -> io::Result<String> {
    let rows = summary.techniques.iter().flat_map(|technique| {
        let deltas = technique.deltas.iter();
        deltas.map(|delta| of_delta(summary, technique, delta))
    });
    write(&CHANGES, rows)
}

fn write<const N: usize>(
    header: &[&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> io::Result<String> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(&row)?;
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn of_figure(group: &GroupSummary, figure: &Figure) -> [String; FIGURES.len()] {
    let unknown = figure.unknown;
    [
        text(group.name.as_deref()),
        word(figure.metric),
        figure.k.to_string(),
        text(figure.scanner.as_deref()),
        text(Some(&figure.name)),
        number(figure.value),
        figure.numerator.to_string(),
        figure.denominator.to_string(),
        figure.tasks.to_string(),
        figure.tasks_short.to_string(),
        figure.coverage.known.to_string(),
        figure.coverage.total.to_string(),
        figure.excluded.to_string(),
        number(figure.interval.map(|interval| interval.low)),
        number(figure.interval.map(|interval| interval.high)),
        figure.method.map_or_else(String::new, word),
        number(unknown.map(|range| range.samples)),
        number(unknown.map(|range| range.strict)),
        number(unknown.and_then(|range| range.available)),
        number(unknown.map(|range| range.lenient)),
        text(Some(&figure.note)),
    ]
}

fn of_delta(
    summary: &CompareSummary,
    technique: &TechniqueSummary,
    delta: &Delta,
) -> [String; CHANGES.len()] {
    let strict = delta.strict;
    let interval = strict.and_then(|strict| strict.interval);
    let test = strict.and_then(|strict| strict.mcnemar);
    let unknown = delta.unknown;
    let available = unknown.and_then(|unknown| unknown.available);
    // Names may be cut there.
    let is_its = |name: &str| one_line(&technique.side.name, name.chars().count()) == name;
    let differences = summary.differences.iter();
    let differences: Vec<&str> = differences
        .filter(|difference| is_its(&difference.technique))
        .map(|difference| difference.part.as_str())
        .collect();
    [
        text(Some(&summary.base.name)),
        text(Some(&technique.side.name)),
        text(technique.side.group.as_deref()),
        word(delta.metric),
        delta.k.to_string(),
        text(delta.scanner.as_deref()),
        text(Some(&delta.name)),
        number(strict.map(|strict| strict.base)),
        number(strict.map(|strict| strict.technique)),
        number(strict.map(|strict| strict.delta)),
        number(interval.map(|interval| interval.low)),
        number(interval.map(|interval| interval.high)),
        number(strict.and_then(|strict| strict.p)),
        number(delta.p_holm),
        number(test.map(|test| test.lost)),
        number(test.map(|test| test.gained)),
        number(strict.map(|strict| strict.tasks)),
        delta.tasks_short.to_string(),
        number(unknown.map(|unknown| unknown.base_samples)),
        number(unknown.map(|unknown| unknown.technique_samples)),
        number(unknown.map(|unknown| unknown.low)),
        number(unknown.map(|unknown| unknown.high)),
        number(available.map(|available| available.delta)),
        number(available.map(|available| available.tasks)),
        text(Some(&differences.join("; "))),
        text(Some(&delta.note)),
    ]
}

fn number(number: Option<impl ToString>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

fn text(text: Option<&str>) -> String {
    guard(text.unwrap_or_default()).into_owned()
}

/// The name that JSON has for it.
fn word(value: impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// A text as a cell that no spreadsheet takes for a formula: one that begins with `=`, `+`, `-` or `@` (their wide forms
/// too, and behind blanks), or with a tab or an end of a line, gets a single quote in front. Control characters, ends of
/// lines among them, are written out.
pub fn guard(text: &str) -> Cow<'_, str> {
    let first = text.trim_start_matches(' ').chars().next();
    let is_formula = first.is_some_and(|first| "=+-@\t\r\n＝＋－＠".contains(first));
    let is_plain = !text.contains(|c: char| c.is_control()) && for_terminal(text) == text;
    if is_plain && !is_formula {
        return Cow::Borrowed(text);
    }
    let mut safe = String::from(if is_formula { "'" } else { "" });
    for character in for_terminal(text).chars() {
        match character {
            '\n' | '\t' => safe.extend(character.escape_unicode()),
            other => safe.push(other),
        }
    }
    Cow::Owned(safe)
}
