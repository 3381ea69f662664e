//! The run folder survives crashes, damage, full disks and other processes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "support/records.rs"]
mod records;
#[path = "support/verdicts.rs"]
mod verdicts;

use std::fs;
use std::io::Write;
use std::path::Path;

use fumehood::base::digest::Digest;
use fumehood::base::id::SampleId;
use fumehood::base::text::Excerpt;
use fumehood::base::version::JOURNAL;
use fumehood::journal::{JournalError, Mode, Record, RejectedRecord, RunFolder};
use fumehood::verdict::VerdictKind;
use records::{manifest, scan};

fn verdict(task: &str, index: u32, kind: VerdictKind) -> Record {
    let mut record = verdicts::verdict(task, index, Digest::of("code"), kind);
    record.line = u64::from(index) + 1;
    record.model = Some("a\nmodel".to_owned());
    record.verdict.detail = "\u{1b}[31m \" \\".to_owned();
    record.verdict.stdout = Excerpt::of(b"\xff\n", 8, 8);
    Record::Verdict(Box::new(record))
}

fn some_records() -> Vec<Record> {
    vec![
        verdict("T/0", 0, VerdictKind::Passed),
        scan("bandit"),
        verdict("T/0", 1, VerdictKind::Failed),
        Record::Rejected(RejectedRecord {
            line: 3,
            reason: "no JSON".to_owned(),
            origin: None,
        }),
        verdict("T/1", 0, VerdictKind::Timeout),
    ]
}

fn write_run(path: &Path, records: &[Record]) -> RunFolder {
    let folder = RunFolder::at(path);
    let (mut writer, _) = folder.begin(&manifest(), Mode::Resume).unwrap();
    for record in records {
        writer.append(record).unwrap();
    }
    writer.sync().unwrap();
    folder
}

/// What a run comes to, as text.
fn content(folder: &RunFolder) -> String {
    let (_, index) = folder.read().unwrap();
    let verdicts: Vec<_> = index
        .verdicts()
        .map(|v| v.unwrap())
        .map(|v| format!("{} {} {}", v.sample, v.verdict.kind, v.job.short(4)))
        .collect();
    let scans = index.scans(&Digest::of("code"));
    format!("{verdicts:?} {scans:?} {:?}", index.rejected())
}

#[test]
fn order_and_duplicates_do_not_matter() {
    let home = tempfile::tempdir().unwrap();
    let records = some_records();
    let plain = write_run(&home.path().join("a"), &records);
    let mut shuffled: Vec<_> = records.iter().rev().cloned().collect();
    shuffled.extend(records);
    let other = write_run(&home.path().join("b"), &shuffled);
    assert_eq!(content(&plain), content(&other));
    assert!(content(&plain).contains("T/0#1 failed"));
}

#[test]
fn a_result_outweighs_an_infrastructure_failure_in_any_order() {
    let home = tempfile::tempdir().unwrap();
    let infra = verdict("T/0", 0, VerdictKind::Infra);
    let real = verdict("T/0", 0, VerdictKind::Failed);
    for (name, records) in [
        ("a", [infra.clone(), real.clone()]),
        ("b", [real.clone(), infra.clone()]),
    ] {
        let folder = write_run(&home.path().join(name), &records);
        assert!(content(&folder).contains("T/0#0 failed"));
        let (_, index) = folder.read().unwrap();
        assert_eq!(index.samples(), 1);
    }
    let folder = write_run(&home.path().join("c"), &[infra]);
    let (_, index) = folder.read().unwrap();
    let id = SampleId {
        task: "T/0".into(),
        index: 0,
    };
    assert_eq!(index.judged(&id), None, "it is tried again on resume");
}

