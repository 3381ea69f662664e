//! What earlier runs tell of a task's jobs: how long they took, and what memory they held. It decides
//! in which order jobs start and how many run side by side, never what comes of them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::PipelineError;
use crate::base::digest::Digest;
use crate::base::id::TaskId;
use crate::dataset::{Task, Tests};
use crate::journal::manifest::write_whole;
use crate::journal::{Index, VerdictRecord};
use crate::verdict::VerdictKind;
use crate::worker::{Outlook, Usage};

/// Version of the file.
const VERSION: u32 = 2;
/// The longest file that is read.
const LONGEST: u64 = 16 << 20;
/// What is allowed for beyond the memory that earlier jobs held, in bytes.
const MARGIN: u64 = 64 << 20;
/// A job waits when it takes at least so long,
const LONG: Duration = Duration::from_millis(300);
/// and uses a processor for less than one part in this many of it.
const USES_BELOW: u64 = 3;
/// What is allowed for a task of which nothing is known but that it speaks of waiting.
const WAITING: Duration = Duration::from_secs(60);

/// Whether a task's tests or its own answer may wait for something. While a job waits another one runs, so that it
/// costs nothing to begin with it, and much to end with it.
fn speaks_of_waiting(task: &Task) -> bool {
    let tests = match &task.tests {
        Tests::Unittest { source } => source.as_str(),
        _ => "",
    };
    let texts = [tests, task.ground_truth.as_deref().unwrap_or_default()];
    let words = ["sleep(", "timeout", "duration"];
    texts
        .iter()
        .any(|text| words.iter().any(|word| text.contains(word)))
}

/// What is known of one task's jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// How long one takes, in milliseconds of wall-clock time.
    pub millis: u64,
    /// How much of a processor's time it uses, in milliseconds.
    pub cpu_millis: u64,
    /// The most memory that one held, in KiB; 0 where nobody could tell.
    pub peak_kib: u64,
}

/// What is known of the tasks of a dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    tasks: BTreeMap<TaskId, Past>,
    /// What a task takes of which nothing is known.
    median: Duration,
}

/// A history on disk.
#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    tasks: BTreeMap<TaskId, Past>,
}

/// What the jobs of one run took, task by task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations(BTreeMap<TaskId, Sum>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    jobs: u64,
    micros: u64,
    cpu_micros: u64,
    peak: u64,
}

impl Durations {
    /// What a journal tells: executed jobs only, each once.
    ///
    /// # Errors
    /// When the journal cannot be read any more.
    pub fn of(index: &Index) -> Result<Self, PipelineError> {
        let mut durations = Self::default();
        for record in index.verdicts() {
            durations.record(&record?);
        }
        Ok(durations)
    }

    fn record(&mut self, record: &VerdictRecord) {
        // Who was ended by a limit tells nothing of the next one but that it may happen.
        if record.same_as.is_none() && record.verdict.kind != VerdictKind::Infra {
            self.add(&record.sample.task, &record.verdict.usage);
        }
    }

    /// Counts a job.
    pub(super) fn add(&mut self, task: &TaskId, usage: &Usage) {
        let sum = match self.0.get_mut(task) {
            Some(sum) => sum,
            None => self.0.entry(task.clone()).or_default(),
        };
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        sum.jobs += 1;
        sum.micros = sum.micros.saturating_add(micros(usage.wall));
        sum.cpu_micros = sum.cpu_micros.saturating_add(micros(usage.cpu));
        sum.peak = sum.peak.max(usage.peak_memory.unwrap_or(0));
    }
}

impl History {
    /// The file of a dataset, by its kind and its tasks, in the user's cache folder `cache`.
    pub fn place(cache: &Path, kind: &str, tasks: &Digest) -> PathBuf {
        cache.join(format!("history/{kind}-{}.json", tasks.short(16)))
    }

