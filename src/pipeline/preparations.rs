//! Tests that were compiled once for all samples of their task.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::base::id::TaskId;
use crate::harness::PreparedTests;

/// Bytes of prepared tests that are kept at most; those of further tasks are compiled by every job.
const MOST: usize = 64 << 20;

/// What is known of a run's tests. Compiling them is worth a job of its own from a task's second sample on.
#[derive(Debug, Default)]
pub struct Preparations {
    tasks: Mutex<HashMap<TaskId, Arc<Entry>>>,
    size: AtomicUsize,
}

#[derive(Debug, Default)]
struct Entry {
    was_seen: AtomicBool,
    tests: OnceCell<Option<Arc<PreparedTests>>>,
}

impl Preparations {
    /// A task's prepared tests, for one sample; `None` for its first, and where they cannot be had. `prepare` makes
    /// them, once.
    pub(super) async fn of<F>(
        &self,
        task: &TaskId,
        prepare: impl FnOnce() -> F,
    ) -> Option<Arc<PreparedTests>>
    where
        F: Future<Output = Option<PreparedTests>>,
    {
        let entry = {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            match tasks.get(task) {
                Some(entry) => Arc::clone(entry),
                None => Arc::clone(tasks.entry(task.clone()).or_default()),
            }
        };
        if !entry.was_seen.swap(true, Ordering::Relaxed) {
            return None;
        }
        let made = async {
            if self.size.load(Ordering::Relaxed) > MOST {
                return None;
            }
            let tests = prepare().await.filter(PreparedTests::are_compiled)?;
            let tests = tests.without_source();
            self.size.fetch_add(tests.size(), Ordering::Relaxed);
            Some(Arc::new(tests))
        };
        entry.tests.get_or_init(|| made).await.clone()
    }
}
