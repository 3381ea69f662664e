//! Journals with what no run should hold, and what the command refuses.

#[path = "../support/records.rs"]
mod records;
#[path = "../support/verdicts.rs"]
mod verdicts;

use std::fs;
use std::path::Path;

use fumehood::base::digest::Digest;
use fumehood::journal::{Mode, Record, RejectedRecord, RunFolder, ScannerIdentity};
use fumehood::scan::{Finding, Severity};
use fumehood::verdict::VerdictKind;
use serde_json::{Value, json};

use super::{fumehood, study, text};

fn verdict(task: &str, index: u32, code: &str, kind: VerdictKind) -> Record {
    let mut record = verdicts::verdict(task, index, Digest::of(code), kind);
    record.name = Some(format!("n{index}"));
    Record::Verdict(Box::new(record))
}

fn scanned(scanner: &str, code: &str, cwes: &[Option<u32>], why: Option<&str>) -> Record {
    let finding = |cwe: &Option<u32>| Finding {
        rule: "r\u{1b}[2J".to_owned(),
        native_cwe: None,
        cwe: *cwe,
        severity: Severity::Low,
        confidence: Severity::Low,
        line: 1,
        message: String::new(),
    };
    let Record::Scan(mut record) = records::scan(scanner) else {
        unreachable!("it is a scan");
    };
    record.code = Digest::of(code);
    record.result.findings = cwes.iter().map(finding).collect();
    record.result.not_analysed = why.map(str::to_owned);
    Record::Scan(record)
}

/// A run folder with these scanners and records.
fn write_run(home: &Path, scanners: &[&str], records: &[Record]) {
    let mut manifest = records::manifest();
    manifest.identity.scanners = scanners
        .iter()
        .map(|name| ScannerIdentity {
            name: (*name).to_owned(),
            version: "1".to_owned(),
            digest: Digest::of("rules"),
        })
        .collect();
    let folder = RunFolder::at(home.join("run"));
    let (mut writer, _) = folder.begin(&manifest, Mode::Resume).unwrap();
    for record in records {
        writer.append(record).unwrap();
    }
    writer.sync().unwrap();
}

#[test]
fn what_journals_hold_is_counted_whoever_wrote_it() {
    let home = tempfile::tempdir().unwrap();
    let reason = |n: u32| {
        format!(
            "it stopped in line {n} of /b/s{n}.py\u{1b}[2J {}",
            "y".repeat(5000)
        )
    };
    let mut records = vec![
        scanned(
            "bandit",
            "weak",
            &[Some(916), None, Some(4_000_000_000)],
            None,
        ),
        scanned("ruff-s", "weak", &[Some(327)], Some(&reason(1))),
        scanned("bandit", "odd", &[None], None),
        scanned("ruff-s", "odd", &[Some(78)], None),
        scanned("bandit", "cut", &[], Some(&reason(2))),
        scanned("ruff-s", "cut", &[], Some(&reason(33))),
        scanned("codeql", "weak", &[Some(22)], None),
        verdict("T/0", 0, "weak", VerdictKind::Passed),
        verdict("T/0", 1, "odd", VerdictKind::Infra),
        verdict("T/0", 2, "cut", VerdictKind::Failed),
        verdict("T/1\u{1b}[2J", 0, "never scanned", VerdictKind::Failed),
    ];
    write_run(home.path(), &["bandit", "ruff-s"], &records);
    let found = study(home.path(), 1, &[]);
    assert_eq!(
        found["samples"], 4,
        "those that could not be judged are scanned all the same"
    );
    assert_eq!(found["agreement"][0]["counts"]["both_insecure"], 2);
    assert_eq!(found["agreement"][0]["counts"]["left_out"], 2);
    assert_eq!(
        found["agreement"][0]["naming"],
        json!({"both_insecure": 2, "same_cwe": 0, "related_cwe": 1, "no_cwe": 1})
    );
    // Agreement that chance explains: no kappa.
    assert_eq!(found["agreement"][0]["observed"], 1.0);
    assert_eq!(found["agreement"][0]["kappa"], Value::Null);
    assert_eq!(found["coverage"][1]["insecure_not_wholly_analysed"], 1);
    let reasons = found["coverage"][1]["reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert_eq!(
        reasons[0]["samples"], 2,
        "two lines, one reason: {reasons:?}"
    );
    assert!(
        reasons[0]["reason"]
            .as_str()
            .unwrap()
            .starts_with("it stopped in line … of …")
    );
    assert!(reasons[0]["reason"].as_str().unwrap().chars().count() <= 100);
    let unknown = found["weaknesses"]
        .as_array()
        .unwrap()
        .iter()
        .find(|w| w["cwe"] == 4_000_000_000_u32);
    assert_eq!(unknown.unwrap()["name"], Value::Null);
    for format in [&[][..], &["--markdown"]] {
        let shown = fumehood(
            home.path(),
            &[&["report", "run", "--scanners"], format].concat(),
        );
        let shown = text(&shown.stdout);
        assert!(
            !shown.contains('\u{1b}') && shown.contains("4000000000"),
            "{shown}"
        );
    }

    // The same in another order, twice: the same bytes.
    fs::rename(home.path().join("run"), home.path().join("first")).unwrap();
    records.reverse();
    write_run(
        home.path(),
        &["ruff-s", "bandit"],
        &[records.clone(), records].concat(),
    );
    let mut again = study(home.path(), 1, &[]);
    again["about"] = found["about"].clone();
    assert_eq!(again, found);
}

