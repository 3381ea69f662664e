//! The tables of a run: figures, verdicts, what scanners say, and the weaknesses that they found.

use super::draw::{Table, interval, percent, slug};
use super::escape::escape;
use crate::base::text::one_line;
use crate::metrics::Figure;
use crate::report::format::{coverage, group_name, plural, ratio};
use crate::report::sheet::{self, Sheet};
use crate::report::summary::{GroupSummary, Summary};

/// Groups that stand side by side.
const SIDE_BY_SIDE: usize = 3;
/// Characters of a group's name.
const NAME: usize = 40;

pub(super) fn tables(summary: &Summary) -> Vec<Table> {
    let shown = sheet::shown(summary);
    let chunks: Vec<&[GroupSummary]> = shown.chunks(SIDE_BY_SIDE).collect();
    let mut tables: Vec<Table> = match shown {
        [group] => vec![one_group(summary, group)],
        _ => chunks
            .iter()
            .map(|groups| several(summary, groups))
            .collect(),
    };
    tables.extend(chunks.iter().map(|groups| {
        let sheet = sheet::verdicts(summary, groups);
        table(summary, &sheet, "verdicts", "Samples by verdict").without_last_column()
    }));
    let security = sheet::security(summary);
    let mut security = table(
        summary,
        &security,
        "security",
        "Samples by what scanners say",
    );
    security
        .notes
        .push("Unknown: not, or not wholly, analysed".to_owned());
    tables.push(security);
    tables.push(table(
        summary,
        &sheet::weaknesses(summary),
        "weaknesses",
        "Samples in which a weakness was found",
    ));
    // What takes several tables of one kind has numbered labels.
    for kind in ["figures", "verdicts"] {
        let label = label(summary, kind);
        let those = tables.iter_mut().filter(|table| table.label == label);
        for (number, table) in those.enumerate().skip(1) {
            table.label.push_str(&format!("-{}", number + 1));
        }
    }
    if shown.len() < summary.groups.len()
        && let Some(first) = tables.first_mut()
    {
        let rest = summary.groups.len() - shown.len();
        first.notes.push(format!(
            "{rest} more groups are not shown; \\texttt{{-{{}}-csv}} has them all"
        ));
    }
    tables
}

fn label(summary: &Summary, kind: &str) -> String {
    format!("{}-{kind}", slug(&summary.about.dataset))
}

fn table(summary: &Summary, sheet: &Sheet, kind: &str, what: &str) -> Table {
    let caption = format!("{what} ({}).", escape(&sheet::heading(summary)));
    Table::of(sheet, caption, label(summary, kind))
}

/// One group: a column for everything.
fn one_group(summary: &Summary, group: &GroupSummary) -> Table {
    let header = [
        "Figure",
        "\\%",
        "95\\,\\% interval",
        "Sum / of",
        "Tasks",
        "Known",
    ];
    let rows = group.figures.iter().map(|figure| {
        let interval = figure.interval;
        vec![
            escape(&sheet::clean(&figure.name)),
            value(figure),
            interval.map_or_else(String::new, |i| self::interval(i.low, i.high, percent)),
            escape(&ratio(figure)),
            figure.tasks.to_string(),
            coverage(figure.coverage),
        ]
    });
    Table {
        caption: format!("{}. Values in per cent.", escape(&sheet::heading(summary))),
        label: label(summary, "figures"),
        header: header.map(str::to_owned).into(),
        rows: rows.collect(),
        numeric: (1..header.len()).collect(),
        notes: notes(group, ""),
    }
}

/// Several groups: a column for each.
fn several(summary: &Summary, groups: &[GroupSummary]) -> Table {
    let names: Vec<String> = groups.iter().map(name).collect();
    let mut rows: Vec<(&str, Vec<String>)> = Vec::new();
    // The groups differ only in the values of k that they have enough samples for.
    let longest = groups.iter().max_by_key(|group| group.figures.len());
    for figure in longest.into_iter().chain(groups).flat_map(|g| &g.figures) {
        if rows.iter().any(|(known, _)| *known == figure.name) {
            continue;
        }
        let mut row = vec![escape(&sheet::clean(&figure.name))];
        row.extend(groups.iter().map(|group| {
            let mut own = group.figures.iter();
            let own = own.find(|own| own.name == figure.name);
            own.map_or_else(|| "--".to_owned(), cell)
        }));
        rows.push((&figure.name, row));
    }
    Table {
        caption: format!(
            "{}. Values in per cent, with the 95\\,\\% interval in brackets where there is one.",
            escape(&sheet::heading(summary))
        ),
        label: label(summary, "figures"),
        header: [vec!["Figure".to_owned()], names.clone()].concat(),
        rows: rows.into_iter().map(|(_, row)| row).collect(),
        numeric: (1..=groups.len()).collect(),
        notes: groups
            .iter()
            .zip(&names)
            .flat_map(|(group, name)| notes(group, &format!("{name}: ")))
            .collect(),
    }
}

fn name(group: &GroupSummary) -> String {
    escape(&one_line(group_name(group.name.as_deref()), NAME))
}

fn value(figure: &Figure) -> String {
    figure.value.map_or_else(|| "--".to_owned(), percent)
}

fn cell(figure: &Figure) -> String {
    match figure.interval {
        Some(i) => format!("{} {}", value(figure), interval(i.low, i.high, percent)),
        None => value(figure),
    }
}

/// What qualifies a group's figures; figures with the same note share a line.
fn notes(group: &GroupSummary, who: &str) -> Vec<String> {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for figure in &group.figures {
        let note = note(figure);
        let name = escape(&sheet::clean(&figure.name));
        match lines.iter_mut().find(|(known, _)| *known == note) {
            _ if note.is_empty() => {}
            Some((_, names)) => names.push(name),
            None => lines.push((note, vec![name])),
        }
    }
    let mut notes: Vec<String> = lines
        .into_iter()
        .map(|(note, names)| format!("{who}{}: {note}", names.join(", ")))
        .collect();
    notes.extend(group.excluded.iter().map(|(why, samples)| {
        let samples = plural(*samples, "sample");
        format!(
            "{who}{samples} left out of every figure: {}",
            escape(why.meaning())
        )
    }));
    notes
}

fn note(figure: &Figure) -> String {
    let mut notes = Vec::new();
    if figure.tasks_short > 0 {
        let tasks = plural(figure.tasks_short, "task");
        notes.push(format!(
            "{tasks} left out, with fewer than {} samples",
            figure.k
        ));
    }
    if let Some(range) = figure.unknown {
        let without = range.available.map_or_else(|| "--".to_owned(), percent);
        notes.push(format!(
            "{} not analysed, counted as insecure; {} if secure, {without} without",
            plural(range.samples, "sample"),
            percent(range.lenient),
        ));
    }
    if !figure.note.is_empty() {
        notes.push(escape(&one_line(&figure.note, 400)));
    }
    notes.join("; ")
}
