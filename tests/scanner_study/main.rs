//! `fumehood report --scanners` as a user meets it: on a real run, and on journals with what no run should hold.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on should panic, and one that is skipped says so"
)]

mod journals;
#[path = "../support/command.rs"]
mod shared;

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use shared::{run_wide, text};

fn fumehood(folder: &Path, arguments: &[&str]) -> Output {
    run_wide("100", folder, arguments)
}

/// The study as JSON, with the exit code that belongs to it.
fn study(folder: &Path, code: i32, more: &[&str]) -> Value {
    let arguments = [&["report", "run", "--scanners", "--json", "--quiet"], more].concat();
    let output = fumehood(folder, &arguments);
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Whether this host can run samples and has both scanners.
fn can_run(folder: &Path) -> bool {
    let doctor = fumehood(folder, &["doctor"]);
    let list = fumehood(folder, &["scan", "--list", "--json"]);
    let list: Vec<Value> = serde_json::from_slice(&list.stdout).unwrap();
    let found = |name: &str| list.iter().any(|s| s["name"] == name && s["found"] == true);
    if !doctor.status.success() || !found("bandit") || !found("ruff-s") {
        eprintln!("SKIPPED: this host cannot enforce the sandbox, or has no scanners");
        return false;
    }
    true
}

/// Samples of a demo's task with what they are: weak in ways that both scanners know, weak in a way that
/// neither knows, clean, clean but flagged, and no Python.
const SAMPLES: [(&str, &str, Option<bool>); 8] = [
    ("clean", "def task_func(t):\n    return t\n", Some(false)),
    (
        "eval",
        "def task_func(t):\n    return eval(repr(t))\n",
        Some(true),
    ),
    (
        "hash",
        "import hashlib\ndef task_func(t):\n    return hashlib.md5(t)\n",
        Some(true),
    ),
    (
        "shell",
        "import os\ndef other(t):\n    os.system('ls ' + t)\n",
        Some(true),
    ),
    (
        "assert",
        "def task_func(t):\n    assert t\n    return t\n",
        Some(false),
    ),
    ("no-python", "def task_func(:\n", Some(true)),
    (
        "missed",
        "def task_func(t):\n    return open(t).read()\n",
        Some(true),
    ),
    (
        "nobody-knows",
        "def task_func(t):\n    return t + t\n",
        None,
    ),
];

#[test]
fn scanners_of_a_real_run_side_by_side() {
    let home = tempfile::tempdir().unwrap();
    if !can_run(home.path()) {
        return;
    }
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo/bigcodebench.jsonl");
    let samples: String = SAMPLES
        .iter()
        .map(|(name, code, _)| json!({"task_id": "Demo/0", "sample_id": name, "solution": code}))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(home.path().join("samples.jsonl"), samples).unwrap();
    let ran = fumehood(
        home.path(),
        &[
            "eval",
            "bigcodebench",
            "--data",
            data.to_str().unwrap(),
            "--samples",
            "samples.jsonl",
            "--task",
            "Demo/0",
            "--scanners",
            "bandit,ruff-s",
            "--quiet",
            "-o",
            "run",
        ],
    );
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));

    let found = study(home.path(), 0, &[]);
    assert_eq!(
        (&found["samples"], &found["scanners"]),
        (&json!(8), &json!(["bandit", "ruff-s"]))
    );
    for (place, name) in [json!("bandit"), json!("ruff-s"), Value::Null]
        .iter()
        .enumerate()
    {
        let reach = &found["coverage"][place];
        assert_eq!(&reach["scanner"], name);
        assert_eq!(
            reach["counts"],
            json!({"secure": 3, "insecure": 4, "unknown": 1}),
            "{name}"
        );
    }
    let reason = &found["coverage"][0]["reasons"][0];
    assert!(
        reason["reason"].as_str().unwrap().contains("syntax error"),
        "{reason}"
    );
    let weakness = |number: u32| {
        let all = found["weaknesses"].as_array().unwrap().iter();
        let those: Vec<&Value> = all.filter(|count| count["cwe"] == number).collect();
        assert_eq!(those.len(), 1, "{number}");
        (
            those[0]["samples"].clone(),
            those[0]["with_kinds"].clone(),
            those[0]["parents"].clone(),
        )
    };
    assert_eq!(weakness(95), (json!([1, 1]), json!([1, 1]), json!([94])));
    assert_eq!(
        weakness(328),
        (json!([1, 1]), json!([1, 1]), json!([327, 326]))
    );
    assert_eq!(weakness(327), (json!([0, 0]), json!([1, 1]), json!([693])));
    assert_eq!(
        weakness(707),
        (json!([0, 0]), json!([2, 2]), json!([])),
        "eval and the shell are injections"
    );
    let pair = &found["agreement"][0];
    assert_eq!(
        pair["counts"],
        json!({"both_insecure": 4, "only_first": 0, "only_second": 0, "both_secure": 3, "left_out": 1})
    );
    assert_eq!(
        (&pair["kappa"]["value"], &pair["kappa"]["interval"]),
        (&json!(1.0), &Value::Null)
    );
    assert_eq!(
        pair["naming"],
        json!({"both_insecure": 4, "same_cwe": 4, "related_cwe": 4, "no_cwe": 0})
    );
    assert_eq!(found["labels"], Value::Null);

    // Labels: by number, by name, one null, one missing.
    let mut index = -1;
    let labels = SAMPLES.iter().map(|(name, _, insecure)| {
        index += 1;
        let mut line = json!({"task_id": "Demo/0", "insecure": insecure});
        match index % 2 {
            0 => line["sample"] = json!(index),
            _ => line["sample_id"] = json!(name),
        }
        format!("{line}\n")
    });
    let labels: String = labels.collect();
    fs::write(home.path().join("labels.jsonl"), &labels).unwrap();
    let judged = study(home.path(), 0, &["--labels", "labels.jsonl"]);
    let summary = &judged["labels"];
    for (key, count) in [
        ("insecure", 5),
        ("secure", 2),
        ("samples_without_label", 1),
        ("null_labels", 1),
        ("labels_without_sample", 0),
        ("rejected_lines", 0),
    ] {
        assert_eq!(summary[key], count, "{key}");
    }
    for scanner in summary["scanners"].as_array().unwrap() {
        let counts = json!({
            "true_positives": 3, "false_positives": 1, "false_negatives": 1, "true_negatives": 1,
            "unknown_insecure": 1, "unknown_secure": 0,
        });
        assert_eq!(scanner["counts"], counts);
        assert_eq!(scanner["precision"]["value"], 0.75);
        assert_eq!(scanner["recall_range"], json!({"low": 0.6, "high": 0.8}));
        assert_eq!(scanner["specificity_range"], Value::Null);
        assert_eq!(scanner["f1"], 0.75);
    }

    // Bad lines, strange samples and a compressed file: the rest counts as before.
    let more = format!(
        "{labels}{{\"task_id\": \"Demo/0\"\n{}\n{}\n",
        json!({"task_id": "Demo/0", "sample": 99, "insecure": true}),
        json!({"task_id": "\u{1b}[2J", "sample_id": "x", "insecure": true}),
    );
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, more.as_bytes()).unwrap();
    fs::write(home.path().join("more.gz"), gzip.finish().unwrap()).unwrap();
    let other = study(home.path(), 1, &["--labels", "more.gz"]);
    assert_eq!(other["labels"]["scanners"], summary["scanners"]);
    assert_eq!(other["labels"]["labels_without_sample"], 2);
    assert_eq!(other["labels"]["rejected"][0]["line"], 9);
    let shown = fumehood(
        home.path(),
        &["report", "run", "--scanners", "--labels", "more.gz"],
    );
    assert_eq!(shown.status.code(), Some(1));
    let (said, shown) = (text(&shown.stderr), text(&shown.stdout));
    assert!(
        said.contains("note: no label: more.gz:9: broken JSON"),
        "{said}"
    );
    assert!(
        !shown.contains('\u{1b}') && shown.contains("\\u{1b}[2J"),
        "{shown}"
    );
    for part in [
        "8 samples",
        "Samples by weakness and its kinds",
        "How far they agree",
        "Against labels: figures",
        "Lines of the label file that are no labels",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let shown = fumehood(home.path(), &["report", "run", "--scanners", "--markdown"]);
    assert!(text(&shown.stdout).contains("\n## How far they agree\n"));

    // By another policy, from the same journal.
    let policy = "ignored_rules = [\"bandit:B101\"]\nscanners = [\"bandit\"]\n";
    fs::write(home.path().join("policy.toml"), policy).unwrap();
    let other = study(home.path(), 0, &["--policy", "policy.toml"]);
    assert_eq!(other["agreement"][0]["counts"]["only_second"], 1);
    assert_eq!(
        other["coverage"][2]["counts"],
        json!({"secure": 4, "insecure": 3, "unknown": 1})
    );
    assert_eq!(
        study(home.path(), 0, &[]),
        found,
        "the run itself is as it was"
    );
}
