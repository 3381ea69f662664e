//! The command line as a user meets it: exit codes, messages, what bad input gets.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on should panic, and one that is skipped says so"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const SUCCESS: i32 = 0;
const INCOMPLETE: i32 = 1;
const USAGE: i32 = 2;
const INPUT: i32 = 3;
const ENVIRONMENT: i32 = 5;
const RUN_FOLDER: i32 = 7;

/// A folder of its own for every test: cache, inputs and runs.
struct Bench {
    home: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fumehood"));
        command
            .args(arguments)
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("NO_COLOR", "1")
            .current_dir(self.home.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs and checks exit code and what standard error says.
    #[track_caller]
    fn fails(&self, arguments: &[&str], exit: i32, says: &[&str]) -> String {
        let output = self.run(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}\n{error}");
        for words in says {
            assert!(
                error.contains(words),
                "{arguments:?} must say `{words}`:\n{error}"
            );
        }
        assert!(!error.contains('\u{1b}'), "{error:?}");
        error
    }

    /// `fumehood eval` on the demo's tasks without scanners, into the folder `run`.
    fn eval(&self, samples: &str, more: &[&str]) -> Output {
        let data = fixture("demo/bigcodebench.jsonl");
        let mut arguments = vec![
            "eval",
            "bigcodebench",
            "--data",
            &data,
            "--samples",
            samples,
        ];
        if !more.contains(&"--scanners") {
            arguments.extend(["--scanners", "none"]);
        }
        if !more.contains(&"-o") {
            arguments.extend(["-o", "run"]);
        }
        arguments.extend(more);
        self.run(&arguments)
    }
}

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name);
    path.to_str().unwrap().to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether programs can be run here; says so where not.
fn sandbox() -> bool {
    let doctor = Bench::new().run(&["doctor"]);
    let works = doctor.status.success();
    if !works {
        eprintln!(
            "SKIPPED: this host cannot enforce the sandbox: {}",
            text(&doctor.stderr)
        );
    }
    works
}

#[test]
fn help_documents_the_exit_codes() {
    let bench = Bench::new();
    let output = bench.run(&["--help"]);
    assert_eq!(output.status.code(), Some(SUCCESS));
    let help = text(&output.stdout);
    assert!(help.contains("Exit codes:"), "{help}");
    for code in 0..=7 {
        assert!(help.contains(&format!("\n  {code}  ")), "{help}");
    }
    assert!(!help.contains("__worker"), "{help}");
}

#[test]
fn wrong_command_lines_are_usage_errors() {
    let bench = Bench::new();
    let data = fixture("demo/bigcodebench.jsonl");
    let eval = |more: &[&str]| -> Vec<String> {
        let mut all = vec![
            "eval",
            "--data",
            &data,
            "--samples",
            "ground-truth",
            "-o",
            "run",
        ];
        all.extend(more);
        all.into_iter().map(str::to_owned).collect()
    };
    for (arguments, says) in [
        (vec![], "Usage"),
        (vec!["frobnicate".to_owned()], "frobnicate"),
        (eval(&[]), "<DATASET>"),
        (eval(&["sorcery"]), "the datasets are bigcodebench"),
        (
            eval(&["bigcodebench", "--scanners", "sniffer"]),
            "unknown scanner `sniffer`",
        ),
        (eval(&["bigcodebench", "--k", "0"]), "--k"),
        (eval(&["bigcodebench", "--limit", "0"]), "--limit"),
        (
            eval(&["bigcodebench", "--env", "x", "--python", "y"]),
            "cannot be used with",
        ),
        (eval(&["bigcodebench", "--grading", "kind"]), "strict"),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        bench.fails(&arguments, USAGE, &[says]);
    }
    assert!(
        !bench.path("run").exists(),
        "nothing is written before the line is right"
    );
}

