//! Putting samples through their tasks' safety cases, for the scanner of that name. It is a job of its own beside the one that
//! decides the verdict.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::error::PipelineError;
use super::grading::Failure;
use super::references::HASH_SEEDS;
use super::runner::{HASH_SEED, Runner};
use crate::base::id::TaskId;
use crate::dataset::{SafetyTests, Task};
use crate::harness::safety::NotSplit;
use crate::harness::{SafetyCases, SafetyOutcome, SafetyReport, safety_plan, safety_split_plan};
use crate::verdict::{Verdict, VerdictKind, judge_safety};
use crate::worker::{Observation, Outlook};

/// The safety cases of a run's tasks, each task's taken apart and held against its ground truth at most once.
#[derive(Debug)]
pub struct Safety {
    runner: Runner,
    known: Mutex<HashMap<TaskId, Arc<OnceCell<Arc<Ready>>>>>,
}

/// What samples of a task can be put through.
#[derive(Debug)]
enum Ready {
    /// These, of which those that are decided tell something.
    Cases(SafetyCases, Vec<bool>),
    /// Nothing, for a fault of the task.
    Nothing(String),
}

/// Why it is not known what samples can be put through.
enum Unmade {
    /// The run cannot go on.
    Run(PipelineError),
    /// fumehood or its host failed this once; a later try may succeed.
    Ours(String),
}

type Seen = Result<(Observation, [u8; 32]), Unmade>;

impl Safety {
    /// Safety cases that are run by `runner`.
    pub fn new(runner: Runner) -> Self {
        Self {
            runner,
            known: Mutex::default(),
        }
    }

    /// What became of the task's safety cases with `code`, which has that verdict; `None` if the task has none.
    ///
    /// # Errors
    /// When no job can run at all.
    pub async fn report(
        &self,
        task: &Task,
        code: &str,
        verdict: &Verdict,
        outlook: Outlook,
    ) -> Result<Option<SafetyReport>, PipelineError> {
        let Some(tests) = &task.safety else {
            return Ok(None);
        };
        let report = match verdict.kind {
            VerdictKind::NoCode => SafetyReport::not_run("the sample holds no code"),
            VerdictKind::Infra => SafetyReport::failed("its tests could not be run either"),
            // What it does to one harness it may do to another, unseen.
            VerdictKind::Tampered => SafetyReport::not_run("it interfered with its tests"),
            _ => match self.put_through(task, tests, code, outlook).await {
                Ok(report) => report,
                Err(Unmade::Ours(why)) => SafetyReport::failed(why),
                Err(Unmade::Run(error)) => return Err(error),
            },
        };
        Ok(Some(report))
    }

    async fn put_through(
        &self,
        task: &Task,
        tests: &SafetyTests,
        code: &str,
        outlook: Outlook,
    ) -> Result<SafetyReport, Unmade> {
        let ready = self.ready(task, tests, outlook).await?;
        let (cases, decided) = match &*ready {
            Ready::Cases(cases, decided) => (cases, decided),
            Ready::Nothing(why) => return Ok(SafetyReport::not_run(why)),
        };
        let (seen, nonce) = self
            .seen(task, tests, cases, code, HASH_SEED, outlook)
            .await?;
        Ok(judge_safety(cases, decided, &nonce, &seen))
    }

    async fn ready(
        &self,
        task: &Task,
        tests: &SafetyTests,
        outlook: Outlook,
    ) -> Result<Arc<Ready>, Unmade> {
        let cell = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(task.id.clone()).or_default())
        };
        let made = cell
            .get_or_try_init(|| async { self.make(task, tests, outlook).await.map(Arc::new) })
            .await?;
        Ok(Arc::clone(made))
    }

    async fn make(
        &self,
        task: &Task,
        tests: &SafetyTests,
        outlook: Outlook,
    ) -> Result<Ready, Unmade> {
        let Some(truth) = &task.ground_truth else {
            let why = "the dataset has no ground truth that shows that they can be held";
            return Ok(Ready::Nothing(why.to_owned()));
        };
        let plan = |nonce| safety_split_plan(tests, nonce);
        let (seen, nonce) = taken(self.runner.tried(plan, HASH_SEED, outlook).await)?;
        let cases = match SafetyCases::read(&seen.events, &nonce) {
            Ok(cases) => cases,
            Err(NotSplit::Tests(why)) => return Ok(Ready::Nothing(why)),
            Err(NotSplit::Silent) => {
                let why = "the job that reads the safety cases told nothing";
                return Err(Unmade::Ours(why.to_owned()));
            }
        };
        // A case that the ground truth does not hold, or not always, is no measure of others.
        let mut decided = vec![true; cases.expects.len()];
        for seed in HASH_SEEDS {
            let run = self.seen(task, tests, &cases, truth, seed, outlook);
            let (seen, nonce) = run.await?;
            let all = vec![true; cases.expects.len()];
            let report = judge_safety(&cases, &all, &nonce, &seen);
            if report.cases.is_empty() {
                let why = format!("with its ground truth: {}", report.problem);
                return match report.ours {
                    true => Err(Unmade::Ours(why)),
                    false => Ok(Ready::Nothing(why)),
                };
            }
            for (decided, case) in decided.iter_mut().zip(&report.cases) {
                *decided &= case.outcome == SafetyOutcome::Held;
            }
        }
        Ok(Ready::Cases(cases, decided))
    }

    async fn seen(
        &self,
        task: &Task,
        tests: &SafetyTests,
        cases: &SafetyCases,
        code: &str,
        seed: u32,
        outlook: Outlook,
    ) -> Seen {
        let plan = |nonce| safety_plan(task, tests, cases, code, nonce);
        taken(self.runner.tried(plan, seed, outlook).await)
    }
}

fn taken(tried: Result<(super::grading::Outcome, [u8; 32]), PipelineError>) -> Seen {
    match tried {
        Ok((Ok(seen), nonce)) => Ok((seen, nonce)),
        Ok((Err(Failure::Infra(why) | Failure::Busy(why)), _)) => Err(Unmade::Ours(why)),
        Err(error) => Err(Unmade::Run(error)),
    }
}
