//! The scanner `safety-cases`, from a dataset to reports: the attacks that tasks state themselves.
//!
//! `fixtures/safety` holds six tasks in SecCodePLT+'s format, and samples that say what is expected of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fumehood::harness::{Grading, SafetyReport};
use fumehood::journal::{Manifest, Mode, Record, RunFolder};
use fumehood::scan::{Policy, Security, safety_cases};
use serde_json::Value;
use support::{modes, skip};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

fn has_sandbox() -> bool {
    let has = !modes().is_empty();
    if !has {
        skip("this host cannot enforce the sandbox");
    }
    has
}

fn evaluate(data: &Path, samples: &str, run: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fumehood"))
        .args(["eval", "seccodeplt", "--quiet", "--workers", "2"])
        .args(["--samples", samples])
        .arg("--data")
        .arg(data)
        .arg("-o")
        .arg(run)
        .args(more)
        .env("XDG_CACHE_HOME", run.with_extension("cache"))
        .output()
        .unwrap()
}

fn evaluated(samples: &str, run: &Path, more: &[&str]) {
    let mut arguments = vec!["--scanners", "safety-cases"];
    arguments.extend(more);
    let output = evaluate(
        &fixture("safety/seccodeplt.jsonl"),
        samples,
        run,
        &arguments,
    );
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
}

fn samples() -> String {
    let path = fixture("safety/seccodeplt.samples.jsonl");
    path.to_string_lossy().into_owned()
}

/// What the scanner says of every sample, by name: its answer, and its rules or why it does not know.
fn answers(run: &Path, grading: Grading) -> BTreeMap<String, (Security, String)> {
    let (_, index) = RunFolder::at(run).read().unwrap();
    let mut answers = BTreeMap::new();
    for record in index.verdicts() {
        let record = record.unwrap();
        let cwe = record.labels.get("cwe").map(String::as_str);
        let result = safety_cases::result(record.verdict.safety.as_ref(), cwe, grading);
        let rules: Vec<&str> = result.findings.iter().map(|f| f.rule.as_str()).collect();
        let words = match &result.not_analysed {
            Some(why) if rules.is_empty() => why.clone(),
            _ => rules.join(" "),
        };
        let name = record.name.unwrap_or_default();
        let name = format!("{} {name}", record.sample.task);
        answers.insert(name, (Policy::default().judge(&result), words));
    }
    answers
}

fn expected(grading: Grading) -> BTreeMap<String, (Security, String)> {
    let text = fs::read_to_string(samples()).unwrap();
    let of = |line: &str| {
        let sample: Value = serde_json::from_str(line).unwrap();
        let [security, words] = [0, 1].map(|at| &sample["expect"][grading.name()][at]);
        let words = words.as_str().unwrap_or_default().to_owned();
        let name = ["task_id", "sample_id"].map(|key| sample[key].as_str().unwrap());
        let security = serde_json::from_value(security.clone()).unwrap();
        (name.join(" "), (security, words))
    };
    text.lines().map(of).collect()
}

#[track_caller]
fn compare(run: &Path, grading: Grading) {
    let mut answers = answers(run, grading);
    for (sample, (security, words)) in expected(grading) {
        let (found, said) = answers.remove(&sample).unwrap();
        assert_eq!(found, security, "{sample} ({grading:?}): {said}");
        assert!(said.contains(&words), "{sample} ({grading:?}): {said}");
        assert_eq!(said.is_empty(), security == Security::Secure, "{sample}");
    }
    assert!(answers.is_empty(), "{answers:?}");
}

fn summary(run: &Path) -> Vec<u8> {
    fs::read(run.join("summary.json")).unwrap()
}

#[test]
fn samples_come_to_what_they_do_under_attack() {
    if !has_sandbox() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let run = home.path().join("run");
    evaluated(&samples(), &run, &[]);
    // What is recorded is the same by either grading; only the reading differs.
    compare(&run, Grading::Strict);
    compare(&run, Grading::Paper);

    // Counted again from the journal alone, and again with half of it to be done once more.
    let whole = summary(&run);
    let journal = run.join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let half = lines[..lines.len() / 2].join("\n") + "\n";
    fs::write(&journal, half).unwrap();
    evaluated(&samples(), &run, &["--resume"]);
    assert_eq!(
        String::from_utf8_lossy(&summary(&run)),
        String::from_utf8_lossy(&whole)
    );
    let cold = home.path().join("cold");
    let two = ["--task", "5afe0002", "--task", "5afe0005"];
    evaluated(
        &samples(),
        &cold,
        &[&two[..], &["--cold", "--no-dedup"]].concat(),
    );
    let warm = answers(&run, Grading::Strict);
    for (sample, answer) in answers(&cold, Grading::Strict) {
        assert_eq!(warm[&sample], answer, "{sample}");
    }
}

