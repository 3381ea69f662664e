//! `fumehood merge`: shards and files put together, as folders and as counters.

use std::fs;
use std::path::Path;

use fumehood::base::digest::Digest;
use fumehood::journal::{Manifest, Record};
use fumehood::pipeline::Counted;
use fumehood::worker::Behaviour;
use serde_json::Value;

use super::journals::{graded, journal, manifest, scanned, write_run};
use super::{Numbers, fumehood, text};

/// The summary that a command prints.
fn summary(folder: &Path, arguments: &[&str]) -> Value {
    let output = fumehood(folder, &[arguments, &["--json"]].concat());
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 1)), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(folder: &Path, code: i32, arguments: &[&str]) -> String {
    let output = fumehood(folder, arguments);
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
    text(&output.stderr)
}

/// Everything of a summary but the choice of tasks.
fn figures(summary: &Value) -> (&Value, &Value, &Value, &Value) {
    (
        &summary["groups"],
        &summary["weaknesses"],
        &summary["excluded_tasks"],
        &summary["samples"],
    )
}

fn of(samples: &str) -> Manifest {
    let mut manifest = manifest();
    manifest.identity.samples = Digest::of(samples);
    manifest
}

/// The records of a journal in three parts, with some in several.
fn shards(records: &[Record], seed: u64) -> [Vec<Record>; 3] {
    let mut numbers = Numbers(seed);
    let mut parts: [Vec<Record>; 3] = Default::default();
    for record in records {
        let is_end = matches!(record, Record::State(_));
        for (place, part) in parts.iter_mut().enumerate() {
            if is_end || numbers.below(3) == place {
                part.push(record.clone());
            }
        }
        parts[numbers.below(3)].push(record.clone());
    }
    parts
}

#[test]
fn shards_of_one_file_are_the_whole_run() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let records = journal(1);
    write_run(home, "whole", &manifest(), &records);
    for (name, part) in ["a", "b", "c"].iter().zip(shards(&records, 2)) {
        write_run(home, name, &manifest(), &part);
        summary(home, &["report", name, "--state", &format!("{name}.state")]);
    }
    let whole = summary(home, &["report", "whole"]);
    assert_eq!(summary(home, &["merge", "a", "b", "c", "-o", "abc"]), whole);
    assert_eq!(summary(home, &["report", "abc"]), whole);
    assert_eq!(
        summary(home, &["merge", "c.state", "a", "b.state", "a.state"]),
        whole
    );
    // In another order, and of what was merged before.
    summary(
        home,
        &["merge", "c", "a", "-o", "ca", "--state", "ca.state"],
    );
    assert_eq!(
        summary(home, &["merge", "ca", "b", "a", "-o", "cab"]),
        whole
    );
    assert_eq!(summary(home, &["merge", "b.state", "ca.state"]), whole);
    let shown = fumehood(home, &["watch", "abc", "--json"]);
    assert_eq!(shown.status.code(), Some(0), "it is a finished run");
}

#[test]
fn samples_of_several_files_are_different_samples() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    for (name, seed) in [("a", 11), ("b", 12), ("c", 13)] {
        write_run(home, name, &of(name), &journal(seed));
        summary(home, &["report", name, "--state", &format!("{name}.state")]);
    }
    let alone: u64 = ["a", "b", "c"]
        .iter()
        .map(|name| {
            summary(home, &["report", name])["samples"]
                .as_u64()
                .unwrap()
        })
        .sum();
    let merged = summary(home, &["merge", "a", "b", "c", "-o", "abc"]);
    assert_eq!(merged["samples"], alone);
    assert_eq!(summary(home, &["report", "abc"]), merged);
    for (step, order) in [["c", "a", "b"], ["b", "c", "a"]].iter().enumerate() {
        let (one, two, three) = (order[0], order[1], order[2]);
        let (first, second) = (format!("first{step}"), format!("second{step}"));
        summary(home, &["merge", one, two, "-o", &first]);
        // What was merged before is known again, by itself and in part.
        let twice = summary(home, &["merge", three, &first, two, "-o", &second]);
        assert_eq!(figures(&twice), figures(&merged));
        assert_eq!(twice["rejected"], merged["rejected"]);
        let state = format!("{one}.state");
        let counted = summary(home, &["merge", &state, &first, three, two]);
        assert_eq!(figures(&counted), figures(&merged));
    }
    let journal = fs::read_to_string(home.join("abc/journal.jsonl")).unwrap();
    assert!(
        journal.contains(&Digest::of("b").to_string()),
        "it says where samples come from"
    );
}

