//! The project's own fixtures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fumehood::dataset::lines::{Lines, MAX_LINE};
use fumehood::dataset::{DatasetKind, Rejected, Sample, SampleOptions, Samples, TaskSet, Tests};
use fumehood::verdict::VerdictKind;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

fn demo_tasks(kind: DatasetKind) -> Arc<TaskSet> {
    let path = fixture(&format!("demo/{kind}.jsonl"));
    Arc::new(TaskSet::load(kind, &path).unwrap())
}

#[test]
fn the_demo_is_whole() {
    for (kind, count) in [
        (DatasetKind::BigCodeBench, 12),
        (DatasetKind::SecCodePlt, 8),
    ] {
        let tasks = demo_tasks(kind);
        assert_eq!((tasks.len(), tasks.errors().len()), (count, 0));
        assert!(tasks.iter().all(|task| task.ground_truth.is_some()));
        let path = fixture(&format!("demo/{kind}.samples.jsonl"));
        let samples: Vec<Sample> =
            Samples::open(&path, Arc::clone(&tasks), SampleOptions::default())
                .unwrap()
                .map(Result::unwrap)
                .collect();
        let expected: BTreeMap<u64, Vec<VerdictKind>> = Lines::open(&path, MAX_LINE)
            .unwrap()
            .map(|line| {
                let line = line.unwrap();
                let record: serde_json::Value = serde_json::from_str(&line.text).unwrap();
                let kinds = serde_json::from_value(record["expect"].clone()).unwrap();
                (line.number, kinds)
            })
            .collect();
        for sample in &samples {
            assert!(!expected[&sample.line].is_empty(), "{}", sample.id);
            let technique = sample.technique.as_deref().unwrap();
            assert!(["base", "hardened"].contains(&technique), "{}", sample.id);
            let no_code = expected[&sample.line] == [VerdictKind::NoCode];
            assert_eq!(sample.code.is_empty(), no_code, "{}", sample.id);
            assert!(!sample.code.contains("```"), "{}", sample.id);
        }
        for task in tasks.iter() {
            let of_task = samples.iter().filter(|sample| sample.id.task == task.id);
            let passing = of_task
                .clone()
                .filter(|sample| expected[&sample.line] == [VerdictKind::Passed]);
            assert!(of_task.count() >= 3 && passing.count() >= 1, "{}", task.id);
            match &task.tests {
                Tests::Unittest { source } => assert!(source.contains("class TestCases")),
                Tests::Cases { .. } => assert!(task.alternatives.contains_key("vulnerable")),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn bad_sample_files_lose_only_their_bad_lines() {
    let tasks = demo_tasks(DatasetKind::BigCodeBench);
    for (file, good, reasons) in [
        ("broken-json.jsonl", 2, &["broken JSON"][..]),
        ("unknown-task.jsonl", 2, &["no task `Demo/99`"]),
        (
            "missing-field.jsonl",
            2,
            &["neither `solution` nor", "`task_id` is missing"],
        ),
        (
            "wrong-type.jsonl",
            2,
            &["`solution` is a list", "`rank` is text"],
        ),
        ("not-utf8.jsonl", 2, &["not UTF-8"]),
        ("nul.jsonl", 2, &["NUL"]),
        ("lone-surrogate.jsonl", 2, &["surrogate"]),
        ("repeated-sample-id.jsonl", 2, &["used before"]),
        ("no-code.jsonl", 4, &[]),
    ] {
        let path = fixture("samples").join(file);
        let all: Vec<Result<Sample, Rejected>> =
            Samples::open(&path, Arc::clone(&tasks), SampleOptions::default())
                .unwrap()
                .collect();
        let rejected: Vec<_> = all.iter().filter_map(|line| line.as_ref().err()).collect();
        assert_eq!(all.len() - rejected.len(), good, "{file}");
        assert_eq!(rejected.len(), reasons.len(), "{file}: {rejected:?}");
        for (rejected, reason) in rejected.iter().zip(reasons) {
            assert!(rejected.reason.contains(reason), "{file}: {rejected}");
            assert!(!rejected.remedy.is_empty() && !rejected.ends_file);
        }
    }
    let path = fixture("samples/truncated.jsonl.gz");
    let all: Vec<_> = Samples::open(&path, tasks, SampleOptions::default())
        .unwrap()
        .collect();
    let last = all.last().unwrap().as_ref().unwrap_err();
    assert!(
        last.ends_file && last.reason.contains("ends early"),
        "{last}"
    );
}
