//! From code to a verdict that is believed: the run that counts, and what a suspicion makes of it.
//!
//! A pass that comes with a suspicion is put to the test by controls (see [`Control`]), which show something only
//! where a snippet cannot tell them from the run that counts. In what was used before it can: what its interpreter had
//! imported before the fork, and so what it spent before its first line, how old its sandbox is, how many interpreters
//! wait there. So such a pass counts for nothing. The snippet is run again, in a sandbox and an interpreter made for
//! that run, which is the one that counts from there on; and so are its controls, the first of them before or after it
//! by lot.

use super::error::PipelineError;
use super::nonce::nonce;
use crate::dataset::Task;
use crate::harness::{
    Grading, Plan, PreparedTests, Reference, Suspicion, control_plan, is_controlled, plan,
    prepare_plan,
};
use crate::verdict::{Control, Step, Verdict, VerdictKind, judge};
use crate::worker::Observation;

/// A failure of ours.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// And why.
    Infra(String),
    /// One that would take as long to come again.
    Busy(String),
}

/// What was seen of a plan, unless we failed.
pub(crate) type Outcome = Result<Observation, Failure>;

/// How a plan is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Footing {
    /// On what was used before, where that may be.
    Usual,
    /// On nothing that was used before.
    Fresh,
}

/// Whoever runs plans.
pub(crate) trait Execute {
    /// How often what failed is tried again.
    const RETRIES: usize;
    /// Whether a run is spared that will most likely not count.
    const SPARES_RUNS: bool;

    /// Runs a snippet, once.
    ///
    /// # Errors
    /// When no job can run at all.
    async fn execute(&self, plan: &Plan, footing: Footing) -> Result<Outcome, PipelineError>;

    /// Runs what has no snippet in it, once.
    ///
    /// # Errors
    /// When no job can run at all.
    async fn prepare(&self, plan: &Plan) -> Result<Outcome, PipelineError>;
}

/// Code as an answer to a task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) task: &'a Task,
    pub(crate) code: &'a str,
    pub(crate) grading: Grading,
    pub(crate) reference: Option<&'a Reference>,
    pub(crate) prepared: Option<&'a PreparedTests>,
}

/// A verdict, and the first that was seen of the code, which is not always the run that counts.
#[derive(Debug)]
pub(crate) struct Graded {
    pub(crate) verdict: Verdict,
    pub(crate) first: Option<Observation>,
}

