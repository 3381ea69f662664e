//! `fumehood watch`, and reports by group, as a user meets them.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use fumehood::journal::{Host, Mode, Record, RunFolder, StateRecord, line};
use serde_json::Value;

use super::journals::{graded, journal, manifest, scanned, write_run};
use super::{fumehood, text};

fn started() -> Record {
    Record::State(StateRecord::Started {
        at: "2026-01-01T00:00:00Z".to_owned(),
        host: Host::default(),
        attestation: Value::Null,
    })
}

fn watch(folder: &Path, code: i32, arguments: &[&str]) -> String {
    let output = fumehood(folder, &[&["watch", "run"], arguments].concat());
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_finished_run_is_shown_and_left() {
    let home = tempfile::tempdir().unwrap();
    write_run(home.path(), "run", &manifest(), &journal(1));
    let shown = watch(home.path(), 0, &[]);
    assert!(
        shown.contains("large") && shown.contains("small"),
        "{shown}"
    );
    assert!(shown.contains("SAFE@1"), "{shown}");
    let look: Value = serde_json::from_str(&watch(home.path(), 0, &["--json"])).unwrap();
    assert_eq!(look["state"], "finished");
    let report = fumehood(
        home.path(),
        &["report", "run", "--json", "--replicates", "0"],
    );
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    for (one, other) in look["groups"]
        .as_array()
        .unwrap()
        .iter()
        .zip(report["groups"].as_array().unwrap())
    {
        assert_eq!(one["name"], other["name"]);
        assert_eq!(one["figures"], other["figures"]);
        assert_eq!(one["samples"], other["samples"]);
    }
}

#[test]
fn a_run_that_nobody_writes_is_said() {
    let home = tempfile::tempdir().unwrap();
    let records = [started(), graded("T/0", 0, "code", 1, 1)];
    write_run(home.path(), "run", &manifest(), &records);
    let output = fumehood(home.path(), &["watch", "run", "--once", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let look: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(look["state"], "running");
    let output = fumehood(home.path(), &["watch", "run"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("no process works on this run"), "{said}");
}

#[test]
fn what_is_no_run_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let output = fumehood(home.path(), &["watch", "nowhere"]);
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("nowhere"));
}

#[test]
fn a_run_is_followed_while_it_is_written() {
    let home = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(home.path().join("run"));
    let (mut writer, _) = folder.begin(&manifest(), Mode::New).unwrap();
    writer.append(&started()).unwrap();
    // Should a look never come, the test fails instead of waiting for ever.
    let mut watcher = Command::new("timeout")
        .args(["120", env!("CARGO_BIN_EXE_fumehood")])
        .args(["watch", "run", "--json"])
        .current_dir(home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut looks = BufReader::new(watcher.stdout.take().unwrap()).lines();
    let mut look = |what: &str, is_it: &dyn Fn(&Value) -> bool| {
        // Looks may come before the change; what was asked for comes in the end.
        loop {
            let next = looks.next().unwrap_or_else(|| panic!("no look {what}"));
            let next: Value = serde_json::from_str(&next.unwrap()).unwrap();
            if is_it(&next) {
                return;
            }
        }
    };
    look("at the start", &|now| now["state"] == "running");
    writer.append(&graded("T/0", 0, "code", 1, 1)).unwrap();
    let is_secure = |now: &Value, value: &Value| {
        let figures = now["groups"][0]["figures"].as_array().unwrap();
        let mut all = figures.iter();
        all.any(|figure| figure["name"] == "Secure@1 (bandit)" && figure["value"] == *value)
    };
    look("at a sample", &|now| {
        now["groups"][0]["samples"] == 1 && is_secure(now, &Value::Null)
    });
    writer
        .append(&scanned("bandit", "code", &[], None))
        .unwrap();
    look("scanned", &|now| is_secure(now, &Value::from(1.0)));

    // A record that is written in two parts is read when it is whole.
    let record = line::encode(&graded("T/1", 0, "other", 0, 1)).unwrap();
    let journal = folder.journal_path();
    let mut raw = OpenOptions::new().append(true).open(&journal).unwrap();
    raw.write_all(&record[..20]).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1200));
    raw.write_all(&record[20..]).unwrap();
    look("whole", &|now| now["groups"][0]["samples"] == 2);
    raw.write_all(
        &line::encode(&Record::State(StateRecord::Finished {
            at: "2026-01-01T00:00:01Z".to_owned(),
        }))
        .unwrap(),
    )
    .unwrap();
    drop(writer);
    look("at the end", &|now| now["state"] == "finished");
    assert_eq!(watcher.wait().unwrap().code(), Some(0));
}

fn by(folder: &Path, names: &str) -> Vec<(String, u64)> {
    let output = fumehood(folder, &["report", "run", "--json", "--group-by", names]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let groups = report["groups"].as_array().unwrap().iter();
    groups
        .map(|group| {
            let name = group["name"].as_str().unwrap().to_owned();
            (name, group["samples"].as_u64().unwrap())
        })
        .collect()
}

#[test]
fn samples_are_grouped_by_what_is_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let mut records = Vec::new();
    for index in 0..4 {
        // By the lengths of their names: `os,re`, and none.
        records.push(graded("T/xx1", index, "code", 1, 1));
        records.push(graded("T/1", index, "code", 0, 1));
    }
    write_run(home.path(), "run", &manifest(), &records);
    let named = |list: &[(&str, u64)]| -> Vec<(String, u64)> {
        list.iter()
            .map(|(name, n)| ((*name).to_owned(), *n))
            .collect()
    };
    assert_eq!(
        by(home.path(), "model"),
        named(&[("large", 4), ("small", 4)])
    );
    assert_eq!(
        by(home.path(), "library"),
        named(&[("(no library)", 4), ("os", 4), ("re", 4)])
    );
    assert_eq!(
        by(home.path(), "temperature"),
        named(&[("0.2", 4), ("0.8", 4)])
    );
    assert_eq!(
        by(home.path(), "model,temperature"),
        named(&[
            ("large + 0.2", 2),
            ("large + 0.8", 2),
            ("small + 0.2", 2),
            ("small + 0.8", 2)
        ])
    );
    assert_eq!(by(home.path(), "dataset"), named(&[("bigcodebench", 8)]));
    assert_eq!(by(home.path(), "nonsense"), named(&[("(no nonsense)", 8)]));
    assert_eq!(by(home.path(), "task").len(), 2);
    // A sample in two groups is one sample.
    let output = fumehood(home.path(), &["report", "run", "--group-by", "library"]);
    let shown = text(&output.stdout);
    assert!(
        shown.starts_with("bigcodebench: 2 tasks, 8 samples, by library\n"),
        "{shown}"
    );
    let output = fumehood(home.path(), &["report", "run", "--group-by", "a,,b"]);
    assert_eq!(output.status.code(), Some(2));
    let output = fumehood(home.path(), &["report", "run", "--group-by", "a,b,c,d,e"]);
    assert_eq!(output.status.code(), Some(2));
}
