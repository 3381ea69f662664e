//! The command as a user meets it: on journals that were written for it, and on two real runs.

#[path = "../support/records.rs"]
pub(crate) mod records;
#[path = "../support/command.rs"]
mod shared;
#[path = "../support/verdicts.rs"]
pub(crate) mod verdicts;

use std::fs;
use std::path::Path;
use std::process::Output;

use fumehood::base::digest::Digest;
use fumehood::harness::{CaseOutcome, CaseReport};
use fumehood::journal::{Manifest, Mode, Record, RunFolder};
use fumehood::scan::{Finding, Severity};
use fumehood::verdict::VerdictKind;
use serde_json::{Value, json};

use shared::run_wide;
pub(crate) use shared::text;

pub(crate) fn fumehood(folder: &Path, arguments: &[&str]) -> Output {
    run_wide("120", folder, arguments)
}

/// What `compare` prints as JSON, with the exit code that belongs to it.
pub(crate) fn compare(folder: &Path, code: i32, arguments: &[&str]) -> Value {
    let arguments = [&["compare", "--json", "--quiet"], arguments].concat();
    let output = fumehood(folder, &arguments);
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What it says on standard error where it refuses.
pub(crate) fn refused(folder: &Path, code: i32, arguments: &[&str]) -> String {
    let output = fumehood(folder, &[&["compare"], arguments].concat());
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
    text(&output.stderr)
}

/// A sample: task, index, whether it works, whether bandit finds something (`None`: it was not analysed).
pub(crate) type Row<'a> = (&'a str, u32, bool, Option<bool>);

