//! The tables of the scanner study, as cells; see [`super::sheet`].

use std::collections::BTreeSet;

use super::format;
use super::sheet::{Sheet, clean};
use super::study::{Judged, LabelSummary, PairSummary, StudySummary, WeaknessCount};
use crate::metrics::{Interval, Share};

/// Scanners that get a column of their own.
const COLUMNS: usize = 8;
/// Rows of a list; the rest is counted. The JSON has them all.
const ROWS: usize = 30;
/// Reasons shown of one scanner.
const REASONS: usize = 5;
/// Characters of a scanner's name.
const NAME: usize = 40;

/// What stands above the tables.
pub(super) fn heading(study: &StudySummary) -> String {
    format!(
        "{}: {} side by side on {}",
        clean(&study.about.dataset),
        format::plural(study.scanners.len() as u64, "scanner"),
        format::plural(study.samples, "sample")
    )
}

/// All tables, without the empty ones.
pub(super) fn all(study: &StudySummary) -> Vec<Sheet> {
    let mut sheets = vec![
        coverage(study),
        reasons(study),
        weaknesses(study),
        kinds(study),
        agreement(study),
        kappa(study),
        naming(study),
    ];
    if let Some(labels) = &study.labels {
        sheets.extend([
            confusion(labels),
            figures(labels),
            without_sample(labels),
            rejected(labels),
        ]);
    }
    sheets.retain(|sheet| !sheet.rows.is_empty());
    sheets
}