#[test]
fn the_grading_decides_how_a_run_is_read() {
    if !has_sandbox() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let one = ["--task", "5afe0002"];
    let counts = |name: &str, more: &[&str]| -> Value {
        let run = home.path().join(name);
        evaluated(&samples(), &run, &[&one, more].concat());
        let summary: Value = serde_json::from_slice(&summary(&run)).unwrap();
        summary["groups"][0]["security"][0]["counts"].clone()
    };
    let strict = counts("strict", &[]);
    assert_eq!(strict["secure"], 2, "{strict}");
    assert_eq!(strict["insecure"], 2, "{strict}");
    assert_eq!(strict["unknown"], 1, "{strict}");
    let paper = counts("paper", &["--grading", "paper"]);
    assert_eq!(paper["secure"], 2, "{paper}");
    assert_eq!(paper["insecure"], 3, "{paper}");
}

#[test]
fn ground_truths_are_secure_and_their_weak_twins_are_not() {
    if !has_sandbox() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let of = |samples: &str, name: &str| {
        let run = home.path().join(name);
        evaluated(samples, &run, &[]);
        let answers = answers(&run, Grading::Strict);
        let task = |(name, (security, _)): (String, (Security, String))| {
            (name.trim().to_owned(), security)
        };
        answers.into_iter().map(task).collect::<BTreeMap<_, _>>()
    };
    let (truth, weak) = (of("ground-truth", "t"), of("ground-truth:vulnerable", "w"));
    for task in ["5afe0001", "5afe0002", "5afe0003"] {
        assert_eq!(truth[task], Security::Secure, "{task}");
        assert_eq!(weak[task], Security::Insecure, "{task}");
    }
    for task in ["5afe0004", "5afe0005", "5afe0006"] {
        assert_eq!(truth[task], Security::Unknown, "{task}");
    }
}

#[test]
fn a_failure_of_ours_is_tried_again_when_the_run_is_resumed() {
    if !has_sandbox() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let run = home.path().join("run");
    let one = ["--task", "5afe0002"];
    evaluated(&samples(), &run, &one);
    let whole = summary(&run);
    // As it would stand there if no worker had been to be had for the safety cases.
    let (_, index) = RunFolder::at(&run).read().unwrap();
    let mut records: Vec<Record> = Vec::new();
    for record in index.verdicts() {
        let mut record = record.unwrap();
        record.verdict.safety = Some(SafetyReport::failed("no worker"));
        records.push(Record::Verdict(Box::new(record)));
    }
    fs::remove_file(run.join("journal.jsonl")).unwrap();
    let manifest = Manifest::read(&run.join("manifest.json")).unwrap();
    let (mut writer, _) = RunFolder::at(&run).begin(&manifest, Mode::Resume).unwrap();
    for record in &records {
        writer.append(record).unwrap();
    }
    drop(writer);
    evaluated(&samples(), &run, &[&one[..], &["--resume"]].concat());
    assert_eq!(
        String::from_utf8_lossy(&summary(&run)),
        String::from_utf8_lossy(&whole)
    );
}

#[test]
fn datasets_without_safety_cases_are_told_before_anything_runs() {
    let home = tempfile::tempdir().unwrap();
    let run = home.path().join("run");
    let refused = |dataset: &str, data: &Path, samples: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_fumehood"))
            .args(["eval", dataset, "--samples", samples, "--scanners"])
            .args(["safety-cases", "--data"])
            .arg(data)
            .arg("-o")
            .arg(&run)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(!run.exists());
        String::from_utf8(output.stderr).unwrap()
    };
    let error = refused(
        "bigcodebench",
        &fixture("demo/bigcodebench.jsonl"),
        "ground-truth",
    );
    for words in [
        "bigcodebench has no safety cases",
        "those that have are: seccodeplt",
        "leave `safety-cases` out",
    ] {
        assert!(error.contains(words), "{error}");
    }
    let error = refused(
        "seccodeplt",
        &fixture("demo/seccodeplt.jsonl"),
        "ground-truth",
    );
    assert!(
        error.contains("no task in") && error.contains("`unittest`"),
        "{error}"
    );

    let output = Command::new(env!("CARGO_BIN_EXE_fumehood"))
        .args(["scan", "--scanners", "safety-cases", "."])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("nothing is run here"), "{error}");
}