#[test]
fn runs_that_differ_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    write_run(home, "a", &manifest(), &journal(1));
    let mut other = manifest();
    other.identity.grading = "paper".to_owned();
    other.identity.scanners.pop();
    write_run(home, "b", &other, &journal(2));
    for arguments in [&["merge", "a", "b", "-o", "ab"][..], &["merge", "a", "b"]] {
        let said = refused(home, 7, arguments);
        assert!(
            said.contains("grading") && said.contains("ruff-s"),
            "{said}"
        );
        assert!(!home.join("ab").exists());
    }
    let said = refused(home, 7, &["merge", "a", "nowhere", "-o", "ab"]);
    assert!(said.contains("nowhere"), "{said}");
    let said = refused(home, 7, &["merge", "a", "a", "-o", "b"]);
    assert!(said.contains("holds a run already"), "{said}");
    summary(
        home,
        &[
            "report",
            "a",
            "--group-by",
            "task",
            "--state",
            "tasks.state",
        ],
    );
    let said = refused(home, 7, &["merge", "a", "tasks.state"]);
    assert!(said.contains("grouped by"), "{said}");
    let said = refused(home, 2, &["merge", "a", "tasks.state", "-o", "ab"]);
    assert!(said.contains("no run folder"), "{said}");
    assert!(
        fs::read_dir(home).unwrap().count() == 3,
        "nothing is left behind"
    );
}

#[test]
fn a_run_without_an_end_leaves_the_whole_without_one() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    write_run(home, "a", &manifest(), &journal(1));
    write_run(home, "b", &manifest(), &[graded("T/0", 0, "code", 1, 1)]);
    let output = fumehood(home, &["merge", "a", "b", "-o", "ab"]);
    let said = text(&output.stderr);
    assert!(said.contains("not every run came to its end"), "{said}");
    let output = fumehood(home, &["report", "ab"]);
    assert!(text(&output.stderr).contains("did not come to its end"));
}

#[test]
fn files_of_counters_are_checked() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    write_run(home, "a", &manifest(), &journal(1));
    summary(home, &["report", "a", "--state", "a.state"]);
    let bytes = fs::read(home.join("a.state")).unwrap();
    assert!(Counted::parse(&bytes).is_ok());
    let mut numbers = Numbers(5);
    for _ in 0..200 {
        let cut = numbers.below(bytes.len());
        assert!(Counted::parse(&bytes[..cut]).is_err(), "cut to {cut}");
        let mut changed = bytes.clone();
        changed[cut] ^= 1 << numbers.below(8);
        assert!(Counted::parse(&changed).is_err(), "byte {cut}");
    }
    fs::write(home.join("cut.state"), &bytes[..bytes.len() - 40]).unwrap();
    fs::write(home.join("text"), "hello\n").unwrap();
    let said = refused(home, 7, &["merge", "cut.state"]);
    assert!(said.contains("cut.state: is damaged"), "{said}");
    let said = refused(home, 7, &["merge", "text"]);
    assert!(
        said.contains("neither a run folder nor the state of one"),
        "{said}"
    );
    let other =
        String::from_utf8_lossy(&bytes).replacen("\"fumehood_state\":1", "\"fumehood_state\":9", 1);
    fs::write(home.join("other"), other.as_bytes()).unwrap();
    let said = refused(home, 7, &["merge", "other"]);
    assert!(
        said.contains("has format 9, this fumehood reads 1"),
        "{said}"
    );
    // The same events give the same bytes.
    let mut order = journal(1);
    Numbers(9).shuffle(&mut order);
    write_run(home, "b", &manifest(), &order);
    summary(home, &["report", "b", "--state", "b.state"]);
    assert!(fs::read(home.join("b.state")).unwrap() == bytes);
}

/// A run of one file with one sample, ranked first, in which no scanner finds anything.
fn ranked(home: &Path, name: &str, samples: &str, task: &str, held: usize) {
    let code = format!("{name} {task}");
    let mut record = graded(task, 0, &code, held, 1);
    if let Record::Verdict(record) = &mut record {
        record.rank = Some(1);
        // Both are of one model.
        record.model = None;
        record.verdict.behaviour = Some(Behaviour::default());
    }
    let scans = ["bandit", "ruff-s"].map(|scanner| scanned(scanner, &code, &[], None));
    let records: Vec<Record> = std::iter::once(record).chain(scans).collect();
    write_run(home, name, &of(samples), &records);
}

