//! Tools that are not ours: commands that write SARIF, reports of tools that ran elsewhere, CodeQL.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use fumehood::scan::Security;
use serde_json::Value;

use super::command::{fumehood, text};
use super::{pool, scanners};

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scanning");

/// Files to scan: clean, weak, no Python, and ones on which the tests' tool fails.
fn sources(home: &Path) {
    for (name, code) in [
        ("clean.py", "def f(x):\n    return x + 1\n"),
        ("weak.py", "import os\n\ndef f(x):\n    os.system(x)\n"),
        ("open.py", "text = \"\"\"\nend\n"),
        ("crash.py", "# CRASH\n"),
        ("cut.py", "# CUT\n"),
        ("other.py", "y = 1\n"),
    ] {
        fs::create_dir_all(home.join("src")).unwrap();
        fs::write(home.join("src").join(name), code).unwrap();
    }
}

/// What is said of each file in `src`.
fn by_file(answers: &[(String, Security, Value)]) -> Vec<(&str, Security)> {
    let answers = answers.iter();
    answers
        .map(|(path, security, _)| (&path[4..], *security))
        .collect()
}

/// The last lines' answers by file.
fn answers(output: &Output) -> Vec<(String, Security, Value)> {
    let lines = text(&output.stdout);
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|line| {
            let security = serde_json::from_value(line["security"].clone()).unwrap();
            let path = line["path"].as_str().unwrap().to_owned();
            (path, security, line["results"][0].clone())
        })
        .collect()
}

