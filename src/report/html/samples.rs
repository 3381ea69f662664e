//! Single samples: what became of each, its cases, what scanners say, and its code with the findings on their lines.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::base::text::{for_terminal, one_line};
use crate::harness::CaseOutcome;
use crate::journal::VerdictRecord;
use crate::report::format;
use crate::scan::{Finding, ScanResult, Security};
use crate::verdict::{Verdict, VerdictKind};

/// Bytes of code that are shown of one sample.
const MAX_CODE: usize = 64 << 10;
/// Cases that are shown of one sample.
const MAX_CASES: usize = 100;
/// Findings that are shown of one scanner on one sample.
const MAX_FINDINGS: usize = 50;
/// Characters of a hostile text.
const TEXT: usize = 300;

/// A sample with all that is known of it.
#[derive(Clone, Debug)]
pub struct SampleView {
    /// Its verdict.
    pub record: Box<VerdictRecord>,
    /// What each scanner says.
    pub results: Vec<ScanResult>,
    /// What they say together, by the run's policy.
    pub security: Security,
    /// Its code, where it is at hand.
    pub code: Option<String>,
}

/// All of them, of so many in the run.
pub(super) fn all(samples: &[SampleView], of: u64) -> Markup {
    let shown = samples.len() as u64;
    html! {
        @if shown > 0 {
            section {
                h2 { "Samples" }
                @if shown < of {
                    p.remarks { "The " (shown) " most telling of " (of) ": tampering and suspicion first, then those that pass and are insecure, then the rest." }
                }
                @for sample in samples { (one(sample)) }
            }
        }
    }
}

fn one(sample: &SampleView) -> Markup {
    let record = &sample.record;
    let verdict = &record.verdict;
    let passed = verdict
        .cases
        .iter()
        .filter(|case| case.outcome == CaseOutcome::Passed)
        .count();
    let who = [&record.model, &record.technique, &record.name];
    html! {
        details {
            summary {
                (one_line(&record.sample.to_string(), TEXT))
                @for word in who.into_iter().flatten() { " " (one_line(word, 60)) }
                span.tag.(verdict_class(verdict.kind)) { (verdict.kind.name()) " " (passed) "/" (verdict.declared) }
                span.tag.(security_class(sample.security)) { (security_name(sample.security)) }
            }
            @if !verdict.detail.is_empty() { p { (one_line(&verdict.detail, TEXT)) } }
            @if !verdict.suspicions.is_empty() {
                p.bad { "Suspicious: " (reasons(verdict)) }
            }
            (cases(sample))
            @for result in &sample.results { (scanner(result)) }
            (behaviour(sample))
            @for (name, text) in [("Standard output", &verdict.stdout), ("Standard error", &verdict.stderr)] {
                @if text.bytes > 0 {
                    h3 { (name) ", " (text.bytes) " bytes" }
                    pre { (for_terminal(&text.head)) @if !text.tail.is_empty() { "\n[...]\n" (for_terminal(&text.tail)) } }
                }
            }
            @if let Some(code) = &sample.code { h3 { "Code" } (listing(code, &sample.results)) }
        }
    }
}

fn reasons(verdict: &Verdict) -> String {
    let reasons = verdict
        .suspicions
        .iter()
        .map(|one| one_line(&one.reason, TEXT));
    reasons.collect::<Vec<_>>().join("; ")
}

fn cases(sample: &SampleView) -> Markup {
    let cases = &sample.record.verdict.cases;
    html! {
        @if !cases.is_empty() {
            div.scroll { table {
                thead { tr { th scope="col" { "case" } th scope="col" { "outcome" } th scope="col" { "why" } } }
                tbody {
                    @for case in cases.iter().take(MAX_CASES) {
                        tr {
                            td { (one_line(&case.id, 120)) }
                            td { (format!("{:?}", case.outcome).to_lowercase()) }
                            td { (one_line(&case.detail, TEXT)) }
                        }
                    }
                }
            } }
            @if cases.len() > MAX_CASES { p.remarks { "and " (cases.len() - MAX_CASES) " more cases" } }
        }
    }
}

fn scanner(result: &ScanResult) -> Markup {
    html! {
        @if let Some(why) = &result.not_analysed {
            p.unsure { (one_line(&result.scanner, 60)) " did not, or not wholly, analyse it: " (one_line(why, TEXT)) }
        }
        @if !result.findings.is_empty() {
            ul {
                @for finding in result.findings.iter().take(MAX_FINDINGS) {
                    li { (one_line(&result.scanner, 60)) ": " (about(finding)) @if finding.line > 0 { ", line " (finding.line) } }
                }
            }
        }
    }
}

fn about(finding: &Finding) -> String {
    let rule = one_line(&finding.rule, 60);
    format!(
        "{rule} ({}) {}",
        format::cwe(finding.cwe),
        one_line(&finding.message, TEXT)
    )
}

fn behaviour(sample: &SampleView) -> Markup {
    let acts = sample
        .record
        .verdict
        .behaviour
        .as_ref()
        .map_or(&[][..], |seen| &seen.acts);
    html! {
        @if !acts.is_empty() {
            h3 { "Forbidden acts" }
            ul {
                @for act in acts {
                    li { (one_line(&act.call, 60)) " " (one_line(&act.detail, TEXT)) ": " (act.count) " times, refused with " (one_line(&act.answer, 40)) }
                }
            }
        }
    }
}

/// The code with line numbers, and each finding below the line that it is about.
fn listing(code: &str, results: &[ScanResult]) -> Markup {
    let mut found = BTreeMap::<usize, Vec<String>>::new();
    for result in results {
        for finding in result
            .findings
            .iter()
            .filter(|finding| finding.line > 0)
            .take(MAX_FINDINGS)
        {
            let words = format!("{}: {}", one_line(&result.scanner, 60), about(finding));
            found.entry(finding.line as usize).or_default().push(words);
        }
    }
    let mut end = code.len().min(MAX_CODE);
    while !code.is_char_boundary(end) {
        end -= 1;
    }
    html! {
        pre {
            @for (number, line) in (1..).zip(lines_of(&code[..end])) {
                span.no { (format!("{number:>4}  ")) }
                @match found.get(&number) {
                    None => { (for_terminal(line)) "\n" }
                    Some(findings) => {
                        span.mark { (for_terminal(line)) } "\n"
                        @for words in findings { span.why { "      ^ " (words) } "\n" }
                    }
                }
            }
        }
        @if end < code.len() { p.remarks { "and " (code.len() - end) " more bytes" } }
    }
}

/// Lines as Python counts them, so that findings stand where scanners saw them.
fn lines_of(code: &str) -> impl Iterator<Item = &str> {
    code.split_inclusive('\n').flat_map(|line| {
        let line = line.strip_suffix('\n').unwrap_or(line);
        line.strip_suffix('\r').unwrap_or(line).split('\r')
    })
}

fn verdict_class(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Passed => "good",
        VerdictKind::Infra => "unsure",
        _ => "bad",
    }
}

fn security_class(security: Security) -> &'static str {
    match security {
        Security::Secure => "good",
        Security::Insecure => "bad",
        Security::Unknown => "unsure",
    }
}

fn security_name(security: Security) -> &'static str {
    match security {
        Security::Secure => "secure",
        Security::Insecure => "insecure",
        Security::Unknown => "security unknown",
    }
}
