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
        .args(["demo", "--scanners", "behaviour", "--json", "-o"])
        .arg(&runs)
        .env("XDG_CACHE_HOME", home.path().join("cache"))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let summaries: Value = serde_json::from_slice(&output.stdout).unwrap();

    let sample = &summaries["bigcodebench"];
    let observed = sample["behaviour"]["unobserved"] == 0;
    let counts = |key: &str| {
        let groups = sample["groups"].as_array().unwrap().iter();
        let of = |group: &Value| group["security"][0]["counts"][key].as_u64().unwrap();
        groups.map(of).sum::<u64>()
    };
    if observed {
        let acts = serde_json::json!([{ "call": "unshare", "samples": 1, "attempts": 3 }]);
        assert_eq!(sample["behaviour"]["acts"], acts);
        assert_eq!((counts("insecure"), counts("unknown")), (1, 0));
    } else {
        eprintln!("SKIPPED: this host cannot tell of refused system calls");
        assert_eq!(counts("secure") + counts("insecure"), 0);
    }
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
            let (allowed, forbidden) = expected.remove(&sample).unwrap();
            // Told of nobody but of whoever did it.
            if let Some(acts) = verdict["behaviour"]["acts"].as_array() {
                let calls: Vec<&Value> = acts.iter().map(|act| &act["call"]).collect();
                if serde_json::json!(calls) != forbidden {
                    problems.push(format!("{sample}: {acts:?} instead of {forbidden}"));
                }
            }
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

/// The verdicts that each sample of a fixture may get, and the forbidden acts that must be reported.
fn expectations(dataset: &str) -> BTreeMap<String, (Value, Value)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/demo")
        .join(format!("{dataset}.samples.jsonl"));
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            let sample: Value = serde_json::from_str(line).unwrap();
            let name = format!("{} {}", sample["task_id"], sample["sample_id"]);
            let acts = sample.get("acts").cloned();
            let acts = acts.unwrap_or(Value::Array(vec![]));
            (name, (sample["expect"].clone(), acts))
        })
        .collect()
}
