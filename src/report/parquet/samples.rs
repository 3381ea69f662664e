//! The columns of the file, in order: names, types, and where their values come from. docs/exports.md explains each.

use std::collections::BTreeSet;

use super::column::{Cell, Column, Field, Kind, Shape};
use crate::metrics::Functional;
use crate::pipeline::judged::Judged;
use crate::scan::{Finding, ScanResult, Security, Severity};

use Kind::{Bool, Double, Long, Number, Text};
use Shape::{List, Map, Maybe, MaybeList, One, Values};

const SUSPICION: [Field; 2] = [Field::of("reason", Text), Field::of("grave", Bool)];
const FINDING: [Field; 8] = [
    Field::of("scanner", Text),
    Field::of("rule", Text),
    Field::optional("cwe", Number),
    Field::optional("native_cwe", Number),
    Field::of("severity", Text),
    Field::of("confidence", Text),
    Field::of("line", Number),
    Field::of("counts", Bool),
];
const ACT: [Field; 5] = [
    Field::of("call", Text),
    Field::of("detail", Text),
    Field::of("answer", Text),
    Field::of("count", Long),
    Field::of("first_ms", Long),
];

/// All of them, for a run with these scanners.
pub(super) fn columns<'a>(scanners: impl Iterator<Item = &'a str>) -> Vec<Column> {
    let mut all = who();
    all.extend(outcome());
    all.push(Column::new("security", One(Text), |sample| {
        Cell::Text(security(sample.security))
    }));
    all.extend(scanners.map(|scanner| {
        let name = scanner.to_owned();
        Column::new(format!("security_{scanner}"), One(Text), move |sample| {
            let said = sample.facts.scanners.get(&name).copied();
            Cell::Text(security(said.unwrap_or(Security::Unknown)))
        })
    }));
    all.extend(found());
    all.extend(done());
    all
}

/// Which sample it is.
fn who() -> Vec<Column> {
    vec![
        Column::new("task", One(Text), |s| {
            Cell::Text(s.record.sample.task.as_str())
        }),
        Column::new("index", One(Number), |s| {
            Cell::Number(s.record.sample.index)
        }),
        Column::new("line", One(Long), |s| Cell::Long(s.record.line)),
        Column::new("sample_id", Maybe(Text), |s| text(s.record.name.as_ref())),
        Column::new("model", Maybe(Text), |s| text(s.record.model.as_ref())),
        Column::new("technique", Maybe(Text), |s| {
            text(s.record.technique.as_ref())
        }),
        Column::new("group", Maybe(Text), |s| text(s.facts.group.as_ref())),
        Column::new("rank", Maybe(Number), |s| {
            Cell::maybe(s.record.rank, Cell::Number)
        }),
        Column::new("code", One(Text), |s| {
            Cell::Owned(s.record.code.to_string())
        }),
        Column::new("same_as", Maybe(Text), |s| {
            Cell::maybe(s.record.same_as.as_ref(), |other| {
                Cell::Owned(other.to_string())
            })
        }),
        Column::new("labels", Map, |s| {
            let labels = s.record.labels.iter();
            Cell::List(labels.map(|(key, value)| pair(key, value)).collect())
        }),
        Column::new("fields", Map, |s| {
            let fields = s.record.fields.iter();
            Cell::List(fields.map(|(key, value)| pair(key, value)).collect())
        }),
        Column::new("origin_samples", Maybe(Text), |s| {
            Cell::maybe(s.record.origin, |origin| {
                Cell::Owned(origin.samples.to_string())
            })
        }),
        Column::new("origin_index", Maybe(Number), |s| {
            Cell::maybe(s.record.origin, |origin| Cell::Number(origin.index))
        }),
    ]
}

/// What became of it.
fn outcome() -> Vec<Column> {
    vec![
        Column::new("verdict", One(Text), |s| {
            Cell::Text(s.record.verdict.kind.name())
        }),
        Column::new("limit", Maybe(Text), |s| {
            Cell::maybe(s.record.verdict.limit, |limit| {
                Cell::Owned(limit.to_string())
            })
        }),
        Column::new("detail", One(Text), |s| {
            Cell::Text(&s.record.verdict.detail)
        }),
        Column::new("cases_declared", One(Number), |s| {
            Cell::Number(s.facts.declared_cases)
        }),
        Column::new("cases_passed", One(Number), |s| {
            Cell::Number(s.facts.passed_cases)
        }),
        Column::new("case_share", Maybe(Double), |s| {
            let facts = &s.facts;
            match facts.functional {
                Functional::Excluded(_) => Cell::Null,
                _ => Cell::Double(
                    f64::from(facts.passed_cases) / f64::from(facts.declared_cases.max(1)),
                ),
            }
        }),
        Column::new("functional", One(Text), |s| {
            Cell::Text(match s.facts.functional {
                Functional::Passed => "passed",
                Functional::NotPassed => "not-passed",
                Functional::Excluded(_) => "excluded",
            })
        }),
        Column::new("excluded", Maybe(Text), |s| match s.facts.functional {
            Functional::Excluded(why) => Cell::Text(why.name()),
            _ => Cell::Null,
        }),
        Column::new("suspicions", List(&SUSPICION), |s| {
            let suspicions = s.record.verdict.suspicions.iter();
            let suspicions =
                suspicions.map(|one| vec![Cell::Text(&one.reason), Cell::Bool(one.grave)]);
            Cell::List(suspicions.collect())
        }),
        Column::new("controls", One(Number), |s| {
            Cell::Number(s.record.verdict.controls)
        }),
    ]
}

