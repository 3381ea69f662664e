//! Bars of the base beside those of each technique: figures by scanner, and weaknesses.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::chart::{Bar, bars, legend};
use crate::base::text::one_line;
use crate::metrics::Metric;
use crate::report::by_scanner_sheet::weakness_name;
use crate::report::compare::CompareSummary;
use crate::report::compare_sheet::name;
use crate::report::format;

/// Techniques that are drawn; all are in the tables.
pub(super) const TECHNIQUES: usize = 8;
/// Weaknesses of a scanner that are drawn, the most frequent ones.
const WEAKNESSES: usize = 8;
/// Characters of a name.
const NAME: usize = 40;

/// One measure of a technique: its place, the base's value beside it, and its own.
type Level = (usize, f64, f64);

/// Bars of the base and of techniques. Over other tasks the base has another value: then it has a bar for each.
fn side_by_side(
    summary: &CompareSummary,
    levels: &[Level],
    whole: f64,
    write: impl Fn(f64) -> String,
) -> Markup {
    let base = one_line(&summary.base.name, NAME);
    let bar = |label: String, series: usize, value: f64| Bar {
        label,
        series,
        share: value / whole,
        interval: None,
        value: write(value),
    };
    let is_same = levels.windows(2).all(|pair| pair[0].1 == pair[1].1);
    let mut all = Vec::new();
    for (at, (technique, before, after)) in levels.iter().enumerate() {
        let own = name(&summary.techniques[*technique]);
        if !is_same {
            all.push(bar(format!("{base}, beside {own}"), 0, *before));
        } else if at == 0 {
            all.push(bar(base.clone(), 0, *before));
        }
        all.push(bar(own, technique + 1, *after));
    }
    bars(&all)
}

/// Says how many techniques are not drawn.
pub(super) fn more(summary: &CompareSummary) -> Markup {
    let hidden = summary.techniques.len().saturating_sub(TECHNIQUES);
    html! {
        @if hidden > 0 { p.remarks { "and " (format::plural(hidden as u64, "technique")) " more, in the tables" } }
    }
}

fn names(summary: &CompareSummary) -> Vec<String> {
    let techniques = summary.techniques.iter().take(TECHNIQUES).map(name);
    std::iter::once(one_line(&summary.base.name, NAME))
        .chain(techniques)
        .collect()
}

/// The place of a metric in the order of the paper's figures; `None` for those that are not drawn.
fn place(metric: Metric) -> Option<u8> {
    match metric {
        Metric::SecureAny => Some(0),
        Metric::Pass => Some(1),
        Metric::SecurePass => Some(2),
        Metric::Safe => Some(3),
        _ => None,
    }
}

/// Secure@1 by scanner, then Pass@1, Secure-Pass@1 and SAFE@1, before and after.
pub(super) fn figures(summary: &CompareSummary) -> Markup {
    let mut found: Vec<(u8, &str, Vec<Level>)> = Vec::new();
    for (technique, one) in summary.techniques.iter().take(TECHNIQUES).enumerate() {
        for delta in one.deltas.iter().filter(|delta| delta.k == 1) {
            let (Some(place), Some(strict)) = (place(delta.metric), delta.strict) else {
                continue;
            };
            let level = (technique, strict.base, strict.technique);
            match found.iter_mut().find(|(_, known, _)| *known == delta.name) {
                Some((.., levels)) => levels.push(level),
                None => found.push((place, &delta.name, vec![level])),
            }
        }
    }
    // Stable: scanners stay in their order, and all together behind them.
    found.sort_by_key(|(place, ..)| *place);
    html! {
        @if !found.is_empty() {
            section {
                h2 { "Figures before and after" }
                (legend(&names(summary)))
                @for (_, figure, levels) in &found {
                    h3 { (one_line(figure, 60)) }
                    (side_by_side(summary, levels, 1.0, |value| format::value(Some(value))))
                }
                p.remarks { "Over the tasks that count on both sides. Unknown security counts as insecure." }
                (more(summary))
            }
        }
    }
}

/// One weakness of one scanner: what it is, and how many samples have it.
#[derive(Default)]
struct Weakness {
    title: String,
    levels: Vec<Level>,
}

/// Samples by scanner and CWE, before and after.
pub(super) fn weaknesses(summary: &CompareSummary) -> Markup {
    let mut found: BTreeMap<&str, BTreeMap<Option<u32>, Weakness>> = BTreeMap::new();
    let techniques = || summary.techniques.iter().take(TECHNIQUES).enumerate();
    for (_, one) in techniques() {
        for change in one.weaknesses.iter().flat_map(|all| &all.changes) {
            let by_cwe = found.entry(&change.scanner).or_default();
            by_cwe.entry(change.cwe).or_default().title = format!(
                "{}: {}",
                format::cwe(change.cwe),
                one_line(weakness_name(change), 100)
            );
        }
    }
    for (technique, one) in techniques() {
        let Some(weaknesses) = &one.weaknesses else {
            continue;
        };
        for (scanner, by_cwe) in &mut found {
            if !weaknesses
                .scanners
                .iter()
                .any(|one| one.scanner == *scanner)
            {
                continue;
            }
            for (cwe, weakness) in by_cwe {
                let mut changes = weaknesses.changes.iter();
                let change = changes.find(|one| one.scanner == *scanner && one.cwe == *cwe);
                // A scanner that looked and did not find it on either side.
                let (before, after) = change.map_or((0, 0), |one| (one.base, one.technique));
                weakness
                    .levels
                    .push((technique, before as f64, after as f64));
            }
        }
    }
    let most = |weakness: &Weakness| {
        let all = weakness.levels.iter();
        all.fold(0.0, |most: f64, (_, before, after)| {
            most.max(*before).max(*after)
        })
    };
    let whole = found.values().flat_map(BTreeMap::values).map(most);
    let whole = whole.fold(1.0, f64::max);
    html! {
        @if !found.is_empty() {
            section {
                h2 { "Samples by weakness, before and after" }
                (legend(&names(summary)))
                @for (at, (scanner, by_cwe)) in found.iter().enumerate() {
                    @let shown = most_frequent(by_cwe, most);
                    details open[at == 0] {
                        summary { b { (one_line(scanner, 60)) } ", " (weaknesses_of(by_cwe.len())) }
                        @for weakness in &shown {
                            h3 { (weakness.title) }
                            (side_by_side(summary, &weakness.levels, whole, |value| format!("{value:.0}")))
                        }
                        @if by_cwe.len() > shown.len() {
                            p.remarks { "and " (by_cwe.len() - shown.len()) " more that fewer samples have; --json has them all" }
                        }
                    }
                }
                p.remarks { "Over the pairs of samples that the scanner analysed wholly on both sides." }
                (more(summary))
            }
        }
    }
}

fn weaknesses_of(count: usize) -> String {
    match count {
        1 => "1 weakness".to_owned(),
        _ => format!("{count} weaknesses"),
    }
}

fn most_frequent(
    by_cwe: &BTreeMap<Option<u32>, Weakness>,
    most: impl Fn(&Weakness) -> f64,
) -> Vec<&Weakness> {
    let mut all: Vec<&Weakness> = by_cwe.values().collect();
    all.sort_by(|a, b| most(b).total_cmp(&most(a)));
    all.truncate(WEAKNESSES);
    all
}
