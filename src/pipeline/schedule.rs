//! Which job runs when: equal ones once, the longest first, as many at a time as the pool takes.
//!
//! One task owns all of this, so that nothing is locked; the jobs themselves run in tasks of their own
//! and come back to it when their verdict is in the journal.

use std::sync::{Arc, Mutex};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::error::PipelineError;
use super::evaluate::{Stage, panicked};
use super::executed::Executed;
use super::references::Claim;
use super::runner::Turn;
use super::window::{Item, Lane, Ticket, Window};
use crate::base::digest::Digest;
use crate::base::id::SampleId;
use crate::dataset::Rejected;
use crate::journal::{Place, Reader, Record, VerdictRecord};
use crate::verdict::{Verdict, VerdictKind};

/// Verdicts that are read from the journal and recorded for others at one time.
const COPIES: usize = 16;

/// What comes out of a sample file.
#[derive(Debug)]
pub(super) enum Intake {
    Sample(Box<Item>),
    Rejected(Rejected),
}

/// What ended.
enum Ended {
    /// A job, with its verdict and that one's place where others may share it.
    Job(Ticket, Digest, Option<Box<(Shared, Place)>>),
    /// The recording of verdicts that were there already.
    Copies,
    /// The same, but the verdict was not where it should have been.
    Missed(Box<Item>),
}

/// A verdict that equal jobs share.
struct Shared {
    /// The sample whose job was executed.
    of: SampleId,
    verdict: Verdict,
}

pub(super) struct Scheduler {
    stage: Arc<Stage>,
    window: Window,
    executed: Executed,
    journal: Arc<Reader>,
    /// Bounds the jobs that are prepared and wait for the pool, by lane.
    ready: [Arc<Semaphore>; 2],
    /// Bounds the verdicts that are read from the journal at one time: a whole window may want one.
    copies: Arc<Semaphore>,
    tasks: JoinSet<Result<Ended, PipelineError>>,
}

impl Scheduler {
    /// For a run whose journal is `journal`.
    pub(super) fn new(stage: Arc<Stage>, journal: Reader) -> Self {
        let mut executed = Executed::default();
        if stage.run.share_verdicts {
            for (job, place) in stage.index.executed() {
                executed.insert(job, place);
            }
        }
        Self {
            window: Window::new(stage.run.share_verdicts),
            executed,
            journal: Arc::new(journal),
            // One more than run at a time, so that the next is there when one ends.
            ready: [(); 2].map(|()| Arc::new(Semaphore::new(stage.run.workers + 1))),
            copies: Arc::new(Semaphore::new(COPIES)),
            tasks: JoinSet::new(),
            stage,
        }
    }

    /// Sees every sample through to its record.
    pub(super) async fn run(
        mut self,
        mut intake: mpsc::Receiver<Intake>,
    ) -> Result<(), PipelineError> {
        let mut is_open = true;
        loop {
            tokio::select! {
                Ok(ready) = room(&self.ready, Lane::Waits), if self.window.has_waiting(Lane::Waits) => {
                    self.start(Lane::Waits, ready);
                }
                Ok(ready) = room(&self.ready, Lane::Runs), if self.window.has_waiting(Lane::Runs) => {
                    self.start(Lane::Runs, ready);
                }
                next = intake.recv(), if is_open => match next {
                    Some(Intake::Sample(item)) => self.admit(*item),
                    Some(Intake::Rejected(rejected)) => self.stage.rejected(rejected).await?,
                    None => is_open = false,
                },
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    let ended = ended.map_err(panicked).and_then(|outcome| outcome)?;
                    self.ended(ended);
                }
                else => return Ok(()),
            }
        }
    }

    /// Finds out what a sample needs.
    fn admit(&mut self, item: Item) {
        if self.stage.index.judged(&item.sample.id) == Some(item.job) {
            self.stage.tally.resumed();
            return;
        }
        let Some(item) = self.window.follow(item) else {
            return;
        };
        let known = self
            .stage
            .run
            .share_verdicts
            .then(|| self.executed.find(&item.job));
        match known.flatten() {
            Some(place) => {
                let (stage, journal) = (Arc::clone(&self.stage), Arc::clone(&self.journal));
                let copies = Arc::clone(&self.copies);
                self.tasks.spawn(async move {
                    // It is never closed.
                    let _turn = copies.acquire().await;
                    copy(&stage, &journal, place, item).await
                });
            }
            None => self.window.push(item),
        }
    }

    fn start(&mut self, lane: Lane, ready: OwnedSemaphorePermit) {
        let Some((ticket, item)) = self.window.pop(lane) else {
            return;
        };
        let stage = Arc::clone(&self.stage);
        let all_ready = Arc::clone(&self.ready[lane as usize]);
        self.tasks
            .spawn(async move { job(&stage, ticket, item, ready, all_ready).await });
    }

    fn ended(&mut self, ended: Ended) {
        match ended {
            Ended::Copies => {}
            Ended::Missed(item) => {
                if let Some(item) = self.window.follow(*item) {
                    self.window.push(item);
                }
            }
            Ended::Job(ticket, job, outcome) => {
                let followers = self.window.finish(ticket, &job);
                let Some((shared, place)) = outcome.map(|outcome| *outcome) else {
                    // A failure of ours is nobody's verdict: the next one tries for itself.
                    for item in followers {
                        if let Some(item) = self.window.follow(item) {
                            self.window.push(item);
                        }
                    }
                    return;
                };
                self.executed.insert(&job, place);
                if !followers.is_empty() {
                    let stage = Arc::clone(&self.stage);
                    self.tasks
                        .spawn(async move { share(&stage, shared, followers).await });
                }
            }
        }
    }
}

