//! From a sample to its verdict: a job on the pool, tried again when the failure is ours.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::error::PipelineError;
use super::nonce::nonce;
use super::preparations::Preparations;
use crate::base::limits::Limits;
use crate::base::text::Excerpt;
use crate::dataset::{Task, Tests};
use crate::environment::Interpreter;
use crate::harness::{
    Grading, Plan, Popularity, PreparedTests, Reference, control_plan, launch, plan, prepare_plan,
};
use crate::job::PROFILE;
use crate::verdict::{Control, Step, Verdict, VerdictKind, judge};
use crate::worker::{Observation, Origin, Pool, Request, Usage, Warm, WorkerError};

/// How often a job is tried again after a failure of ours.
const RETRIES: usize = 2;
/// Bytes of events that one job may send.
const EVENTS: u64 = 64 << 20;
/// The hash seed of every graded job: sets and dictionaries are walked in the same order on every host.
const HASH_SEED: u32 = 0;

/// Runs code with its task's tests.
#[derive(Clone, Debug)]
pub struct Runner {
    /// Where jobs run.
    pub pool: Arc<Pool>,
    /// With which Python.
    pub interpreter: Interpreter,
    /// What a job may use.
    pub limits: Limits,
    /// The grading mode.
    pub grading: Grading,
    /// Whether jobs may be forked from warm interpreters, and by which imports these are made; if not, each job
    /// has a fresh one.
    pub warm: Option<Arc<Popularity>>,
    /// Tests that were compiled already.
    pub preparations: Arc<Preparations>,
}

/// What became of a request that was tried more than once.
pub(super) enum Outcome {
    Observed(Observation),
    /// Our failure, and why.
    Infra(String),
    /// Our failure, which would take as long to fail again.
    Busy(String),
}

/// How the run that counts came to be, which a control must be like.
#[derive(Clone, Copy, Debug)]
struct Like {
    /// Whether its process was forked from a warm interpreter.
    is_forked: bool,
    /// Whether its tests were compiled before.
    is_prepared: bool,
}

/// What is known of a job before its turn comes.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// The memory that it is expected to hold at most.
    pub(super) memory: Option<u64>,
    /// Given back when its turn has come: the next may be prepared.
    pub(super) ready: Option<OwnedSemaphorePermit>,
}

impl Runner {
    /// Judges a sample's code.
    ///
    /// # Errors
    /// When no job can run at all. A failure that concerns this job alone is a verdict, `infra`.
    pub async fn grade(
        &self,
        task: &Task,
        code: &str,
        reference: Option<&Reference>,
    ) -> Result<Verdict, PipelineError> {
        let turn = &mut Turn::default();
        self.grade_in_turn(task, code, reference, turn).await
    }

    /// The same.
    pub(super) async fn grade_in_turn(
        &self,
        task: &Task,
        code: &str,
        reference: Option<&Reference>,
        turn: &mut Turn,
    ) -> Result<Verdict, PipelineError> {
        let mut last = String::new();
        let mut is_forked = true;
        let prepared = self.prepared(task).await;
        for _ in 0..=RETRIES {
            let nonce = fresh_nonce()?;
            let mut plan = plan(task, code, self.grading, nonce, prepared.as_deref());
            if !is_forked {
                plan.imports = None;
            }
            match self.once(&plan, HASH_SEED, turn).await? {
                Outcome::Observed(observation) => {
                    let verdict = judge(
                        task,
                        code,
                        self.grading,
                        reference,
                        &plan.nonce,
                        &observation,
                    );
                    if verdict.kind == VerdictKind::Infra {
                        last = verdict.detail;
                        continue;
                    }
                    if !Control::is_needed(task, &verdict) {
                        return Ok(verdict);
                    }
                    let control = Control::new(verdict);
                    let origin = observation.course.origin;
                    let like = Like {
                        is_forked: origin == Origin::Forked,
                        is_prepared: prepared.is_some(),
                    };
                    match self.control(task, code, control, like, turn).await? {
                        Some(verdict) => return Ok(verdict),
                        // Then neither is to be forked.
                        None => is_forked = false,
                    }
                    "its control came to be in another way".clone_into(&mut last);
                }
                Outcome::Infra(reason) => last = reason,
                Outcome::Busy(reason) => return Ok(infra(reason)),
            }
        }
        Ok(infra(last))
    }

    /// Puts a suspect pass to the test. A snippet can tell whether it was forked, so that a control must come to be
    /// in the same way; `None` if that could not be had.
    async fn control(
        &self,
        task: &Task,
        code: &str,
        mut control: Control,
        like: Like,
        turn: &mut Turn,
    ) -> Result<Option<Verdict>, PipelineError> {
        let mut failures = 0;
        loop {
            let reason = match self.controlled(task, code, like, turn).await? {
                Ok((_, observation))
                    if like.is_forked != (observation.course.origin == Origin::Forked) =>
                {
                    return Ok(None);
                }
                Ok((nonce, observation)) => match control.take(&nonce, &observation) {
                    Step::Done(verdict) => return Ok(Some(verdict)),
                    Step::Again(next) => {
                        control = next;
                        continue;
                    }
                    Step::NotRun(same, reason) => {
                        control = same;
                        reason
                    }
                },
                Err(Outcome::Busy(reason)) => return Ok(Some(control.failed(&reason))),
                Err(Outcome::Infra(reason)) => reason,
                Err(Outcome::Observed(_)) => "the tests were not altered".to_owned(),
            };
            failures += 1;
            if failures > RETRIES {
                return Ok(Some(control.failed(&reason)));
            }
        }
    }