#[tokio::test]
async fn a_command_of_the_users_is_run_in_the_sandbox_and_not_believed() {
    let Some(pool) = pool().await else { return };
    pool.shutdown().await;
    if scanners().is_none() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    sources(home.path());
    let scan = |command: &str, rest: &[&str]| {
        let spec = format!("sarif-cmd:small={command}");
        let own = ["scan", "--scanners", "none", "--json", "--scanner", &spec];
        fumehood(home.path(), &[&own, rest].concat())
    };
    let tool = format!("/usr/bin/python3 {TESTS}/tool.py");
    // The tool's file is not on PATH's folders: the interpreter is the program, and the sandbox shows no tests.
    let hidden = scan(&format!("{tool} {{tree}}"), &["src"]);
    assert_eq!(hidden.status.code(), Some(5), "{}", text(&hidden.stderr));

    let bin = home.path().join("tool/bin");
    let small = bin.join("small").display().to_string();
    fs::create_dir_all(&bin).unwrap();
    let script = format!(
        "#!/usr/bin/python3\n{}",
        fs::read_to_string(format!("{TESTS}/tool.py")).unwrap()
    );
    super::write_program(&bin.join("small"), &script);
    let output = scan(&format!("{small} {{tree}}"), &["src"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("move it elsewhere"),
        "{}",
        text(&output.stderr)
    );

    let elsewhere = super::folder_that_can_be_shown();
    fs::copy(&small, elsewhere.path().join("small")).unwrap();
    let small = elsewhere.path().join("small").display().to_string();
    use Security::{Insecure, Secure, Unknown};
    for command in [
        format!("{small} {{tree}}"),
        format!("{small} --to {{output}} {{tree}}"),
    ] {
        let output = scan(&command, &["src"]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        let answers = answers(&output);
        let by_file = by_file(&answers);
        let expected = [
            ("clean.py", Secure),
            ("crash.py", Unknown),
            ("cut.py", Unknown),
            // The tool reads on where Python does not.
            ("open.py", Unknown),
            ("other.py", Secure),
            ("weak.py", Insecure),
        ];
        assert_eq!(by_file, expected, "{}", text(&output.stdout));
        let result = &answers[5].2;
        assert_eq!(result["scanner"], "sarif-cmd:small");
        assert!(
            result["version"]
                .as_str()
                .unwrap()
                .starts_with("small 1.0 (Python ")
        );
        assert_eq!(result["findings"][0]["cwe"], 78);
        assert_eq!(result["findings"][0]["line"], 4);
        // Between tool and sandbox there may be a shell, which gives the signal as a code.
        let why = answers[1].2["not_analysed"].as_str().unwrap();
        assert!(
            why.contains("signal 11") || why.contains("exit code 139"),
            "{why}"
        );
    }
    let lying = scan(&format!("{small} --lie {{tree}}"), &["src"]);
    assert_eq!(lying.status.code(), Some(5));
    assert!(text(&lying.stderr).contains("did not flag code that is known to be weak"));
    let wrong = scan(&small, &["src"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong.stderr).contains("{tree}"),
        "{}",
        text(&wrong.stderr)
    );
}

/// ruff writes SARIF itself: the same findings by that way as by ours.
#[tokio::test]
async fn a_real_tool_by_its_sarif_finds_what_its_adapter_does() {
    let Some(pool) = pool().await else { return };
    pool.shutdown().await;
    let Some(python) = scanners() else { return };
    let home = tempfile::tempdir().unwrap();
    sources(home.path());
    let ruff = python.executable.with_file_name("ruff");
    let command = format!(
        "sarif-cmd:ruff={} check --isolated --no-cache --preview --select S --output-format sarif {{tree}}",
        ruff.display()
    );
    let run = |scanner: &[&str]| {
        let own = ["scan", "--json", "src/clean.py", "src/weak.py"];
        fumehood(home.path(), &[&own, scanner].concat())
    };
    let by_sarif = run(&["--scanners", "none", "--scanner", &command]);
    let by_json = run(&["--scanners", "ruff-s"]);
    assert_eq!(
        by_sarif.status.code(),
        Some(0),
        "{}",
        text(&by_sarif.stderr)
    );
    let lines = |output: &Output| -> Vec<(String, Security, Vec<Value>)> {
        let found = |result: &Value| {
            let list = result["findings"].as_array().unwrap();
            list.iter()
                // Its SARIF names rules by their names, its JSON by their numbers.
                .map(|one| one["line"].clone())
                .collect()
        };
        let answers = answers(output).into_iter();
        answers
            .map(|(path, security, result)| (path, security, found(&result)))
            .collect()
    };
    assert_eq!(lines(&by_sarif), lines(&by_json));
    assert_eq!(lines(&by_sarif)[1].1, Security::Insecure);
}

/// The whole way of a report: programs are staged, a tool scans them elsewhere, a run takes its report.
#[tokio::test]
async fn a_run_takes_the_report_of_a_tool_that_ran_elsewhere() {
    let Some(pool) = pool().await else { return };
    pool.shutdown().await;
    let home = tempfile::tempdir().unwrap();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo");
    let data = demo.join("bigcodebench.jsonl").display().to_string();
    let all = fs::read_to_string(demo.join("bigcodebench.samples.jsonl")).unwrap();
    let calls = |line: &&str| line.contains(" eval(");
    let chosen: Vec<&str> = all
        .lines()
        .take(4)
        .chain(all.lines().filter(calls))
        .collect();
    fs::write(home.path().join("samples.jsonl"), chosen.join("\n")).unwrap();
    let inputs = [
        "bigcodebench",
        "--data",
        &data,
        "--samples",
        "samples.jsonl",
        "--quiet",
    ];
    let staged = fumehood(
        home.path(),
        &[&["stage"], &inputs[..], &["-o", "tree", "--json"]].concat(),
    );
    assert_eq!(staged.status.code(), Some(0), "{}", text(&staged.stderr));
    let told: Value = serde_json::from_slice(&staged.stdout).unwrap();
    assert_eq!(told["samples"], chosen.len());
    let index = fs::read_to_string(home.path().join("tree/samples.jsonl")).unwrap();
    for line in index.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(
            home.path()
                .join("tree")
                .join(line["file"].as_str().unwrap())
                .is_file()
        );
    }
    let again = fumehood(
        home.path(),
        &[&["stage"], &inputs[..], &["-o", "tree"]].concat(),
    );
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("tree is not empty"));

    // The tool, outside of any sandbox, as on another machine.
    let tool = format!("{TESTS}/tool.py");
    let report = |name: &str, arguments: &[&str]| {
        let ran = Command::new("python3")
            .arg(&tool)
            .args(arguments)
            .arg(home.path().join("tree"))
            .output()
            .unwrap();
        fs::write(home.path().join(name), ran.stdout).unwrap();
    };
    report("small.sarif", &[]);
    report("blind.sarif", &["--lie"]);
    let eval = |report: &str, run: &str| {
        let spec = format!("sarif:{report}");
        let rest = [
            "--json",
            "--scanners",
            "none",
            "--scanner",
            &spec,
            "-o",
            run,
        ];
        fumehood(home.path(), &[&["eval"], &inputs[..], &rest].concat())
    };
    let output = eval("small.sarif", "run");
    assert!(
        output.status.code().is_some_and(|code| code < 2),
        "{}",
        text(&output.stderr)
    );
    let journal = fs::read_to_string(home.path().join("run/journal.jsonl")).unwrap();
    let found = journal
        .lines()
        .filter(|line| line.contains("\"scanner\":\"sarif:small\""))
        .count();
    assert_eq!(found as u64, told["files"].as_u64().unwrap());
    assert!(
        journal.contains("\"rule\":\"call\""),
        "one of them calls a shell"
    );
    // It does not show which files it read, so those without a finding are unknown, and none is secure.
    assert!(journal.contains("does not show that it was analysed"));
    assert!(text(&output.stdout).contains("sarif:small"));

    let output = eval("blind.sarif", "blind");
    assert!(
        output.status.code().is_some_and(|code| code < 2),
        "{}",
        text(&output.stderr)
    );
    let journal = fs::read_to_string(home.path().join("blind/journal.jsonl")).unwrap();
    assert!(journal.contains("does not flag known/bad.py"));
    let missing = eval("none.sarif", "none");
    assert_eq!(missing.status.code(), Some(3));
    assert!(text(&missing.stderr).contains("none.sarif: it cannot be read"));
}

