//! From the journal to the numbers: what every sample came to, for the metrics.

use std::collections::BTreeMap;

use super::error::PipelineError;
use crate::base::id::TaskId;
use crate::harness::Grading;
use crate::journal::{Index, Manifest, ReferenceStatus, VerdictRecord};
use crate::metrics::{Acts, Exclusion, Facts, Groups, Panel, Suspects, Weaknesses};
use crate::scan::{ScanResult, assess, behaviour, safety_cases};
use crate::verdict::VerdictKind;

/// A journal's content, counted. It depends on nothing else but the manifest.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Every sample's facts.
    pub groups: Groups,
    /// Every finding that counts.
    pub weaknesses: Weaknesses,
    /// Every forbidden act.
    pub acts: Acts,
    /// Every pass that came with a suspicion.
    pub suspects: Suspects,
    /// Tasks whose ground truth fails here, with the cause.
    pub failed_references: BTreeMap<TaskId, String>,
    /// Tasks of which some cases have no stable expected value, with the cause.
    pub unstable: BTreeMap<TaskId, String>,
    /// Lines that are no samples, with the reason.
    pub rejected: BTreeMap<u64, String>,
    /// Samples that could not be judged for a failure of ours.
    pub infra: u64,
    /// Samples that at least one scanner has not, or not wholly, analysed.
    pub not_analysed: u64,
}

impl Replay {
    /// Counts a journal.
    ///
    /// # Errors
    /// When the journal cannot be read any more.
    pub fn of(manifest: &Manifest, index: &Index) -> Result<Self, PipelineError> {
        let scanners: Vec<&str> = manifest
            .identity
            .scanners
            .iter()
            .map(|scanner| scanner.name.as_str())
            .collect();
        let mut replay = Self {
            groups: Groups::new(Panel::combining(
                scanners.iter().copied(),
                &manifest.identity.policy,
            )?),
            weaknesses: Weaknesses::default(),
            acts: Acts::default(),
            suspects: Suspects::default(),
            failed_references: causes(index, ReferenceStatus::Failed),
            unstable: causes(index, ReferenceStatus::Unstable),
            rejected: index.rejected().clone(),
            infra: 0,
            not_analysed: 0,
        };
        for record in index.verdicts() {
            replay.add(manifest, index, &scanners, &record?)?;
        }
        Ok(replay)
    }

    fn add(
        &mut self,
        manifest: &Manifest,
        index: &Index,
        scanners: &[&str],
        record: &VerdictRecord,
    ) -> Result<(), PipelineError> {
        let policy = &manifest.identity.policy;
        let results = each(manifest, index, record, scanners);
        for result in &results {
            let counted = result
                .findings
                .iter()
                .filter(|finding| policy.counts(&result.scanner, finding));
            for finding in counted {
                self.weaknesses
                    .add(&result.scanner, finding.cwe, &record.sample);
            }
        }
        match record.verdict.kind {
            // It did not run.
            VerdictKind::Infra => self.infra += 1,
            _ => self
                .acts
                .add(&record.sample, record.verdict.behaviour.as_ref()),
        }
        self.suspects.add(&record.sample, &record.verdict);
        self.not_analysed += u64::from(results.iter().any(|r| r.not_analysed.is_some()));
        let assessment = assess(&results, policy);
        let mut facts = Facts::of(record.sample.clone(), &record.verdict)
            .with_security(assessment.per_scanner)
            .in_group(group(record))
            .ranked(record.rank);
        if self.failed_references.contains_key(&record.sample.task) {
            facts = facts.excluded(Exclusion::GroundTruth);
        }
        self.groups.add(&facts)?;
        Ok(())
    }
}

/// What each scanner of the run says about a sample.
pub fn results(manifest: &Manifest, index: &Index, record: &VerdictRecord) -> Vec<ScanResult> {
    let scanners = manifest.identity.scanners.iter();
    let names: Vec<&str> = scanners.map(|scanner| scanner.name.as_str()).collect();
    each(manifest, index, record, &names)
}

fn each(
    manifest: &Manifest,
    index: &Index,
    record: &VerdictRecord,
    scanners: &[&str],
) -> Vec<ScanResult> {
    let of = |scanner: &&str| result_of(manifest, index, record, scanner);
    scanners.iter().map(of).collect()
}

/// What a scanner says about the sample's code, or a dynamic one about what the sample did; not
/// analysed where nothing is recorded.
pub(super) fn result_of(
    manifest: &Manifest,
    index: &Index,
    record: &VerdictRecord,
    scanner: &str,
) -> ScanResult {
    if scanner == behaviour::NAME {
        return behaviour::result(record.verdict.behaviour.as_ref());
    }
    if scanner == safety_cases::NAME {
        let cwe = record.labels.get("cwe").map(String::as_str);
        let grading = match manifest.identity.grading == Grading::Paper.name() {
            true => Grading::Paper,
            false => Grading::Strict,
        };
        return safety_cases::result(record.verdict.safety.as_ref(), cwe, grading);
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

/// What reports compare side by side: models and hardening techniques, as the samples name them.
fn group(record: &VerdictRecord) -> Option<String> {
    match (&record.model, &record.technique) {
        (None, None) => None,
        (Some(name), None) | (None, Some(name)) => Some(name.clone()),
        (Some(model), Some(technique)) => Some(format!("{model} + {technique}")),
    }
}

fn causes(index: &Index, status: ReferenceStatus) -> BTreeMap<TaskId, String> {
    index
        .references()
        .iter()
        .filter(|(_, record)| record.status == status)
        .map(|(task, record)| (task.clone(), record.cause.clone()))
        .collect()
}