    /// Has a task's tests altered in one job, and runs code with them in another. Gives the key of the second one
    /// and what was seen of it, or what became of the first that failed.
    async fn controlled(
        &self,
        task: &Task,
        code: &str,
        like: Like,
        turn: &mut Turn,
    ) -> Result<Result<([u8; 32], Observation), Outcome>, PipelineError> {
        let altered = match self.prepare(task, true, turn).await? {
            Ok(altered) => altered,
            Err(failed) => return Ok(Err(failed)),
        };
        let nonce = fresh_nonce()?;
        let grading = self.grading;
        let mut plan = control_plan(task, code, grading, nonce, &altered, like.is_prepared);
        if !like.is_forked {
            plan.imports = None;
        }
        Ok(match self.once(&plan, HASH_SEED, turn).await? {
            Outcome::Observed(observation) => Ok((plan.nonce, observation)),
            failed => Err(failed),
        })
    }

    /// Has a task's tests prepared in a job of their own; else what became of it.
    async fn prepare(
        &self,
        task: &Task,
        alter: bool,
        turn: &mut Turn,
    ) -> Result<Result<PreparedTests, Outcome>, PipelineError> {
        let plan = prepare_plan(task, fresh_nonce()?, alter);
        Ok(match self.once(&plan, HASH_SEED, turn).await? {
            Outcome::Observed(observation) => {
                PreparedTests::read(&observation.events, &plan.nonce).map_err(Outcome::Infra)
            }
            failed => Err(failed),
        })
    }

    /// The tests of a task, if they are worth to be compiled apart. Where that fails, every job does it.
    async fn prepared(&self, task: &Task) -> Option<Arc<PreparedTests>> {
        if !matches!(task.tests, Tests::Unittest { .. }) {
            return None;
        }
        let prepare = || async {
            let prepared = self.prepare(task, false, &mut Turn::default()).await;
            prepared.ok()?.ok()
        };
        self.preparations.of(&task.id, prepare).await
    }

    /// Runs a program of the dataset itself with its task's tests, under a hash seed.
    pub(super) async fn observe(
        &self,
        task: &Task,
        code: &str,
        hash_seed: u32,
    ) -> Result<(Outcome, [u8; 32]), PipelineError> {
        let mut last = String::new();
        for _ in 0..=RETRIES {
            let plan = plan(task, code, self.grading, fresh_nonce()?, None);
            match self.once(&plan, hash_seed, &mut Turn::default()).await? {
                Outcome::Infra(reason) => last = reason,
                observed => return Ok((observed, plan.nonce)),
            }
        }
        Ok((Outcome::Infra(last), [0; 32]))
    }

    async fn once(
        &self,
        plan: &Plan,
        hash_seed: u32,
        turn: &mut Turn,
    ) -> Result<Outcome, PipelineError> {
        // A host that cannot build any sandbox has been found out when the pool was started. Later on
        // one job's failure must not end the run: a hostile program could bring it about.
        let request = self.request(plan, hash_seed);
        let memory = turn.memory;
        let begun = || drop(turn.ready.take());
        Ok(
            match self.pool.run_expecting(request, memory, begun).await {
                Ok(observation) => Outcome::Observed(observation),
                Err(error @ (WorkerError::Busy(_) | WorkerError::Shortage(_))) => {
                    Outcome::Busy(error.to_string())
                }
                Err(error) => Outcome::Infra(error.to_string()),
            },
        )
    }

    fn request(&self, plan: &Plan, hash_seed: u32) -> Request {
        let mut env = launch::environment(&self.interpreter.executable, hash_seed);
        env.extend(self.interpreter.env.iter().cloned());
        Request {
            argv: launch::command(&self.interpreter.executable.to_string_lossy()),
            env,
            stdin: Vec::new(),
            payload: Some(plan.input()),
            events_limit: Some(EVENTS),
            profile: PROFILE.to_owned(),
            mounts: self.interpreter.mounts.clone(),
            limits: self.limits.clone(),
            warm: self.warm.as_ref().and_then(|popularity| {
                let mut imports = plan.imports.clone()?;
                popularity.sort(&mut imports);
                Some(Warm { imports })
            }),
        }
    }
}

fn fresh_nonce() -> Result<[u8; 32], PipelineError> {
    nonce().map_err(|source| PipelineError::Io {
        action: "read /dev/urandom".to_owned(),
        source,
    })
}

fn infra(detail: String) -> Verdict {
    Verdict {
        kind: VerdictKind::Infra,
        cases: Vec::new(),
        declared: 0,
        usage: Usage::default(),
        limit: None,
        detail,
        suspicions: Vec::new(),
        controls: 0,
        stdout: Excerpt::default(),
        stderr: Excerpt::default(),
        behaviour: None,
    }
}
