//! Real datasets and samples, where they are at hand.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fumehood::dataset::{DatasetKind, SampleOptions, Samples, Task, TaskSet, Tests};

fn real(file: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(file);
    if path.exists() {
        return Some(path);
    }
    // Written past the test runner's capture, so that it shows even when the test passes.
    let note = format!("skipped: {} is absent\n", path.display());
    std::io::stderr().write_all(note.as_bytes()).unwrap();
    None
}

#[test]
fn real_datasets_are_read_whole() {
    for (kind, file, usable, faulty) in [
        (
            DatasetKind::BigCodeBench,
            "bigcodebench/BigCodeBench-v0.1.4.jsonl.gz",
            1140,
            0,
        ),
        (
            DatasetKind::BigCodeBench,
            "bigcodebench/BigCodeBench-v0.1.2.jsonl.gz",
            1140,
            0,
        ),
        (
            DatasetKind::SecCodePlt,
            "seccodeplt/SecCodePLTplus-1201.jsonl.gz",
            1199,
            2,
        ),
        (
            DatasetKind::HumanEval,
            "humaneval/HumanEvalPlus.jsonl.gz",
            164,
            0,
        ),
        (DatasetKind::Mbpp, "mbpp/MbppPlus.jsonl.gz", 378, 0),
    ] {
        let Some(path) = real(file) else { continue };
        assert_eq!(DatasetKind::detect(&path).unwrap(), kind);
        let set = TaskSet::load(kind, &path).unwrap();
        assert_eq!((set.len(), set.errors().len()), (usable, faulty), "{file}");
        assert!(set.iter().all(|task| task.ground_truth.is_some()), "{file}");
        if kind == DatasetKind::SecCodePlt {
            let bad: Vec<_> = set
                .errors()
                .iter()
                .map(|e| (e.line, e.task.clone().unwrap()))
                .collect();
            assert_eq!(
                bad,
                [
                    (Some(751), "32dab65a".into()),
                    (Some(752), "26e66401".into())
                ]
            );
            assert!(
                set.iter()
                    .all(|task| task.alternatives.contains_key("vulnerable"))
            );
        }
        if kind == DatasetKind::Mbpp {
            let Tests::Pairs { plus, .. } = &set.get(&"Mbpp/793".into()).unwrap().tests else {
                panic!("no pairs")
            };
            assert_eq!(plus, "[]");
            let infinite = |task: &&Arc<Task>| matches!(&task.tests, Tests::Pairs { plus, .. } if plus.contains("-Infinity"));
            assert_eq!(set.iter().filter(infinite).count(), 1);
        }
    }
}

#[test]
fn real_samples_are_read_whole() {
    let dataset = real("bigcodebench/BigCodeBench-v0.1.2.jsonl.gz");
    let file = real("bigcodebench/qwen2.5-coder-7b-instruct.complete.verdicts.jsonl.gz");
    let (Some(dataset), Some(file)) = (dataset, file) else {
        return;
    };
    let tasks = Arc::new(TaskSet::load(DatasetKind::BigCodeBench, &dataset).unwrap());
    let read = |keep_fences| -> Vec<String> {
        let options = SampleOptions {
            keep_fences,
            ..SampleOptions::default()
        };
        Samples::open(&file, Arc::clone(&tasks), options)
            .unwrap()
            .map(|sample| sample.unwrap().code)
            .collect()
    };
    let all = read(false);
    assert_eq!(all.len(), 1140);
    // The official evaluator ran these texts as they are, so none must be cut.
    assert!(all == read(true));
}
