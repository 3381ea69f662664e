//! Learns what comes with the imports of a run, once for each interpreter: later runs find it in the user's cache.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::grading::fresh_nonce;
use super::runner::Runner;
use crate::base::digest::Digest;
use crate::base::version::SURVEY;
use crate::harness::{Closures, ImportOrder, survey_plan};
use crate::journal::manifest::write_whole;

/// Imports that one job tries, each in a process of its own. What one job cannot tell, because a limit ends it, the others
/// can.
const BATCH: usize = 8;

/// What is kept.
#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    /// Imports that were tried, and may have failed.
    tried: Vec<String>,
    closures: Closures,
}

/// What comes with the imports of this order that are worth it. `cache` is a folder of the user's, if there is one;
/// `begun` is told how many imports have to be tried, if any. Whatever fails costs time, no result.
pub async fn survey(
    runner: &Runner,
    order: &ImportOrder,
    cache: Option<PathBuf>,
    begun: impl FnOnce(usize),
) -> Closures {
    let place = cache.map(|cache| place(&cache, runner));
    let mut known = place.as_deref().and_then(read).unwrap_or_default();
    let mut wanted = order.worth_a_survey();
    wanted.retain(|import| !known.tried.contains(import));
    if wanted.is_empty() {
        return known.closures;
    }
    begun(wanted.len());
    let mut jobs = JoinSet::new();
    for batch in wanted.chunks(BATCH) {
        let (runner, batch) = (runner.clone(), batch.to_vec());
        jobs.spawn(async move {
            let nonce = fresh_nonce().ok()?;
            let observation = runner.run(&survey_plan(&batch, nonce)).await.ok()?;
            Some((batch, Closures::read(&observation.events, &nonce)))
        });
    }
    while let Some(job) = jobs.join_next().await {
        if let Ok(Some((batch, found))) = job {
            known.tried.extend(batch);
            known.closures.add(found);
        }
    }
    known.tried.sort();
    if let Some(place) = place
        && let Ok(text) = serde_json::to_vec(&known)
        && let Some(folder) = place.parent()
        && fs::create_dir_all(folder).is_ok()
    {
        // A cache that cannot be written costs time the next time.
        let _ = write_whole(&place, &text);
    }
    known.closures
}

impl Default for Document {
    fn default() -> Self {
        Self {
            version: SURVEY,
            tried: Vec::new(),
            closures: Closures::default(),
        }
    }
}

/// Where it is kept: under the digest of everything that decides it.
fn place(cache: &Path, runner: &Runner) -> PathBuf {
    let digest = Digest::of_parts([
        runner.interpreter.executable.as_os_str().as_encoded_bytes(),
        runner.interpreter.digest.as_bytes().as_slice(),
        &SURVEY.to_le_bytes(),
    ]);
    cache.join("imports").join(format!("{digest}.json"))
}

/// What is kept, unless it is absent, damaged or of another version.
fn read(place: &Path) -> Option<Document> {
    let text = fs::read(place).ok()?;
    let document: Document = serde_json::from_slice(&text).ok()?;
    (document.version == SURVEY && document.closures.is_whole()).then_some(document)
}
