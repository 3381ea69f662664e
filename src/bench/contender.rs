//! What is measured against what.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::crew::Crew;
use super::error::BenchError;
use crate::dataset::{Sample, Task};
use crate::pipeline::Runner;
use crate::verdict::VerdictKind;
use crate::worker::{End, Observation, Outlook, Pool, Request};

/// Requests under way for each worker: one that runs and one that waits, as in an evaluation.
const AHEAD: usize = 2;

/// One of those that take turns.
pub(super) enum Contender {
    /// Processes of their own.
    Crew(Crew),
    /// A program in the sandbox.
    Sandbox(Sandboxed),
    /// A sample, graded as in an evaluation.
    Graded(Graded),
}

impl Contender {
    /// Works for some time, and gives the pieces of work done in a second.
    pub(super) async fn work(&mut self, time: Duration) -> Result<f64, BenchError> {
        match self {
            // Nothing else goes on meanwhile, so that it may block.
            Self::Crew(crew) => crew.work(time),
            Self::Sandbox(sandboxed) => {
                let this = sandboxed.clone();
                side_by_side(sandboxed.workers, time, move || this.clone().once()).await
            }
            Self::Graded(graded) => {
                let this = graded.clone();
                side_by_side(graded.workers, time, move || this.clone().once()).await
            }
        }
    }
}

/// A request that is run again and again.
#[derive(Clone)]
pub(super) struct Sandboxed {
    pub(super) pool: Arc<Pool>,
    pub(super) request: Request,
    pub(super) workers: usize,
}

impl Sandboxed {
    /// Runs it once.
    pub(super) async fn once(self) -> Result<(), BenchError> {
        check(&self.pool.run(self.request).await?)
    }
}

fn check(observation: &Observation) -> Result<(), BenchError> {
    match (observation.end, observation.limit) {
        (End::Exited(0), None) => Ok(()),
        (end, limit) => Err(BenchError::Contender {
            who: "the program in the sandbox",
            what: format!("it ended with {end:?}, limit {limit:?}"),
        }),
    }
}

/// A sample that is graded again and again.
#[derive(Clone)]
pub(super) struct Graded {
    pub(super) runner: Runner,
    pub(super) task: Arc<Task>,
    pub(super) sample: Arc<Sample>,
    pub(super) workers: usize,
}

impl Graded {
    async fn once(self) -> Result<(), BenchError> {
        let verdict = self
            .runner
            .grade(&self.task, &self.sample.code, None, Outlook::default())
            .await?;
        match verdict.kind {
            VerdictKind::Passed => Ok(()),
            kind => Err(BenchError::Contender {
                who: "the test in the sandbox",
                what: format!("its verdict is {}: {}", kind.name(), verdict.detail),
            }),
        }
    }
}

async fn side_by_side<F, W>(workers: usize, time: Duration, work: F) -> Result<f64, BenchError>
where
    F: Fn() -> W + Clone + Send + 'static,
    W: Future<Output = Result<(), BenchError>> + Send,
{
    let mut tasks: JoinSet<Result<f64, BenchError>> = JoinSet::new();
    for _ in 0..workers.saturating_mul(AHEAD) {
        let work = work.clone();
        tasks.spawn(async move {
            let begin = Instant::now();
            let mut count = 0_u64;
            loop {
                work().await?;
                count += 1;
                let taken = begin.elapsed();
                if taken >= time {
                    return Ok(count as f64 / taken.as_secs_f64());
                }
            }
        });
    }
    let mut rate = 0.0;
    while let Some(ended) = tasks.join_next().await {
        rate += match ended {
            Ok(pace) => pace?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
    }
    Ok(rate)
}
