//! What each scanner by itself says of a comparison, as cells; see [`super::sheet`].

use super::by_scanner::WeaknessChange;
use super::compare::{TechniqueSummary, TransitionSummary};
use super::compare_sheet::{COLUMNS, name, percent, probability};
use super::format;
use super::sheet::{Sheet, clean};

/// Weaknesses that are shown, those with the largest changes. The JSON has all.
const ROWS: usize = 15;

/// A row a scanner, and one for all of them together, with the columns of the paper's Table 5.
pub(super) fn transitions(technique: &TechniqueSummary) -> Sheet {
    let title = format!(
        "{}: transitions by scanner, P(after | before)",
        name(technique)
    );
    let mut sheet = Sheet::new(title, &["scanner"]);
    let columns = COLUMNS.iter();
    sheet
        .header
        .extend(columns.map(|(before, after)| format!("{before} -> {after}")));
    sheet.numeric = (1..sheet.header.len()).collect();
    if says_no_more(technique) {
        return sheet;
    }
    for one in &technique.scanner_transitions {
        sheet.rows.push(row(clean(&one.scanner), &one.transitions));
        let lost = &one.transitions.lost_security;
        if lost.count > 0 {
            let scanner = clean(&one.scanner);
            sheet.remarks.push(format!(
                "{scanner}: {} of {} that were secure are insecure now (--list '{scanner} {}')",
                lost.count, lost.of, lost.cell
            ));
        }
        let unknown = one.transitions.unknown;
        if unknown > 0 {
            sheet.remarks.push(format!(
                "{}: {} of unknown security, in no share",
                clean(&one.scanner),
                format::plural(unknown, "pair")
            ));
        }
    }
    sheet
        .rows
        .push(row("combined".to_owned(), &technique.transitions));
    sheet
}

/// Whether nobody judged alone, or the only one that did says what all together say.
pub(super) fn says_no_more(technique: &TechniqueSummary) -> bool {
    match technique.scanner_transitions.as_slice() {
        [] => true,
        [only] => only.transitions == technique.transitions,
        _ => false,
    }
}

fn row(name: String, transitions: &TransitionSummary) -> Vec<String> {
    let shares = COLUMNS.iter().map(|(before, after)| {
        let share = transitions.share(before, after);
        share.map_or_else(String::new, percent)
    });
    std::iter::once(name).chain(shares).collect()
}

/// Samples by scanner and weakness, before and after.
pub(super) fn weaknesses(technique: &TechniqueSummary) -> Sheet {
    let title = format!("{}: samples by weakness, before and after", name(technique));
    let header = [
        "scanner",
        "CWE",
        "weakness",
        "before",
        "after",
        "change",
        "appeared",
        "disappeared",
        "p",
    ];
    let mut sheet = Sheet::new(title, &header);
    sheet.numeric = (3..header.len()).collect();
    let Some(weaknesses) = &technique.weaknesses else {
        return sheet;
    };
    for change in weaknesses.changes.iter().take(ROWS) {
        sheet.rows.push(weakness(change));
    }
    if weaknesses.changes.len() > ROWS {
        sheet.remarks.push(format!(
            "and {} more; --json has them all",
            weaknesses.changes.len() - ROWS
        ));
    }
    for scanner in &weaknesses.scanners {
        let mut counted = format!(
            "{}: over {} of samples",
            clean(&scanner.scanner),
            format::plural(scanner.pairs, "pair")
        );
        if scanner.unknown > 0 {
            counted.push_str(&format!(
                "; {} that it did not analyse wholly on both sides are left out",
                scanner.unknown
            ));
        }
        sheet.remarks.push(counted);
    }
    sheet
}

fn weakness(change: &WeaknessChange) -> Vec<String> {
    vec![
        clean(&change.scanner),
        format::cwe(change.cwe),
        clean(weakness_name(change)),
        change.base.to_string(),
        change.technique.to_string(),
        format!("{:+}", change.change),
        change.appeared.to_string(),
        change.disappeared.to_string(),
        probability(change.p),
    ]
}

/// What the weakness is, in words.
pub(super) fn weakness_name(change: &WeaknessChange) -> &str {
    match (change.cwe, &change.name) {
        (_, Some(name)) => name,
        (Some(_), None) => "(no weakness of MITRE's list)",
        (None, None) => "(rules without a number)",
    }
}
