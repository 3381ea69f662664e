//! What ground truths come to: expected values where tests need them, and whether a task can be
//! graded here at all.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::error::PipelineError;
use super::runner::Runner;
use crate::base::digest::Digest;
use crate::base::id::TaskId;
use crate::base::text::one_line;
use crate::base::version::{HARNESS, REFERENCE};
use crate::dataset::Task;
use crate::harness::{CaseOutcome, Reference, Transcript, needs_reference};
use crate::journal::manifest::write_whole;
use crate::journal::{ReferenceRecord, ReferenceStatus};
use crate::verdict::{Verdict, VerdictKind};
use crate::worker::Outlook;

/// A ground truth is run under each of these hash seeds; what differs between them is random.
pub(super) const HASH_SEEDS: [u32; 3] = [0, 1, 2];

/// Who makes a task's reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It is there, or none is needed.
    Known,
    /// Whoever asked: nobody did before.
    Mine,
    /// Somebody who asked before.
    Theirs,
}

/// The references of a run's tasks, each made at most once.
#[derive(Debug)]
pub struct References {
    runner: Runner,
    cache: Option<PathBuf>,
    known: Mutex<HashMap<TaskId, Arc<OnceCell<Arc<Reference>>>>>,
}

impl References {
    /// References made by `runner`; kept in the folder `cache`, if any, from run to run.
    pub fn new(runner: Runner, cache: Option<PathBuf>) -> Self {
        Self {
            runner,
            cache,
            known: Mutex::default(),
        }
    }

    /// The folder for references of the user, below [`user_cache`].
    pub fn user_cache() -> Option<PathBuf> {
        Some(user_cache()?.join("references"))
    }

    /// Asks who makes the task's reference, before [`References::of`] is called for it.
    pub(super) fn claim(&self, task: &Task) -> Claim {
        if !needs_reference(&task.tests) {
            return Claim::Known;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(&task.id) {
            Some(cell) if cell.initialized() => Claim::Known,
            Some(_) => Claim::Theirs,
            None => {
                known.insert(task.id.clone(), Arc::default());
                Claim::Mine
            }
        }
    }

    /// What the task's answers are compared with; `None` where its tests need nothing of the kind, and
    /// where a failure of ours kept the ground truth from running: that is tried again at the next call.
    ///
    /// # Errors
    /// When no job can run at all.
    pub async fn of(
        &self,
        task: &Task,
        outlook: Outlook,
    ) -> Result<Option<Arc<Reference>>, PipelineError> {
        if !needs_reference(&task.tests) {
            return Ok(None);
        }
        let cell = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(task.id.clone()).or_default())
        };
        let made = cell
            .get_or_try_init(|| async { self.make(task, outlook).await.map(Arc::new) })
            .await;
        match made {
            Ok(reference) => Ok(Some(Arc::clone(reference))),
            Err(Unmade::Ours) => Ok(None),
            Err(Unmade::Run(error)) => Err(error),
        }
    }

    /// Whether the task can be graded here, found out by running its ground truth; `None` when a
    /// failure of ours kept it from running.
    ///
    /// # Errors
    /// When no job can run at all.
    pub async fn check(
        &self,
        task: &Task,
        outlook: Outlook,
    ) -> Result<Option<ReferenceRecord>, PipelineError> {
        if needs_reference(&task.tests) {
            let reference = self.of(task, outlook).await?;
            return Ok(reference.map(|reference| record_of(task, &reference)));
        }
        let (status, cause) = match &task.ground_truth {
            None => (
                ReferenceStatus::Failed,
                "the dataset has no ground truth for it".to_owned(),
            ),
            Some(code) => {
                let verdict = self.runner.grade(task, code, None, outlook).await?;
                match verdict.kind {
                    VerdictKind::Passed => (ReferenceStatus::Usable, String::new()),
                    VerdictKind::Infra => return Ok(None),
                    _ => (ReferenceStatus::Failed, cause_of(&verdict)),
                }
            }
        };
        Ok(Some(ReferenceRecord {
            task: task.id.clone(),
            status,
            cause,
        }))
    }

    async fn make(&self, task: &Task, outlook: Outlook) -> Result<Reference, Unmade> {
        let Some(code) = &task.ground_truth else {
            return Ok(without_cases("the dataset has no ground truth for it"));
        };
        let place = self.place(task, code);
        if let Some(reference) = place.as_ref().and_then(|path| read(path)) {
            return Ok(reference);
        }
        let mut runs = Vec::new();
        let mut limit = None;
        for seed in HASH_SEEDS {
            let observed = self.runner.observe(task, code, seed, outlook).await;
            let (outcome, nonce) = observed.map_err(Unmade::Run)?;
            match outcome {
                Ok(observation) => {
                    limit = limit.or(observation.limit);
                    runs.push(Transcript::read(&observation.events, &nonce));
                }
                Err(_) => return Err(Unmade::Ours),
            }
        }
        let mut reference = Reference::from_runs(&runs);
        if let (Some(problem), Some(limit)) = (&mut reference.problem, limit) {
            problem.push_str(&format!(" (it reached its {limit} limit)"));
        }
        // A problem may be this moment's; an outcome is kept so that every run compares with the same.
        if let Some(place) = place.filter(|_| reference.problem.is_none()) {
            keep(&place, &reference);
        }
        Ok(reference)
    }

    /// Where the reference is kept: under the digest of everything that decides it.
    fn place(&self, task: &Task, code: &str) -> Option<PathBuf> {
        let limits = serde_json::to_vec(&self.runner.limits).ok()?;
        let digest = Digest::of_parts([
            task.digest().as_bytes().as_slice(),
            code.as_bytes(),
            self.runner.interpreter.digest.as_bytes(),
            self.runner.grading.name().as_bytes(),
            &limits,
            &HARNESS.to_le_bytes(),
            &REFERENCE.to_le_bytes(),
        ]);
        let cache = self.cache.as_ref()?;
        Some(cache.join(format!("{digest}.json")))
    }
}