/// What the numbers mean, for those who have not read the documentation.
pub(super) fn meanings(study: &StudySummary) -> Vec<(String, &'static str)> {
    let mut meanings = vec![
        (
            "samples",
            "all samples of the run, those that count in no figure of the report included",
        ),
        (
            "unknown",
            "not, or not wholly, analysed, and nothing that counts was found; never taken for secure",
        ),
    ];
    if !study.agreement.is_empty() || study.labels.is_some() {
        meanings.push((
            "95 % interval",
            "of a share Wilson's; samples are taken for independent, which several samples of one task are not",
        ));
    }
    if !study.agreement.is_empty() {
        meanings.push((
            "kappa",
            "Cohen's (1960): (agreement - expected) / (1 - expected), where expected is the agreement of two \
             who say insecure as often and look at nothing; 0 is chance, 1 is whole agreement; there is none \
             where both say the same of every sample; its interval is 1.96 of the standard errors of Fleiss, \
             Cohen and Everitt (1969) to both sides, cut at -1 and 1, not to be trusted where a count is \
             small, and left out where the error is 0",
        ));
    }
    if study.labels.is_some() {
        meanings.extend([
            (
                "against labels",
                "positive means insecure; precision: of the flagged samples those labelled insecure; recall: of \
                 those labelled insecure the flagged ones; specificity: of those labelled secure the ones \
                 passed as secure; F1: the harmonic mean of precision and recall; accuracy: right answers of all",
            ),
            (
                "unknown samples",
                "left out of every figure against labels; if none or all were flagged says what recall and \
                 specificity would be if no unknown sample was flagged, and if every one was",
            ),
        ]);
    }
    let owned = |(name, meaning): (&str, &'static str)| (name.to_owned(), meaning);
    meanings.into_iter().map(owned).collect()
}

fn sheet(title: &str, header: &[&str], numeric: impl IntoIterator<Item = usize>) -> Sheet {
    let mut sheet = Sheet::new(title, header);
    sheet.numeric = numeric.into_iter().collect();
    sheet
}

fn scanner(name: Option<&str>) -> String {
    crate::base::text::one_line(name.unwrap_or("combined"), NAME)
}

fn coverage(study: &StudySummary) -> Sheet {
    let header = [
        "scanner",
        "secure",
        "insecure",
        "unknown",
        "insecure, not wholly analysed",
    ];
    let mut sheet = sheet("What each scanner could analyse", &header, 1..5);
    for reach in &study.coverage {
        let counts = [
            reach.counts.secure,
            reach.counts.insecure,
            reach.counts.unknown,
            reach.insecure_not_wholly_analysed,
        ];
        let mut row = vec![scanner(reach.scanner.as_deref())];
        row.extend(counts.iter().map(u64::to_string));
        if reach.scanner.is_none() {
            // All together read nothing themselves.
            row[4].clear();
        }
        sheet.rows.push(row);
    }
    sheet
}

fn reasons(study: &StudySummary) -> Sheet {
    let title = "Why samples were not, or not wholly, analysed";
    let mut sheet = sheet(title, &["scanner", "samples", "reason"], [1]);
    for reach in &study.coverage {
        for reason in reach.reasons.iter().take(REASONS) {
            sheet.rows.push(vec![
                scanner(reach.scanner.as_deref()),
                reason.samples.to_string(),
                clean(&reason.reason),
            ]);
        }
        let shown = reach.reasons.iter().skip(REASONS);
        let rest = shown.map(|reason| reason.samples).sum::<u64>() + reach.other_reasons;
        if rest > 0 {
            sheet.remarks.push(format!(
                "{}: {} with other reasons",
                scanner(reach.scanner.as_deref()),
                format::plural(rest, "sample")
            ));
        }
    }
    sheet
}

/// Counts by weakness: a column for each scanner.
fn by_scanner(study: &StudySummary, title: &str) -> Sheet {
    let mut sheet = Sheet::new(title, &["CWE", "name"]);
    let shown = study.scanners.iter().take(COLUMNS);
    sheet.header.extend(shown.map(|name| scanner(Some(name))));
    sheet.header.push("any".to_owned());
    sheet.numeric = (2..sheet.header.len()).collect();
    let hidden = study.scanners.len().saturating_sub(COLUMNS);
    if hidden > 0 {
        sheet.remarks.push(format!(
            "and {} more; --json has them all",
            format::plural(hidden as u64, "scanner")
        ));
    }
    sheet
}

fn row(count: &WeaknessCount, by_scanner: &[u64], any: u64) -> Vec<String> {
    let name = count.name.as_deref();
    let name = match count.cwe {
        Some(_) => name.unwrap_or("(no weakness of MITRE's list)"),
        None => "(rules without a number)",
    };
    let mut row = vec![format::cwe(count.cwe), clean(name)];
    row.extend(by_scanner.iter().take(COLUMNS).map(u64::to_string));
    row.push(any.to_string());
    row
}

fn weaknesses(study: &StudySummary) -> Sheet {
    let mut sheet = by_scanner(study, "Samples by weakness");
    let found = study
        .weaknesses
        .iter()
        .filter(|count| count.samples_any > 0);
    for count in found.clone().take(ROWS) {
        sheet
            .rows
            .push(row(count, &count.samples, count.samples_any));
    }
    more(&mut sheet, found.count(), "weakness", "weaknesses");
    sheet.remarks.push(
        "a sample counts once for each scanner and weakness that a counting finding of it has"
            .to_owned(),
    );
    sheet
}

/// Weaknesses with more than their own findings, by what they are with their kinds.
fn kinds(study: &StudySummary) -> Sheet {
    let mut sheet = by_scanner(study, "Samples by weakness and its kinds");
    let mut parents: Vec<&WeaknessCount> = study
        .weaknesses
        .iter()
        .filter(|count| count.with_kinds != count.samples)
        .collect();
    // Stable: of equal counts the one that more samples have by its own number stays first.
    parents.sort_by_key(|count| std::cmp::Reverse(count.with_kinds_any));
    for count in parents.iter().take(ROWS) {
        sheet
            .rows
            .push(row(count, &count.with_kinds, count.with_kinds_any));
    }
    more(&mut sheet, parents.len(), "weakness", "weaknesses");
    sheet.remarks.push(format!(
        "samples with the weakness or a kind of it, by MITRE's Research view (CWE {}); only weaknesses of which \
         kinds were found; one may be a kind of several, so the rows do not add up",
        clean(&study.cwe_version)
    ));
    sheet
}

fn pair(pair: &PairSummary) -> String {
    format!(
        "{}, {}",
        scanner(Some(&pair.first)),
        scanner(Some(&pair.second))
    )
}

fn agreement(study: &StudySummary) -> Sheet {
    let header = [
        "scanners",
        "both insecure",
        "only the first",
        "only the second",
        "both secure",
        "left out",
    ];
    let mut sheet = sheet("What two scanners say of the same samples", &header, 1..6);
    for two in study.agreement.iter().take(ROWS) {
        let counts = &two.counts;
        let mut row = vec![pair(two)];
        row.extend(
            [
                counts.both_insecure,
                counts.only_first,
                counts.only_second,
                counts.both_secure,
                counts.left_out,
            ]
            .map(|count| count.to_string()),
        );
        sheet.rows.push(row);
    }
    more(&mut sheet, study.agreement.len(), "pair", "pairs");
    sheet
        .remarks
        .push("left out: at least one of the two does not know".to_owned());
    sheet
}

fn kappa(study: &StudySummary) -> Sheet {
    let header = [
        "scanners",
        "samples",
        "agreement",
        "95 % interval",
        "expected",
        "kappa",
        "95 % interval",
    ];
    let mut sheet = sheet("How far they agree", &header, 1..7);
    for two in study.agreement.iter().take(ROWS) {
        sheet.rows.push(vec![
            pair(two),
            two.samples.to_string(),
            format::value(two.observed),
            format::interval(two.observed_interval),
            format::value(two.expected),
            format::value(two.kappa.map(|kappa| kappa.value)),
            format::interval(two.kappa.and_then(|kappa| kappa.interval)),
        ]);
    }
    more(&mut sheet, study.agreement.len(), "pair", "pairs");
    sheet
}

fn naming(study: &StudySummary) -> Sheet {
    let header = [
        "scanners",
        "both insecure",
        "same CWE",
        "related CWE",
        "no CWE",
    ];
    let mut sheet = sheet("Whether they mean the same by insecure", &header, 1..5);
    for two in study.agreement.iter().take(ROWS) {
        let naming = &two.naming;
        let mut row = vec![pair(two)];
        row.extend(
            [
                naming.both_insecure,
                naming.same_cwe,
                naming.related_cwe,
                naming.no_cwe,
            ]
            .map(|count| count.to_string()),
        );
        sheet.rows.push(row);
    }
    more(&mut sheet, study.agreement.len(), "pair", "pairs");
    sheet.remarks.push(
        "related: one names the same weakness as the other, or one that the other's is a kind of; no CWE: at \
         least one of the two names none"
            .to_owned(),
    );
    sheet
}

fn confusion(labels: &LabelSummary) -> Sheet {
    let header = [
        "scanner",
        "insecure, flagged (tp)",
        "secure, flagged (fp)",
        "insecure, passed (fn)",
        "secure, passed (tn)",
        "insecure, unknown",
        "secure, unknown",
    ];
    let mut sheet = sheet("Against labels: samples by label and answer", &header, 1..7);
    for judged in &labels.scanners {
        let counts = &judged.counts;
        let mut row = vec![scanner(judged.scanner.as_deref())];
        row.extend(
            [
                counts.true_positives,
                counts.false_positives,
                counts.false_negatives,
                counts.true_negatives,
                counts.unknown_insecure,
                counts.unknown_secure,
            ]
            .map(|count| count.to_string()),
        );
        sheet.rows.push(row);
    }
    sheet.remarks.push(format!(
        "labelled insecure: {}; labelled secure: {}; without a label: {}; lines whose label is null: {}",
        labels.insecure, labels.secure, labels.samples_without_label, labels.null_labels
    ));
    sheet
}

fn figures(labels: &LabelSummary) -> Sheet {
    let header = [
        "scanner",
        "figure",
        "value",
        "samples",
        "95 % interval",
        "if none or all unknown were flagged",
    ];
    let mut sheet = sheet("Against labels: figures", &header, [2, 3, 4, 5]);
    for judged in &labels.scanners {
        sheet.rows.extend(rows(judged));
    }
    sheet
}

fn rows(judged: &Judged) -> Vec<Vec<String>> {
    let name = || scanner(judged.scanner.as_deref());
    let share = |figure: &str, share: Share, range: Option<Interval>| {
        vec![
            name(),
            figure.to_owned(),
            format::value(share.value),
            format!("{}/{}", share.part, share.of),
            format::interval(share.interval),
            format::interval(range),
        ]
    };
    let f1 = format::value(judged.f1);
    // The more are flagged, the lower the specificity.
    let specificity = judged.specificity_range.map(|range| Interval {
        low: range.high,
        high: range.low,
    });
    let empty = String::new;
    vec![
        share("precision", judged.precision, None),
        share("recall", judged.recall, judged.recall_range),
        share("specificity", judged.specificity, specificity),
        vec![name(), "F1".to_owned(), f1, empty(), empty(), empty()],
        share("accuracy", judged.accuracy, None),
    ]
}

fn without_sample(labels: &LabelSummary) -> Sheet {
    let title = "Labels of samples that the run does not have";
    let mut sheet = sheet(title, &["line", "task", "sample"], [0]);
    for label in labels.without_sample.iter().take(ROWS) {
        let sample = match (&label.sample, &label.sample_id) {
            (Some(index), _) => index.to_string(),
            (None, name) => name.as_deref().map(clean).unwrap_or_default(),
        };
        sheet
            .rows
            .push(vec![label.line.to_string(), clean(&label.task_id), sample]);
    }
    let all = usize::try_from(labels.labels_without_sample).unwrap_or(usize::MAX);
    hidden(&mut sheet, all, "label", "labels");
    sheet
}

fn rejected(labels: &LabelSummary) -> Sheet {
    let title = "Lines of the label file that are no labels";
    let mut sheet = sheet(title, &["line", "reason"], BTreeSet::from([0]));
    for line in labels.rejected.iter().take(ROWS) {
        sheet
            .rows
            .push(vec![line.line.to_string(), clean(&line.reason)]);
    }
    let all = usize::try_from(labels.rejected_lines).unwrap_or(usize::MAX);
    hidden(&mut sheet, all, "line", "lines");
    sheet
}

/// Says how many rows a list has beyond those shown.
fn more(sheet: &mut Sheet, all: usize, one: &str, several: &str) {
    if all > ROWS {
        let noun = if all - ROWS == 1 { one } else { several };
        let rest = all - ROWS;
        sheet
            .remarks
            .push(format!("and {rest} more {noun}; --json has them all"));
    }
}

/// The same for a list of which the JSON has only the first hundred.
fn hidden(sheet: &mut Sheet, all: usize, one: &str, several: &str) {
    if all > ROWS {
        let noun = if all - ROWS == 1 { one } else { several };
        let rest = all - ROWS;
        sheet.remarks.push(format!(
            "and {rest} more {noun}; --json has the first hundred"
        ));
    }
}
