//! The tables of a report, as cells; the terminal and Markdown draw the same ones.
//!
//! Every hostile text is put on one line, bounded, with its control characters made visible, before
//! it becomes part of a cell.

use std::collections::BTreeSet;

use super::format;
use super::overview::{self, Standing};
use super::summary::{About, GroupSummary, Summary};
use crate::base::text::one_line;
use crate::metrics::{Exclusion, Figure};
use crate::verdict::VerdictKind;

/// Groups shown side by side with all their figures; of more there is a row for each.
const SIDE_BY_SIDE: usize = 4;
/// Groups shown at all.
const GROUPS: usize = 100;
/// Rows of a list of tasks or lines; the rest is counted. `summary.json` has them all.
const ROWS: usize = 20;
/// Characters of a hostile text.
const TEXT: usize = 160;

/// One table with its heading and what is to be read with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Sheet {
    pub(super) title: String,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// Columns of numbers, shown flush right.
    pub(super) numeric: BTreeSet<usize>,
    pub(super) remarks: Vec<String>,
}

impl Sheet {
    pub(super) fn new(title: impl Into<String>, header: &[&str]) -> Self {
        Self {
            title: title.into(),
            header: header.iter().map(|name| (*name).to_owned()).collect(),
            ..Self::default()
        }
    }
}

/// What stands above the tables: a title and what was evaluated.
pub(super) fn heading(summary: &Summary) -> String {
    let title = format!(
        "{}: {}, {}",
        clean(&summary.about.dataset),
        format::plural(summary.about.tasks, "task"),
        format::plural(summary.samples, "sample")
    );
    match summary.grouped_by.as_str() {
        "" | "model + technique" => title,
        others => format!("{title}, by {}", clean(others)),
    }
}

/// What was evaluated and in what; see [`format::facts`].
pub(super) fn facts(about: &About) -> Vec<(&'static str, String)> {
    let facts = format::facts(about).into_iter();
    facts
        .map(|(name, line)| (name, one_line(&line, 400)))
        .collect()
}

/// All tables of a report, without the empty ones.
pub(super) fn all(summary: &Summary) -> Vec<Sheet> {
    let shown = shown(summary);
    let mut sheets: Vec<Sheet>;
    if shown.len() <= SIDE_BY_SIDE {
        sheets = vec![verdicts(summary, shown)];
        sheets.push(match shown {
            [group] => figures(summary, group),
            _ => comparison(summary, shown),
        });
    } else {
        let standings: Vec<Standing<'_>> = shown
            .iter()
            .map(|group| Standing {
                name: group.name.as_deref(),
                figures: &group.figures,
            })
            .collect();
        sheets = vec![overview::verdicts(shown), overview::figures(&standings)];
    }
    sheets.extend([
        security(summary),
        weaknesses(summary),
        behaviour(summary),
        suspects(summary),
        excluded(summary),
        unstable(summary),
        rejected(summary),
    ]);
    sheets.retain(|sheet| !sheet.rows.is_empty());
    if let (Some(first), true) = (sheets.first_mut(), shown.len() < summary.groups.len()) {
        let rest = summary.groups.len() - shown.len();
        first
            .remarks
            .push(format!("and {rest} more groups; summary.json has them all"));
    }
    sheets
}

/// The groups that are shown: a sample file may name any number of them.
pub(super) fn shown(summary: &Summary) -> &[GroupSummary] {
    &summary.groups[..summary.groups.len().min(GROUPS)]
}

pub(super) fn clean(text: &str) -> String {
    one_line(text, TEXT)
}

fn title_of(group: &GroupSummary) -> String {
    one_line(format::group_name(group.name.as_deref()), 40)
}

/// Samples by verdict, a column for each group.
pub(super) fn verdicts(summary: &Summary, groups: &[GroupSummary]) -> Sheet {
    let mut sheet = Sheet::new("Verdicts", &["verdict"]);
    sheet.header.extend(columns(summary, groups));
    sheet.numeric = (1..sheet.header.len()).collect();
    sheet.header.push("meaning".to_owned());
    for kind in VerdictKind::ALL {
        let counts: Vec<u64> = groups
            .iter()
            .map(|group| {
                let count = group.verdicts.iter().find(|count| count.kind == kind);
                count.map_or(0, |count| count.samples)
            })
            .collect();
        if counts.iter().any(|count| *count > 0) {
            let mut row = vec![kind.name().to_owned()];
            row.extend(counts.iter().map(u64::to_string));
            row.push(format::verdict_meaning(kind).to_owned());
            sheet.rows.push(row);
        }
    }
    let mut total = vec!["all".to_owned()];
    total.extend(groups.iter().map(|group| group.samples.to_string()));
    total.push(String::new());
    sheet.rows.push(total);
    for group in groups {
        if group.tasks < summary.about.tasks {
            let missing = format::plural(summary.about.tasks - group.tasks, "task");
            let who = prefix(summary, group);
            sheet
                .remarks
                .push(format!("{who}{missing} of the dataset without a sample"));
        }
    }
    sheet
}

