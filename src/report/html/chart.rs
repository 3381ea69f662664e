//! Bars. Words are HTML, so that they can be read on any screen; only the bars themselves are SVG.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::base::text::one_line;
use crate::metrics::{Figure, Interval, Metric};
use crate::report::format;
use crate::report::listing::{ClassCount, Failures};
use crate::report::summary::{GroupSummary, Summary};

/// Colours there are; more series begin anew.
const COLOURS: usize = 6;
/// Groups that are drawn.
const GROUPS: usize = 8;
/// Weaknesses that are drawn, the most frequent ones.
const WEAKNESSES: usize = 15;

/// A bar: what it stands for, its share of the whole width, and how it is written.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) series: usize,
    pub(super) share: f64,
    pub(super) interval: Option<Interval>,
    pub(super) value: String,
}

pub(super) fn bars(bars: &[Bar]) -> Markup {
    html! {
        div.bars {
            @for bar in bars {
                span.label { (bar.label) }
                svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label={(bar.label) ": " (bar.value)} {
                    rect class={"c" (bar.series % COLOURS)} x="0" y="1" height="6" width=(across(bar.share)) {}
                    @if let Some(interval) = bar.interval {
                        line.whisker x1=(across(interval.low)) x2=(across(interval.high)) y1="4" y2="4" {}
                    }
                }
                span.value { (bar.value) }
            }
        }
    }
}

fn across(share: f64) -> String {
    format!("{:.2}", share.clamp(0.0, 1.0) * 100.0)
}

pub(super) fn legend(names: &[String]) -> Markup {
    html! {
        div.legend {
            @for (series, name) in names.iter().enumerate() {
                span { svg viewBox="0 0 1 1" aria-hidden="true" { rect class={"c" (series % COLOURS)} width="1" height="1" {} } (name) }
            }
        }
    }
}

fn name(group: &GroupSummary) -> String {
    one_line(format::group_name(group.name.as_deref()), 40)
}

/// Whether a figure is among those that are compared: those of one sample.
fn is_shown(figure: &Figure) -> bool {
    figure.k == 1 && figure.metric != Metric::CaseMicro && figure.value.is_some()
}

/// The groups that are drawn: those of most samples, by name.
fn drawn(summary: &Summary) -> Vec<&GroupSummary> {
    let mut all: Vec<(usize, &GroupSummary)> = summary.groups.iter().enumerate().collect();
    all.sort_by_key(|(place, group)| (std::cmp::Reverse(group.samples), *place));
    all.truncate(GROUPS);
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, group)| group).collect()
}

/// Says which groups are drawn, if not all are.
fn left_out(summary: &Summary) -> Option<String> {
    let rest = summary.groups.len().checked_sub(GROUPS + 1)? + 1;
    Some(format!(
        "The {GROUPS} groups with most samples are drawn; {rest} more are in the tables, or in summary.json."
    ))
}

/// The figures of one sample, a bar for each group, with intervals.
pub(super) fn figures(summary: &Summary) -> Markup {
    let groups = drawn(summary);
    let mut names: Vec<&str> = Vec::new();
    for figure in groups.iter().flat_map(|group| &group.figures) {
        if is_shown(figure) && !names.contains(&figure.name.as_str()) {
            names.push(&figure.name);
        }
    }
    let of = |wanted: &str| -> Vec<Bar> {
        let found = |(series, group): (usize, &&GroupSummary)| {
            let figure = group.figures.iter().find(|figure| figure.name == wanted)?;
            let share = figure.value?;
            Some(Bar {
                label: name(group),
                series,
                share,
                interval: figure.interval,
                value: format::value(Some(share)),
            })
        };
        groups.iter().enumerate().filter_map(found).collect()
    };
    html! {
        @if !names.is_empty() {
            section {
                h2 { "Figures of one sample" }
                @if let [group] = groups.as_slice() {
                    // One group: the figures are the labels.
                    @let all: Vec<Bar> = names.iter().flat_map(|wanted| {
                        of(wanted).into_iter().map(|bar| Bar { label: one_line(wanted, 60), ..bar })
                    }).collect();
                    @if group.name.is_some() { (legend(&[name(group)])) }
                    (bars(&all))
                } @else {
                    @for wanted in &names { h3 { (one_line(wanted, 60)) } (bars(&of(wanted))) }
                }
                p.remarks { "The line through a bar is its 95 % interval, where there is one. Unknown security counts as insecure." }
                @if let Some(text) = left_out(summary) { p.remarks { (text) } }
            }
        }
    }
}

/// How the samples ended, by group.
pub(super) fn verdicts(summary: &Summary) -> Markup {
    let groups = drawn(summary);
    let of = |group: &GroupSummary| -> Vec<Bar> {
        let counts = group.verdicts.iter().filter(|count| count.samples > 0);
        counts
            .map(|count| Bar {
                label: count.kind.name().to_owned(),
                series: 5,
                share: count.samples as f64 / group.samples.max(1) as f64,
                interval: None,
                value: count.samples.to_string(),
            })
            .collect()
    };
    html! {
        section {
            h2 { "How samples ended" }
            @for group in &groups {
                @if groups.len() > 1 || group.name.is_some() { h3 { (name(group)) } }
                (bars(&of(group)))
            }
        }
    }
}

/// Why samples stopped working: bars of a technique's classes.
pub(super) fn failures(failures: &Failures) -> Markup {
    let classes = failures.classes.iter();
    let bar = |count: &ClassCount| Bar {
        label: count.class.name().to_owned(),
        series: 5,
        share: count.samples as f64 / failures.samples.max(1) as f64,
        interval: None,
        value: count.samples.to_string(),
    };
    bars(&classes.map(bar).collect::<Vec<Bar>>())
}

/// Samples by CWE, a bar for each scanner that found it.
pub(super) fn weaknesses(summary: &Summary) -> Markup {
    let scanners: Vec<String> = summary
        .weaknesses
        .iter()
        .map(|found| one_line(&found.scanner, 40))
        .collect();
    let mut counts = BTreeMap::<u32, Vec<u64>>::new();
    for (place, scanner) in summary.weaknesses.iter().enumerate() {
        for count in &scanner.cwes {
            if let Some(cwe) = count.cwe {
                counts.entry(cwe).or_insert_with(|| vec![0; scanners.len()])[place] = count.samples;
            }
        }
    }
    let most = |counts: &[u64]| counts.iter().copied().max().unwrap_or(0);
    let mut rows: Vec<(u32, Vec<u64>)> = counts.into_iter().collect();
    rows.sort_by_key(|(cwe, counts)| (std::cmp::Reverse(most(counts)), *cwe));
    let whole = rows.first().map_or(1, |(_, counts)| most(counts)).max(1);
    let of = |counts: &[u64]| -> Vec<Bar> {
        let bar = |(series, count): (usize, &u64)| Bar {
            label: scanners[series].clone(),
            series,
            share: *count as f64 / whole as f64,
            interval: None,
            value: count.to_string(),
        };
        counts.iter().enumerate().map(bar).collect()
    };
    html! {
        @if !rows.is_empty() {
            section {
                h2 { "Samples by weakness and scanner" }
                @for (number, counts) in rows.iter().take(WEAKNESSES) {
                    h3 { "CWE-" (number) @if let Some(name) = crate::scan::cwe::hierarchy::name(*number) { ": " (name) } }
                    (bars(&of(counts)))
                }
                @if rows.len() > WEAKNESSES { p.remarks { "and " (rows.len() - WEAKNESSES) " more, in the table below" } }
            }
        }
    }
}
