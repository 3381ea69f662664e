//! Which jobs run, when and how many at a time: none of it may change a number.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use fumehood::journal::line;
use fumehood::journal::{Record, VerdictRecord};
use fumehood::verdict::VerdictKind;
use serde_json::json;
use support::{Mode, modes, skip};

const PYTHON: &str = "/usr/bin/python3";

fn sandbox() -> bool {
    if !Path::new(PYTHON).exists() {
        skip("this host has no /usr/bin/python3");
        return false;
    }
    modes().contains(&Mode::Own)
}

/// A dataset, samples and runs of them.
struct Bench {
    home: tempfile::TempDir,
}

impl Bench {
    /// With so many tasks that want their argument back.
    fn new(tasks: usize) -> Self {
        let bench = Self {
            home: tempfile::tempdir().unwrap(),
        };
        let task = |number: usize| {
            json!({
                "task_id": format!("T/{number}"), "prompt": "", "entry_point": "same",
                "canonical_solution": "def same(x): return x",
                "test": "def check(candidate):\n    assert candidate(7) == 7\n",
            })
        };
        bench.write("tasks.jsonl", (0..tasks).map(task));
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn write(&self, name: &str, lines: impl Iterator<Item = serde_json::Value>) {
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        fs::write(self.path(name), text).unwrap();
    }

    fn samples<'a>(&self, samples: impl IntoIterator<Item = (usize, &'a str)>) {
        let line = |(number, (task, code)): (usize, (usize, &str))| {
            json!({
                "task_id": format!("T/{task}"), "solution": code,
                "model": if number % 2 == 0 { "even" } else { "odd" },
            })
        };
        self.write("samples.jsonl", samples.into_iter().enumerate().map(line));
    }

    fn fumehood(&self, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new(env!("CARGO_BIN_EXE_fumehood"))
            .args(arguments)
            .arg("--quiet")
            .env("XDG_CACHE_HOME", self.path("cache"))
            .current_dir(self.home.path())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}");
        output.stdout
    }

    /// Evaluates into a folder and gives the bytes of the summary.
    fn eval(&self, folder: &str, more: &[&str]) -> Vec<u8> {
        let all = [
            "eval",
            "humaneval",
            "--data",
            "tasks.jsonl",
            "--samples",
            "samples.jsonl",
            "--scanners",
            "none",
            "--python",
            PYTHON,
            "-o",
            folder,
        ];
        self.fumehood(&[all.as_slice(), more].concat());
        fs::read(self.path(folder).join("summary.json")).unwrap()
    }

    fn journal(&self, folder: &str) -> PathBuf {
        self.path(folder).join("journal.jsonl")
    }

    fn records(&self, folder: &str) -> Vec<Record> {
        let text = fs::read(self.journal(folder)).unwrap();
        let lines = text.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        lines.map(|text| line::decode(text).unwrap()).collect()
    }

    /// In the order of the journal.
    fn verdicts(&self, folder: &str) -> Vec<VerdictRecord> {
        let of_verdict = |record| match record {
            Record::Verdict(verdict) => Some(*verdict),
            _ => None,
        };
        self.records(folder)
            .into_iter()
            .filter_map(of_verdict)
            .collect()
    }

    fn rewrite(&self, folder: &str, records: &[Record]) {
        let lines: Vec<u8> = records
            .iter()
            .flat_map(|r| line::encode(r).unwrap())
            .collect();
        fs::write(self.journal(folder), lines).unwrap();
    }
}

const RIGHT: &str = "def same(x):\n    return x\n";
const WRONG: &str = "def same(x):\n    return x + 1\n";

/// Every copy is that of a sample which was executed, with the same task and code, to the last byte.
fn check_copies(verdicts: &[VerdictRecord]) {
    for copy in verdicts {
        let Some(of) = &copy.same_as else { continue };
        let original = verdicts.iter().find(|one| one.sample == *of).unwrap();
        assert_eq!(original.same_as, None);
        assert_eq!((original.job, original.code), (copy.job, copy.code));
        assert_eq!(original.sample.task, copy.sample.task);
        assert_eq!(original.verdict, copy.verdict);
    }
}

fn executed(verdicts: &[VerdictRecord]) -> usize {
    verdicts.iter().filter(|one| one.same_as.is_none()).count()
}

fn repeated(bench: &Bench) {
    let once = [
        (0, RIGHT),
        (0, WRONG),
        (1, RIGHT),
        (0, RIGHT),
        (1, WRONG),
        (1, RIGHT),
    ];
    bench.samples(once.into_iter().cycle().take(24));
}

#[test]
fn equal_samples_are_executed_once_and_count_as_often_as_they_occur() {
    if !sandbox() {
        return;
    }
    let bench = Bench::new(2);
    repeated(&bench);
    let with = bench.eval("with", &[]);
    let without = bench.eval("without", &["--no-dedup"]);
    assert_eq!(
        String::from_utf8_lossy(&with),
        String::from_utf8_lossy(&without)
    );
    let verdicts = bench.verdicts("with");
    check_copies(&verdicts);
    assert_eq!((verdicts.len(), executed(&verdicts)), (24, 4));
    let all = bench.verdicts("without");
    assert_eq!((all.len(), executed(&all)), (24, 24));
    let passed = |verdicts: &[VerdictRecord]| {
        let passed = |one: &&VerdictRecord| one.verdict.kind == VerdictKind::Passed;
        verdicts.iter().filter(passed).count()
    };
    assert_eq!((passed(&verdicts), passed(&all)), (16, 16));

    // In whatever order the records stand.
    let mut records = bench.records("with");
    records.reverse();
    bench.rewrite("with", &records);
    let report = |folder: &str| bench.fumehood(&["report", folder, "--json"]);
    assert_eq!(report("with"), report("without"));
}