/// The program that stands in for CodeQL is synthetic: this shows the way through the sandbox, not what CodeQL finds.
#[tokio::test]
async fn codeql_is_called_with_one_database_a_batch() {
    let Some(pool) = pool().await else { return };
    pool.shutdown().await;
    if scanners().is_none() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let bundle = home.path().join("bundle");
    fs::create_dir_all(&bundle).unwrap();
    for name in ["codeql", "queries.txt"] {
        fs::copy(format!("{TESTS}/codeql/{name}"), bundle.join(name)).unwrap();
    }
    sources(home.path());
    fs::write(home.path().join("src/lost.py"), "# LOST\n").unwrap();
    let page = "import os\nfrom flask import request\nos.system(request.args['x'])\n";
    fs::write(home.path().join("src/page.py"), page).unwrap();
    let scan = |program: &Path| {
        Command::new(env!("CARGO_BIN_EXE_fumehood"))
            .args(["scan", "--scanners", "codeql", "--json", "src"])
            .current_dir(home.path())
            .env("FUMEHOOD_CODEQL", program)
            .env("FUMEHOOD_NO_CACHE", "true")
            .output()
            .unwrap()
    };
    let output = scan(&bundle.join("codeql"));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    use Security::{Insecure, Secure, Unknown};
    let answers = answers(&output);
    let by_file = by_file(&answers);
    let expected = [
        ("clean.py", Secure),
        ("crash.py", Secure),
        ("cut.py", Secure),
        ("lost.py", Unknown),
        ("open.py", Unknown),
        ("other.py", Secure),
        ("page.py", Insecure),
        ("weak.py", Secure),
    ];
    assert_eq!(by_file, expected, "{}", text(&output.stdout));
    assert!(
        answers[0].2["version"]
            .as_str()
            .unwrap()
            .starts_with("2.0.0-synthetic (Python ")
    );

    fs::remove_file(bundle.join("queries.txt")).unwrap();
    let output = scan(&bundle.join("codeql"));
    assert!(
        text(&output.stdout).contains("AssertionError")
            || text(&output.stdout).contains("it failed")
    );
    assert!(!text(&output.stdout).contains("\"security\":\"secure\""));
}
