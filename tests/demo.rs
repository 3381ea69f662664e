//! The demo's samples each come to what their author said they would.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on should panic, and one that is skipped says so"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[test]
fn every_sample_comes_to_what_it_should() {
    let doctor = Command::new(env!("CARGO_BIN_EXE_fumehood"))
        .arg("doctor")
        .output()
        .unwrap();
    if !doctor.status.success() {
        eprintln!("SKIPPED: this host cannot enforce the sandbox");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let runs = home.path().join("runs");
    let output = Command::new(env!("CARGO_BIN_EXE_fumehood"))
        .args(["demo", "--scanners", "none", "--json", "-o"])
        .arg(&runs)
        .env("XDG_CACHE_HOME", home.path().join("cache"))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let summaries: Value = serde_json::from_slice(&output.stdout).unwrap();

    let mut problems = Vec::new();
    for dataset in ["bigcodebench", "seccodeplt"] {
        assert_eq!(
            summaries[dataset]["excluded_tasks"],
            Value::Array(vec![]),
            "{dataset}"
        );
        let mut expected = expectations(dataset);
        let journal = fs::read_to_string(runs.join(dataset).join("journal.jsonl")).unwrap();
        for line in journal.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let record = &line["record"];
            if record["kind"] != "verdict" {
                continue;
            }
            let sample = format!(
                "{} {}",
                record["of"]["sample"]["task"], record["of"]["name"]
            );
            let verdict = &record["of"]["verdict"];
            let allowed = expected.remove(&sample).unwrap();
            if !allowed.as_array().unwrap().contains(&verdict["kind"]) {
                problems.push(format!(
                    "{sample}: {} instead of {allowed}: {}",
                    verdict["kind"], verdict["detail"]
                ));
            }
        }
        assert!(expected.is_empty(), "not judged: {expected:?}");
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// The verdicts that each sample of a fixture may get.
fn expectations(dataset: &str) -> BTreeMap<String, Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/demo")
        .join(format!("{dataset}.samples.jsonl"));
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            let sample: Value = serde_json::from_str(line).unwrap();
            let name = format!("{} {}", sample["task_id"], sample["sample_id"]);
            (name, sample["expect"].clone())
        })
        .collect()
}
