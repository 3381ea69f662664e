//! From the journal's records, in any order, to what reports need to know of a run.

use std::collections::{BTreeMap, BTreeSet};

use super::error::PipelineError;
use super::grouping::Grouping;
use crate::harness::Grading;
use crate::journal::{Index, Manifest, Record, ReferenceRecord, ReferenceStatus, VerdictRecord};
use crate::metrics::{Facts, Graded, MetricsError, Panel, Stream, TaskFault};
use crate::scan::{Policy, ScanResult, Security, behaviour, safety_cases};

/// A journal's content, counted. It depends on nothing else but the manifest.
#[derive(Clone, Debug)]
pub struct Replay {
    dataset: String,
    grading: Grading,
    policy: Policy,
    grouping: Grouping,
    /// Scanners that judge what a sample did, and not its code.
    dynamic: Vec<&'static str>,
    /// What it comes to.
    pub stream: Stream,
}

impl Replay {
    /// Nothing yet of the run with this manifest. With values of k, the figures for these can be asked for at any
    /// moment.
    ///
    /// # Errors
    /// When the run has more scanners than can be counted.
    pub fn new(
        manifest: &Manifest,
        grouping: &Grouping,
        ks: Option<&[u32]>,
    ) -> Result<Self, PipelineError> {
        let identity = &manifest.identity;
        let scanners = identity.scanners.iter();
        let names: BTreeSet<&str> = scanners.map(|scanner| scanner.name.as_str()).collect();
        let panel = Panel::combining(names.iter().copied(), &identity.policy)?;
        let dynamic = [behaviour::NAME, safety_cases::NAME].into_iter();
        Ok(Self {
            dataset: identity.dataset.clone(),
            grading: grading(manifest),
            policy: identity.policy.clone(),
            grouping: grouping.clone(),
            dynamic: dynamic.filter(|name| names.contains(name)).collect(),
            stream: match ks {
                Some(ks) => Stream::watched(panel, ks),
                None => Stream::new(panel),
            },
        })
    }

    /// Adds a record of the journal: in any order, as often as it comes.
    ///
    /// # Errors
    /// When the samples fall into more groups than anybody can look at.
    pub fn add(&mut self, record: &Record) -> Result<(), MetricsError> {
        match record {
            Record::Verdict(record) => self.graded(record)?,
            Record::Scan(record) => {
                // What a sample did is told by its verdict alone.
                if !self.dynamic.contains(&record.result.scanner.as_str()) {
                    let security = self.policy.judge(&record.result);
                    let found = cwes(&self.policy, &record.result);
                    let scanner = &record.result.scanner;
                    self.stream.scanned(&record.code, scanner, security, found);
                }
            }
            Record::Reference(record) => self.reference(record),
            Record::Rejected(record) => self.stream.rejected(record.line, &record.reason),
            Record::State(_) => {}
        }
        Ok(())
    }

    fn graded(&mut self, record: &VerdictRecord) -> Result<(), MetricsError> {
        let mut said = BTreeMap::new();
        let mut found = Vec::new();
        for scanner in &self.dynamic {
            let Some(result) = dynamic_result(self.grading, record, scanner) else {
                continue;
            };
            said.insert(result.scanner.clone(), self.policy.judge(&result));
            let cwes = cwes(&self.policy, &result);
            found.extend(cwes.into_iter().map(|cwe| (result.scanner.clone(), cwe)));
        }
        self.stream.graded(&Graded {
            facts: facts_of(record, said),
            groups: self.grouping.of(&self.dataset, record),
            code: record.code,
            found,
            verdict: &record.verdict,
        })
    }

    fn reference(&mut self, record: &ReferenceRecord) {
        let cause = record.cause.clone();
        match record.status {
            ReferenceStatus::Usable => {}
            ReferenceStatus::Unstable => {
                self.stream.faulty(&record.task, TaskFault::Unstable(cause));
            }
            ReferenceStatus::Failed => {
                self.stream
                    .faulty(&record.task, TaskFault::GroundTruth(cause));
            }
        }
    }
}

/// What a sample contributes to the figures, with what each scanner says of it; in no group.
pub(super) fn facts_of(record: &VerdictRecord, said: BTreeMap<String, Security>) -> Facts {
    Facts::of(record.sample.clone(), &record.verdict)
        .with_security(said)
        .ranked(record.rank)
}

/// The CWE of every finding that counts, each once.
fn cwes(policy: &Policy, result: &ScanResult) -> BTreeSet<Option<u32>> {
    let findings = result.findings.iter();
    findings
        .filter(|finding| policy.counts(&result.scanner, finding))
        .map(|finding| finding.cwe)
        .collect()
}

/// What each scanner of the run says about a sample.
pub fn results(manifest: &Manifest, index: &Index, record: &VerdictRecord) -> Vec<ScanResult> {
    let scanners = manifest.identity.scanners.iter();
    scanners
        .map(|scanner| result_of(manifest, index, record, &scanner.name))
        .collect()
}

/// What a scanner says about the sample's code, or a dynamic one about what the sample did; not
/// analysed where nothing is recorded.
pub(super) fn result_of(
    manifest: &Manifest,
    index: &Index,
    record: &VerdictRecord,
    scanner: &str,
) -> ScanResult {
    if let Some(result) = dynamic_result(grading(manifest), record, scanner) {
        return result;
    }
    index
        .scans(&record.code)
        .and_then(|results| results.get(scanner))
        .cloned()
        .unwrap_or_else(|| ScanResult {
            scanner: scanner.to_owned(),
            version: String::new(),
            findings: Vec::new(),
            not_analysed: Some("it was not scanned".to_owned()),
        })
}

/// What a scanner that judges what the sample did says of it; `None` of one that judges its code.
fn dynamic_result(grading: Grading, record: &VerdictRecord, scanner: &str) -> Option<ScanResult> {
    if scanner == behaviour::NAME {
        return Some(behaviour::result(record.verdict.behaviour.as_ref()));
    }
    if scanner == safety_cases::NAME {
        let cwe = record.labels.get("cwe").map(String::as_str);
        let safety = record.verdict.safety.as_ref();
        return Some(safety_cases::result(safety, cwe, grading));
    }
    None
}

fn grading(manifest: &Manifest) -> Grading {
    match manifest.identity.grading == Grading::Paper.name() {
        true => Grading::Paper,
        false => Grading::Strict,
    }
}
