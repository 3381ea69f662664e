//! Scanning what was evaluated: every program once, in batches, beside the jobs.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::error::PipelineError;
use super::evaluate::join;
use super::recorder::Recorder;
use super::tally::Tally;
use crate::base::digest::Digest;
use crate::journal::{Index, Record, ScanRecord};
use crate::scan::Scanner;
use crate::worker::Pool;

/// Programs in one batch: enough to make a scanner's start cheap, few enough to keep results coming.
const BATCH: usize = 200;
/// Bytes of code in one batch.
const BATCH_BYTES: usize = 4 << 20;

/// A program to scan.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its identity.
    pub digest: Digest,
    /// Its text.
    pub code: String,
}

/// Scans programs.
#[derive(Clone, Debug)]
pub struct Scanning {
    /// Where scanners run.
    pub pool: Arc<Pool>,
    /// The scanners.
    pub scanners: Arc<[Scanner]>,
}

impl Scanning {
    /// Scans every program once and records what the scanners say. A batch is run by all scanners
    /// before the next is taken, so scanning never takes more than its share of the workers.
    ///
    /// # Errors
    /// When the journal takes no more records.
    pub(super) async fn run(
        &self,
        mut programs: mpsc::Receiver<Program>,
        index: &Index,
        recorder: &Recorder,
        tally: &Tally,
    ) -> Result<(), PipelineError> {
        let mut seen = HashSet::new();
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(program) = programs.recv().await {
            let is_wanted = self
                .scanners
                .iter()
                .any(|scanner| !index.is_scanned(&program.digest, scanner.kind().name()));
            if !is_wanted || !seen.insert(program.digest) {
                continue;
            }
            bytes += program.code.len();
            batch.push(program);
            if batch.len() >= BATCH || bytes >= BATCH_BYTES {
                bytes = 0;
                self.scan(std::mem::take(&mut batch), recorder).await?;
                tally.scanned(seen.len() as u64);
            }
        }
        if !batch.is_empty() {
            self.scan(batch, recorder).await?;
            tally.scanned(seen.len() as u64);
        }
        Ok(())
    }

    async fn scan(&self, batch: Vec<Program>, recorder: &Recorder) -> Result<(), PipelineError> {
        let batch = Arc::new(batch);
        let mut tasks = JoinSet::new();
        for place in 0..self.scanners.len() {
            let (this, batch, recorder) = (self.clone(), Arc::clone(&batch), recorder.clone());
            tasks.spawn(async move {
                let codes: Vec<(Digest, &str)> = batch
                    .iter()
                    .map(|program| (program.digest, program.code.as_str()))
                    .collect();
                let results = this.scanners[place].scan_batch(&this.pool, &codes).await;
                for (code, result) in results {
                    recorder
                        .record(Record::Scan(ScanRecord { code, result }))
                        .await
                        .map_err(|_| PipelineError::Interrupted)?;
                }
                Ok(())
            });
        }
        join(tasks).await
    }
}
