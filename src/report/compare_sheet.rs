//! The tables of a comparison, as cells; see [`super::sheet`].

use std::collections::BTreeSet;

use super::by_scanner_sheet;
use super::compare::{CompareSummary, TechniqueSummary, TransitionShare};
use super::format;
use super::listing_sheet;
use super::sheet::{Sheet, clean};
use crate::base::text::one_line;
use crate::metrics::paired::{Delta, Ruling, State, Verdict};
use crate::metrics::{Interval, Metric};

/// Tasks that are named of those which are not compared. The JSON has more.
const ROWS: usize = 10;
/// Characters of a technique's name.
const NAME: usize = 40;

/// What the paper's Table 5 asks of each technique: what became of those that worked, and what security was lost.
pub(super) const COLUMNS: [(&str, &str); 6] = [
    ("I&F", "S&!F"),
    ("S&F", "S&!F"),
    ("S&F", "I&F"),
    ("S&F", "I&!F"),
    ("S&!F", "I&F"),
    ("S&!F", "I&!F"),
];

/// What stands above the tables.
pub(super) fn heading(summary: &CompareSummary) -> String {
    let techniques: Vec<String> = summary.techniques.iter().map(name).collect();
    format!(
        "{}: {} against {}",
        clean(&summary.about.dataset),
        one_line(&techniques.join(", "), 200),
        one_line(&summary.base.name, NAME),
    )
}

/// All tables, without the empty ones.
pub(super) fn all(summary: &CompareSummary) -> Vec<Sheet> {
    let mut sheets = warnings(summary);
    let several = summary.techniques.len() > 1;
    for technique in &summary.techniques {
        sheets.push(figures(technique, several));
        sheets.push(matrix(technique));
        sheets.push(by_scanner_sheet::transitions(technique));
        sheets.push(by_scanner_sheet::weaknesses(technique));
        sheets.push(left_out(technique));
    }
    sheets.push(transitions(summary));
    sheets.push(listing_sheet::failures(summary));
    sheets.extend(summary.techniques.iter().map(listing_sheet::listing));
    sheets.retain(|sheet| !sheet.rows.is_empty());
    sheets
}

/// What must be read before all else: what makes the comparison unsound, and what rules say of it.
pub(super) fn warnings(summary: &CompareSummary) -> Vec<Sheet> {
    let mut sheets = vec![differences(summary), rulings(summary)];
    sheets.retain(|sheet| !sheet.rows.is_empty());
    sheets
}

/// What the numbers mean, for those who have not read the documentation.
pub(super) fn meanings(summary: &CompareSummary) -> Vec<(String, &'static str)> {
    let mut meanings: Vec<(String, &'static str)> = [
        (
            "before, after",
            "the base's and the technique's figure over the tasks that count in both, so that they may differ from \
             those of each run's own report",
        ),
        (
            "unknown",
            "samples that were not, or not wholly, analysed count as insecure; the last two columns say between what \
             the change lies whatever they are, and what it is over the tasks that do without them",
        ),
        (
            "95 % interval",
            "of the change: percentiles of a paired bootstrap over tasks; none where all replicates agree",
        ),
        (
            "p",
            "two-sided; McNemar's exact test where every task has one sample a side with a yes-or-no value \
             (lost: yes before, no after; gained: no before, yes after), else from the bootstrap",
        ),
        (
            "P(after | before)",
            "of the pairs of samples that were before, the share that is after; pairs of unknown security are in no \
             share; S secure, I insecure, F functional, !F not",
        ),
    ]
    .map(|(name, meaning)| (name.to_owned(), meaning))
    .into();
    if summary
        .techniques
        .iter()
        .any(|one| one.weaknesses.is_some())
    {
        meanings.push((
            "before, after by weakness".to_owned(),
            "samples of the base and of the technique in which the scanner found it, over the same pairs; appeared: after \
             and not before, disappeared: the other way round; p is McNemar's of these two, for one look at one row",
        ));
    }
    if summary.techniques.len() > 1 {
        meanings.push((
            "p (Holm)".to_owned(),
            "p after Holm's correction over the techniques, metric by metric",
        ));
    }
    let mut seen = BTreeSet::new();
    for delta in summary.techniques.iter().flat_map(|one| &one.deltas) {
        if seen.insert(delta.metric) {
            meanings.push((delta.metric.family().to_owned(), delta.metric.meaning()));
        }
    }
    meanings
}

pub(super) fn name(technique: &TechniqueSummary) -> String {
    one_line(&technique.side.name, NAME)
}

fn sheet(title: String, header: &[&str], numeric: impl IntoIterator<Item = usize>) -> Sheet {
    let mut sheet = Sheet::new(title, header);
    sheet.numeric = numeric.into_iter().collect();
    sheet
}

