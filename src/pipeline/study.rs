//! From the journal to what the scanners say of each sample, for comparing scanners.

use super::error::PipelineError;
use super::replay::result_of;
use crate::dataset::Labels;
use crate::journal::{Index, Manifest};
use crate::metrics::{Opinions, Panel, Said};
use crate::scan::{ScanResult, assess};
use crate::verdict::VerdictKind;

/// What the scanners of a run say of all its samples, those that count in no figure included. It
/// depends on nothing but manifest, journal and labels.
#[derive(Clone, Debug)]
pub struct Study {
    /// What the scanners say.
    pub opinions: Opinions,
    /// Samples that could not be judged for a failure of ours; their code was scanned all the same.
    pub infra: u64,
}

impl Study {
    /// Reads a journal, and marks in `labels` which samples it has.
    ///
    /// # Errors
    /// When the journal cannot be read any more, or the labels contradict each other.
    pub fn of(
        manifest: &Manifest,
        index: &Index,
        mut labels: Option<&mut Labels>,
    ) -> Result<Self, PipelineError> {
        let scanners = &manifest.identity.scanners;
        let policy = &manifest.identity.policy;
        let names = scanners.iter().map(|scanner| scanner.name.as_str());
        let mut study = Self {
            opinions: Opinions::new(Panel::new(names.clone())?),
            infra: 0,
        };
        for record in index.verdicts() {
            let record = record?;
            let results: Vec<ScanResult> = names
                .clone()
                .map(|scanner| result_of(manifest, index, &record, scanner))
                .collect();
            let said = results.iter().map(|result| {
                let said = Said::of(result, policy);
                (result.scanner.clone(), said)
            });
            let said = said.collect();
            let combined = assess(&results, policy).combined;
            let label = match labels.as_deref_mut() {
                Some(labels) => labels.take(&record.sample, record.name.as_deref())?,
                None => None,
            };
            study.opinions.add(&record.sample, said, combined, label)?;
            study.infra += u64::from(record.verdict.kind == VerdictKind::Infra);
        }
        Ok(study)
    }
}