#[test]
fn a_run_that_was_killed_shares_what_it_had_executed_and_never_a_failure_of_ours() {
    if !sandbox() {
        return;
    }
    let bench = Bench::new(2);
    repeated(&bench);
    let undisturbed = bench.eval("run", &[]);
    let records = bench.records("run");
    let is_original =
        |record: &&Record| matches!(record, Record::Verdict(verdict) if verdict.same_as.is_none());
    let originals: Vec<Record> = records.iter().filter(is_original).cloned().collect();
    assert_eq!(originals.len(), 4);

    // Killed when one job had run: its verdict stands, and no equal job runs again.
    let Record::Verdict(first) = &originals[0] else {
        unreachable!("only verdicts were chosen")
    };
    bench.rewrite("run", &originals[..1]);
    assert_eq!(bench.eval("run", &["--resume"]), undisturbed);
    let resumed = bench.verdicts("run");
    check_copies(&resumed);
    assert_eq!((resumed.len(), executed(&resumed)), (24, 4));
    let same = resumed.iter().filter(|one| one.job == first.job);
    assert!(same.clone().count() >= 4);
    same.for_each(|one| assert_eq!(one.verdict, first.verdict));

    // Killed when a copy alone was left: it is as good as the original.
    let of_first = |record: &&Record| matches!(record, Record::Verdict(verdict) if verdict.same_as.as_ref() == Some(&first.sample));
    let copy = records.iter().find(of_first).unwrap().clone();
    bench.rewrite("run", &[copy]);
    assert_eq!(bench.eval("run", &["--resume"]), undisturbed);
    let resumed = bench.verdicts("run");
    check_copies(&resumed);
    assert_eq!((resumed.len(), executed(&resumed)), (24, 4));

    // What failed for a reason of ours is tried again, for every sample.
    let failed: Vec<Record> = originals
        .iter()
        .cloned()
        .map(|record| match record {
            Record::Verdict(mut verdict) => {
                verdict.verdict.kind = VerdictKind::Infra;
                Record::Verdict(verdict)
            }
            other => other,
        })
        .collect();
    bench.rewrite("run", &failed);
    assert_eq!(bench.eval("run", &["--resume"]), undisturbed);
    let again = bench.verdicts("run").split_off(4);
    check_copies(&again);
    assert_eq!((again.len(), executed(&again)), (24, 4));
}

#[test]
fn jobs_that_sleep_hold_no_processor() {
    if !sandbox() {
        return;
    }
    let bench = Bench::new(8);
    let sleeper = "import time\ntime.sleep(3)\ndef same(x): return x\n";
    bench.samples((0..8).map(|task| (task, sleeper)));
    let began = Instant::now();
    bench.eval("run", &["--workers", "1"]);
    let elapsed = began.elapsed().as_secs_f64();
    let verdicts = bench.verdicts("run");
    assert!(
        verdicts
            .iter()
            .all(|one| one.verdict.kind == VerdictKind::Passed)
    );
    // One after the other they could not take longer together than the run does.
    let together: f64 = verdicts
        .iter()
        .map(|one| one.verdict.usage.wall.as_secs_f64())
        .sum();
    assert!(together >= 24.0, "{together}");
    assert!(together > 1.3 * elapsed, "{together} s in {elapsed} s");
}

/// Where a task's verdict stands among the others.
fn position(verdicts: &[VerdictRecord], task: &str) -> usize {
    let is_it = |one: &VerdictRecord| one.sample.task.as_str() == task;
    verdicts.iter().position(is_it).unwrap()
}

#[test]
fn what_took_long_before_starts_early_and_nothing_else_changes() {
    if !sandbox() {
        return;
    }
    const TASKS: usize = 24;
    let bench = Bench::new(TASKS);
    let all = |last: &'static str| {
        (0..TASKS).map(move |task| (task, if task == TASKS - 1 { last } else { RIGHT }))
    };
    let slow = "import time\ntime.sleep(2)\ndef same(x): return x\n";
    bench.samples(all(slow));
    bench.eval("slow", &["--workers", "1"]);
    let kept: Vec<_> = fs::read_dir(bench.path("cache/fumehood/history"))
        .unwrap()
        .collect();
    assert_eq!(kept.len(), 1, "the run keeps what it took");

    bench.samples(all(RIGHT));
    let last = format!("T/{}", TASKS - 1);
    let remembered = bench.eval("remembered", &["--workers", "1"]);
    let place = position(&bench.verdicts("remembered"), &last);
    assert!(place < TASKS / 2, "as remembered: {place}");

    fs::remove_dir_all(bench.path("cache/fumehood/history")).unwrap();
    let unknown = bench.eval("unknown", &["--workers", "1"]);
    let place = position(&bench.verdicts("unknown"), &last);
    assert!(place > TASKS / 2, "in the order of the file: {place}");

    fs::remove_dir_all(bench.path("cache/fumehood/history")).unwrap();
    let told = bench.eval("told", &["--workers", "1", "--history", "slow"]);
    let place = position(&bench.verdicts("told"), &last);
    assert!(place < TASKS / 2, "as told: {place}");
    assert!(remembered == unknown && unknown == told);
}