/// What this program keeps for the user from run to run: `$XDG_CACHE_HOME/fumehood`, or the same under
/// `~/.cache`.
pub fn user_cache() -> Option<PathBuf> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let cache = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|h| h.join(".cache")))?;
    Some(cache.join("fumehood"))
}

/// Why there is no reference.
enum Unmade {
    /// The run cannot go on.
    Run(PipelineError),
    /// fumehood or its host failed this once; nothing is recorded, and a later try may succeed.
    Ours,
}

/// What is recorded about a task's reference.
pub(super) fn record_of(task: &Task, reference: &Reference) -> ReferenceRecord {
    let (all, decided) = (reference.cases.len(), reference.decided());
    let (status, cause) = if let Some(problem) = &reference.problem {
        (ReferenceStatus::Failed, one_line(problem, 500))
    } else if all == 0 {
        (
            ReferenceStatus::Unstable,
            "its tests declare no case".to_owned(),
        )
    } else if decided < all {
        let names: Vec<_> = reference
            .cases
            .iter()
            .filter(|case| !case.stable)
            .map(|case| case.id.as_str())
            .collect();
        let text = format!(
            "{} of {all} cases have no stable expected value: {}",
            all - decided,
            names.join(", ")
        );
        (ReferenceStatus::Unstable, one_line(&text, 500))
    } else {
        (ReferenceStatus::Usable, String::new())
    };
    ReferenceRecord {
        task: task.id.clone(),
        status,
        cause,
    }
}

/// Why a ground truth did not pass, in a line.
fn cause_of(verdict: &Verdict) -> String {
    let mut text = verdict.kind.name().to_owned();
    if !verdict.detail.is_empty() {
        text.push_str(&format!(": {}", verdict.detail));
    }
    let case = verdict
        .cases
        .iter()
        .find(|case| case.outcome != CaseOutcome::Passed && !case.detail.is_empty());
    if let Some(case) = case {
        // A traceback says what happened in its last line.
        let last = case.detail.trim_end().lines().next_back().unwrap_or("");
        text.push_str(&format!("; {}: {last}", case.id));
    }
    one_line(&text, 500)
}

fn without_cases(problem: &str) -> Reference {
    Reference {
        version: REFERENCE,
        cases: Vec::new(),
        problem: Some(problem.to_owned()),
    }
}

/// A cached reference, unless it is absent, damaged or of another version.
fn read(path: &std::path::Path) -> Option<Reference> {
    let text = fs::read(path).ok()?;
    serde_json::from_slice(&text)
        .ok()
        .filter(|reference: &Reference| reference.version == REFERENCE)
}

/// Keeps a reference. A cache that cannot be written costs time, no result.
fn keep(path: &std::path::Path, reference: &Reference) {
    let written = serde_json::to_vec(reference).ok().and_then(|text| {
        fs::create_dir_all(path.parent()?).ok()?;
        write_whole(path, &text).ok()
    });
    // See above: nothing depends on it.
    let _ = written;
}
