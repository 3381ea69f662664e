//! The run itself: samples in, records out.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use tokio::sync::{OnceCell, mpsc};
use tokio::task::JoinSet;

use super::cancel::Cancel;
use super::error::PipelineError;
use super::history::{Durations, History};
use super::recorder::Recorder;
use super::references::{References, record_of};
use super::runner::Runner;
use super::safety::Safety;
use super::scanning::{Program, Scanning, Wanted};
use super::schedule::{Intake, Scheduler};
use super::source::{SampleSource, SampleStream, Selection};
use super::tally::Tally;
use super::window::{Counter, Item, Room};
use crate::base::digest::Digest;
use crate::base::id::{SampleId, TaskId};
use crate::base::text::one_line;
use crate::dataset::{Rejected, Sample, SampleOptions, Task, TaskSet};
use crate::harness::Reference;
use crate::job::job_digest_of;
use crate::journal::{
    Host, Index, Place, Reader, Record, RejectedRecord, StateRecord, VerdictRecord, Writer,
};
use crate::verdict::Verdict;
use crate::worker::Usage;

/// Samples between the reader and who takes them. What waits there is bounded by its size.
const QUEUE: usize = 256;

/// Workers that a run may have for each processor beyond the first, while jobs sleep or wait.
pub const SPARE_WORKERS: usize = 7;

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
    /// Puts samples through their tasks' safety cases, if that is wanted.
    pub safety: Option<Safety>,
    /// Jobs under way at one time.
    pub workers: usize,
    /// Whether samples with the same task and the same code share one execution.
    pub share_verdicts: bool,
    /// What earlier runs tell of the tasks.
    pub history: History,
    /// Where to keep it, with what this run tells.
    pub keep_history: Option<PathBuf>,
}

/// What the stages of a run share.
pub(super) struct Stage {
    pub(super) run: Evaluation,
    pub(super) index: Index,
    recorder: Recorder,
    pub(super) tally: Arc<Tally>,
    cancel: Cancel,
    /// Tasks whose reference is recorded, or about to be.
    announced: std::sync::Mutex<HashMap<TaskId, Arc<OnceCell<()>>>>,
    durations: std::sync::Mutex<Durations>,
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
        let journal = Reader::open(writer.path())?;
        let (recorder, recording) = Recorder::start(writer, cancel.clone());
        let begun = StateRecord::Started {
            at: now(),
            host: Host::current(),
            attestation,
        };
        // A journal that is gone shows below, with its reason.
        let _ = recorder.record(&Record::State(begun)).await;
        let stage = Arc::new(Stage {
            run: self,
            index,
            recorder: recorder.clone(),
            tally,
            cancel: cancel.clone(),
            announced: std::sync::Mutex::default(),
            durations: std::sync::Mutex::default(),
        });
        let outcome = tokio::select! {
            outcome = all_stages(&stage, journal) => outcome,
            () = cancel.cancelled() => Err(PipelineError::Interrupted),
        };
        stage.keep_history();
        drop(stage);
        let state = match &outcome {
            Ok(()) => StateRecord::Finished { at: now() },
            Err(_) => StateRecord::Interrupted { at: now() },
        };
        let _ = recorder.record(&Record::State(state)).await;
        drop(recorder);
        recording.finish()?;
        outcome
    }
}

async fn all_stages(stage: &Arc<Stage>, journal: Reader) -> Result<(), PipelineError> {
    if stage.run.check_ground_truth {
        ground_truths(stage).await?;
    }
    samples(stage, journal).await
}

async fn ground_truths(stage: &Arc<Stage>) -> Result<(), PipelineError> {
    let mut left: Vec<Arc<Task>> = stage
        .run
        .tasks
        .iter()
        .filter(|task| stage.run.selection.has(&task.id))
        .filter(|task| !stage.index.references().contains_key(&task.id))
        .cloned()
        .collect();
    left.sort_by_key(|task| Reverse(stage.run.history.duration(task)));
    stage.tally.begin("ground truths");
    stage.tally.set_total(left.len() as u64);
    let (waiting, running): (Vec<_>, Vec<_>) = left
        .into_iter()
        .partition(|task| stage.run.history.outlook(task).waits);
    let mut tasks = JoinSet::new();
    for lane in [waiting, running] {
        let queue = Arc::new(std::sync::Mutex::new(lane.into_iter()));
        // The pool decides how many run; some may sleep.
        for _ in 0..SPARE_WORKERS * stage.run.workers + 1 {
            let (stage, queue) = (Arc::clone(stage), Arc::clone(&queue));
            tasks.spawn(async move { check_all(&stage, &queue).await });
        }
    }
    join(tasks).await
}

