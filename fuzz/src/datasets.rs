//! The files of datasets, of every kind.

use std::collections::HashSet;

use fumehood::dataset::{DatasetKind, Task, open};

use super::bytes::file;

/// Reading never fails but by a file's own fault; no task comes twice; what is read can be written and
/// read again, and has the same identity then; a file is never of two kinds.
pub(crate) fn check(data: &[u8]) {
    let path = file("dataset.jsonl", data);
    let detected = DatasetKind::detect(&path).ok();
    for kind in DatasetKind::ALL {
        let tasks = open(kind, &path);
        assert_eq!(tasks.is_ok(), detected == Some(kind));
        let Ok(tasks) = tasks else { continue };
        let mut seen = HashSet::new();
        for task in tasks {
            let task = match task {
                Ok(task) => task,
                Err(error) => {
                    assert!(error.to_string().contains("dataset.jsonl"), "{error}");
                    continue;
                }
            };
            assert!(seen.insert(task.id.clone()), "{} came twice", task.id);
            let text = serde_json::to_string(&task).expect("a task can be written");
            let again: Task = serde_json::from_str(&text).expect("what was written can be read");
            assert_eq!(again, task);
            assert_eq!(again.digest(), task.digest());
        }
    }
}
