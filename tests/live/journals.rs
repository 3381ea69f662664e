//! Journals with something of everything, and of everything that goes wrong.

use std::path::Path;

use fumehood::base::digest::Digest;
use fumehood::harness::{CaseOutcome, CaseReport};
use fumehood::journal::{
    Manifest, Mode, Record, ReferenceRecord, ReferenceStatus, RejectedRecord, RunFolder,
    ScannerIdentity, StateRecord,
};
use fumehood::scan::{Finding, Severity};
use fumehood::verdict::VerdictKind;

use super::{Numbers, records, verdicts};

pub(crate) const SCANNERS: [&str; 3] = ["bandit", "behaviour", "ruff-s"];

/// A run with three scanners, one of which judges what samples did.
pub(crate) fn manifest() -> Manifest {
    let mut manifest = records::manifest();
    manifest.identity.scanners = SCANNERS
        .map(|name| ScannerIdentity {
            name: name.to_owned(),
            version: "1".to_owned(),
            digest: Digest::of("rules"),
        })
        .into();
    manifest
}

pub(crate) fn scanned(scanner: &str, code: &str, cwes: &[u32], why: Option<&str>) -> Record {
    let Record::Scan(mut record) = records::scan(scanner) else {
        unreachable!("it is a scan");
    };
    record.code = Digest::of(code);
    record.result.not_analysed = why.map(str::to_owned);
    record.result.findings = cwes
        .iter()
        .map(|cwe| Finding {
            rule: "r".to_owned(),
            native_cwe: None,
            cwe: Some(*cwe),
            severity: Severity::Low,
            confidence: Severity::Low,
            line: 1,
            message: String::new(),
        })
        .collect();
    Record::Scan(record)
}

/// A sample of a model; `held` of `declared` cases held.
pub(crate) fn graded(task: &str, index: u32, code: &str, held: usize, declared: usize) -> Record {
    let kind = match held == declared {
        true => VerdictKind::Passed,
        false => VerdictKind::Failed,
    };
    let mut record = verdicts::verdict(task, index, Digest::of(code), kind);
    record.verdict.declared = declared as u32;
    record.verdict.cases = (0..declared)
        .map(|at| CaseReport {
            id: at.to_string(),
            outcome: match at < held {
                true => CaseOutcome::Passed,
                false => CaseOutcome::Failed,
            },
            detail: String::new(),
        })
        .collect();
    record.model = Some(["small", "large"][index as usize % 2].to_owned());
    let temperature = ["0.2", "0.8"][index as usize / 2 % 2];
    record.fields = [("temperature".to_owned(), temperature.to_owned())].into();
    let libraries = ["os", "os,re", "re", ""][task.len() % 4];
    record.labels = [("libs".to_owned(), libraries.to_owned())].into();
    Record::Verdict(Box::new(record))
}

/// Some hundred records; another seed gives others.
pub(crate) fn journal(seed: u64) -> Vec<Record> {
    let mut numbers = Numbers(seed);
    let mut all = Vec::new();
    for task in 0..12 {
        let name = format!("T/{}{task}", "x".repeat(task % 4));
        let declared = 1 + numbers.below(4);
        for index in 0..numbers.below(6) as u32 {
            // Some codes occur in several samples and tasks.
            let code = format!("code {}", numbers.below(30));
            let held = numbers.below(declared + 1);
            let mut record = graded(&name, index, &code, held, declared);
            if let Record::Verdict(record) = &mut record {
                if numbers.below(5) == 0 {
                    // It was tried again later.
                    let mut failed = record.clone();
                    failed.verdict.kind = VerdictKind::Infra;
                    failed.verdict.cases.clear();
                    all.push(Record::Verdict(failed));
                }
                if task == 11 {
                    record.verdict.declared = 0;
                    record.verdict.cases.clear();
                }
            }
            if numbers.below(6) == 0 {
                // Another shard had it, too, and came to another result.
                all.push(graded(
                    &name,
                    index,
                    &code,
                    numbers.below(declared + 1),
                    declared,
                ));
            }
            all.push(record);
        }
        let status = match numbers.below(5) {
            0 => ReferenceStatus::Failed,
            1 => ReferenceStatus::Unstable,
            _ => ReferenceStatus::Usable,
        };
        all.push(Record::Reference(ReferenceRecord {
            task: name.as_str().into(),
            status,
            cause: format!("cause {task}"),
        }));
    }
    for code in 0..30 {
        let name = format!("code {code}");
        for scanner in ["bandit", "ruff-s"] {
            if numbers.below(8) == 0 {
                // A judge that changes its mind.
                all.push(scanned(scanner, &name, &[], None));
                all.push(scanned(scanner, &name, &[79], None));
            }
            match numbers.below(5) {
                0 => all.push(scanned(
                    scanner,
                    &name,
                    &[78, 502][..code % 3 % 2 + 1],
                    None,
                )),
                1 => all.push(scanned(scanner, &name, &[], Some("it stopped"))),
                2 => {
                    // It was scanned again later.
                    all.push(scanned(scanner, &name, &[], Some("it stopped")));
                    all.push(scanned(scanner, &name, &[], None));
                }
                3 => {}
                _ => all.push(scanned(scanner, &name, &[], None)),
            }
        }
    }
    all.push(scanned("stranger", "code 1", &[79], None));
    for line in 1..4 {
        all.push(Record::Rejected(RejectedRecord {
            line,
            reason: format!("no task {line}"),
            origin: None,
        }));
    }
    all.push(Record::State(StateRecord::Finished {
        at: "2026-01-01T00:00:00Z".to_owned(),
    }));
    all
}

/// A run folder with these records.
pub(crate) fn write_run(home: &Path, name: &str, manifest: &Manifest, records: &[Record]) {
    let folder = RunFolder::at(home.join(name));
    let (mut writer, _) = folder.begin(manifest, Mode::New).unwrap();
    for record in records {
        writer.append(record).unwrap();
    }
    writer.sync().unwrap();
}
