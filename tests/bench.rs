//! `fumehood bench` and `eval --profile-time` measure something, and say it under the keys that scripts
//! rely on. What the numbers are is the host's business: nothing here depends on time.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on should panic, and one that is skipped says so"
)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn fumehood(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_fumehood"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn every_key_is_there_and_every_pace_positive() {
    if !fumehood(&["doctor"]).status.success() {
        eprintln!("SKIPPED: this host cannot enforce the sandbox");
        return;
    }
    let short = ["bench", "--json", "--rounds", "2", "--seconds", "0.05"];
    let output = fumehood(&short);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys = |value: &Value| -> Vec<String> {
        let map = value.as_object().unwrap();
        map.keys().cloned().collect()
    };
    assert_eq!(
        keys(&all),
        ["exec", "host", "latency_ms", "memory", "python"]
    );
    assert_eq!(
        keys(&all["exec"]),
        ["floor_per_s", "ratio", "sandbox_per_s", "vs_bubblewrap"]
    );
    assert_eq!(
        keys(&all["python"]),
        [
            "cold_per_s",
            "floor_per_s",
            "ratio",
            "vs_cold",
            "warm_per_s"
        ]
    );
    assert_eq!(keys(&all["latency_ms"]), ["p50", "p99"]);
    assert_eq!(keys(&all["memory"]), ["slot_private_kib"]);
    let number = |value: &Value| value.as_f64().unwrap();
    let exec = ["floor_per_s", "sandbox_per_s", "ratio"];
    for key in exec {
        assert!(number(&all["exec"][key]) > 0.0, "{key}: {all}");
    }
    // Each round's ratio lies between the extremes, and so does their median.
    let spread = &all["host"]["spread"]["exec.ratio"];
    let ratio = number(&all["exec"]["ratio"]);
    assert!(number(&spread[0]) <= ratio && ratio <= number(&spread[1]));
    if all["host"]["python"].is_null() {
        eprintln!("SKIPPED: the part with Python, for want of one");
    } else {
        for key in keys(&all["python"]) {
            assert!(number(&all["python"][&key]) > 0.0, "{key}: {all}");
        }
    }
    assert!(number(&all["latency_ms"]["p99"]) >= number(&all["latency_ms"]["p50"]));
    assert!(number(&all["host"]["cores"]) >= 1.0);
}

#[test]
fn what_does_not_end_well_is_not_measured() {
    if !fumehood(&["doctor"]).status.success() {
        eprintln!("SKIPPED: this host cannot enforce the sandbox");
        return;
    }
    let output = fumehood(&["bench", "--seconds", "0.05", "--program", "/bin/false"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{error}");
    assert!(error.contains("ended with"), "{error}");
    assert!(output.stdout.is_empty());
    assert_eq!(
        fumehood(&["bench", "--seconds", "0"]).status.code(),
        Some(2)
    );
    let output = fumehood(&["bench", "--program", "/dev/null"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_evaluation_says_where_its_time_went() {
    if !fumehood(&["doctor"]).status.success() {
        eprintln!("SKIPPED: this host cannot enforce the sandbox");
        return;
    }
    let fixture = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo");
        path.join(name).to_string_lossy().into_owned()
    };
    let home = tempfile::tempdir().unwrap();
    let run = home.path().join("run").to_string_lossy().into_owned();
    let (data, samples) = (
        fixture("bigcodebench.jsonl"),
        fixture("bigcodebench.samples.jsonl"),
    );
    let output = fumehood(&[
        "eval",
        "bigcodebench",
        "--data",
        &data,
        "--samples",
        &samples,
        "--scanners",
        "none",
        "--task",
        "Demo/0",
        "--profile-time",
        "-o",
        &run,
    ]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert!(error.contains("where the time went"), "{error}");
    let text = std::fs::read(Path::new(&run).join("profile.json")).unwrap();
    let profile: Value = serde_json::from_slice(&text).unwrap();
    let number = |value: &Value| value.as_f64().unwrap();
    let graded = &profile["graded"];
    assert!(number(&graded["count"]) >= 1.0, "{profile}");
    // A job's wall time divides into its stages without a rest.
    let stages = ["start_up", "loading", "tests", "ending"];
    let sum: f64 = stages.iter().map(|stage| number(&graded[stage])).sum();
    assert!((sum - number(&graded["wall"])).abs() < 1e-3, "{profile}");
    for value in [&graded["start_up"], &graded["sandbox"], &graded["tests"]] {
        assert!(number(value) > 0.0, "{profile}");
    }
    for value in ["graded", "workers", "supervisor"] {
        assert!(number(&profile["cpu"][value]) > 0.0, "{profile}");
    }
    assert_eq!(profile["scanners"]["count"], 0);
}