#[test]
fn ranks_of_several_files_are_no_ranking() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    // Whichever of the files comes first by its digest.
    for (place, (one, other)) in [("x", "y"), ("y", "x")].iter().enumerate() {
        let (a, b) = (format!("a{place}"), format!("b{place}"));
        ranked(home, &a, one, "T/1", 1);
        ranked(home, &b, other, "T/1", 0);
        let merged = format!("ab{place}");
        for arguments in [
            &["merge", &a, &b][..],
            &["merge", &a, &b, "-o", &merged],
            &["report", &merged],
        ] {
            let summary = summary(home, arguments);
            let figures = summary["groups"][0]["figures"].as_array().unwrap();
            let safe = figures
                .iter()
                .find(|figure| figure["name"] == "SAFE@1")
                .unwrap();
            let note = safe["note"].as_str().unwrap();
            assert!(note.starts_with("no ranks"), "{note}");
            assert_eq!(safe["value"], 0.5, "{arguments:?}");
        }
    }
}

#[test]
fn samples_of_merged_files_are_paired_with_none() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    for (name, task) in [("a", "T/1"), ("b", "T/1"), ("c", "T/2"), ("d", "T/1")] {
        ranked(home, name, name, task, 1);
    }
    summary(home, &["merge", "a", "b", "-o", "ab"]);
    summary(home, &["merge", "a", "c", "-o", "ac"]);
    let said = refused(home, 7, &["compare", "d", "ab"]);
    assert!(said.contains("order of samples"), "{said}");
    let said = refused(home, 7, &["compare", "ab", "d"]);
    assert!(said.contains("order of samples"), "{said}");
    let forced = fumehood(home, &["compare", "d", "ab", "--force"]);
    assert_eq!(forced.status.code(), Some(0), "{}", text(&forced.stderr));
    // Of the same files in the same order, or with one file a task, there is no doubt.
    for other in ["ab", "ac"] {
        let output = fumehood(home, &["compare", other, other]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
}

#[test]
fn counters_of_merged_runs_hold_each_code_once() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let (mut folders, mut files) = (vec!["merge".to_owned()], vec!["merge".to_owned()]);
    for place in 0..8 {
        let name = format!("r{place}");
        let state = format!("{name}.state");
        let records: Vec<Record> = (0..20)
            .flat_map(|index| {
                let code = format!("{name} {index}");
                let sample = graded("T/1", index, &code, 1, 1);
                [sample, scanned("bandit", &code, &[78], None)]
            })
            .collect();
        write_run(home, &name, &of(&name), &records);
        summary(home, &["report", &name, "--state", &state]);
        folders.push(name);
        files.push(state);
    }
    fn ask(list: &[String], more: &[&'static str]) -> Vec<String> {
        let more = more.iter().map(|word| (*word).to_owned());
        list.iter().cloned().chain(more).collect()
    }
    let run = |arguments: Vec<String>| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        summary(home, &arguments)
    };
    let one = run(ask(&folders, &["-o", "all", "--state", "one.state"]));
    let other = run(ask(&files, &["--state", "other.state"]));
    assert_eq!(figures(&one), figures(&other));
    let size = |name: &str| fs::metadata(home.join(name)).unwrap().len();
    // Their headers alone differ: one names its files.
    let (one, other) = (size("one.state"), size("other.state"));
    assert!(one <= other + 1000 && other > 8 * 20 * 32, "{one} {other}");
    let said = refused(home, 7, &["merge", "one.state", "--group-by", "task"]);
    assert!(
        said.contains("cannot be grouped by task any more"),
        "{said}"
    );
}

#[test]
fn long_names_that_begin_alike_stay_two_groups() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let records: Vec<Record> = (0..2)
        .map(|index| {
            let mut record = graded("T/1", index, "code", 1, 1);
            if let Record::Verdict(record) = &mut record {
                record.model = Some(format!("{}{index}", "/checkpoint".repeat(20)));
            }
            record
        })
        .collect();
    write_run(home, "a", &manifest(), &records);
    let grouped = summary(home, &["report", "a", "--group-by", "model"]);
    assert_eq!(grouped["groups"].as_array().unwrap().len(), 2);
    assert_eq!(grouped["grouped_by"], "model");
}