/// Waits until a job of a kind may be prepared.
fn room(
    ready: &[Arc<Semaphore>; 2],
    lane: Lane,
) -> impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + use<> {
    Arc::clone(&ready[lane as usize]).acquire_owned()
}

/// Runs a job and records its verdict.
async fn job(
    stage: &Stage,
    ticket: Ticket,
    item: Item,
    ready: OwnedSemaphorePermit,
    all_ready: Arc<Semaphore>,
) -> Result<Ended, PipelineError> {
    // While another one makes the reference that this job needs, others may start.
    let is_made_by_another = stage.run.references.claim(&item.task) == Claim::Theirs;
    let held = (!is_made_by_another).then_some(ready);
    let outlook = item.outlook;
    let reference = stage.run.references.of(&item.task, outlook).await?;
    if let Some(reference) = &reference {
        stage.announce(&item.task, reference).await?;
    }
    let ready = match held {
        Some(ready) => Ok(ready),
        None => all_ready.acquire_owned().await,
    };
    let turn = Turn {
        outlook,
        ready: Mutex::new(ready.ok()),
    };
    let (task, code) = (&item.task, &item.sample.code);
    let graded = stage
        .run
        .runner
        .grade_in_turn(task, code, reference.as_deref(), &turn);
    let mut verdict = graded.await?;
    if verdict.kind != VerdictKind::Infra {
        stage.took(&item.task.id, &verdict.usage);
    }
    if let Some(safety) = &stage.run.safety {
        verdict.safety = safety.report(task, code, &verdict, outlook).await?;
    }
    let job = item.job;
    let is_shared = stage.run.share_verdicts && !verdict.is_ours();
    let shared = is_shared.then(|| Shared {
        of: item.sample.id.clone(),
        verdict: verdict.clone(),
    });
    let place = stage.verdict(item, verdict, None).await?;
    Ok(Ended::Job(
        ticket,
        job,
        shared.map(|shared| Box::new((shared, place))),
    ))
}

/// Records a verdict for the samples whose jobs were the same.
async fn share(
    stage: &Stage,
    shared: Shared,
    followers: Vec<Item>,
) -> Result<Ended, PipelineError> {
    for item in followers {
        let of = Some(shared.of.clone());
        stage.verdict(item, shared.verdict.clone(), of).await?;
    }
    Ok(Ended::Copies)
}

/// Records for a sample the verdict of the same job, which stands in the journal.
async fn copy(
    stage: &Stage,
    journal: &Reader,
    place: Place,
    item: Item,
) -> Result<Ended, PipelineError> {
    match journal.at(place) {
        Ok(Record::Verdict(known)) if is_of(&known, &item) => {
            let of = known.same_as.unwrap_or(known.sample);
            stage.verdict(item, known.verdict, Some(of)).await?;
            Ok(Ended::Copies)
        }
        // Another job with half of its digest, or a journal that somebody touched.
        Ok(_) | Err(_) => Ok(Ended::Missed(Box::new(item))),
    }
}

fn is_of(known: &VerdictRecord, item: &Item) -> bool {
    known.job == item.job && !known.verdict.is_ours()
}
