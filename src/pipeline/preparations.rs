//! Tests that were compiled once for all samples of their task.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::base::id::TaskId;
use crate::harness::PreparedTests;

/// Bytes of prepared tests that are kept at most; those of further tasks are compiled by every job.
const MOST: usize = 64 << 20;

/// How often the tests of a task are tried again where we failed; then every job compiles them.
const MOST_FAILURES: u32 = 3;

/// What is known of a run's tests. Compiling them is worth a job of its own from a task's second sample on.
#[derive(Debug, Default)]
pub struct Preparations {
    tasks: Mutex<HashMap<TaskId, Arc<Entry>>>,
    size: AtomicUsize,
}

#[derive(Debug, Default)]
struct Entry {
    was_seen: AtomicBool,
    failures: AtomicU32,
    tests: OnceCell<Option<Arc<PreparedTests>>>,
}

impl Preparations {
    /// A task's prepared tests, for one sample; `None` for its first, and where they cannot be had. `prepare` makes
    /// them, once; where that fails it is our failure, and another sample's turn to try.
    pub(super) async fn of<F, E>(
        &self,
        task: &TaskId,
        prepare: impl FnOnce() -> F,
    ) -> Option<Arc<PreparedTests>>
    where
        F: Future<Output = Result<PreparedTests, E>>,
    {
        let entry = {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            match tasks.get(task) {
                Some(entry) => Arc::clone(entry),
                None => Arc::clone(tasks.entry(task.clone()).or_default()),
            }
        };
        let is_first = !entry.was_seen.swap(true, Ordering::Relaxed);
        if is_first || entry.failures.load(Ordering::Relaxed) >= MOST_FAILURES {
            return None;
        }
        let made = async {
            if self.size.load(Ordering::Relaxed) > MOST {
                return Ok::<_, E>(None);
            }
            let tests = prepare().await?;
            Ok(tests.are_compiled().then(|| {
                let tests = tests.without_source();
                self.size.fetch_add(tests.size(), Ordering::Relaxed);
                Arc::new(tests)
            }))
        };
        match entry.tests.get_or_try_init(|| made).await {
            Ok(tests) => tests.clone(),
            Err(_) => {
                entry.failures.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::transcript::signed::signed;

    fn tests(code: &str) -> PreparedTests {
        let event = format!(
            r#"{{"tests":"t","check":null,"asserts":[],"control":[],"names":[],"altered":[],"code":"{code}"}}"#
        );
        PreparedTests::read(&signed(&[3; 32], &event), &[3; 32]).unwrap()
    }

    #[tokio::test]
    async fn tests_are_prepared_once_from_the_second_sample_on() {
        let preparations = Preparations::default();
        let task = TaskId::from("a/1");
        let made = AtomicU32::new(0);
        let prepare = || async {
            made.fetch_add(1, Ordering::Relaxed);
            Ok::<_, ()>(tests("00"))
        };
        assert!(preparations.of(&task, prepare).await.is_none());
        for _ in 0..3 {
            assert!(preparations.of(&task, prepare).await.is_some());
        }
        assert_eq!(made.load(Ordering::Relaxed), 1);
        // Source that does not compile is known, too.
        let other = TaskId::from("a/2");
        let broken = || async { Ok::<_, ()>(tests("")) };
        for _ in 0..3 {
            assert!(preparations.of(&other, broken).await.is_none());
        }
    }

    #[tokio::test]
    async fn a_failure_of_ours_is_tried_again_and_not_for_ever() {
        let preparations = Preparations::default();
        let task = TaskId::from("a/1");
        assert!(preparations.of(&task, || async { Err(()) }).await.is_none());
        assert!(preparations.of(&task, || async { Err(()) }).await.is_none());
        let works = || async { Ok::<_, ()>(tests("00")) };
        assert!(preparations.of(&task, works).await.is_some());
        let tries = AtomicU32::new(0);
        let fails = || async {
            tries.fetch_add(1, Ordering::Relaxed);
            Err(())
        };
        let task = TaskId::from("a/2");
        for _ in 0..10 {
            assert!(preparations.of(&task, fails).await.is_none());
        }
        assert_eq!(tries.load(Ordering::Relaxed), MOST_FAILURES);
    }
}
