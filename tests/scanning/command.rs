//! `fumehood scan` as a user meets it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use fumehood::scan::ScannerKind;
use serde_json::Value;

use super::{all, pool};

fn fumehood(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fumehood"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn files_and_folders_are_scanned_and_what_cannot_be_read_is_unknown() {
    let Some(pool) = pool().await else { return };
    pool.shutdown().await;
    let names: Vec<&str> = all().map(|(kind, _)| kind.name()).collect();
    if names.is_empty() {
        return;
    }
    let scanners = names.join(",");
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("clean/a.py", b"def f(x):\n    return x + 1\n");
    write("clean/deep/er/b.py", b"y = 1\n");
    write("clean/no-python.txt", b"eval(x)\n");
    write(
        "weak/c\x1b[31m.py",
        b"def f(p):\n    eval(p)\n    return open(p)\n",
    );
    write("odd/d.py", b"def f(:\n");
    write("odd/e.py", b"x = '\xe9'\n");
    // A link is passed over: who scans a folder does not scan what it points to.
    std::os::unix::fs::symlink("/etc/passwd", home.path().join("clean/link.py")).unwrap();
    std::os::unix::fs::symlink("..", home.path().join("clean/up")).unwrap();

    let clean = fumehood(home.path(), &["scan", "--scanners", &scanners, "clean"]);
    assert_eq!(clean.status.code(), Some(0), "{}", text(&clean.stderr));
    assert_eq!(text(&clean.stdout), "");
    let said = text(&clean.stderr);
    assert!(
        said.contains("2 files: 2 secure, 0 insecure, 0 unknown"),
        "{said}"
    );

    let weak = fumehood(home.path(), &["scan", "--scanners", &scanners, "weak"]);
    assert_eq!(weak.status.code(), Some(0), "findings are no failure");
    let said = text(&weak.stdout);
    assert!(!said.contains('\x1b'), "{said}");
    for name in &names {
        let line = if *name == "semgrep" { 3 } else { 2 };
        let begin = format!("weak/c\\u{{1b}}[31m.py:{line}: {name} ");
        assert!(said.contains(&begin), "{said}");
    }

    let odd = fumehood(
        home.path(),
        &["scan", "--scanners", &scanners, "--json", "odd", "weak"],
    );
    assert_eq!(odd.status.code(), Some(1), "{}", text(&odd.stderr));
    let lines: Vec<Value> = text(&odd.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let security: Vec<_> = lines
        .iter()
        .map(|line| line["security"].as_str().unwrap())
        .collect();
    assert_eq!(security, ["unknown", "unknown", "insecure"]);
    for line in &lines[..2] {
        for result in line["results"].as_array().unwrap() {
            assert!(result["not_analysed"].is_string(), "{result}");
        }
    }
}

#[test]
fn what_cannot_be_scanned_is_said() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, code, says) in [
        (&["scan"][..], 2, "required"),
        (
            &["scan", "--scanners", "nobody", "x.py"],
            2,
            "unknown scanner `nobody`",
        ),
        (
            &["scan", "--scanners", "behaviour", "x.py"],
            2,
            "name scanners that read code",
        ),
        (
            &["scan", "--scanners", "none", "x.py"],
            2,
            "name scanners that read code",
        ),
        (&["scan", "x.py"], 3, "cannot read x.py"),
    ] {
        let output = fumehood(home.path(), arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(says), "{arguments:?}: {error}");
    }
}

#[tokio::test]
async fn the_list_says_how_to_get_what_is_missing() {
    let Some(pool) = pool().await else { return };
    pool.shutdown().await;
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("x.py"), "x = 1\n").unwrap();
    let without = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_fumehood"))
            .args(arguments)
            .current_dir(home.path())
            .env("XDG_CACHE_HOME", home.path().join("cache"))
            .output()
            .unwrap()
    };
    let output = without(&["scan", "--list", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let listed: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(listed.len(), ScannerKind::ALL.len());
    for scanner in &listed {
        assert_eq!(scanner["found"], false);
        let get = scanner["get"].as_str().unwrap();
        assert!(get.contains("`fumehood env create "), "{get}");
    }
    let output = without(&["scan", "x.py"]);
    assert_eq!(output.status.code(), Some(5));
    let error = text(&output.stderr);
    assert!(error.contains("fumehood env create scanners"), "{error}");
}

/// A finished run is counted by another policy from its journal alone, and a run by a policy of its own is the same.
#[tokio::test]
async fn a_policy_changes_what_counts_and_nothing_else() {
    let Some(pool) = pool().await else { return };
    pool.shutdown().await;
    if super::scanners().is_none() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo");
    let data = fixtures.join("bigcodebench.jsonl");
    let samples = fixtures.join("bigcodebench.samples.jsonl");
    let eval = |more: &[&str]| {
        let inputs = ["eval", "bigcodebench", "--data", data.to_str().unwrap()];
        let rest = [
            "--samples",
            samples.to_str().unwrap(),
            "--limit",
            "8",
            "--quiet",
            "--json",
        ];
        let arguments: Vec<&str> = inputs.iter().chain(&rest).chain(more).copied().collect();
        fumehood(home.path(), &arguments)
    };
    let policy = |name: &str, content: &str| fs::write(home.path().join(name), content).unwrap();
    policy(
        "lenient.toml",
        "scanners = [\"bandit\"]\nignored_rules = [\"ruff-s:S101\"]\n[min_severity]\nbandit = \"high\"\n",
    );
    policy("stranger.toml", "scanners = [\"codeql\"]\n");
    policy("broken.toml", "\ncombine = \"most\"\n");

    let own = eval(&["-o", "own"]);
    assert!(
        own.status.code().is_some_and(|code| code < 2),
        "{}",
        text(&own.stderr)
    );
    let lenient = eval(&["-o", "lenient", "--policy", "lenient.toml"]);
    assert!(
        lenient.status.code().is_some_and(|code| code < 2),
        "{}",
        text(&lenient.stderr)
    );
    let summary = |output: &Output| -> Value { serde_json::from_slice(&output.stdout).unwrap() };
    let counted = fumehood(
        home.path(),
        &["report", "own", "--policy", "lenient.toml", "--json"],
    );
    assert_ne!(summary(&own)["groups"], summary(&counted)["groups"]);
    assert_eq!(summary(&lenient)["groups"], summary(&counted)["groups"]);
    // The run itself is as it was.
    let again = fumehood(home.path(), &["report", "own", "--json"]);
    assert_eq!(text(&again.stdout), text(&own.stdout));

    for (name, says) in [
        (
            "stranger.toml",
            "`codeql`, which is no scanner of this run (bandit, ruff-s)",
        ),
        ("broken.toml", "line 2"),
        ("absent.toml", "absent.toml: cannot read the policy"),
    ] {
        for arguments in [
            &["report", "own", "--policy", name][..],
            &[
                "eval",
                "bigcodebench",
                "--data",
                data.to_str().unwrap(),
                "--samples",
                "ground-truth",
                "-o",
                "x",
                "--policy",
                name,
            ],
        ] {
            let output = fumehood(home.path(), arguments);
            let error = text(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{arguments:?}: {error}");
            assert!(error.contains(says), "{error}");
        }
    }
}
