//! The run itself: samples in, records out.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use tokio::sync::{Mutex, OnceCell, mpsc};
use tokio::task::JoinSet;

use super::cancel::Cancel;
use super::error::PipelineError;
use super::recorder::Recorder;
use super::references::{References, record_of};
use super::runner::Runner;
use super::scanning::{Program, Scanning};
use super::source::{SampleSource, SampleStream, Selection};
use super::tally::Tally;
use crate::base::id::TaskId;
use crate::base::text::one_line;
use crate::dataset::{Rejected, Sample, SampleOptions, Task, TaskSet};
use crate::harness::Reference;
use crate::job::job_digest;
use crate::journal::{Host, Index, Record, RejectedRecord, StateRecord, VerdictRecord, Writer};

/// Samples that wait for each worker.
const QUEUE: usize = 2;

/// Everything that a run needs, resolved.
#[derive(Debug)]
pub struct Evaluation {
    /// The dataset.
    pub tasks: Arc<TaskSet>,
    /// Where samples come from.
    pub samples: SampleSource,
    /// How a sample file is read.
    pub options: SampleOptions,
    /// Which of them are evaluated.
    pub selection: Selection,
    /// Whether every task's ground truth is run first.
    pub check_ground_truth: bool,
    /// Runs jobs.
    pub runner: Runner,
    /// Expected values.
    pub references: References,
    /// Scans code.
    pub scanning: Scanning,
    /// Jobs under way at one time.
    pub workers: usize,
}

/// What the stages of a run share.
struct Stage {
    run: Evaluation,
    index: Index,
    recorder: Recorder,
    tally: Arc<Tally>,
    cancel: Cancel,
    /// Tasks whose reference is recorded, or about to be.
    announced: std::sync::Mutex<HashMap<TaskId, Arc<OnceCell<()>>>>,
}

impl Evaluation {
    /// Evaluates everything that `index` does not hold yet, and records it through `writer`.
    /// Returns when all of it is on the disk.
    ///
    /// # Errors
    /// When the run cannot go on, or `cancel` asked it to stop. Everything recorded before is kept.
    pub async fn run(
        self,
        writer: Writer,
        index: Index,
        attestation: serde_json::Value,
        tally: Arc<Tally>,
        cancel: Cancel,
    ) -> Result<(), PipelineError> {
        let (recorder, recording) = Recorder::start(writer, cancel.clone());
        let begun = StateRecord::Started {
            at: now(),
            host: Host::current(),
            attestation,
        };
        // A journal that is gone shows below, with its reason.
        let _ = recorder.record(Record::State(begun)).await;
        let stage = Arc::new(Stage {
            run: self,
            index,
            recorder: recorder.clone(),
            tally,
            cancel: cancel.clone(),
            announced: std::sync::Mutex::default(),
        });
        let outcome = tokio::select! {
            outcome = all_stages(&stage) => outcome,
            () = cancel.cancelled() => Err(PipelineError::Interrupted),
        };
        drop(stage);
        let state = match &outcome {
            Ok(()) => StateRecord::Finished { at: now() },
            Err(_) => StateRecord::Interrupted { at: now() },
        };
        let _ = recorder.record(Record::State(state)).await;
        drop(recorder);
        recording.finish()?;
        outcome
    }
}

async fn all_stages(stage: &Arc<Stage>) -> Result<(), PipelineError> {
    if stage.run.check_ground_truth {
        ground_truths(stage).await?;
    }
    samples(stage).await
}

async fn ground_truths(stage: &Arc<Stage>) -> Result<(), PipelineError> {
    let left: Vec<Arc<Task>> = stage
        .run
        .tasks
        .iter()
        .filter(|task| stage.run.selection.has(&task.id))
        .filter(|task| !stage.index.references().contains_key(&task.id))
        .cloned()
        .collect();
    stage.tally.begin("ground truths");
    stage.tally.set_total(left.len() as u64);
    let queue = Arc::new(std::sync::Mutex::new(left.into_iter()));
    let mut tasks = JoinSet::new();
    for _ in 0..stage.run.workers {
        let (stage, queue) = (Arc::clone(stage), Arc::clone(&queue));
        tasks.spawn(async move {
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(task) = next else { return Ok(()) };
                if let Some(record) = stage.run.references.check(&task).await? {
                    stage.tally.checked(record.status);
                    stage.record(Record::Reference(record)).await?;
                }
            }
        });
    }
    join(tasks).await
}