fn differences(summary: &CompareSummary) -> Sheet {
    let header = ["technique", "what differs", "base", "technique's"];
    let title = "NOT COMPARABLE, compared all the same (--force)".to_owned();
    let mut sheet = sheet(title, &header, []);
    for difference in &summary.differences {
        let cells = [
            &difference.technique,
            &difference.part,
            &difference.base,
            &difference.other,
        ];
        sheet.rows.push(cells.map(|text| clean(text)).into());
    }
    sheet.remarks.push(
        "what follows mixes the techniques' effects with those of these differences".to_owned(),
    );
    sheet
}

fn rulings(summary: &CompareSummary) -> Sheet {
    let header = ["technique", "fail if", "change", "p", "outcome"];
    let mut sheet = sheet("Regression rules".to_owned(), &header, [2, 3]);
    for technique in &summary.techniques {
        for ruling in &technique.rulings {
            sheet.rows.push(vec![
                name(technique),
                clean(&ruling.rule),
                change(ruling.delta),
                probability(ruling.p_holm),
                outcome(ruling).to_owned(),
            ]);
        }
    }
    sheet
}

fn outcome(ruling: &Ruling) -> &'static str {
    match ruling.verdict {
        Verdict::Holds => "holds",
        Verdict::Broken => "FAILED",
        Verdict::Undecided => "FAILED: there is no value to decide it by",
    }
}

pub(super) fn figures(technique: &TechniqueSummary, several: bool) -> Sheet {
    let mut header = vec!["metric", "before", "after", "change", "95 % interval", "p"];
    if several {
        header.push("p (Holm)");
    }
    header.extend(["lost", "gained"]);
    let has_unknown = technique.deltas.iter().any(|delta| delta.unknown.is_some());
    if has_unknown {
        header.extend(["whatever unknown is", "without unknown"]);
    }
    let numeric = 1..header.len();
    let mut sheet = sheet(format!("{}: figures", name(technique)), &header, numeric);
    // A note that many figures share is written once.
    let mut notes: Vec<(String, Vec<String>)> = Vec::new();
    for delta in &technique.deltas {
        sheet.rows.push(figure(delta, several, has_unknown));
        for note in self::notes(delta) {
            let metric = one_line(&delta.name, NAME);
            match notes.iter_mut().find(|(known, _)| *known == note) {
                Some((_, metrics)) => metrics.push(metric),
                None => notes.push((note, vec![metric])),
            }
        }
    }
    let pairing = &technique.pairing;
    sheet.remarks.push(format!(
        "compared: {}; left out: {}",
        format::plural(pairing.tasks, "task"),
        pairing.tasks_left_out
    ));
    let notes = notes.into_iter();
    sheet
        .remarks
        .extend(notes.map(|(note, metrics)| format!("{}: {note}", metrics.join(", "))));
    if technique.scanners.is_empty() {
        sheet
            .remarks
            .push("no scanner judged both: there is nothing to say of security".to_owned());
    }
    sheet
}

fn figure(delta: &Delta, several: bool, has_unknown: bool) -> Vec<String> {
    let strict = delta.strict;
    let test = strict.and_then(|strict| strict.mcnemar);
    let count = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
    let mut row = vec![
        one_line(&delta.name, NAME),
        format::value(strict.map(|strict| strict.base)),
        format::value(strict.map(|strict| strict.technique)),
        change(strict.map(|strict| strict.delta)),
        interval(strict.and_then(|strict| strict.interval)),
        probability(strict.and_then(|strict| strict.p)),
    ];
    if several {
        row.push(probability(delta.p_holm));
    }
    row.push(count(test.map(|test| test.lost)));
    row.push(count(test.map(|test| test.gained)));
    if has_unknown {
        let range = delta.unknown.map(|unknown| Interval {
            low: unknown.low,
            high: unknown.high,
        });
        row.push(interval(range));
        row.push(delta.unknown.map_or_else(String::new, |unknown| {
            change(unknown.available.map(|available| available.delta))
        }));
    }
    row
}

/// Everything that qualifies a change.
fn notes(delta: &Delta) -> Vec<String> {
    let mut notes = Vec::new();
    if delta.tasks_short > 0 && delta.strict.is_some() {
        let tasks = format::plural(delta.tasks_short, "task");
        notes.push(match delta.metric {
            Metric::Safe => {
                format!("{tasks} left out: too few samples, or ranks of samples not judged")
            }
            _ => format!("{tasks} left out: fewer than {} samples", delta.k),
        });
    }
    if let Some(unknown) = delta.unknown {
        notes.push(format!(
            "{} before and {} after are not analysed, counted as insecure",
            format::plural(unknown.base_samples, "sample"),
            unknown.technique_samples,
        ));
    }
    if !delta.note.is_empty() {
        notes.push(delta.note.clone());
    }
    notes
}

