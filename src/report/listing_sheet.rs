//! The samples behind a cell, and the classes of failures, as cells; see [`super::sheet`].

use super::compare::{CompareSummary, TechniqueSummary};
use super::compare_sheet::name;
use super::listing::{ListedSample, Listing};
use super::sheet::{Sheet, clean};
use crate::autopsy::Class;

/// The paper's Table 6: a row a technique.
pub(super) fn failures(summary: &CompareSummary) -> Sheet {
    let title = "Why samples that became secure stopped working (I&F -> S&!F)";
    let mut sheet = Sheet::new(title, &["technique", "samples"]);
    sheet
        .header
        .extend(Class::ALL.map(|class| class.name().to_owned()));
    sheet.header.push("fn_suspect".to_owned());
    sheet.numeric = (1..sheet.header.len()).collect();
    for technique in &summary.techniques {
        let Some(failures) = &technique.failures else {
            continue;
        };
        let mut row = vec![name(technique), failures.samples.to_string()];
        row.extend(
            failures
                .classes
                .iter()
                .map(|count| count.samples.to_string()),
        );
        let suspect: u64 = failures.classes.iter().map(|count| count.fn_suspect).sum();
        row.push(suspect.to_string());
        sheet.rows.push(row);
    }
    sheet.remarks.push(
        "classes are the first that fits of ordered rules, and no judgement of a person; fn_suspect: what was flagged \
         before is still there, so that secure may be a false negative (docs/comparing.md); --json has the features \
         of each sample"
            .to_owned(),
    );
    sheet
}

/// The samples behind the cell that was asked for.
pub(super) fn listing(technique: &TechniqueSummary) -> Sheet {
    let header = [
        "task",
        "before",
        "base's sample",
        "after",
        "technique's sample",
    ];
    let Some(listing) = &technique.listing else {
        return Sheet::new("", &header);
    };
    let title = listing_title(technique, listing);
    let mut sheet = Sheet::new(title, &header);
    for pair in &listing.pairs {
        sheet.rows.push(vec![
            clean(&pair.task),
            pair.before.clone(),
            sample(&pair.base),
            pair.after.clone(),
            sample(&pair.technique),
        ]);
    }
    if listing.count == 0 {
        sheet.rows.push(vec!["(none)".to_owned()]);
    }
    let shown = listing.pairs.len() as u64;
    if shown < listing.count {
        sheet.remarks.push(format!(
            "and {} more; --list-limit shows them",
            listing.count - shown
        ));
    }
    sheet
}

/// Whose samples they are, and by whose judgement.
pub(super) fn listing_title(technique: &TechniqueSummary, listing: &Listing) -> String {
    let scanner = listing
        .scanner
        .as_deref()
        .map(|scanner| clean(scanner) + " ");
    format!(
        "{}: samples behind {}{}",
        name(technique),
        scanner.unwrap_or_default(),
        listing.cell
    )
}

fn sample(sample: &ListedSample) -> String {
    let id = sample.sample_id.as_deref().map(|id| format!(", {id}"));
    let findings = match sample.findings.is_empty() {
        true => String::new(),
        false => format!("; {}", sample.findings.join("; ")),
    };
    clean(&format!(
        "line {}{}: {}{findings}",
        sample.line,
        id.unwrap_or_default(),
        sample.verdict.name()
    ))
}

/// The differences between listed samples.
pub(super) fn blocks(summary: &CompareSummary) -> Vec<(String, Vec<String>)> {
    let mut blocks = Vec::new();
    for technique in &summary.techniques {
        let listing = technique.listing.iter();
        for pair in listing.flat_map(|listing| &listing.pairs) {
            let Some(diff) = &pair.diff else { continue };
            let mut lines = diff.lines.clone();
            if !diff.note.is_empty() {
                lines.push(diff.note.clone());
            }
            if diff.lines_left_out > 0 {
                lines.push(format!("... and {} more lines", diff.lines_left_out));
            }
            let title = format!(
                "{}: {}#{} -> #{}",
                name(technique),
                clean(&pair.task),
                pair.base.sample,
                pair.technique.sample
            );
            blocks.push((title, lines));
        }
    }
    blocks
}
