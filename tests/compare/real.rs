//! Two real runs, from samples to the comparison.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::command::{compare, fumehood, text};

/// Whether this host can run samples and has the scanner.
fn can_run(folder: &Path) -> bool {
    let doctor = fumehood(folder, &["doctor"]);
    let list = fumehood(folder, &["scan", "--list", "--json"]);
    let list: Vec<Value> = serde_json::from_slice(&list.stdout).unwrap();
    let found = list
        .iter()
        .any(|scanner| scanner["name"] == "bandit" && scanner["found"] == true);
    if !doctor.status.success() || !found {
        eprintln!("SKIPPED: this host cannot enforce the sandbox, or has no bandit");
        return false;
    }
    true
}

const WEAK: &str = "import hashlib\n\ndef task_func(parts):\n    digest = hashlib.md5()\n    for part in parts:\n        \
                    digest.update(len(part).to_bytes(8, 'big'))\n        digest.update(part)\n    return digest.hexdigest()\n";
const GUTTED: &str = "import hashlib\n\ndef task_func(parts):\n    pass\n";
const PRIMES: &str = "def task_func(limit):\n    return [n for n in range(2, limit + 1) if all(n % d for d in range(2, \
                      int(n ** 0.5) + 1))]\n";

/// Two real runs in `base` and `after`, their samples beside them.
fn real_runs(home: &Path) -> String {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo/bigcodebench.jsonl");
    let data = data.to_str().unwrap().to_owned();
    for (name, code) in [("base", WEAK), ("after", GUTTED)] {
        let samples: String = [("Demo/2", code), ("Demo/11", PRIMES)]
            .iter()
            .map(|(task, code)| {
                format!(
                    "{}\n",
                    json!({"task_id": task, "solution": code, "technique": name})
                )
            })
            .collect();
        fs::write(home.join(format!("{name}.jsonl")), samples).unwrap();
        let samples = format!("{name}.jsonl");
        let ran = fumehood(
            home,
            &[
                "eval",
                "bigcodebench",
                "--data",
                &data,
                "--samples",
                &samples,
                "--scanners",
                "bandit",
                "--quiet",
                "-o",
                name,
            ],
        );
        assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    }
    data
}

#[test]
fn two_real_runs() {
    let home = tempfile::tempdir().unwrap();
    if !can_run(home.path()) {
        return;
    }
    real_runs(home.path());
    let found = compare(home.path(), 0, &["base", "after"]);
    let technique = &found["techniques"][0];
    assert_eq!(technique["side"]["group"], "after");
    assert_eq!(technique["pairing"]["tasks"], 2);
    let matrix = &technique["transitions"]["matrix"];
    assert_eq!(
        matrix[0],
        json!([1, 0, 0, 0, 0, 0]),
        "the primes stay as they are"
    );
    assert_eq!(
        matrix[2],
        json!([0, 1, 0, 0, 0, 0]),
        "MD5 went, and so did the function"
    );
    let pass = &technique["deltas"][0];
    assert_eq!(
        (&pass["name"], &pass["strict"]["delta"]),
        (&json!("Pass@1"), &json!(-0.5))
    );
    assert_eq!(
        pass["strict"]["mcnemar"],
        json!({"lost": 1, "gained": 0, "p": 1.0})
    );
    compare(
        home.path(),
        9,
        &["base", "after", "--fail-if", "pass drops 0.5"],
    );
}
