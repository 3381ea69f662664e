//! `fumehood bench` measures something, and says it under the keys that scripts rely on. What the
//! numbers are is the host's business: nothing here depends on time.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on should panic, and one that is skipped says so"
)]

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