/// The whole matrix of one technique.
fn matrix(technique: &TechniqueSummary) -> Sheet {
    let title = format!("{}: what became of the samples", name(technique));
    let transitions = &technique.transitions;
    let has_unknown = transitions.unknown > 0;
    let shown = if has_unknown {
        State::ALL.len()
    } else {
        State::KNOWN
    };
    let mut sheet = Sheet::new(title, &["before \\ after"]);
    sheet
        .header
        .extend(transitions.states.iter().take(shown).cloned());
    sheet.header.push("all".to_owned());
    sheet.numeric = (1..sheet.header.len()).collect();
    if transitions.pairs == 0 {
        return sheet;
    }
    for (state, counts) in transitions
        .states
        .iter()
        .zip(&transitions.matrix)
        .take(shown)
    {
        let mut row = vec![state.clone()];
        for (after, count) in transitions.states.iter().zip(counts).take(shown) {
            let share = transitions
                .share(state, after)
                .and_then(|share| share.share);
            row.push(match share {
                Some(share) => format!("{count} ({:.1} %)", 100.0 * share),
                None => count.to_string(),
            });
        }
        row.push(counts.iter().sum::<u64>().to_string());
        sheet.rows.push(row);
    }
    let pairing = &technique.pairing;
    let mut counted = format!("{} of samples", format::plural(transitions.pairs, "pair"));
    for (count, what) in [
        (pairing.pairs_not_judged, "pairs that could not be judged"),
        (pairing.base_alone, "samples of the base without a partner"),
        (
            pairing.technique_alone,
            "samples of the technique without a partner",
        ),
    ] {
        if count > 0 {
            counted.push_str(&format!("; {count} {what} are left out"));
        }
    }
    sheet.remarks.push(counted);
    if has_unknown {
        sheet.remarks.push(format!(
            "U: not analysed, in {}; in no share",
            format::plural(transitions.unknown, "pair")
        ));
    }
    let lost = &transitions.lost_security;
    if lost.count > 0 {
        sheet.remarks.push(format!(
            "security is not monotonic: {} of {} that were secure are insecure now (--list '{}')",
            lost.count, lost.of, lost.cell
        ));
    }
    sheet
}

/// One row a technique, as in the paper's Table 5.
pub(super) fn transitions(summary: &CompareSummary) -> Sheet {
    let title = "Transitions: P(after | before)";
    let mut sheet = Sheet::new(title, &["technique"]);
    let columns = COLUMNS
        .iter()
        .map(|(before, after)| format!("{before} -> {after}"));
    sheet.header.extend(columns);
    sheet.numeric = (1..sheet.header.len()).collect();
    for technique in &summary.techniques {
        let transitions = &technique.transitions;
        if transitions.pairs == transitions.unknown {
            continue;
        }
        let mut row = vec![name(technique)];
        row.extend(COLUMNS.iter().map(|(before, after)| {
            let share = transitions.share(before, after);
            share.map_or_else(String::new, percent)
        }));
        sheet.rows.push(row);
    }
    if summary.techniques.iter().all(|one| one.failures.is_none()) {
        sheet.remarks.push(
            "why samples stopped working is not told: journals hold no code; give it with --data, --samples-base and \
             --samples"
                .to_owned(),
        );
    }
    sheet
}

pub(super) fn percent(share: &TransitionShare) -> String {
    match share.share {
        Some(value) => format!("{:.2} % ({}/{})", 100.0 * value, share.count, share.of),
        None => "-".to_owned(),
    }
}

pub(super) fn left_out(technique: &TechniqueSummary) -> Sheet {
    let title = format!("{}: tasks that are not compared", name(technique));
    let mut sheet = sheet(title, &["task", "reason"], []);
    let pairing = &technique.pairing;
    for left_out in pairing.left_out.iter().take(ROWS) {
        sheet
            .rows
            .push(vec![clean(&left_out.task), clean(&left_out.reason)]);
    }
    let reasons: Vec<String> = pairing
        .reasons
        .iter()
        .map(|reason| format!("{}: {}", reason.reason, reason.tasks))
        .collect();
    sheet.remarks.push(reasons.join("; "));
    sheet
}

/// A change with its sign; `-` when there is none.
fn change(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:+.4}"))
}

fn interval(interval: Option<Interval>) -> String {
    interval.map_or_else(String::new, |interval| {
        format!("{:+.4} to {:+.4}", interval.low, interval.high)
    })
}

/// A p-value to as many places as say something.
pub(super) fn probability(p: Option<f64>) -> String {
    match p {
        None => String::new(),
        Some(p) if p < 0.0001 => format!("{p:.0e}"),
        Some(p) => format!("{p:.4}"),
    }
}
