//! `fumehood scan` as a user meets it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use fumehood::scan::ScannerKind;
use serde_json::Value;

use super::{all, pool};

pub(super) fn fumehood(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fumehood"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("FUMEHOOD_NO_CACHE", "true")
        .output()
        .unwrap()
}

pub(super) fn text(bytes: &[u8]) -> String {
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

    // A name that is no text, and a pipe that nobody writes to.
    let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"f\xff.py");
    fs::write(home.path().join("odd").join(name), "y = 1\n").unwrap();
    nix::unistd::mkfifo(&home.path().join("pipe.py"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let odd = fumehood(
        home.path(),
        &[
            "scan",
            "--scanners",
            &scanners,
            "--json",
            "odd",
            "weak",
            "pipe.py",
        ],
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
    assert_eq!(
        security,
        ["unknown", "unknown", "secure", "insecure", "unknown"]
    );
    for line in &lines[..2] {
        for result in line["results"].as_array().unwrap() {
            assert!(result["not_analysed"].is_string(), "{result}");
        }
    }
}

/// Each scanner is asked about what it reads, and what nobody reads is unknown.
#[tokio::test]
async fn files_of_several_languages_go_to_those_who_read_them() {
    let Some(pool) = pool().await else { return };
    pool.shutdown().await;
    if super::scanners().is_none() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let gets = "void f(char *a) { gets(a); }\n";
    // The same text in two languages is two questions.
    for (name, content) in [
        ("src/a.py", "eval(x)\n"),
        ("src/b.c", gets),
        ("src/deep/c.hpp", gets),
        ("src/d.h", "int a;\n"),
        ("src/e.go", "package main\n"),
        ("src/f.txt", gets),
        ("script", "eval(x)\n"),
    ] {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let scan = |scanners: &str, paths: &[&str]| -> Vec<(String, String, String)> {
        let arguments = ["scan", "--scanners", scanners, "--json"];
        let arguments: Vec<&str> = arguments.iter().chain(paths).copied().collect();
        let output = fumehood(home.path(), &arguments);
        let lines = text(&output.stdout);
        let lines = lines.lines().map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let word = |key: &str| line[key].as_str().unwrap().to_owned();
            let results = line["results"].as_array().unwrap().iter();
            let names = results.map(|result| result["scanner"].as_str().unwrap());
            let asked = names.collect::<Vec<_>>().join(",");
            assert_eq!(asked.is_empty(), line["not_read"].is_string(), "{line}");
            (word("path"), word("security"), asked)
        });
        lines.collect()
    };
    let expected = |rows: &[(&str, &str, &str)]| -> Vec<(String, String, String)> {
        let owned = |(a, b, c): &(&str, &str, &str)| (a.to_string(), b.to_string(), c.to_string());
        rows.iter().map(owned).collect()
    };
    assert_eq!(
        scan(
            "bandit,flawfinder",
            &["src", "src/e.go", "src/f.txt", "script"]
        ),
        expected(&[
            ("src/a.py", "insecure", "bandit"),
            ("src/b.c", "insecure", "flawfinder"),
            ("src/d.h", "secure", "flawfinder"),
            ("src/deep/c.hpp", "insecure", "flawfinder"),
            ("src/e.go", "unknown", ""),
            ("src/f.txt", "unknown", ""),
            ("script", "insecure", "bandit"),
        ])
    );
    assert_eq!(
        scan("bandit", &["src"]),
        expected(&[("src/a.py", "insecure", "bandit")])
    );
    let output = fumehood(
        home.path(),
        &["scan", "--scanners", "bandit", "src/b.c", "src/f.txt"],
    );
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(
        said.contains("src/b.c: not analysed: none of the scanners reads c"),
        "{said}"
    );
    assert!(
        said.contains("src/f.txt: not analysed: it is in no language"),
        "{said}"
    );
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo/bigcodebench.jsonl");
    let inputs = ["eval", "bigcodebench", "--data", data.to_str().unwrap()];
    let rest = [
        "--samples",
        "ground-truth",
        "-o",
        "x",
        "--scanners",
        "flawfinder",
    ];
    let arguments: Vec<&str> = inputs.iter().chain(&rest).copied().collect();
    let output = fumehood(home.path(), &arguments);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("flawfinder does not read Python"), "{error}");
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
            // What the user brings is looked for in these places.
            .env("PATH", home.path())
            .env_remove("FUMEHOOD_BEARER")
            .env_remove("FUMEHOOD_CODEQL")
            .env_remove("FUMEHOOD_CPPCHECK")
            .env_remove("FUMEHOOD_GOSEC")
            .output()
            .unwrap()
    };
    let output = without(&["scan", "--list", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let listed: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let (tools, judges) = listed.split_at(ScannerKind::ALL.len());
    assert_eq!(judges.len(), 2);
    for judge in judges {
        assert!(judge["name"].as_str().unwrap().starts_with("judge:"));
        assert!(
            judge["get"]
                .as_str()
                .unwrap()
                .contains("FUMEHOOD_JUDGE_URL")
        );
    }
    for scanner in tools {
        assert_eq!(scanner["found"], false);
        let get = scanner["get"].as_str().unwrap();
        let ways = ["`fumehood env create ", "get it by "];
        assert!(ways.iter().any(|way| get.contains(way)), "{get}");
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

/// A report in SARIF is one scanner more; made by hand here, after the standard.
#[tokio::test]
async fn a_report_of_another_tool_is_one_scanner_more() {
    let Some(pool) = pool().await else { return };
    pool.shutdown().await;
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("src")).unwrap();
    for name in ["weak.py", "read.py", "unread.py"] {
        fs::write(home.path().join("src").join(name), "y = 1\n").unwrap();
    }
    let place = |uri: &str, line: u32| serde_json::json!({"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}});
    let report = serde_json::json!({"version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "Tool", "version": "3", "rules": [
            {"id": "r", "properties": {"tags": ["security", "external/cwe/cwe-022"]}}]}},
        "artifacts": [{"location": {"uri": "read.py"}, "roles": ["analysisTarget"]}],
        "results": [{"ruleId": "r", "level": "error", "message": {"text": "why"}, "locations": [place("weak.py", 1)]}],
    }]});
    fs::write(home.path().join("tool.sarif"), report.to_string()).unwrap();
    let scan = |more: &[&str]| {
        let arguments: Vec<&str> = ["scan", "--scanners", "none"]
            .iter()
            .chain(more)
            .copied()
            .collect();
        fumehood(home.path(), &arguments)
    };
    let output = scan(&["--scanner", "sarif:tool.sarif", "--json", "src"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let security: Vec<(String, String)> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| {
            assert_eq!(line["results"][0]["scanner"], "sarif:tool");
            let word = |key: &str| line[key].as_str().unwrap().to_owned();
            (word("path"), word("security"))
        })
        .collect();
    let expected = [
        ("src/read.py", "secure"),
        ("src/unread.py", "unknown"),
        ("src/weak.py", "insecure"),
    ];
    assert_eq!(
        security,
        expected.map(|(path, word)| (path.to_owned(), word.to_owned()))
    );
    // Two folders: which `read.py` the report means nobody knows, so neither is secure.
    fs::create_dir(home.path().join("other")).unwrap();
    fs::write(home.path().join("other/read.py"), "eval(x)\n").unwrap();
    let both = scan(&["--scanner", "sarif:tool.sarif", "--json", "src", "other"]);
    assert!(
        !text(&both.stdout).contains("\"security\":\"secure\""),
        "{}",
        text(&both.stdout)
    );
    let shown = text(&scan(&["--scanner", "sarif:tool.sarif", "src"]).stdout);
    assert!(
        shown.contains("src/weak.py:1: sarif:tool r CWE-22 high: why"),
        "{shown}"
    );
    // Two of one tool would hide each other's words.
    let twice = scan(&[
        "--scanner",
        "sarif:tool.sarif",
        "--scanner",
        "sarif:tool.sarif",
        "src",
    ]);
    assert_eq!(twice.status.code(), Some(3));
    assert!(text(&twice.stderr).contains("two reports are of sarif:tool"));
    fs::write(home.path().join("bad.sarif"), "{}").unwrap();
    let bad = scan(&["--scanner", "sarif:bad.sarif", "src"]);
    assert_eq!(bad.status.code(), Some(3));
    assert!(
        text(&bad.stderr).contains("bad.sarif: it is no SARIF"),
        "{}",
        text(&bad.stderr)
    );
}

/// Real reports of real tools, where `FUMEHOOD_SARIF` names a folder of them (they cannot be kept here).
#[test]
fn real_reports_are_read() {
    let Some(folder) = std::env::var_os("FUMEHOOD_SARIF") else {
        eprintln!("SKIPPED: FUMEHOOD_SARIF names no folder of reports");
        return;
    };
    let mut read = 0;
    let mut folders = vec![std::path::PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "sarif")
            {
                let bytes = fs::read(&path).unwrap();
                let sarif = fumehood::scan::sarif::Sarif::parse(&bytes);
                let sarif = sarif.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                eprintln!(
                    "{}: {} {}, {} findings",
                    path.display(),
                    sarif.scanner,
                    sarif.version,
                    sarif.findings()
                );
                read += 1;
            }
        }
    }
    assert!(read > 0);
}
