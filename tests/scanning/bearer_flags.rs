//! Bearer's flags, one by one: taken away, its trap works. It runs here without a sandbox, with the user's network, so nothing
//! is fetched: a proxy of the test's own stands where it would ask.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fumehood::base::digest::Digest;
use fumehood::environment::Interpreter;
use fumehood::scan::brought::{PROGRAM, RULES};
use fumehood::scan::run::environment;
use fumehood::scan::{Batch, FileOutcome, Language, ScannerKind, ToolOutput};
use fumehood::worker::End;

use super::{git, home_of, rules};

const BEARER: ScannerKind = ScannerKind::Bearer;
const PYTHON: Language = Language::Python;
const WEAK: &str = "def f(p):\n    return eval(p)\n";

/// What one run came to.
struct Run {
    outcomes: Result<Vec<FileOutcome>, String>,
    stdout: String,
    stderr: String,
}

impl Run {
    fn is_whole(&self) -> bool {
        self.outcomes.as_ref().is_ok_and(|outcomes| {
            rules(&outcomes[0]) == ["fixture_eval"] && outcomes[0].not_analysed.is_none()
        })
    }
}

/// Where Bearer and Python are, if they are.
fn here() -> Option<(PathBuf, Interpreter)> {
    let python = home_of(BEARER)?;
    let program = BEARER.wants().unwrap().program();
    if program.is_none() {
        eprintln!("SKIPPED: there is no bearer here (tools/install_bearer.sh)");
    }
    Some((program?, python))
}

/// Scans one weak program without a flag, and without the value behind it if it has one.
fn run(without: &[&str], plant: impl Fn(&Path), proxy: &str) -> Option<Run> {
    let (program, python) = here()?;
    let codes = [(Digest::of(WEAK), WEAK)];
    let batch = Batch::stage(
        PYTHON,
        &codes,
        BEARER.files(PYTHON),
        BEARER.mark(PYTHON),
        None,
    )
    .unwrap();
    plant(&batch.folder().join("s"));
    let root = batch.folder().to_str().unwrap();
    let own_rules = fs::canonicalize("fixtures/bearer-rules").unwrap();
    let command = BEARER.command(&python, root, PYTHON);
    for flag in without {
        assert!(
            command.iter().any(|argument| argument == flag),
            "{flag} is no flag"
        );
    }
    let argv: Vec<String> = command
        .into_iter()
        .filter(|argument| {
            let is_value = argument.contains(RULES) && without.contains(&"--external-rule-dir");
            !without.contains(&argument.as_str()) && !is_value
        })
        .map(|argument| match argument.as_str() {
            PROGRAM => program.to_string_lossy().into_owned(),
            _ => argument.replace(RULES, &own_rules.to_string_lossy()),
        })
        .collect();
    let temporary = tempfile::tempdir().unwrap();
    let output = Command::new(&argv[0])
        .args(&argv[1..])
        .env_clear()
        .envs(environment(&*BEARER, &python))
        .env("TMPDIR", temporary.path())
        .env("HTTPS_PROXY", proxy)
        .current_dir(temporary.path())
        .output()
        .unwrap();
    let shown = ToolOutput {
        stdout: &output.stdout,
        stderr: &output.stderr,
        end: End::Exited(output.status.code().unwrap()),
    };
    Some(Run {
        outcomes: BEARER.parse(&shown, batch.layout()),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// An address where nobody answers.
const NOWHERE: &str = "http://127.0.0.1:9";

#[test]
fn flags_that_decide_whether_there_is_a_report() {
    let Some(whole) = run(&[], |_| {}, NOWHERE) else {
        return;
    };
    assert!(whole.is_whole(), "{}", whole.stderr);
    let folder = |run: &Run| run.outcomes.as_ref().map(Vec::len).map_err(String::clone);
    // Findings would be a failure.
    let failed = run(&["--exit-code", "0"], |_| {}, NOWHERE).unwrap();
    assert!(
        failed
            .outcomes
            .as_ref()
            .is_err_and(|why| why.contains("exit code 1")),
        "{:?}",
        folder(&failed)
    );
    // A report for people.
    let failed = run(&["--format", "jsonv2"], |_| {}, NOWHERE).unwrap();
    assert!(failed.outcomes.is_err(), "{}", failed.stdout);
}

#[test]
fn without_the_rules_that_it_is_given_it_has_none() {
    if here().is_none() {
        return;
    }
    let without = run(&["--external-rule-dir"], |_| {}, NOWHERE).unwrap();
    assert!(without.outcomes.is_err(), "{}", without.stdout);
    assert!(
        without.stderr.contains("0 rules found"),
        "{}",
        without.stderr
    );
}

/// Whether something asks at a proxy during a run.
fn asks(without: &[&str]) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, over) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let (seen, end) = (Arc::clone(&asked), Arc::clone(&over));
    let proxy = std::thread::spawn(move || {
        for caller in listener.incoming() {
            if end.load(Ordering::SeqCst) {
                return;
            }
            seen.store(true, Ordering::SeqCst);
            drop(caller);
        }
    });
    let done = run(without, |_| {}, &format!("http://{address}")).unwrap();
    over.store(true, Ordering::SeqCst);
    drop(TcpStream::connect(address));
    proxy.join().unwrap();
    // It goes on without what it did not get.
    assert!(done.is_whole(), "{}", done.stderr);
    asked.load(Ordering::SeqCst)
}

#[test]
fn it_asks_nobody_for_rules_or_versions() {
    if here().is_none() {
        return;
    }
    assert!(!asks(&[]));
    assert!(asks(&["--disable-default-rules"]));
    assert!(asks(&["--disable-version-check"]));
}

#[test]
fn no_file_is_passed_over_for_a_repository_or_its_name() {
    if here().is_none() {
        return;
    }
    let in_repository = |tree: &Path| {
        git(tree, &["init", "-q", "."]);
        git(tree, &["commit", "-q", "--allow-empty", "-m", "nothing"]);
        fs::create_dir_all(tree.join(".git/info")).unwrap();
        fs::write(tree.join(".git/info/exclude"), "*.py\n").unwrap();
    };
    let run_in = |without: &[&str]| run(without, in_repository, NOWHERE).unwrap();
    assert!(run_in(&[]).is_whole());
    assert!(!run_in(&["--ignore-git"]).is_whole());

    // Names of samples are digests, so this one is put beside them.
    let test = |tree: &Path| {
        fs::create_dir(tree.join("tests")).unwrap();
        fs::write(tree.join("tests/beside.py"), WEAK).unwrap();
    };
    let is_seen = |without: &[&str]| {
        let run = run(without, test, NOWHERE).unwrap();
        run.stdout.contains("tests/beside.py")
    };
    assert!(is_seen(&[]));
    assert!(!is_seen(&["--skip-test=false"]));
}

#[test]
fn what_it_prints_is_little() {
    let Some(whole) = run(&[], |_| {}, NOWHERE) else {
        return;
    };
    let without = |flag| run(&[flag], |_| {}, NOWHERE).unwrap();
    assert!(
        !whole.stdout.contains("return eval") && !whole.stdout.contains("\"description\":\"none\"")
    );
    assert!(without("--no-extract").stdout.contains("eval(p)"));
    assert!(
        without("--no-rule-meta")
            .stdout
            .contains("\"description\":\"none\"")
    );
    // The last line of standard error is what a failure is called.
    assert!(!whole.stderr.contains("Evaluating rules"));
    assert!(without("--quiet").stderr.contains("Evaluating rules"));
}