#[test]
fn what_cannot_be_compared_is_said() {
    let home = tempfile::tempdir().unwrap();
    let rejected = Record::Rejected(RejectedRecord {
        line: 3,
        reason: "no JSON".to_owned(),
        origin: None,
    });
    let records = [
        scanned("bandit", "a", &[Some(78)], None),
        verdict("T/0", 0, "a", VerdictKind::Passed),
        verdict("T/0", 1, "b", VerdictKind::Passed),
        rejected,
    ];
    write_run(home.path(), &["bandit"], &records);
    let write = |name: &str, content: &str| fs::write(home.path().join(name), content).unwrap();
    let label = |which: Value, insecure: bool| {
        let mut line = json!({"task_id": "T/0", "insecure": insecure});
        line.as_object_mut()
            .unwrap()
            .extend(which.as_object().unwrap().clone());
        format!("{line}\n")
    };
    write(
        "twice.jsonl",
        &(label(json!({"sample": 0}), true) + "\n" + &label(json!({"sample": 0}), false)),
    );
    write(
        "both.jsonl",
        &(label(json!({"sample_id": "n1"}), true) + &label(json!({"sample": 1}), false)),
    );
    write("none.jsonl", "\n");
    write("good.jsonl", &label(json!({"sample": 0}), true));
    for (arguments, code, says) in [
        (
            &["--scanners", "--labels", "twice.jsonl"][..],
            3,
            "twice.jsonl:3: task T/0: sample 0 has the opposite label in line 1",
        ),
        (
            &["--scanners", "--labels", "both.jsonl"],
            3,
            "both.jsonl:2: task T/0: sample 1 has the opposite label in line 1",
        ),
        (
            &["--scanners", "--labels", "none.jsonl"],
            3,
            "none.jsonl: the file holds no label; write lines such as",
        ),
        (
            &["--scanners", "--labels", "absent.jsonl"],
            3,
            "absent.jsonl: cannot open the file",
        ),
        (&["--scanners", "--labels", "."], 3, "is a folder"),
        (&["--labels", "good.jsonl"], 2, "--scanners"),
        (&["--scanners", "--k", "1"], 2, "cannot be used with"),
        (&["--scanners", "--policy", "good.jsonl"], 3, "good.jsonl: "),
    ] {
        let output = fumehood(home.path(), &[&["report", "run"], arguments].concat());
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(says), "{arguments:?}: {error}");
        assert_eq!(text(&output.stdout), "");
    }
    // Rejected lines of the samples make this report incomplete as they do the other one.
    let good = study(home.path(), 1, &["--labels", "good.jsonl"]);
    assert_eq!(good["labels"]["scanners"][0]["counts"]["true_positives"], 1);
    assert_eq!(good["agreement"], json!([]));
    let output = fumehood(home.path(), &["report", "run", "--scanners"]);
    assert!(text(&output.stderr).contains("did not come to its end"));

    let other = tempfile::tempdir().unwrap();
    write_run(other.path(), &[], &[]);
    let output = fumehood(other.path(), &["report", "run", "--scanners"]);
    assert_eq!(output.status.code(), Some(7));
    let error = text(&output.stderr);
    assert!(
        error.contains("run was made without scanners") && error.contains("hint: evaluate"),
        "{error}"
    );
}
