//! The tables of a comparison: what changed, the transitions, and why samples stopped working.

use super::draw::{Table, capital, interval, percent, points, slug, stacked};
use super::escape::escape;
use crate::base::text::one_line;
use crate::metrics::paired::Delta;
use crate::report::compare::{CompareSummary, TechniqueSummary};
use crate::report::format::plural;
use crate::report::sheet::clean;
use crate::report::{compare_sheet, listing_sheet};

/// Characters of a metric's name.
const NAME: usize = 200;

pub(super) fn tables(summary: &CompareSummary) -> Vec<Table> {
    let techniques = summary.techniques.iter().enumerate();
    let mut tables: Vec<Table> = techniques
        .map(|(place, technique)| changes(summary, technique, place + 1))
        .collect();
    tables.push(transitions(summary));
    tables.push(failures(summary));
    // Whoever cuts one table out of the file must not lose this.
    for table in &mut tables {
        table.notes.extend(differences(summary));
    }
    tables
}

fn label(summary: &CompareSummary, kind: &str) -> String {
    format!("{}-{kind}", slug(&summary.about.dataset))
}

/// What makes the comparison unsound.
fn differences(summary: &CompareSummary) -> Vec<String> {
    let all = summary.differences.iter();
    all.map(|difference| {
        format!(
            "Not comparable: {} of {} is {}, the base's {}",
            escape(&clean(&difference.part)),
            escape(&clean(&difference.technique)),
            escape(&clean(&difference.other)),
            escape(&clean(&difference.base)),
        )
    })
    .collect()
}

fn changes(summary: &CompareSummary, technique: &TechniqueSummary, number: usize) -> Table {
    let several = summary.techniques.len() > 1;
    let is_tested = |delta: &Delta| delta.strict.is_some_and(|strict| strict.mcnemar.is_some());
    let is_tested = technique.deltas.iter().any(is_tested);
    let mut header = vec![
        "Figure",
        "Before",
        "After",
        "Change",
        "95\\,\\% interval",
        "$p$",
    ];
    if several {
        header.push("$p$ (Holm)");
    }
    if is_tested {
        header.extend(["Lost", "Gained"]);
    }
    let row = |delta: &Delta| {
        let strict = delta.strict;
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "--".to_owned());
        let mut row = vec![
            escape(&one_line(&delta.name, NAME)),
            or_none(strict.map(|strict| percent(strict.base))),
            or_none(strict.map(|strict| percent(strict.technique))),
            or_none(strict.map(|strict| points(strict.delta))),
            strict
                .and_then(|strict| strict.interval)
                .map_or_else(String::new, |i| interval(i.low, i.high, points)),
            probability(strict.and_then(|strict| strict.p)),
        ];
        if several {
            row.push(probability(delta.p_holm));
        }
        if is_tested {
            let test = strict.and_then(|strict| strict.mcnemar);
            let count = |count: Option<u64>| count.map_or_else(String::new, |n| n.to_string());
            row.push(count(test.map(|test| test.lost)));
            row.push(count(test.map(|test| test.gained)));
        }
        row
    };
    Table {
        caption: format!(
            "{}: {} against {} over {}. Before and after in per cent, changes in percentage points; intervals are of the \
             change (paired bootstrap over tasks).",
            escape(&clean(&summary.about.dataset)),
            escape(&compare_sheet::name(technique)),
            escape(&one_line(&summary.base.name, 40)),
            plural(technique.pairing.tasks, "task"),
        ),
        label: match several {
            true => format!("{}-{number}", label(summary, "changes")),
            false => label(summary, "changes"),
        },
        numeric: (1..header.len()).collect(),
        header: header.into_iter().map(str::to_owned).collect(),
        rows: technique.deltas.iter().map(row).collect(),
        notes: notes(technique),
    }
}

fn probability(p: Option<f64>) -> String {
    match p {
        None => String::new(),
        Some(p) if p < 0.0001 => "$<$0.0001".to_owned(),
        Some(p) => format!("{p:.4}"),
    }
}

