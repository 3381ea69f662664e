//! Scanning what was evaluated: every program once, in batches, beside the jobs.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::batching::{Bounds, in_batches};
use super::error::PipelineError;
use super::evaluate::join;
use super::recorder::Recorder;
use super::seen::Seen;
use super::tally::Tally;
use super::window::Share;
use crate::base::digest::Digest;
use crate::journal::{Index, Record, ScanRecord};
use crate::scan::{Language, Scanner};
use crate::worker::Pool;

/// A program to scan.
#[derive(Debug)]
pub(super) struct Program {
    /// Its identity.
    pub(super) digest: Digest,
    /// Its text.
    pub(super) code: String,
    /// Held until it is scanned.
    #[expect(dead_code, reason = "it is held, not used")]
    pub(super) share: Share,
}

/// Which programs are to be scanned: each once, as far as is remembered.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    scanners: &'a [Scanner],
    index: &'a Index,
    seen: Seen,
}

impl Wanted<'_> {
    /// Whether a program is to be scanned; it is asked for once.
    pub(super) fn has(&mut self, program: &Digest) -> bool {
        let is_scanned = |scanner: &Scanner| self.index.is_scanned(program, scanner.name());
        !self.scanners.iter().all(is_scanned) && self.seen.insert(program)
    }
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
    /// Which programs are to be scanned, given what the journal holds.
    pub(super) fn wanted<'a>(&'a self, index: &'a Index) -> Wanted<'a> {
        Wanted {
            scanners: &self.scanners,
            index,
            seen: Seen::default(),
        }
    }

    /// Scans every program and records what the scanners say. One batch for every eight processors is
    /// under way at a time, so scanning never takes more than its share of the workers.
    ///
    /// # Errors
    /// When the journal takes no more records.
    pub(super) async fn run(
        &self,
        programs: mpsc::Receiver<Program>,
        is_waited_for: watch::Receiver<bool>,
        recorder: &Recorder,
        tally: &Arc<Tally>,
    ) -> Result<(), PipelineError> {
        let bounds = Bounds {
            under_way: 1 + self.pool.processors() / 8,
            ..Bounds::default()
        };
        in_batches(programs, is_waited_for, &bounds, |batch| {
            let (this, recorder, tally) = (self.clone(), recorder.clone(), Arc::clone(tally));
            async move {
                let programs = batch.len() as u64;
                this.scan(batch, &recorder).await?;
                tally.scanned(programs);
                Ok(())
            }
        })
        .await
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
                let scanner = &this.scanners[place];
                let results = scanner
                    .scan_batch(&this.pool, Language::Python, &codes)
                    .await;
                for (code, result) in results {
                    recorder
                        .record(&Record::Scan(ScanRecord { code, result }))
                        .await
                        .map_err(|_| PipelineError::Interrupted)?;
                }
                Ok(())
            });
        }
        join(tasks).await
    }
}