#[test]
fn unusable_inputs_are_named_before_anything_runs() {
    let bench = Bench::new();
    fs::write(bench.path("empty.jsonl"), "").unwrap();
    let data = fixture("demo/bigcodebench.jsonl");
    let other = fixture("demo/seccodeplt.jsonl");
    let samples = fixture("demo/bigcodebench.samples.jsonl");
    for (dataset, data, samples, says) in [
        (
            "bigcodebench",
            "absent.jsonl",
            samples.as_str(),
            "absent.jsonl",
        ),
        (
            "bigcodebench",
            other.as_str(),
            samples.as_str(),
            "seccodeplt",
        ),
        (
            "bigcodebench",
            "empty.jsonl",
            samples.as_str(),
            "empty.jsonl",
        ),
        (
            "bigcodebench",
            data.as_str(),
            "absent.jsonl",
            "absent.jsonl",
        ),
        ("bigcodebench", data.as_str(), "empty.jsonl", "empty.jsonl"),
        (
            "bigcodebench",
            data.as_str(),
            data.as_str(),
            "holds no samples",
        ),
        ("bigcodebench", data.as_str(), "/dev/null", "regular file"),
        (
            "bigcodebench",
            data.as_str(),
            "ground-truth:evil",
            "no such programs",
        ),
        (
            "seccodeplt",
            other.as_str(),
            "ground-truth:evil",
            "vulnerable",
        ),
    ] {
        let arguments = [
            "eval",
            dataset,
            "--data",
            data,
            "--samples",
            samples,
            "-o",
            "run",
        ];
        bench.fails(&arguments, INPUT, &["error: ", says]);
    }
    let arguments = [
        "eval",
        "bigcodebench",
        "--data",
        &data,
        "--samples",
        &samples,
        "-o",
        "run",
        "--task",
        "Demo/77",
    ];
    bench.fails(&arguments, INPUT, &["no task `Demo/77`"]);
    assert!(!bench.path("run").exists());
}

#[test]
fn unusable_environments_are_named() {
    let bench = Bench::new();
    let data = fixture("demo/bigcodebench.jsonl");
    let eval = |option: &str, value: &str, exit: i32, says: &str| {
        let arguments = [
            "eval",
            "bigcodebench",
            "--data",
            &data,
            "--samples",
            "ground-truth",
            "-o",
            "run",
            option,
            value,
        ];
        bench.fails(&arguments, exit, &[says]);
    };
    eval(
        "--env",
        "bigcodebench",
        ENVIRONMENT,
        "fumehood env create bigcodebench",
    );
    eval("--env", "atlantis", USAGE, "atlantis");
    eval("--python", "/bin/false", ENVIRONMENT, "/bin/false");
    eval("--python", "absent/python", ENVIRONMENT, "absent/python");
}

#[test]
fn unusable_run_folders_are_named() {
    let bench = Bench::new();
    fs::create_dir(bench.path("thesis")).unwrap();
    fs::write(bench.path("thesis/chapter.tex"), "x").unwrap();
    fs::write(bench.path("file"), "x").unwrap();
    for folder in ["thesis", "file"] {
        let output = bench.eval("ground-truth", &["-o", folder]);
        assert_eq!(
            output.status.code(),
            Some(RUN_FOLDER),
            "{}",
            text(&output.stderr)
        );
    }
    bench.fails(
        &["report", "absent"],
        RUN_FOLDER,
        &["absent holds no run", "hint: "],
    );
    bench.fails(&["report", "thesis"], RUN_FOLDER, &["holds no run"]);
}

#[test]
fn a_missing_scanner_ends_the_run_before_it_begins() {
    if !sandbox() {
        return;
    }
    let bench = Bench::new();
    let output = bench.eval("ground-truth", &["--scanners", "bandit"]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(ENVIRONMENT), "{error}");
    assert!(error.contains("fumehood env create scanners"), "{error}");
    assert!(error.contains("--scanners none"), "{error}");
    assert!(!bench.path("run/manifest.json").exists());
}

#[test]
fn bad_lines_are_named_and_the_others_go_on() {
    if !sandbox() {
        return;
    }
    for (file, lines) in [
        ("broken-json", vec![2]),
        ("lone-surrogate", vec![2]),
        ("missing-field", vec![2, 3]),
        ("not-utf8", vec![2]),
        ("repeated-sample-id", vec![2]),
        ("unknown-task", vec![2]),
        ("wrong-type", vec![2, 3]),
    ] {
        let bench = Bench::new();
        let samples = fixture(&format!("samples/{file}.jsonl"));
        let output = bench.eval(&samples, &["--json"]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(INCOMPLETE), "{file}: {error}");
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        let rejected: Vec<u64> = summary["rejected"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["line"].as_u64().unwrap())
            .collect();
        assert_eq!(rejected, lines, "{file}");
        assert_eq!(
            summary["groups"][0]["samples"], 2,
            "{file}: the good ones were judged"
        );
        for line in lines {
            assert!(
                error.contains(&format!("{file}.jsonl:{line}: ")),
                "{file}: {error}"
            );
        }
    }
}