impl Answer<'_> {
    /// Judges it.
    ///
    /// # Errors
    /// When no job can run at all. A failure that concerns this answer alone is a verdict, `infra`.
    pub(crate) async fn grade<E: Execute>(&self, by: &E) -> Result<Graded, PipelineError> {
        let mut first = None;
        if E::SPARES_RUNS && is_controlled(&self.task.tests) && will_be_suspect(self.code) {
            let verdict = self.tried(by, &mut first).await?;
            return Ok(Graded { verdict, first });
        }
        let mut verdict = self.run(by, Footing::Usual, &mut first).await?;
        if Control::is_needed(self.task, &verdict) {
            let mut earlier = verdict.suspicions;
            verdict = self.tried(by, &mut first).await?;
            // What it did in a run that does not count is worth knowing, too.
            earlier.retain(|known: &Suspicion| !verdict.suspicions.contains(known));
            verdict.suspicions.append(&mut earlier);
        }
        Ok(Graded { verdict, first })
    }

    /// The verdict of one run, which is tried again when it fails.
    async fn run<E: Execute>(
        &self,
        by: &E,
        footing: Footing,
        first: &mut Option<Observation>,
    ) -> Result<Verdict, PipelineError> {
        let (task, code, grading) = (self.task, self.code, self.grading);
        let mut failures = 0;
        loop {
            let plan = plan(
                task,
                code,
                grading,
                fresh_nonce()?,
                self.reference,
                self.prepared,
            );
            let failure = match by.execute(&plan, footing).await? {
                Ok(seen) => {
                    let verdict = judge(task, code, grading, self.reference, &plan.nonce, &seen);
                    first.get_or_insert(seen);
                    match verdict.kind {
                        VerdictKind::Infra => Failure::Infra(verdict.detail),
                        _ => return Ok(verdict),
                    }
                }
                Err(failure) => failure,
            };
            match failure {
                Failure::Infra(_) if failures < E::RETRIES => failures += 1,
                Failure::Infra(why) | Failure::Busy(why) => return Ok(infra(why)),
            }
        }
    }

    /// The verdict that counts where a pass is suspect, or will be. What the code finds of other runs (a file that was read
    /// before is read faster) tells it how many there were, but not which of these two is the control. They are run
    /// side by side if there is a worker for each.
    async fn tried<E: Execute>(
        &self,
        by: &E,
        first: &mut Option<Observation>,
    ) -> Result<Verdict, PipelineError> {
        let control_comes_first = fresh_nonce()?[0] & 1 == 1;
        let (verdict, early) = match control_comes_first {
            true => {
                let both = (self.control(by), self.run(by, Footing::Fresh, first));
                let (early, verdict) = tokio::join!(both.0, both.1);
                (verdict, early)
            }
            false => tokio::join!(self.run(by, Footing::Fresh, first), self.control(by)),
        };
        let verdict = verdict?;
        if !Control::is_needed(self.task, &verdict) {
            return Ok(verdict);
        }
        let mut early = Some(early?);
        let mut control = Control::new(verdict);
        let mut failures = 0;
        loop {
            let controlled = match early.take() {
                Some(controlled) => controlled,
                None => self.control(by).await?,
            };
            let why = match controlled {
                Ok((nonce, observation)) => match control.take(&nonce, &observation) {
                    Step::Done(verdict) => return Ok(verdict),
                    Step::Again(next) => {
                        control = next;
                        continue;
                    }
                    Step::NotRun(same, why) => {
                        control = same;
                        why
                    }
                },
                Err(Failure::Busy(why)) => return Ok(control.failed(&why)),
                Err(Failure::Infra(why)) => why,
            };
            if failures == E::RETRIES {
                return Ok(control.failed(&why));
            }
            failures += 1;
        }
    }

    /// Has the task's tests altered in one job, and runs the code with them in another. Gives the key of the second
    /// one and what was seen of it.
    async fn control<E: Execute>(
        &self,
        by: &E,
    ) -> Result<Result<([u8; 32], Observation), Failure>, PipelineError> {
        let altered = match prepared(self.task, true, by).await? {
            Ok(altered) => altered,
            Err(failure) => return Ok(Err(failure)),
        };
        let (task, code, grading) = (self.task, self.code, self.grading);
        let was_prepared = self.prepared.is_some();
        let plan = control_plan(task, code, grading, fresh_nonce()?, &altered, was_prepared);
        let outcome = by.execute(&plan, Footing::Fresh).await?;
        Ok(outcome.map(|observation| (plan.nonce, observation)))
    }
}

/// Whether a pass of this code will most likely come with a suspicion, as its text shows: then a run that would not count is
/// spared. It decides nothing but that.
fn will_be_suspect(code: &str) -> bool {
    // What starts other programs. The drivers tell what is suspect; this is the one thing that takes long in honest code.
    ["subprocess", "os.system", "os.popen"]
        .iter()
        .any(|word| code.contains(word))
}

/// Has a task's tests prepared in a job of their own, and altered if that is wanted.
pub(crate) async fn prepared<E: Execute>(
    task: &Task,
    alter: bool,
    by: &E,
) -> Result<Result<PreparedTests, Failure>, PipelineError> {
    let plan = prepare_plan(task, fresh_nonce()?, alter);
    Ok(by.prepare(&plan).await?.and_then(|observation| {
        PreparedTests::read(&observation.events, &plan.nonce).map_err(Failure::Infra)
    }))
}

/// A job's key.
///
/// # Errors
/// When the system gives none.
pub(super) fn fresh_nonce() -> Result<[u8; 32], PipelineError> {
    nonce().map_err(|source| PipelineError::Io {
        action: "read /dev/urandom".to_owned(),
        source,
    })
}

fn infra(detail: String) -> Verdict {
    Verdict {
        detail,
        ..Verdict::of(VerdictKind::Infra)
    }
}
