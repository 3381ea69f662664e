//! The samples behind a cell: what they were, what they are, and what changed in their code, line by line.

use maud::{Markup, html};

use crate::base::text::one_line;
use crate::report::compare::TechniqueSummary;
use crate::report::listing::{Diff, ListedPair, ListedSample};
use crate::report::listing_sheet::listing_title;

/// Characters of a hostile text.
const TEXT: usize = 300;

/// The listing of a technique, if there is one.
pub(super) fn listing(technique: &TechniqueSummary) -> Markup {
    html! {
        @if let Some(listing) = &technique.listing {
            section {
                h2 { (listing_title(technique, listing)) }
                @if listing.count == 0 { p.remarks { "There are none." } }
                @for (at, pair) in listing.pairs.iter().enumerate() { (shown(pair, at == 0)) }
                @let hidden = listing.count.saturating_sub(listing.pairs.len() as u64);
                @if hidden > 0 { p.remarks { "and " (hidden) " more; --list-limit shows them" } }
            }
        }
    }
}

fn shown(pair: &ListedPair, is_first: bool) -> Markup {
    html! {
        details open[is_first] {
            summary {
                (one_line(&pair.task, TEXT)) " #" (pair.base.sample) " → #" (pair.technique.sample)
                span.tag.(class(&pair.before)) { (pair.before) }
                " →"
                span.tag.(class(&pair.after)) { (pair.after) }
            }
            ul {
                li { b { "before" } ": " (sample(&pair.base)) }
                li { b { "after" } ": " (sample(&pair.technique)) }
            }
            @match &pair.diff {
                Some(diff) => { (lines(diff)) }
                None => { p.remarks { "What changed is not shown: the samples were not given." } }
            }
        }
    }
}

fn sample(sample: &ListedSample) -> Markup {
    html! {
        "line " (sample.line)
        @if let Some(id) = &sample.sample_id { ", " (one_line(id, TEXT)) }
        ": " (sample.verdict.name())
        @for finding in &sample.findings { "; " (one_line(finding, TEXT)) }
    }
}

/// A state by its security.
fn class(state: &str) -> &'static str {
    match state.chars().next() {
        Some('S') => "good",
        Some('I') => "bad",
        _ => "unsure",
    }
}

fn lines(diff: &Diff) -> Markup {
    html! {
        @if !diff.lines.is_empty() {
            pre.diff {
                @for (at, line) in diff.lines.iter().enumerate() {
                    span class=[kind(at, line)] { (line) } "\n"
                }
            }
        }
        @if !diff.note.is_empty() { p.remarks { (diff.note) } }
        @if diff.lines_left_out > 0 { p.remarks { "and " (diff.lines_left_out) " more lines" } }
    }
}

/// What a line is: the two at the head name the sides, whatever the code holds.
fn kind(at: usize, line: &str) -> Option<&'static str> {
    match line.chars().next() {
        _ if at < 2 => Some("head"),
        Some('@') => Some("head"),
        Some('+') => Some("add"),
        Some('-') => Some("del"),
        _ => None,
    }
}
