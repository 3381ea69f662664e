//! Files of samples.

use std::sync::Arc;

use fumehood::dataset::{SampleOptions, Samples, Task, TaskSet};

use super::bytes::file;

/// Every line gives one sample or one rejection; samples of a task are numbered without gaps, whatever
/// is wrong with others; ranks and ids are as promised.
pub(crate) fn check(data: &[u8]) {
    let path = file("samples.jsonl", data);
    let tasks = Arc::new(tasks());
    let options = SampleOptions {
        keep_fences: data.len().is_multiple_of(2),
        max_line: 16 << 10,
    };
    let Ok(samples) = Samples::open(&path, tasks, options) else {
        return;
    };
    let mut next = [0_u32; 2];
    let mut last_line = 0;
    for sample in samples {
        let (id, line) = match &sample {
            Ok(sample) => (Some(&sample.id), sample.line),
            Err(rejected) => {
                assert!(rejected.to_string().contains("samples.jsonl"));
                (rejected.sample.as_ref(), rejected.line)
            }
        };
        assert!(
            line > last_line || last_line == 0,
            "line {line} after {last_line}"
        );
        last_line = line;
        if let Some(id) = id {
            let place = usize::from(id.task.as_str() == "T/1");
            assert_eq!(id.index, next[place], "{id}");
            next[place] += 1;
        }
        if let Ok(sample) = &sample {
            assert!(sample.code.len() <= 20 << 10);
            assert!(sample.rank != Some(0));
        }
    }
}

/// A task whose prompt completions continue, and one that stands alone.
fn tasks() -> TaskSet {
    let task = |id: &str, prompt: &str| -> Task {
        serde_json::from_value(serde_json::json!({
            "id": id, "entry_point": "f", "prompt": prompt, "preamble": "import os\n",
            "ground_truth": null, "alternatives": {}, "labels": {},
            "tests": {"kind": "check", "source": "def check(f): pass"},
        }))
        .expect("a task")
    };
    [Ok(task("T/0", "")), Ok(task("T/1", "def f(x):\n"))]
        .into_iter()
        .collect()
}