#[test]
fn a_report_is_the_run_again_and_a_closed_pipe_is_no_failure() {
    if !sandbox() {
        return;
    }
    let bench = Bench::new();
    let output = bench.eval("ground-truth", &["--task", "Demo/9", "--json"]);
    assert_eq!(
        output.status.code(),
        Some(SUCCESS),
        "{}",
        text(&output.stderr)
    );
    let summary = fs::read(bench.path("run/summary.json")).unwrap();
    assert_eq!(output.stdout, summary);
    let report = bench.run(&["report", "run", "--json"]);
    assert_eq!(
        (report.status.code(), report.stdout),
        (Some(SUCCESS), summary)
    );
    let markdown = bench.run(&["report", "run", "--markdown"]);
    assert!(
        text(&markdown.stdout).contains("| "),
        "{}",
        text(&markdown.stdout)
    );

    let again = bench.eval("ground-truth", &["--task", "Demo/9"]);
    assert_eq!(again.status.code(), Some(RUN_FOLDER));
    assert!(text(&again.stderr).contains("--resume"));
    let other = bench.eval("ground-truth", &["--task", "Demo/8", "--resume"]);
    assert_eq!(other.status.code(), Some(RUN_FOLDER));
    assert!(text(&other.stderr).contains("selection was tasks Demo/9, now tasks Demo/8"));

    let mut child = bench
        .command(&["report", "run"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(SUCCESS));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn an_environment_that_lacks_something_is_not_the_models_failure() {
    if !sandbox() {
        return;
    }
    let bench = Bench::new();
    let task = serde_json::json!({
        "task_id": "T/0", "complete_prompt": "def task_func():\n", "instruct_prompt": "",
        "canonical_solution": "    import no_such_library\n    return 1\n",
        "code_prompt": "def task_func():\n", "entry_point": "task_func",
        "test": "import unittest\nclass TestCases(unittest.TestCase):\n    def test_one(self):\n        \
                 self.assertEqual(task_func(), 1)\n",
        "doc_struct": "{}", "libs": "[]",
    });
    fs::write(bench.path("tasks.jsonl"), format!("{task}\n")).unwrap();
    let sample =
        serde_json::json!({"task_id": "T/0", "solution": "def task_func():\n    return 2\n"});
    fs::write(bench.path("samples.jsonl"), format!("{sample}\n")).unwrap();
    let output = bench.run(&[
        "eval",
        "bigcodebench",
        "--data",
        "tasks.jsonl",
        "--samples",
        "samples.jsonl",
        "-o",
        "run",
        "--scanners",
        "none",
        "--check-ground-truth",
        "--json",
    ]);
    assert_eq!(
        output.status.code(),
        Some(SUCCESS),
        "{}",
        text(&output.stderr)
    );
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let excluded = &summary["excluded_tasks"][0];
    assert_eq!(excluded["reason"], "ground-truth");
    let cause = excluded["cause"].as_str().unwrap();
    assert!(cause.contains("no_such_library"), "{cause}");
}

#[test]
fn a_full_disk_ends_the_run_and_leaves_it_resumable() {
    const LIMIT: usize = 4 << 20;
    if !sandbox() {
        return;
    }
    let bench = Bench::new();
    let task = ["--task", "Demo/9"];
    assert_eq!(
        bench.eval("ground-truth", &task).status.code(),
        Some(SUCCESS)
    );
    let summary = fs::read(bench.path("run/summary.json")).unwrap();
    // The limit on file sizes stands in for a full disk. Repeated records change nothing, so they fill
    // the journal up to it; without its verdicts, so that there is work left.
    let journal = bench.path("run/journal.jsonl");
    let lines = fs::read_to_string(&journal).unwrap();
    let state = lines.lines().next().unwrap();
    let mut full = format!("{state}\n").repeat(LIMIT / (state.len() + 1));
    full.truncate(full.rfind('\n').unwrap() + 1);
    fs::write(&journal, &full).unwrap();

    let line = format!(
        "trap '' XFSZ; ulimit -S -f {}; exec '{}' eval bigcodebench --data '{}' --samples ground-truth \
         --scanners none -o run --resume --task Demo/9",
        LIMIT / 512,
        env!("CARGO_BIN_EXE_fumehood"),
        fixture("demo/bigcodebench.jsonl"),
    );
    let output = Command::new("sh")
        .args(["-c", &line])
        .env("XDG_CACHE_HOME", bench.path("cache"))
        .current_dir(bench.home.path())
        .output()
        .unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(RUN_FOLDER), "{error}");
    assert!(
        error.contains("cannot append to") && error.contains("--resume"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&journal).unwrap(), full, "still whole");

    let resumed = bench.eval("ground-truth", &["--task", "Demo/9", "--resume"]);
    assert_eq!(
        resumed.status.code(),
        Some(SUCCESS),
        "{}",
        text(&resumed.stderr)
    );
    assert_eq!(fs::read(bench.path("run/summary.json")).unwrap(), summary);
}
