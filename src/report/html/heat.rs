//! What became of the samples, as tables with a shade for each share.

use maud::{Markup, html};

use crate::base::text::one_line;
use crate::metrics::paired::State;
use crate::report::compare::{CompareSummary, TechniqueSummary, TransitionSummary};
use crate::report::compare_sheet::name;
use crate::report::{by_scanner_sheet, format};

/// Shades there are beside none; see `style.css`.
const SHADES: f64 = 10.0;

/// A table for each technique, those of its scanners behind it.
pub(super) fn transitions(summary: &CompareSummary) -> Markup {
    let is_known = |one: &&TechniqueSummary| one.transitions.pairs > one.transitions.unknown;
    let techniques: Vec<&TechniqueSummary> = summary.techniques.iter().filter(is_known).collect();
    html! {
        @if !techniques.is_empty() {
            section {
                h2 { "What became of the samples" }
                @for technique in &techniques {
                    h3 { (name(technique)) }
                    (lost(&technique.transitions, None))
                    (heat(&technique.transitions))
                    @if !by_scanner_sheet::says_no_more(technique) {
                        details {
                            summary { "By scanner: " (scanners(technique)) }
                            @for one in &technique.scanner_transitions {
                                h3 { (one_line(&one.scanner, 60)) }
                                (lost(&one.transitions, Some(&one.scanner)))
                                (heat(&one.transitions))
                            }
                            (super::table(&by_scanner_sheet::transitions(technique)))
                        }
                    }
                }
                p.remarks {
                    "Rows are what samples of the base were, columns what their partners are: S secure, I insecure, F functional, "
                    "!F not. A share is that of the row's samples. Framed: security that was lost."
                }
            }
        }
    }
}

fn scanners(technique: &TechniqueSummary) -> String {
    let all = technique.scanner_transitions.iter();
    let names: Vec<String> = all.map(|one| one_line(&one.scanner, 60)).collect();
    names.join(", ")
}

/// Says that security is not monotonic, where it is not.
fn lost(transitions: &TransitionSummary, scanner: Option<&str>) -> Markup {
    let lost = &transitions.lost_security;
    let by = scanner.map(|scanner| one_line(scanner, 60) + " ");
    html! {
        @if lost.count > 0 {
            p.callout {
                b { "Security is not monotonic: " }
                (lost.count) " of " (lost.of) " samples that were secure are insecure now"
                @if let Some(share) = lost.share { (format!(" ({:.2} %)", 100.0 * share)) }
                "; " code { "--list '" (by.unwrap_or_default()) (lost.cell) "'" } " names them."
            }
        }
    }
}

fn heat(transitions: &TransitionSummary) -> Markup {
    let known = &State::ALL[..State::KNOWN];
    html! {
        div.scroll {
            table.heat {
                thead { tr {
                    th scope="col" { "before \\ after" }
                    @for after in known { th.number scope="col" { (after.name()) } }
                    th.number scope="col" { "all" }
                } }
                tbody {
                    @for before in known {
                        tr {
                            th scope="row" { (before.name()) }
                            @for after in known { (cell(transitions, *before, *after)) }
                            td.number { (of(transitions, *before)) }
                        }
                    }
                }
            }
        }
        ul.remarks {
            li { (format::plural(transitions.pairs, "pair")) " of samples" }
            @if transitions.unknown > 0 {
                li { (format::plural(transitions.unknown, "pair")) " of unknown security are in no cell" }
            }
        }
    }
}

fn of(transitions: &TransitionSummary, before: State) -> u64 {
    let mut shares = transitions.shares.iter();
    let first = shares.find(|share| share.before == before.name());
    first.map_or(0, |share| share.of)
}

fn cell(transitions: &TransitionSummary, before: State, after: State) -> Markup {
    use crate::scan::Security::{Insecure, Secure};
    let share = transitions.share(before.name(), after.name());
    let count = share.map_or(0, |share| share.count);
    let value = share.and_then(|share| share.share);
    // Whatever there is of it is to be seen, however little.
    let shade = value.map_or(0.0, |value| (value * SHADES).ceil());
    let is_lost = count > 0 && (before.security, after.security) == (Secure, Insecure);
    html! {
        td.number.{"h" (shade)}.lost[is_lost] {
            b { (count) }
            @if let Some(value) = value { " " span.share { (format!("{:.1} %", 100.0 * value)) } }
        }
    }
}