/// The groups' names over columns of counts; a lone group without a name needs none.
fn columns(summary: &Summary, groups: &[GroupSummary]) -> Vec<String> {
    if is_plain(summary) {
        vec!["samples".to_owned()]
    } else {
        groups.iter().map(title_of).collect()
    }
}

/// `name: ` before a remark on a group, or nothing where there is only one, without a name.
fn prefix(summary: &Summary, group: &GroupSummary) -> String {
    if is_plain(summary) {
        String::new()
    } else {
        format!("{}: ", title_of(group))
    }
}

/// Whether the run has no groups to speak of.
fn is_plain(summary: &Summary) -> bool {
    matches!(summary.groups.as_slice(), [group] if group.name.is_none())
}

/// One group: a column for everything.
fn figures(summary: &Summary, group: &GroupSummary) -> Sheet {
    let mut sheet = figures_of(&group.figures);
    sheet.remarks = remarks(group, &prefix(summary, group));
    sheet
}

/// Every figure, a row for each.
pub(super) fn figures_of(figures: &[Figure]) -> Sheet {
    let header = [
        "figure",
        "value",
        "sum / of",
        "95 % interval",
        "tasks",
        "known",
    ];
    let mut sheet = Sheet::new("Figures", &header);
    sheet.numeric = (1..header.len()).collect();
    for figure in figures {
        sheet.rows.push(vec![
            clean(&figure.name),
            format::value(figure.value),
            format::ratio(figure),
            format::interval(figure.interval),
            figure.tasks.to_string(),
            format::coverage(figure.coverage),
        ]);
    }
    sheet
}

/// Several groups: a column for each.
fn comparison(summary: &Summary, groups: &[GroupSummary]) -> Sheet {
    let mut sheet = Sheet::new("Figures: value (sum / of; samples known)", &["figure"]);
    sheet.header.extend(groups.iter().map(title_of));
    sheet.numeric = (1..sheet.header.len()).collect();
    // The groups differ only in the values of k that they have enough samples for.
    let longest = groups.iter().max_by_key(|group| group.figures.len());
    let mut names: Vec<&str> = Vec::new();
    for group in longest.into_iter().chain(groups) {
        for figure in &group.figures {
            if !names.contains(&figure.name.as_str()) {
                names.push(&figure.name);
            }
        }
    }
    for name in names {
        let mut row = vec![clean(name)];
        for group in groups {
            let figure = group.figures.iter().find(|figure| figure.name == name);
            row.push(figure.map_or_else(|| "-".to_owned(), cell));
        }
        sheet.rows.push(row);
    }
    for group in groups {
        sheet
            .remarks
            .extend(remarks(group, &prefix(summary, group)));
    }
    sheet
}

fn cell(figure: &Figure) -> String {
    format!(
        "{} ({}; {} known)",
        format::value(figure.value),
        format::ratio(figure),
        format::coverage(figure.coverage)
    )
}

/// What qualifies a group's figures; figures with the same remark share a line.
fn remarks(group: &GroupSummary, who: &str) -> Vec<String> {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for figure in &group.figures {
        let note = format::notes(figure);
        if note.is_empty() {
            continue;
        }
        let name = clean(&figure.name);
        match lines.iter_mut().find(|(known, _)| *known == note) {
            Some((_, names)) => names.push(name),
            None => lines.push((note, vec![name])),
        }
    }
    let mut remarks: Vec<String> = lines
        .into_iter()
        .map(|(note, names)| format!("{}: {note}", names.join(", ")))
        .collect();
    for (why, samples) in &group.excluded {
        remarks.push(format!(
            "{} left out of every figure: {}",
            format::plural(*samples, "sample"),
            why.meaning()
        ));
    }
    for remark in &mut remarks {
        remark.insert_str(0, who);
    }
    remarks
}

pub(super) fn security(summary: &Summary) -> Sheet {
    let header = ["scanner", "secure", "insecure", "unknown"];
    let mut sheet = Sheet::new("Security of the samples that count", &header);
    sheet.numeric = (1..header.len()).collect();
    for group in shown(summary) {
        for scanner in &group.security {
            let name = clean(scanner.scanner.as_deref().unwrap_or("combined"));
            sheet.rows.push(vec![
                format!("{}{name}", prefix(summary, group)),
                scanner.counts.secure.to_string(),
                scanner.counts.insecure.to_string(),
                scanner.counts.unknown.to_string(),
            ]);
        }
    }
    sheet
        .remarks
        .push("unknown: not, or not wholly, analysed; it is never taken for secure".to_owned());
    sheet
}