    /// What a file holds; nothing when it is absent, damaged or of another version. It costs time only.
    pub fn read(path: &Path) -> Self {
        let mut text = Vec::new();
        let read = File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut text));
        let document = read
            .ok()
            .and_then(|_| serde_json::from_slice::<Document>(&text).ok())
            .filter(|document| document.version == VERSION);
        document.map_or_else(Self::default, |document| Self::from(document.tasks))
    }

    /// Adds what a run took: as much weight as all that came before.
    #[must_use]
    pub fn with(self, durations: &Durations) -> Self {
        let mut tasks = self.tasks;
        for (task, sum) in &durations.0 {
            let new = Past {
                millis: sum.micros / sum.jobs.max(1) / 1000,
                cpu_millis: sum.cpu_micros / sum.jobs.max(1) / 1000,
                peak_kib: sum.peak / 1024,
            };
            let past = tasks.entry(task.clone()).or_insert(new);
            past.millis = mean(past.millis, new.millis);
            past.cpu_millis = mean(past.cpu_millis, new.cpu_millis);
            // What was held once may be held again, but is forgotten in the end.
            past.peak_kib = new.peak_kib.max(past.peak_kib / 4 * 3);
        }
        Self::from(tasks)
    }

    /// Keeps it for the next run. That it could not be kept costs time only.
    pub fn keep(&self, path: &Path) {
        let document = Document {
            version: VERSION,
            tasks: self.tasks.clone(),
        };
        let written = serde_json::to_vec(&document).ok().and_then(|text| {
            fs::create_dir_all(path.parent()?).ok()?;
            write_whole(path, &text).ok()
        });
        // See above: nothing depends on it.
        let _ = written;
    }

    /// How long a job of this task is expected to take; the median of all where nothing is known.
    pub fn duration(&self, task: &Task) -> Duration {
        match self.tasks.get(&task.id) {
            Some(past) => Duration::from_millis(past.millis),
            None if speaks_of_waiting(task) => self.median + WAITING,
            None => self.median,
        }
    }

    /// Whether a job of this task is expected to wait for something else than a processor most of the time.
    fn waits(&self, task: &Task) -> bool {
        match self.tasks.get(&task.id) {
            Some(past) => {
                Duration::from_millis(past.millis) >= LONG
                    && past.cpu_millis.saturating_mul(USES_BELOW) < past.millis
            }
            None => speaks_of_waiting(task),
        }
    }

    /// What the pool may know of a job of this task.
    pub fn outlook(&self, task: &Task) -> Outlook {
        Outlook {
            memory: self.memory(&task.id),
            waits: self.waits(task),
        }
    }

    /// What memory a job of this task is expected to hold at most, in bytes, where that is known.
    fn memory(&self, task: &TaskId) -> Option<u64> {
        let past = self.tasks.get(task).filter(|past| past.peak_kib > 0)?;
        let peak = past.peak_kib.saturating_mul(1024);
        Some(peak.saturating_add(peak / 4).saturating_add(MARGIN))
    }
}

impl From<BTreeMap<TaskId, Past>> for History {
    fn from(tasks: BTreeMap<TaskId, Past>) -> Self {
        let mut all: Vec<u64> = tasks.values().map(|past| past.millis).collect();
        all.sort_unstable();
        let median = all.get(all.len() / 2).copied().unwrap_or(0);
        Self {
            tasks,
            median: Duration::from_millis(median),
        }
    }
}

fn mean(one: u64, other: u64) -> u64 {
    one / 2 + other / 2 + (one & other & 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(millis: u64, mib: u64) -> Usage {
        Usage {
            cpu: Duration::from_millis(50),
            wall: Duration::from_millis(millis),
            peak_memory: Some(mib << 20),
        }
    }

    fn durations(jobs: &[(&str, u64, u64)]) -> Durations {
        let mut durations = Durations::default();
        for (task, millis, mib) in jobs {
            durations.add(&TaskId::from(*task), &usage(*millis, *mib));
        }
        durations
    }

    #[test]
    fn a_task_is_expected_to_take_what_it_took_and_others_the_median() {
        let jobs = [("a", 100, 10), ("a", 300, 30), ("b", 10, 1), ("c", 9000, 2)];
        let history = History::default().with(&durations(&jobs));
        let millis = |task: &str| history.duration(&task_of(task, "")).as_millis();
        assert_eq!([millis("a"), millis("b"), millis("c")], [200, 10, 9000]);
        assert_eq!(millis("unknown"), 200);
        assert_eq!(
            history.memory(&"a".into()),
            Some((37 << 20) + (512 << 10) + MARGIN)
        );
        assert_eq!(history.memory(&"unknown".into()), None);
        let history = history.with(&durations(&[("a", 400, 1)]));
        assert_eq!(history.duration(&task_of("a", "sleep(7)")).as_millis(), 300);
        assert_eq!(history.tasks[&"a".into()].peak_kib, 30 * 1024 / 4 * 3);
        let waits = |task: &str| history.waits(&task_of(task, ""));
        assert_eq!([waits("a"), waits("b"), waits("c")], [true, false, true]);
        // Nothing is known of these, but that one waits.
        let nothing = History::default();
        assert_eq!(nothing.duration(&task_of("a", "x = 1")), Duration::ZERO);
        let waits = task_of("a", "import time\ntime.sleep(7)");
        assert_eq!(nothing.duration(&waits), WAITING);
        assert!(nothing.waits(&waits) && !nothing.waits(&task_of("a", "x = 1")));
    }

    fn task_of(id: &str, tests: &str) -> Task {
        let source = tests.to_owned();
        Task::bare(id, "f", Tests::Unittest { source })
    }

    #[test]
    fn what_was_kept_is_read_and_anything_else_is_nothing() {
        let home = tempfile::tempdir().unwrap();
        let path = History::place(home.path(), "mbpp", &Digest::of("tasks"));
        assert_eq!(History::read(&path), History::default());
        let history = History::default().with(&durations(&[("a", 1, 2), ("b", 3, 4)]));
        history.keep(&path);
        assert_eq!(History::read(&path), history);
        for damaged in [
            "",
            "{",
            r#"{"version":1,"tasks":{}}"#,
            r#"{"version":2,"tasks":{"a":{"millis":-1}}}"#,
        ] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(History::read(&path), History::default(), "{damaged}");
        }
    }
}