/// Checks the ground truths of tasks that others take from, too.
async fn check_all(
    stage: &Stage,
    queue: &std::sync::Mutex<std::vec::IntoIter<Arc<Task>>>,
) -> Result<(), PipelineError> {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(task) = next else { return Ok(()) };
        let outlook = stage.run.history.outlook(&task);
        if let Some(record) = stage.run.references.check(&task, outlook).await? {
            stage.tally.checked(record.status);
            stage.record(&Record::Reference(record)).await?;
        }
    }
}

async fn samples(stage: &Arc<Stage>, journal: Reader) -> Result<(), PipelineError> {
    let run = &stage.run;
    let open = || run.samples.open(&run.tasks, &run.selection, &run.options);
    stage.tally.begin("samples");
    let (counted, stream) = (open()?, open()?);
    count(stage, counted);

    let (to_scheduler, intake) = mpsc::channel(QUEUE);
    let (to_scanners, programs) = mpsc::channel(QUEUE);
    // Both are bounded by what they hold, so that neither makes the other wait for long.
    let (room, scan_room) = (Room::default(), Room::default());
    let feed = Feed {
        stage: Arc::clone(stage),
        runtime: tokio::runtime::Handle::current(),
        to_scheduler,
        to_scanners,
        room: room.counter(),
        scan_room: scan_room.counter(),
    };
    let feeder = tokio::task::spawn_blocking(move || feed.all(stream));

    let mut tasks = JoinSet::new();
    let scheduler = Scheduler::new(Arc::clone(stage), journal);
    tasks.spawn(async move {
        let _room = room;
        scheduler.run(intake).await
    });
    let scanning = Arc::clone(stage);
    tasks.spawn(async move {
        let is_waited_for = scan_room.is_waited_for();
        let _room = scan_room;
        let Stage {
            run,
            recorder,
            tally,
            ..
        } = &*scanning;
        let programs = run.scanning.run(programs, is_waited_for, recorder, tally);
        programs.await
    });
    join(tasks).await?;
    // It has ended: its queues are closed. Only a panic in a reader is left to pass on.
    feeder.await.map_err(panicked)
}

impl Stage {
    /// Notes what a job of a task took.
    pub(super) fn took(&self, task: &TaskId, usage: &Usage) {
        let durations = self.durations.lock();
        durations
            .unwrap_or_else(PoisonError::into_inner)
            .add(task, usage);
    }

    fn keep_history(&self) {
        let durations = self
            .durations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.run.keep_history
            && *durations != Durations::default()
        {
            // As it is now: another run may have kept what it took meanwhile.
            History::read(path).with(&durations).keep(path);
        }
    }

    /// Records a sample's verdict; `same_as` is the sample whose job was executed, if not its own.
    pub(super) async fn verdict(
        &self,
        item: Item,
        verdict: Verdict,
        same_as: Option<SampleId>,
    ) -> Result<Place, PipelineError> {
        let kind = verdict.kind;
        // A copy may have outlived the record of the original.
        let same_as = same_as.filter(|of| *of != item.sample.id);
        let is_copy = same_as.is_some();
        let Sample {
            id,
            line,
            name,
            rank,
            model,
            technique,
            fields,
            ..
        } = item.sample;
        let record = Record::Verdict(Box::new(VerdictRecord {
            sample: id,
            code: item.code,
            job: item.job,
            line,
            name,
            rank,
            model,
            technique,
            fields,
            labels: item.task.labels.clone(),
            origin: None,
            same_as,
            verdict,
        }));
        // The writing thread has the reason, and has asked everything to stop.
        let written = self.recorder.write(&record).await;
        let place = written.map_err(|_| PipelineError::Interrupted)?;
        self.tally.verdict(kind);
        if is_copy {
            self.tally.copied();
        }
        Ok(place)
    }