pub(super) fn weaknesses(summary: &Summary) -> Sheet {
    let mut sheet = Sheet::new(
        "Samples with a weakness, those left out included",
        &["scanner", "CWE", "samples"],
    );
    sheet.numeric = BTreeSet::from([2]);
    for scanner in &summary.weaknesses {
        for count in scanner.cwes.iter().take(ROWS) {
            sheet.rows.push(vec![
                clean(&scanner.scanner),
                format::cwe(count.cwe),
                count.samples.to_string(),
            ]);
        }
        more(
            &mut sheet,
            scanner.cwes.len(),
            "weakness of ",
            &scanner.scanner,
        );
    }
    sheet
}

fn behaviour(summary: &Summary) -> Sheet {
    let mut sheet = Sheet::new(
        "Forbidden acts: system calls that the sandbox refused",
        &["system call", "samples", "attempts"],
    );
    sheet.numeric = BTreeSet::from([1, 2]);
    let found = &summary.behaviour;
    for act in found.acts.iter().take(ROWS) {
        sheet.rows.push(vec![
            clean(&act.call),
            act.samples.to_string(),
            act.attempts.to_string(),
        ]);
    }
    more(&mut sheet, found.acts.len(), "system call", "");
    if found.unobserved > 0 {
        let row = ["(not observed)", &found.unobserved.to_string(), ""];
        sheet.rows.push(row.map(str::to_owned).to_vec());
        sheet.remarks.push(
            "not observed: this host could not tell of refused system calls, or it was given up"
                .to_owned(),
        );
    }
    sheet
}

fn suspects(summary: &Summary) -> Sheet {
    let mut sheet = Sheet::new(
        "Passes that came with a suspicion",
        &["sample", "verdict", "controls", "suspicions"],
    );
    sheet.numeric = BTreeSet::from([2]);
    let found = &summary.suspects;
    for suspect in found.samples.iter().take(ROWS) {
        sheet.rows.push(vec![
            clean(&suspect.sample.to_string()),
            suspect.verdict.name().to_owned(),
            suspect.controls.to_string(),
            clean(&suspect.suspicions.join("; ")),
        ]);
    }
    sheet.remarks.push(format!(
        "suspect passes: {}; controls, which are further runs with tests that cannot be passed: {}; \
         passed one, and so tampered: {}",
        found.passes, found.controls, found.unearned
    ));
    let hidden = found.passes.saturating_sub(ROWS as u64);
    if hidden > 0 {
        sheet.remarks.push(format!(
            "and {hidden} more; summary.json has the first hundred of either verdict, \
             journal.jsonl all"
        ));
    }
    sheet
}

fn excluded(summary: &Summary) -> Sheet {
    let mut sheet = Sheet::new(
        "Tasks left out of every figure",
        &["task", "reason", "cause"],
    );
    for task in summary.excluded_tasks.iter().take(ROWS) {
        sheet.rows.push(vec![
            clean(task.task.as_str()),
            task.reason.name().to_owned(),
            clean(&task.cause),
        ]);
    }
    for why in Exclusion::ALL {
        let with = |task: &&super::summary::ExcludedTask| task.reason == why;
        let count = summary.excluded_tasks.iter().filter(with).count();
        if count > 0 {
            let tasks = format::plural(count as u64, "task");
            sheet
                .remarks
                .push(format!("{}: {tasks}; {}", why.name(), why.meaning()));
        }
    }
    more(&mut sheet, summary.excluded_tasks.len(), "task", "");
    sheet
}

fn unstable(summary: &Summary) -> Sheet {
    let title = "Tasks of which some cases count nowhere";
    let mut sheet = Sheet::new(title, &["task", "cause"]);
    for task in summary.unstable_tasks.iter().take(ROWS) {
        sheet
            .rows
            .push(vec![clean(task.task.as_str()), clean(&task.cause)]);
    }
    more(&mut sheet, summary.unstable_tasks.len(), "task", "");
    sheet
}

fn rejected(summary: &Summary) -> Sheet {
    let title = "Lines of the sample file that are no samples";
    let mut sheet = Sheet::new(title, &["line", "reason"]);
    sheet.numeric = BTreeSet::from([0]);
    for line in summary.rejected.iter().take(ROWS) {
        sheet
            .rows
            .push(vec![line.line.to_string(), clean(&line.reason)]);
    }
    more(&mut sheet, summary.rejected.len(), "line", "");
    sheet
}

/// Says how many rows a list has beyond those shown.
fn more(sheet: &mut Sheet, all: usize, noun: &str, of: &str) {
    if all > ROWS {
        sheet.remarks.push(format!(
            "and {} more ({noun}{}); summary.json has them all",
            all - ROWS,
            clean(of)
        ));
    }
}