#[test]
fn of_two_results_for_one_sample_the_same_counts_in_any_order() {
    let home = tempfile::tempdir().unwrap();
    let results = [
        VerdictKind::Failed,
        VerdictKind::Passed,
        VerdictKind::Timeout,
    ]
    .map(|kind| verdict("T/0", 7, kind));
    let mut seen = std::collections::BTreeSet::new();
    for (name, order) in [("a", [0, 1, 2]), ("b", [1, 2, 0]), ("c", [2, 1, 0])] {
        let records = order.map(|place: usize| results[place].clone());
        let folder = write_run(&home.path().join(name), &records);
        seen.insert(content(&folder));
        let (_, index) = folder.read().unwrap();
        assert_eq!(index.samples(), 1);
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[test]
fn a_journal_cut_anywhere_keeps_its_whole_records_and_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let folder = write_run(&home.path().join("run"), &some_records());
    let whole = fs::read(folder.journal_path()).unwrap();
    let expected = content(&folder);
    for length in (0..whole.len()).step_by(7) {
        fs::write(folder.journal_path(), &whole[..length]).unwrap();
        let lines = whole[..length].iter().filter(|b| **b == b'\n').count();
        let (writer, index) = folder.begin(&manifest(), Mode::Resume).unwrap();
        drop(writer);
        let cut = fs::read(folder.journal_path()).unwrap();
        assert_eq!(cut.iter().filter(|b| **b == b'\n').count(), lines);
        assert_eq!(index.tail().whole as usize, cut.len());
        assert!(whole.starts_with(&cut));
    }
    fs::write(folder.journal_path(), &whole[..whole.len() / 2]).unwrap();
    let folder = write_run(folder.path(), &some_records());
    assert_eq!(content(&folder), expected);
}

#[test]
fn zeros_behind_the_last_record_are_a_torn_tail() {
    let home = tempfile::tempdir().unwrap();
    let folder = write_run(&home.path().join("run"), &some_records());
    let expected = content(&folder);
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(folder.journal_path())
        .unwrap();
    file.write_all(&[0; 5000]).unwrap();
    file.write_all(b"\n\0\0\n{\"v\":1,").unwrap();
    assert_eq!(content(&folder), expected);
    assert!(
        folder
            .begin(&manifest(), Mode::Resume)
            .unwrap()
            .1
            .tail()
            .torn
            > 5000
    );
    assert_eq!(folder.read().unwrap().1.tail().torn, 0);
}

#[test]
fn damage_before_a_whole_record_is_an_error_that_names_the_line() {
    let home = tempfile::tempdir().unwrap();
    let folder = write_run(&home.path().join("run"), &some_records());
    let text = fs::read_to_string(folder.journal_path()).unwrap();
    fs::write(folder.journal_path(), text.replacen("failed", "passed", 1)).unwrap();
    let error = folder.begin(&manifest(), Mode::Resume).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("journal.jsonl:3: damaged record"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("delete that line"));
    assert!(matches!(
        folder.read(),
        Err(JournalError::Damaged { line: 3, .. })
    ));

    // The remedy works.
    let kept: Vec<_> = text.lines().filter(|l| !l.contains("failed")).collect();
    fs::write(folder.journal_path(), kept.join("\n") + "\n").unwrap();
    assert_eq!(folder.read().unwrap().1.samples(), 2);
}

#[test]
fn an_unknown_version_is_never_cut_off() {
    let home = tempfile::tempdir().unwrap();
    let folder = write_run(&home.path().join("run"), &some_records());
    let before = fs::read_to_string(folder.journal_path()).unwrap();
    let newer = format!("{before}{{\"v\":{},\"more\":1}}\n", JOURNAL + 1);
    fs::write(folder.journal_path(), &newer).unwrap();
    let error = folder.begin(&manifest(), Mode::Resume).unwrap_err();
    assert!(
        error.to_string().contains("journal.jsonl:6: version 2"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(folder.journal_path()).unwrap(), newer);
}

#[test]
fn one_process_at_a_time() {
    let home = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(home.path().join("run"));
    let (writer, _) = folder.begin(&manifest(), Mode::New).unwrap();
    let error = folder.begin(&manifest(), Mode::Resume).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    assert!(folder.read().is_ok(), "reading needs no lock");
    drop(writer);
    assert!(folder.begin(&manifest(), Mode::Resume).is_ok());
}

#[test]
fn a_folder_of_other_things_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("run");
    let folder = RunFolder::at(&path);
    assert!(matches!(folder.read(), Err(JournalError::Missing { .. })));

    fs::create_dir(&path).unwrap();
    fs::write(path.join("thesis.tex"), "x").unwrap();
    let error = folder.begin(&manifest(), Mode::Resume).unwrap_err();
    assert!(matches!(error, JournalError::NotARun { .. }), "{error}");
    fs::remove_file(path.join("thesis.tex")).unwrap();

    drop(folder.begin(&manifest(), Mode::New).unwrap());
    let error = folder.begin(&manifest(), Mode::New).unwrap_err();
    assert!(matches!(error, JournalError::Exists { .. }), "{error}");
    assert!(error.hint().unwrap().contains("--resume"));
}

#[test]
fn another_identity_is_refused_and_said() {
    let home = tempfile::tempdir().unwrap();
    let folder = write_run(&home.path().join("run"), &some_records());
    let mut other = manifest();
    other.identity.grading = "paper".to_owned();
    other.identity.samples = Digest::of("others");
    let error = folder.begin(&other, Mode::Resume).unwrap_err().to_string();
    assert!(error.contains("grading was strict, now paper"), "{error}");
    assert!(error.contains("samples was"), "{error}");
    assert!(!error.contains("limits"), "{error}");

    let mut elsewhere = manifest();
    elsewhere.host.processors = 7;
    assert!(folder.begin(&elsewhere, Mode::Resume).is_ok());
}