pub(crate) fn rows(group: Option<&str>, rows: &[Row<'_>]) -> Vec<Record> {
    let mut records = Vec::new();
    for (task, index, works, weak) in rows {
        let code = format!("{group:?} {task} {index} {works} {weak:?}");
        let (kind, outcome) = match works {
            true => (VerdictKind::Passed, CaseOutcome::Passed),
            false => (VerdictKind::Failed, CaseOutcome::Failed),
        };
        let mut record = verdicts::verdict(task, *index, Digest::of(&code), kind);
        record.technique = group.map(str::to_owned);
        record.verdict.cases = vec![CaseReport {
            id: "t".into(),
            outcome,
            detail: String::new(),
        }];
        records.push(Record::Verdict(Box::new(record)));
        let Record::Scan(mut scan) = records::scan("bandit") else {
            unreachable!("it is a scan");
        };
        scan.code = Digest::of(&code);
        match weak {
            None => scan.result.not_analysed = Some("no".to_owned()),
            Some(false) => {}
            Some(true) => scan.result.findings.push(Finding {
                rule: "B1".to_owned(),
                native_cwe: None,
                cwe: Some(78),
                severity: Severity::Low,
                confidence: Severity::Low,
                line: 1,
                message: String::new(),
            }),
        }
        records.push(Record::Scan(scan));
    }
    records
}

pub(crate) fn write_run(
    home: &Path,
    name: &str,
    records: &[Record],
    change: impl FnOnce(&mut Manifest),
) {
    let mut manifest = records::manifest();
    change(&mut manifest);
    let folder = RunFolder::at(home.join(name));
    let (mut writer, _) = folder.begin(&manifest, Mode::New).unwrap();
    for record in records {
        writer.append(record).unwrap();
    }
    writer.sync().unwrap();
}

pub(crate) const BASE: [Row<'_>; 6] = [
    ("T/0", 0, true, Some(true)),
    ("T/1", 0, true, Some(true)),
    ("T/2", 0, true, Some(false)),
    ("T/3", 0, true, Some(false)),
    ("T/4", 0, false, Some(true)),
    ("T/only-base\u{1b}[2J", 0, true, Some(true)),
];
pub(crate) const AFTER: [Row<'_>; 6] = [
    ("T/0", 0, false, Some(false)),
    ("T/1", 0, true, Some(false)),
    ("T/2", 0, true, Some(true)),
    ("T/3", 0, true, None),
    ("T/4", 0, false, Some(true)),
    ("T/4", 1, false, Some(true)),
];

#[test]
fn two_runs_are_compared_task_by_task() {
    let home = tempfile::tempdir().unwrap();
    write_run(home.path(), "base", &rows(None, &BASE), |_| {});
    write_run(
        home.path(),
        "after",
        &rows(Some("SVEN\u{1b}[2J"), &AFTER),
        |manifest| {
            manifest.identity.samples = Digest::of("other samples");
            manifest.identity.selection = "the first 6".to_owned();
        },
    );
    let found = compare(home.path(), 0, &["base", "after"]);
    assert_eq!(found["version"], 1);
    let technique = &found["techniques"][0];
    assert_eq!(
        technique["pairing"],
        json!({
            "tasks": 5, "tasks_left_out": 1, "reasons": [{"reason": "only-base", "tasks": 1}],
            "left_out": [{"task": "T/only-base\\u{1b}[2J", "reason": "only-base"}],
            "pairs": 5, "pairs_not_judged": 0, "base_alone": 0, "technique_alone": 1,
        })
    );
    let delta = |name: &str| {
        let all = technique["deltas"].as_array().unwrap().iter();
        let mut those = all.filter(|delta| delta["name"] == name);
        those.next().unwrap_or_else(|| panic!("no {name}"))
    };
    let pass = &delta("Pass@1")["strict"];
    assert_eq!(
        (&pass["base"], &pass["technique"], &pass["tasks"]),
        (&json!(0.8), &json!(0.6), &json!(5))
    );
    // T/4 has two samples after: no test of single answers.
    assert_eq!(pass["mcnemar"], Value::Null);
    let secure = delta("Secure@1 (bandit)");
    assert_eq!(secure["strict"]["base"], json!(0.4));
    let unknown = &secure["unknown"];
    assert_eq!(
        (&unknown["base_samples"], &unknown["technique_samples"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(unknown["available"]["tasks"], 4);
    let transitions = &technique["transitions"];
    assert_eq!(
        (&transitions["pairs"], &transitions["unknown"]),
        (&json!(5), &json!(1))
    );
    let share = |cell: &str| {
        let mut all = transitions["shares"].as_array().unwrap().iter();
        all.find(|share| share["cell"] == cell).unwrap()
    };
    assert_eq!(
        (&share("IF:SN")["count"], &share("IF:SN")["of"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(
        (&share("SF:IF")["count"], &share("SF:IF")["of"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(transitions["lost_security"]["count"], 1);
    assert_eq!(
        found,
        compare(home.path(), 0, &["base", "after"]),
        "the same each time"
    );

    for format in [&["--markdown"][..], &[]] {
        let shown = fumehood(
            home.path(),
            &[&["compare", "base", "after"], format].concat(),
        );
        assert_eq!(shown.status.code(), Some(0));
        let (shown, said) = (text(&shown.stdout), text(&shown.stderr));
        assert!(!shown.contains('\u{1b}'), "{shown}");
        assert!(
            said.contains("note: base did not come to its end"),
            "{said}"
        );
        for part in [
            "Pass@1",
            "-0.2000",
            "50.00 % (1/2)",
            "not monotonic",
            "left out: 1",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
}

#[test]
fn groups_of_one_run_are_compared_in_order() {
    let home = tempfile::tempdir().unwrap();
    // The second group's samples come behind the first's: indices 1 and 2 beside 0 and 3.
    let mut records = rows(
        None,
        &[("T/0", 0, true, Some(true)), ("T/0", 3, true, Some(true))],
    );
    records.extend(rows(
        Some("a"),
        &[
            ("T/0", 1, true, Some(false)),
            ("T/0", 2, false, Some(false)),
        ],
    ));
    records.extend(rows(Some("b"), &[("T/0", 4, false, Some(true))]));
    write_run(home.path(), "run", &records, |_| {});
    let found = compare(home.path(), 0, &["run", "--base", "(no group)"]);
    let names: Vec<&Value> = found["techniques"]
        .as_array()
        .unwrap()
        .iter()
        .map(|technique| &technique["side"]["name"])
        .collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(found["techniques"][0]["pairing"]["pairs"], 2);
    assert_eq!(found["techniques"][1]["pairing"]["base_alone"], 1);
    assert_eq!(
        found["techniques"][0]["transitions"]["matrix"][2],
        json!([1, 1, 0, 0, 0, 0])
    );
    let only = compare(home.path(), 0, &["run", "--base", "b", "--technique", "a"]);
    assert_eq!(only["techniques"].as_array().unwrap().len(), 1);

    let said = refused(home.path(), 2, &["run", "--base", "c\u{1b}"]);
    assert!(
        said.contains("has no group `c\\u{1b}`") && said.contains("`(no group)`, `a`, `b`"),
        "{said}"
    );
    assert!(refused(home.path(), 2, &["run"]).contains("nothing to compare the run with"));
    assert!(refused(home.path(), 2, &["run", "run"]).contains("holds several groups"));
    assert!(refused(home.path(), 2, &["run", "run", "--base", "a"]).contains("leave --base out"));
    assert!(refused(home.path(), 7, &["run", "nowhere"]).contains("nowhere"));
}

#[test]
fn what_cannot_be_compared_is_refused_by_name() {
    let home = tempfile::tempdir().unwrap();
    write_run(home.path(), "base", &rows(None, &BASE), |_| {});
    write_run(home.path(), "other", &rows(None, &AFTER), |manifest| {
        let identity = &mut manifest.identity;
        identity.tasks = Digest::of("other tasks");
        identity.grading = "paper".to_owned();
        identity.limits.memory += 1;
        identity.policy.ignored_rules.insert("B1".to_owned());
        identity.scanners[0].version = "1.9.4".to_owned();
        let mut second = identity.scanners[0].clone();
        second.name = "ruff-s".to_owned();
        identity.scanners.push(second);
    });
    let said = refused(home.path(), 7, &["base", "other"]);
    for part in [
        "other: tasks is ",
        "other: grading is paper, the base's strict",
        "other: limits is ",
        "other: policy is ",
        "other: scanner bandit is 1.9.4",
        "other: scanner ruff-s is 1.9.4",
        "the base's not used",
        "--force",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!said.contains("samples is"), "{said}");
    let found = compare(home.path(), 0, &["base", "other", "--force"]);
    assert_eq!(found["differences"].as_array().unwrap().len(), 6);
    assert_eq!(found["techniques"][0]["scanners"], json!(["bandit"]));
    let shown = fumehood(home.path(), &["compare", "base", "other", "--force"]);
    let shown = text(&shown.stdout);
    assert!(
        shown.contains("NOT COMPARABLE") && shown.contains("paper"),
        "{shown}"
    );
    // Counted by one policy, that difference is gone.
    fs::write(home.path().join("policy.toml"), "").unwrap();
    let found = compare(
        home.path(),
        0,
        &["base", "other", "--force", "--policy", "policy.toml"],
    );
    assert_eq!(found["differences"].as_array().unwrap().len(), 5);
}

#[test]
fn a_regression_has_an_exit_code_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let many = |works: bool| -> Vec<Record> {
        let names: Vec<String> = (0..10).map(|at| format!("T/{at}")).collect();
        let all: Vec<Row<'_>> = names
            .iter()
            .map(|task| (task.as_str(), 0, works, Some(false)))
            .collect();
        rows(None, &all)
    };
    write_run(home.path(), "base", &many(true), |_| {});
    write_run(home.path(), "worse", &many(false), |_| {});
    write_run(home.path(), "same", &many(true), |_| {});
    for (technique, rule, code) in [
        ("worse", "pass drops 0.5 (p<0.01)", 9),
        ("same", "pass drops 0.5 (p<0.01)", 0),
        ("worse", "pass rises 0.1", 0),
        ("worse", "secure bandit drops 0", 0),
        // Nobody can say that it holds.
        ("same", "safe@3 drops 0.1", 9),
    ] {
        let found = compare(home.path(), code, &["base", technique, "--fail-if", rule]);
        let ruling = &found["techniques"][0]["rulings"][0];
        assert_eq!(ruling["verdict"] == "holds", code == 0, "{rule}: {ruling}");
    }
    // Holm: two techniques, so that 0.00195 becomes 0.0039.
    let found = compare(
        home.path(),
        9,
        &[
            "base",
            "worse",
            "same",
            "--fail-if",
            "pass drops 0.5 (p<0.01)",
        ],
    );
    let p = |place: usize| {
        found["techniques"][place]["deltas"][0]["p_holm"]
            .as_f64()
            .unwrap()
    };
    assert_eq!((p(0), p(1)), (2.0 * 2.0 / 1024.0, 1.0));
    compare(
        home.path(),
        0,
        &[
            "base",
            "worse",
            "same",
            "--fail-if",
            "pass drops 0.5 (p<0.003)",
        ],
    );
    let said = refused(
        home.path(),
        2,
        &["base", "worse", "--fail-if", "pass falls 1"],
    );
    assert!(said.contains("character 6"), "{said}");
    let said = refused(
        home.path(),
        2,
        &["base", "worse", "--fail-if", "secure codeql drops 0"],
    );
    assert!(
        said.contains("was not scanned by `codeql`") && said.contains("scanned by bandit"),
        "{said}"
    );
    let help = text(&fumehood(home.path(), &["--help"]).stdout);
    assert!(
        help.contains("9  a rule of `compare --fail-if` is broken"),
        "{help}"
    );
}