    /// Records what became of a task's ground truth, before the first verdict that rests on it.
    pub(super) async fn announce(
        &self,
        task: &Task,
        reference: &Reference,
    ) -> Result<(), PipelineError> {
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
        cell.get_or_try_init(|| self.record(&record)).await?;
        Ok(())
    }

    pub(super) async fn rejected(&self, rejected: Rejected) -> Result<(), PipelineError> {
        self.tally.rejected();
        if self.index.rejected().contains_key(&rejected.line) {
            return Ok(());
        }
        let record = Record::Rejected(RejectedRecord {
            line: rejected.line,
            reason: one_line(&format!("{}; {}", rejected.reason, rejected.remedy), 500),
            origin: None,
        });
        self.record(&record).await
    }

    async fn record(&self, record: &Record) -> Result<(), PipelineError> {
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

/// Reads samples and hands them on, in a thread of its own.
struct Feed {
    stage: Arc<Stage>,
    runtime: tokio::runtime::Handle,
    to_scheduler: mpsc::Sender<Intake>,
    to_scanners: mpsc::Sender<Program>,
    room: Counter,
    scan_room: Counter,
}

impl Feed {
    fn all(self, stream: SampleStream) {
        let run = &self.stage.run;
        let mut wanted = run.scanning.wanted(&self.stage.index);
        let mut digests: HashMap<TaskId, Digest> = HashMap::new();
        for next in stream {
            if self.stage.cancel.is_cancelled() {
                return;
            }
            let sent = match next {
                Ok(sample) => self.sample(sample, &mut wanted, &mut digests),
                Err(rejected) => self.send(Intake::Rejected(rejected)),
            };
            if sent.is_none() {
                return;
            }
        }
    }

    /// Hands a sample on; `None` when nobody takes any more.
    fn sample(
        &self,
        sample: Sample,
        wanted: &mut Wanted<'_>,
        digests: &mut HashMap<TaskId, Digest>,
    ) -> Option<()> {
        let run = &self.stage.run;
        let Some(task) = run.tasks.get(&sample.id.task) else {
            return Some(());
        };
        let code = sample.code_digest();
        if wanted.has(&code) {
            let share = self
                .runtime
                .block_on(self.scan_room.take(sample.code.len()));
            let program = Program {
                digest: code,
                code: sample.code.clone(),
                share: share?,
            };
            self.to_scanners.blocking_send(program).ok()?;
        }
        let of_task = match digests.get(&task.id) {
            Some(digest) => *digest,
            None => *digests.entry(task.id.clone()).or_insert(task.digest()),
        };
        let share = self.runtime.block_on(self.room.take(sample.code.len()));
        self.send(Intake::Sample(Box::new(Item {
            task: Arc::clone(task),
            code,
            job: job_digest_of(of_task, code, run.runner.grading),
            expected: run.history.duration(task),
            outlook: run.history.outlook(task),
            share: share?,
            sample,
        })))
    }

    fn send(&self, intake: Intake) -> Option<()> {
        self.to_scheduler.blocking_send(intake).ok()
    }
}

/// Waits for all; the first error ends the others.
pub(super) async fn join(
    mut tasks: JoinSet<Result<(), PipelineError>>,
) -> Result<(), PipelineError> {
    while !tasks.is_empty() {
        first(&mut tasks).await?;
    }
    Ok(())
}

/// Waits for one of them; an error ends the others.
pub(super) async fn first(
    tasks: &mut JoinSet<Result<(), PipelineError>>,
) -> Result<(), PipelineError> {
    let Some(ended) = tasks.join_next().await else {
        return Ok(());
    };
    let outcome = ended.map_err(panicked).and_then(|outcome| outcome);
    if outcome.is_err() {
        tasks.shutdown().await;
    }
    outcome
}

pub(super) fn panicked(error: tokio::task::JoinError) -> PipelineError {
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
