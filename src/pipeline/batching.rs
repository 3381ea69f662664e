//! Programs in batches that are worth a scanner's start.
//!
//! A program holds a share of a bounded window until it is scanned, and whoever brings programs waits for room in it. So a
//! batch cannot simply wait until it is whole: it is closed, too, when nothing is under way that could make room and room is
//! waited for; when nothing more comes; and when its first program has waited for long.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::error::PipelineError;
use super::evaluate::{join, panicked};
use super::scanning::Program;
use crate::scan::run::{BATCH_BYTES, BATCH_FILES, MAX_CODE};

/// When a batch is closed.
#[derive(Debug)]
pub(super) struct Bounds {
    /// Most programs in it.
    pub(super) programs: usize,
    /// Bytes of code with which it is whole.
    pub(super) bytes: usize,
    /// How long its first program waits for others. Where jobs are slow programs come as slowly, and their results should be in the
    /// journal before the run ends; a start of Bandit takes a third of a second.
    pub(super) patience: Duration,
    /// Most batches at one time.
    pub(super) under_way: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            programs: BATCH_FILES,
            // With one more program it is still a single batch for the scanner.
            bytes: BATCH_BYTES - MAX_CODE,
            patience: Duration::from_secs(20),
            under_way: 1,
        }
    }
}

/// Has all programs scanned in batches, the first error ends it. `is_waited_for` tells whether somebody who brings programs waits
/// for room.
pub(super) async fn in_batches<F, S>(
    mut programs: mpsc::Receiver<Program>,
    mut is_waited_for: watch::Receiver<bool>,
    bounds: &Bounds,
    scan: F,
) -> Result<(), PipelineError>
where
    F: Fn(Vec<Program>) -> S,
    S: Future<Output = Result<(), PipelineError>> + Send + 'static,
{
    let mut under_way = JoinSet::new();
    let mut batch = Vec::new();
    let (mut bytes, mut begun) = (0, Instant::now());
    let (mut is_open, mut is_due) = (true, false);
    loop {
        let is_whole = batch.len() >= bounds.programs || bytes >= bounds.bytes;
        let is_last = !is_open && !batch.is_empty();
        let has_room = under_way.len() < bounds.under_way.max(1);
        if (is_whole || is_last || is_due) && has_room {
            under_way.spawn(scan(std::mem::take(&mut batch)));
            (bytes, is_due) = (0, false);
            continue;
        }
        if !is_open && batch.is_empty() {
            return join(under_way).await;
        }
        tokio::select! {
            biased;
            // First of all what is there already.
            next = programs.recv(), if is_open && !is_whole => match next {
                Some(program) => {
                    if batch.is_empty() {
                        begun = Instant::now();
                    }
                    bytes += program.code.len();
                    batch.push(program);
                }
                None => is_open = false,
            },
            Some(ended) = under_way.join_next(), if !under_way.is_empty() => {
                ended.map_err(panicked).and_then(|outcome| outcome)?;
            }
            _ = is_waited_for.wait_for(|is| *is), if under_way.is_empty() && !batch.is_empty() => {
                is_due = true;
            }
            () = sleep_until(begun + bounds.patience), if has_room && !batch.is_empty() => {
                is_due = true;
            }
        }
    }
}

#[cfg(test)]
mod tests;