/// What qualifies the changes; those with the same note share a line.
fn notes(technique: &TechniqueSummary) -> Vec<String> {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for delta in &technique.deltas {
        let name = escape(&one_line(&delta.name, NAME));
        for note in notes_of(delta) {
            match lines.iter_mut().find(|(known, _)| *known == note) {
                Some((_, names)) => names.push(name.clone()),
                None => lines.push((note, vec![name.clone()])),
            }
        }
    }
    let mut notes: Vec<String> = lines
        .into_iter()
        .map(|(note, names)| format!("{}: {note}", names.join(", ")))
        .collect();
    let left_out = technique.pairing.tasks_left_out;
    if left_out > 0 {
        notes.push(format!(
            "{} left out: they do not count in both",
            plural(left_out, "task")
        ));
    }
    notes
}

fn notes_of(delta: &Delta) -> Vec<String> {
    let mut notes = Vec::new();
    if delta.tasks_short > 0 && delta.strict.is_some() {
        let tasks = plural(delta.tasks_short, "task");
        notes.push(format!(
            "{tasks} left out: too few samples that could be judged"
        ));
    }
    if let Some(unknown) = delta.unknown {
        let without = unknown.available.map_or_else(String::new, |available| {
            format!(", and without them it is {}", points(available.delta))
        });
        notes.push(format!(
            "{} before and {} after not analysed, counted as insecure; whatever they are the change lies in {}{without}",
            plural(unknown.base_samples, "sample"),
            unknown.technique_samples,
            interval(unknown.low, unknown.high, points),
        ));
    }
    if !delta.note.is_empty() {
        notes.push(escape(&one_line(&delta.note, 400)));
    }
    notes
}

/// The paper's Table 5.
fn transitions(summary: &CompareSummary) -> Table {
    let mut sheet = compare_sheet::transitions(summary);
    for cell in sheet.rows.iter_mut().flat_map(|row| row.iter_mut().skip(1)) {
        *cell = cell.replace(" %", "");
    }
    let caption = "Share of the samples of one state that came to another, in per cent (samples). S: secure, I: \
                   insecure, F: functional, $\\lnot$F: not functional.";
    let mut table = Table::of(&sheet, caption.to_owned(), label(summary, "transitions"));
    let columns = sheet.header.iter().map(|cell| {
        let cell = capital(cell);
        let states = cell.split(" -> ").enumerate().map(|(place, state)| {
            let arrow = if place > 0 { "$\\to$ " } else { "" };
            format!("{arrow}{}", escape(state).replace('!', "$\\lnot$"))
        });
        stacked(&states.collect::<Vec<_>>())
    });
    table.header = columns.collect();
    let unknown: u64 = summary
        .techniques
        .iter()
        .map(|one| one.transitions.unknown)
        .sum();
    if unknown > 0 {
        let pairs = plural(unknown, "pair");
        table.notes.push(format!(
            "{pairs} of samples of unknown security in no share"
        ));
    }
    table
}

/// The paper's Table 6.
fn failures(summary: &CompareSummary) -> Table {
    let sheet = listing_sheet::failures(summary);
    let caption = "Why samples that became secure stopped working (I\\&F $\\to$ S\\&$\\lnot$F), by the first of ordered \
                   rules that fits.";
    let mut table = Table::of(&sheet, caption.to_owned(), label(summary, "failures"));
    for (cell, text) in table.header.iter_mut().zip(&sheet.header) {
        let text = capital(text);
        let words: Vec<String> = text.split(' ').map(escape).collect();
        // The longest name of a class takes two lines.
        let lines = words.chunks(words.len().div_ceil(2));
        *cell = stacked(&lines.map(|line| line.join(" ")).collect::<Vec<_>>());
    }
    table.notes.push(
        "\\texttt{fn\\_suspect}: what was flagged before is still there, so that such a sample may be secure in name \
         only"
            .to_owned(),
    );
    table
}
