//! Changes with their intervals, on one scale around no change.

use maud::{Markup, html};

use super::levels::{TECHNIQUES, more};
use crate::base::text::one_line;
use crate::metrics::paired::{Delta, Estimate};
use crate::metrics::{Interval, Metric};
use crate::report::compare::{CompareSummary, TechniqueSummary};
use crate::report::compare_sheet::{name, probability};

/// The ends that a scale may have.
const ENDS: [f64; 11] = [0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0];

/// Every metric's change for one sample, by technique.
pub(super) fn changes(summary: &CompareSummary) -> Markup {
    let techniques = &summary.techniques[..summary.techniques.len().min(TECHNIQUES)];
    let all = techniques.iter().flat_map(shown);
    let far = all.fold(0.0, |far: f64, (_, estimate)| far.max(reach(estimate)));
    let end = ENDS.into_iter().find(|end| far <= *end).unwrap_or(1.0);
    html! {
        @if techniques.iter().any(|technique| shown(technique).next().is_some()) {
            section {
                h2 { "Changes against " (one_line(&summary.base.name, 40)) }
                @for technique in techniques {
                    @if techniques.len() > 1 { h3 { (name(technique)) } }
                    div.forest {
                        @for (delta, estimate) in shown(technique) { (row(delta, estimate, end)) }
                        span.ends { span { (format!("{:+}", -end)) } span { "0" } span { (format!("{end:+}")) } }
                    }
                }
                p.remarks {
                    "The dot is the change, the line its 95 % interval (paired bootstrap over tasks), where there is one. "
                    "Coloured is what the interval keeps on one side of no change. Unknown security counts as insecure."
                }
                (more(summary))
            }
        }
    }
}

/// The changes that are drawn: those of one sample, each metric once.
fn shown(technique: &TechniqueSummary) -> impl Iterator<Item = (&Delta, Estimate)> {
    let one = technique
        .deltas
        .iter()
        .filter(|delta| delta.k == 1 && delta.metric != Metric::CaseMicro);
    one.filter_map(|delta| Some((delta, delta.strict?)))
}

/// How far from no change a row goes.
fn reach(estimate: Estimate) -> f64 {
    let interval = estimate.interval.unwrap_or(Interval {
        low: 0.0,
        high: 0.0,
    });
    let ends = [estimate.delta, interval.low, interval.high];
    ends.into_iter().fold(0.0, |far, end| far.max(end.abs()))
}

fn row(delta: &Delta, estimate: Estimate, end: f64) -> Markup {
    let across = |value: f64| format!("{:.2}", 50.0 + 50.0 * (value / end).clamp(-1.0, 1.0));
    let label = one_line(&delta.name, 60);
    let value = format!("{:+.4}", estimate.delta);
    let interval = estimate
        .interval
        .map(|interval| format!("{:+.4} to {:+.4}", interval.low, interval.high));
    let class = match estimate.interval {
        Some(interval) if interval.low > 0.0 => "up",
        Some(interval) if interval.high < 0.0 => "down",
        _ => "even",
    };
    let said = interval.as_deref().unwrap_or("no interval");
    html! {
        span.label { (label) }
        span.value {
            b { (value) }
            @if let Some(interval) = &interval { " " span.range { (interval) } }
            @if let Some(p) = estimate.p { " " span.p { "p " (probability(Some(p))) } }
        }
        svg.(class) viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label={(label) ": " (value) ", " (said)} {
            line.zero x1="50" x2="50" y1="0" y2="8" {}
            @if let Some(interval) = estimate.interval {
                line.range x1=(across(interval.low)) x2=(across(interval.high)) y1="4" y2="4" {}
            }
            // As good as no length: its round ends are the dot, which no stretching of the drawing makes an egg.
            line.dot x1=(across(estimate.delta)) x2={(across(estimate.delta)) "1"} y1="4" y2="4" {}
        }
    }
}
