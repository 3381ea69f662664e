//! Many groups at a glance: a row for each, with the figures that people look at first.

use super::format;
use super::sheet::{Sheet, clean};
use super::summary::GroupSummary;
use crate::base::text::one_line;
use crate::metrics::{Figure, Metric};
use crate::verdict::VerdictKind;

/// Characters of a group's name.
const NAME: usize = 60;

/// A group and its figures.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// Its name, if it has one; hostile text.
    pub name: Option<&'a str>,
    /// Its figures.
    pub figures: &'a [Figure],
}

/// The figures that people look at first: of one sample a task, and of all scanners together.
pub fn headline(figures: &[Figure]) -> Vec<&Figure> {
    let of = |metric| {
        let mut all = figures
            .iter()
            .filter(move |figure| figure.metric == metric && figure.k == 1);
        // All scanners together come last; with one scanner there is no such figure.
        match metric {
            Metric::SecureAny => all.next_back(),
            _ => all.next(),
        }
    };
    let wanted = [
        Metric::Pass,
        Metric::CaseMacro,
        Metric::SecureAny,
        Metric::SecurePass,
        Metric::Safe,
    ];
    wanted.into_iter().filter_map(of).collect()
}

/// One row a group: samples, those figures, and how much of the last one is known.
pub(super) fn figures(groups: &[Standing<'_>]) -> Sheet {
    let mut sheet = Sheet::new("Figures", &["group", "samples"]);
    let Some(first) = groups.first() else {
        return sheet;
    };
    let names: Vec<String> = headline(first.figures)
        .into_iter()
        .map(|figure| clean(&figure.name))
        .collect();
    sheet.header.extend(names.iter().cloned());
    sheet.header.push("known".to_owned());
    sheet.numeric = (1..sheet.header.len()).collect();
    for group in groups {
        let figures = headline(group.figures);
        let samples = figures.first().map_or(0, |figure| figure.coverage.total);
        let mut row = vec![
            one_line(format::group_name(group.name), NAME),
            samples.to_string(),
        ];
        for name in &names {
            let figure = figures.iter().find(|figure| clean(&figure.name) == *name);
            row.push(format::value(figure.and_then(|figure| figure.value)));
        }
        let last = figures.last();
        row.push(last.map_or_else(String::new, |figure| format::coverage(figure.coverage)));
        sheet.rows.push(row);
    }
    sheet
}

/// One row a group: samples by verdict.
pub(super) fn verdicts(groups: &[GroupSummary]) -> Sheet {
    let count = |group: &GroupSummary, kind| {
        let found = group.verdicts.iter().find(|count| count.kind == kind);
        found.map_or(0, |count| count.samples)
    };
    let kinds: Vec<VerdictKind> = VerdictKind::ALL
        .into_iter()
        .filter(|kind| groups.iter().any(|group| count(group, *kind) > 0))
        .collect();
    let mut sheet = Sheet::new("Verdicts", &["group", "tasks"]);
    sheet
        .header
        .extend(kinds.iter().map(|kind| kind.name().to_owned()));
    sheet.numeric = (1..sheet.header.len()).collect();
    for group in groups {
        let mut row = vec![
            one_line(format::group_name(group.name.as_deref()), NAME),
            group.tasks.to_string(),
        ];
        row.extend(kinds.iter().map(|kind| count(group, *kind).to_string()));
        sheet.rows.push(row);
    }
    sheet
}