/// What the scanners found in it.
fn found() -> Vec<Column> {
    vec![
        Column::new("findings_count", One(Number), |s| {
            Cell::Number(number(findings(s).count()))
        }),
        Column::new("findings_counted", One(Number), |s| {
            Cell::Number(number(findings(s).filter(|(.., counts)| *counts).count()))
        }),
        Column::new("cwes", Values(Number), |s| {
            let counted = findings(s).filter(|(.., counts)| *counts);
            let cwes: BTreeSet<u32> = counted.filter_map(|(_, finding, _)| finding.cwe).collect();
            Cell::List(
                cwes.into_iter()
                    .map(|cwe| vec![Cell::Number(cwe)])
                    .collect(),
            )
        }),
        Column::new("findings", List(&FINDING), |s| {
            Cell::List(findings(s).map(finding).collect())
        }),
        Column::new("not_analysed", Map, |s| {
            let reasons = s.results.iter().filter_map(|result| {
                let reason = result.not_analysed.as_ref()?;
                Some(pair(&result.scanner, reason))
            });
            Cell::List(reasons.collect())
        }),
    ]
}

/// What it did and used.
fn done() -> Vec<Column> {
    vec![
        Column::new("forbidden_acts", MaybeList(&ACT), |s| {
            Cell::maybe(s.record.verdict.behaviour.as_ref(), |behaviour| {
                let acts = behaviour.acts.iter().map(|act| {
                    vec![
                        Cell::Text(&act.call),
                        Cell::Text(&act.detail),
                        Cell::Text(&act.answer),
                        Cell::Long(act.count),
                        Cell::Long(act.first_ms),
                    ]
                });
                Cell::List(acts.collect())
            })
        }),
        Column::new("forbidden_attempts", Maybe(Long), |s| {
            Cell::maybe(s.record.verdict.behaviour.as_ref(), |behaviour| {
                Cell::Long(behaviour.attempts())
            })
        }),
        Column::new("forbidden_acts_whole", Maybe(Bool), |s| {
            Cell::maybe(s.record.verdict.behaviour.as_ref(), |behaviour| {
                Cell::Bool(behaviour.is_whole())
            })
        }),
        Column::new("cpu_seconds", One(Double), |s| {
            Cell::Double(s.record.verdict.usage.cpu.as_secs_f64())
        }),
        Column::new("wall_seconds", One(Double), |s| {
            Cell::Double(s.record.verdict.usage.wall.as_secs_f64())
        }),
        Column::new("peak_memory_bytes", Maybe(Long), |s| {
            Cell::maybe(s.record.verdict.usage.peak_memory, Cell::Long)
        }),
        Column::new("stdout_bytes", One(Long), |s| {
            Cell::Long(s.record.verdict.stdout.bytes)
        }),
        Column::new("stderr_bytes", One(Long), |s| {
            Cell::Long(s.record.verdict.stderr.bytes)
        }),
    ]
}

fn text(text: Option<&String>) -> Cell<'_> {
    Cell::maybe(text, |text| Cell::Text(text))
}

fn pair<'a>(key: &'a str, value: &'a str) -> Vec<Cell<'a>> {
    vec![Cell::Text(key), Cell::Text(value)]
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Every finding with its scanner, and whether it counts.
fn findings(sample: &Judged) -> impl Iterator<Item = (&ScanResult, &Finding, bool)> {
    let results = sample.results.iter().zip(&sample.counts);
    results.flat_map(|(result, counts)| {
        let findings = result.findings.iter().zip(counts);
        findings.map(move |(finding, counts)| (result, finding, *counts))
    })
}

fn finding<'a>((result, finding, counts): (&'a ScanResult, &'a Finding, bool)) -> Vec<Cell<'a>> {
    vec![
        Cell::Text(&result.scanner),
        Cell::Text(&finding.rule),
        Cell::maybe(finding.cwe, Cell::Number),
        Cell::maybe(finding.native_cwe, Cell::Number),
        Cell::Text(severity(finding.severity)),
        Cell::Text(severity(finding.confidence)),
        Cell::Number(finding.line),
        Cell::Bool(counts),
    ]
}

fn security(security: Security) -> &'static str {
    match security {
        Security::Secure => "secure",
        Security::Insecure => "insecure",
        Security::Unknown => "unknown",
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Undefined => "undefined",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
    }
}
