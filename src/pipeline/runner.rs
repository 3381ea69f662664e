//! From a sample to its verdict: a job on the pool, tried again when the failure is ours.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedSemaphorePermit;

use super::error::PipelineError;
use super::grading::{Answer, Execute, Failure, Footing, Outcome, fresh_nonce, prepared};
use super::preparations::Preparations;
use crate::base::limits::Limits;
use crate::dataset::{Task, Tests};
use crate::environment::Interpreter;
use crate::harness::{Grading, ImportOrder, Plan, PreparedTests, Reference, launch, plan};
use crate::job::PROFILE;
use crate::verdict::Verdict;
use crate::worker::{Outlook, Pool, Request, Reuse, WorkerError};

/// How often a job is tried again after a failure of ours.
const RETRIES: usize = 2;
/// Bytes of events that one job may send.
const EVENTS: u64 = 64 << 20;
/// The hash seed of every graded job: sets and dictionaries are walked in the same order on every host.
pub(super) const HASH_SEED: u32 = 0;

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
    /// Whether jobs may be forked from warm interpreters, and in which order these make their imports; if not, each job
    /// has a fresh one.
    pub warm: Option<Arc<ImportOrder>>,
    /// Tests that were compiled already.
    pub preparations: Arc<Preparations>,
}

/// What is known of a job before its turn comes.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) outlook: Outlook,
    /// Given back when its turn has come: the next may be prepared.
    pub(super) ready: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Turn {
    /// One that nobody waits for.
    fn with(outlook: Outlook) -> Self {
        Self {
            outlook,
            ready: Mutex::default(),
        }
    }

    /// Its first job has begun.
    fn has_come(&self) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        drop(ready.take());
    }
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
        outlook: Outlook,
    ) -> Result<Verdict, PipelineError> {
        let turn = &Turn::with(outlook);
        self.grade_in_turn(task, code, reference, turn).await
    }

    /// The same.
    pub(super) async fn grade_in_turn(
        &self,
        task: &Task,
        code: &str,
        reference: Option<&Reference>,
        turn: &Turn,
    ) -> Result<Verdict, PipelineError> {
        let prepared = self.prepared(task).await;
        let answer = Answer {
            task,
            code,
            grading: self.grading,
            reference,
            prepared: prepared.as_deref(),
        };
        let jobs = Jobs { runner: self, turn };
        Ok(answer.grade(&jobs).await?.verdict)
    }

    /// The tests of a task, if they are worth to be compiled apart. Where that fails, every job does it.
    async fn prepared(&self, task: &Task) -> Option<Arc<PreparedTests>> {
        if !matches!(task.tests, Tests::Unittest { .. }) {
            return None;
        }
        let prepare = || async {
            let turn = &Turn::default();
            let jobs = Jobs { runner: self, turn };
            match prepared(task, false, &jobs).await {
                Ok(Ok(tests)) => Ok(tests),
                // Whatever it is, the job itself will meet it.
                Ok(Err(_)) | Err(_) => Err(()),
            }
        };
        self.preparations.of(&task.id, prepare).await
    }

    /// Runs a program of the dataset itself with its task's tests, under a hash seed.
    pub(super) async fn observe(
        &self,
        task: &Task,
        code: &str,
        hash_seed: u32,
        outlook: Outlook,
    ) -> Result<(Outcome, [u8; 32]), PipelineError> {
        let plan = |nonce| plan(task, code, self.grading, nonce, None, None);
        self.tried(plan, hash_seed, outlook).await
    }

    /// Runs a plan, again if we fail; gives the key of the run that was seen, too.
    pub(super) async fn tried(
        &self,
        plan: impl Fn([u8; 32]) -> Plan,
        hash_seed: u32,
        outlook: Outlook,
    ) -> Result<(Outcome, [u8; 32]), PipelineError> {
        let mut last = Failure::Infra(String::new());
        for _ in 0..=RETRIES {
            let plan = plan(fresh_nonce()?);
            let request = self.request(&plan, hash_seed, Footing::Usual);
            match self.once(request, &Turn::with(outlook)).await {
                Err(failure @ Failure::Infra(_)) => last = failure,
                outcome => return Ok((outcome, plan.nonce)),
            }
        }
        Ok((Err(last), [0; 32]))
    }

    /// Runs what has no snippet in it, once.
    pub(super) async fn run(&self, plan: &Plan) -> Outcome {
        let request = self.request(plan, HASH_SEED, Footing::Usual);
        self.once(request, &Turn::default()).await
    }

    async fn once(&self, request: Request, turn: &Turn) -> Outcome {
        // A host that cannot build any sandbox has been found out when the pool was started. Later on
        // one job's failure must not end the run: a hostile program could bring it about.
        let begun = || turn.has_come();
        let running = self.pool.run_expecting(request, turn.outlook, begun);
        let outcome = running.await;
        outcome.map_err(|error| match error {
            WorkerError::Busy(_) | WorkerError::Shortage(_) => Failure::Busy(error.to_string()),
            error => Failure::Infra(error.to_string()),
        })
    }

    fn request(&self, plan: &Plan, hash_seed: u32, footing: Footing) -> Request {
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
            reuse: match (footing, &self.warm, plan.imports.clone()) {
                (Footing::Fresh, ..) => Reuse::Nothing,
                (Footing::Usual, Some(order), Some(imports)) => {
                    let (imports, popular) = order.ladder_for(imports);
                    Reuse::Interpreter { imports, popular }
                }
                (Footing::Usual, ..) => Reuse::Sandbox,
            },
        }
    }
}

/// The jobs of one sample.
struct Jobs<'a> {
    runner: &'a Runner,
    turn: &'a Turn,
}

impl Execute for Jobs<'_> {
    const RETRIES: usize = RETRIES;
    const SPARES_RUNS: bool = true;

    async fn execute(&self, plan: &Plan, footing: Footing) -> Result<Outcome, PipelineError> {
        let request = self.runner.request(plan, HASH_SEED, footing);
        Ok(self.runner.once(request, self.turn).await)
    }

    async fn prepare(&self, plan: &Plan) -> Result<Outcome, PipelineError> {
        self.execute(plan, Footing::Usual).await
    }
}
