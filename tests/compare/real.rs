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
    let data = real_runs(home.path());
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
    let bare = fumehood(home.path(), &["compare", "base", "after"]);
    assert!(
        text(&bare.stdout).contains("is not told: journals hold no code"),
        "{}",
        text(&bare.stdout)
    );
    behind_the_cells(home.path(), &data);
}

/// With the samples: what is behind a cell, what changed, and why it stopped working.
fn behind_the_cells(home: &Path, data: &str) {
    let given = [
        "base",
        "after",
        "--list",
        "IF:SN",
        "--data",
        data,
        "--samples-base",
        "base.jsonl",
        "--samples",
        "after.jsonl",
    ];
    let found = compare(home, 0, &given);
    let technique = &found["techniques"][0];
    let listing = &technique["listing"];
    assert_eq!(
        (&listing["cell"], &listing["count"]),
        (&json!("IF:SN"), &json!(1))
    );
    let pair = &listing["pairs"][0];
    assert_eq!(
        (&pair["task"], &pair["before"], &pair["after"]),
        (&json!("Demo/2"), &json!("I&F"), &json!("S&!F"))
    );
    assert_eq!(pair["base"]["findings"], json!(["bandit B324, line 4"]));
    assert_eq!(pair["technique"]["findings"], json!([]));
    let lines: Vec<&str> = pair["diff"]["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap())
        .collect();
    assert!(
        lines.contains(&"-    digest = hashlib.md5()") && lines.contains(&"+    pass"),
        "{lines:?}"
    );
    let failures = &technique["failures"];
    assert_eq!(failures["samples"], 1);
    assert_eq!(
        failures["classes"][0],
        json!({"class": "removed-code", "samples": 1, "fn_suspect": 0})
    );
    let examined = &failures["examined"][0];
    assert_eq!(examined["autopsy"]["why"], "the function does nothing");
    assert_eq!(examined["autopsy"]["features"]["is_placeholder"], true);
    for format in [&[][..], &["--markdown"]] {
        let shown = fumehood(home, &[&["compare"], &given[..], format].concat());
        let shown = text(&shown.stdout);
        for part in [
            "removed code",
            "samples behind IF:SN",
            "bandit B324",
            "-    digest = hashlib.md5()",
            "+    pass",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
    let without = compare(home, 0, &["base", "after", "--list", "SF:IN"]);
    assert_eq!(without["techniques"][0]["listing"]["count"], 0);
    assert_eq!(without["techniques"][0]["failures"], Value::Null);

    // Files that are not what the runs were made of.
    let refused = |arguments: &[&str], code: i32| {
        super::command::refused(
            home,
            code,
            &[&["base", "after", "--data", data], arguments].concat(),
        )
    };
    let said = refused(
        &["--samples-base", "after.jsonl", "--samples", "base.jsonl"],
        3,
    );
    assert!(
        said.contains(
            "after.jsonl is not what base was evaluated with: the sample of line 1 has other code"
        ),
        "{said}"
    );
    fs::write(
        home.join("less.jsonl"),
        fs::read_to_string(home.join("base.jsonl"))
            .unwrap()
            .lines()
            .nth(1)
            .unwrap(),
    )
    .unwrap();
    let said = refused(
        &["--samples-base", "less.jsonl", "--samples", "after.jsonl"],
        3,
    );
    assert!(said.contains("it has no sample Demo/2#0"), "{said}");
    let said = refused(&["--samples", "after.jsonl"], 2);
    assert!(said.contains("--samples-base FILE"), "{said}");
    let said = refused(
        &[
            "--samples-base",
            "base.jsonl",
            "--samples",
            "after.jsonl",
            "--samples",
            "after.jsonl",
        ],
        2,
    );
    assert!(said.contains("2 sample files for 1 technique"), "{said}");
}