async fn samples(stage: &Arc<Stage>) -> Result<(), PipelineError> {
    let run = &stage.run;
    let open = || run.samples.open(&run.tasks, &run.selection, &run.options);
    stage.tally.begin("samples");
    let (counted, stream) = (open()?, open()?);
    count(stage, counted);

    let (to_workers, from_feeder) = mpsc::channel(QUEUE * run.workers);
    let cancel = stage.cancel.clone();
    let feeder = tokio::task::spawn_blocking(move || feed(stream, &to_workers, &cancel));

    let (to_scanners, programs) = mpsc::channel(QUEUE * run.workers);
    let from_feeder = Arc::new(Mutex::new(from_feeder));
    let mut tasks = JoinSet::new();
    for _ in 0..run.workers.saturating_add(1) {
        let stage = Arc::clone(stage);
        let (queue, to_scanners) = (Arc::clone(&from_feeder), to_scanners.clone());
        tasks.spawn(async move {
            loop {
                let next = queue.lock().await.recv().await;
                match next {
                    Some(Ok(sample)) => stage.sample(sample, &to_scanners).await?,
                    Some(Err(rejected)) => stage.rejected(rejected).await?,
                    None => return Ok(()),
                }
            }
        });
    }
    drop((to_scanners, from_feeder));
    let scanning = Arc::clone(stage);
    tasks.spawn(async move {
        let Stage {
            run,
            index,
            recorder,
            tally,
            ..
        } = &*scanning;
        run.scanning.run(programs, index, recorder, tally).await
    });
    join(tasks).await?;
    // It has ended: its queue is closed. Only a panic in a reader is left to pass on.
    feeder.await.map_err(panicked)
}

impl Stage {
    async fn sample(
        &self,
        sample: Sample,
        to_scanners: &mpsc::Sender<Program>,
    ) -> Result<(), PipelineError> {
        let code = sample.code_digest();
        let program = Program {
            digest: code,
            code: sample.code.clone(),
        };
        // The scanning stage ends before us only with an error, which is the one to report.
        let _ = to_scanners.send(program).await;

        let Some(task) = self.run.tasks.get(&sample.id.task) else {
            return Ok(());
        };
        let job = job_digest(task, code, self.run.runner.grading);
        if self.index.judged(&sample.id) == Some(job) {
            self.tally.resumed();
            return Ok(());
        }
        let reference = self.run.references.of(task).await?;
        if let Some(reference) = &reference {
            self.announce(task, reference).await?;
        }
        let verdict = self
            .run
            .runner
            .grade(task, &sample, reference.as_deref())
            .await?;
        let kind = verdict.kind;
        let record = VerdictRecord {
            sample: sample.id,
            code,
            job,
            line: sample.line,
            name: sample.name,
            rank: sample.rank,
            model: sample.model,
            technique: sample.technique,
            labels: task.labels.clone(),
            verdict,
        };
        self.record(Record::Verdict(Box::new(record))).await?;
        self.tally.verdict(kind);
        Ok(())
    }

    /// Records what became of a task's ground truth, before the first verdict that rests on it.
    async fn announce(&self, task: &Task, reference: &Reference) -> Result<(), PipelineError> {
        if self.index.references().contains_key(&task.id) {
            return Ok(());
        }
        let cell = {
            let mut announced = self
                .announced
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            Arc::clone(announced.entry(task.id.clone()).or_default())
        };
        let record = Record::Reference(record_of(task, reference));
        cell.get_or_try_init(|| self.record(record)).await?;
        Ok(())
    }

    async fn rejected(&self, rejected: Rejected) -> Result<(), PipelineError> {
        self.tally.rejected();
        if self.index.rejected().contains_key(&rejected.line) {
            return Ok(());
        }
        self.record(Record::Rejected(RejectedRecord {
            line: rejected.line,
            reason: one_line(&format!("{}; {}", rejected.reason, rejected.remedy), 500),
        }))
        .await
    }

    async fn record(&self, record: Record) -> Result<(), PipelineError> {
        // The writing thread has the reason, and has asked everything to stop.
        self.recorder
            .record(record)
            .await
            .map_err(|_| PipelineError::Interrupted)
    }
}

/// Finds out how many samples there are while they are evaluated; for show.
fn count(stage: &Arc<Stage>, stream: SampleStream) {
    let (tally, cancel) = (Arc::clone(&stage.tally), stage.cancel.clone());
    tokio::task::spawn_blocking(move || {
        let samples = stream
            .take_while(|_| !cancel.is_cancelled())
            .filter(Result::is_ok)
            .count();
        tally.set_total(samples as u64);
    });
}

fn feed(stream: SampleStream, queue: &mpsc::Sender<Result<Sample, Rejected>>, cancel: &Cancel) {
    for item in stream {
        if cancel.is_cancelled() || queue.blocking_send(item).is_err() {
            return;
        }
    }
}

/// Waits for all; the first error ends the others.
pub(super) async fn join(
    mut tasks: JoinSet<Result<(), PipelineError>>,
) -> Result<(), PipelineError> {
    while let Some(ended) = tasks.join_next().await {
        let outcome = ended.map_err(panicked).and_then(|outcome| outcome);
        if outcome.is_err() {
            tasks.shutdown().await;
            return outcome;
        }
    }
    Ok(())
}

fn panicked(error: tokio::task::JoinError) -> PipelineError {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => PipelineError::Interrupted,
    }
}

/// The time of day, in UTC.
pub fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}
