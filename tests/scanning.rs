//! The real scanners on code that tries to get past them, outside of the sandbox: every trap here was
//! met for real, and each test fails if the flag or the step that closes it is taken away. They need
//! the environments `scanners` and `semgrep` (`fumehood env create scanners`); without one they say so and pass.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on should panic, and one that is skipped says so"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use fumehood::base::digest::Digest;
use fumehood::environment::{EnvChoice, Interpreter, Store};
use fumehood::scan::{
    BatchFailure, FileOutcome, Language, Policy, ScanResult, Scanner, ScannerKind, Security, assess,
};
use fumehood::worker::{Pool, PoolConfig};

#[path = "scanning/bearer.rs"]
mod bearer;
#[path = "scanning/bearer_flags.rs"]
mod bearer_flags;
#[path = "scanning/cache.rs"]
mod cache;
#[path = "scanning/codeshield.rs"]
mod codeshield;
#[path = "scanning/command.rs"]
mod command;
#[path = "scanning/cppcheck.rs"]
mod cppcheck;
#[path = "scanning/external.rs"]
mod external;
#[path = "scanning/flawfinder.rs"]
mod flawfinder;
#[path = "scanning/gosec.rs"]
mod gosec;
#[path = "scanning/many.rs"]
mod many;
#[path = "scanning/semgrep.rs"]
mod semgrep;
#[path = "scanning/table.rs"]
mod table;
#[path = "scanning/trial.rs"]
mod trial;

use trial::Trial;

/// A folder where no sandbox has one of its own.
fn folder_that_can_be_shown() -> tempfile::TempDir {
    let cache = Path::new(&std::env::var_os("HOME").unwrap()).join(".cache");
    fs::create_dir_all(&cache).unwrap();
    tempfile::tempdir_in(cache).unwrap()
}

/// Writes a program that can be run.
fn write_program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The environment that a scanner is in.
fn home_of(kind: ScannerKind) -> Option<Interpreter> {
    let Some(name) = kind.environment() else {
        return Some(Interpreter::none());
    };
    let choice = EnvChoice::Named(name.to_owned());
    match Store::of_user().and_then(|store| store.resolve(&choice, &[])) {
        Ok(interpreter) => Some(interpreter),
        Err(error) => {
            eprintln!("SKIPPED: {error}");
            None
        }
    }
}

/// The two that look for the same weaknesses, and their environment.
const PAIR: [ScannerKind; 2] = [ScannerKind::Bandit, ScannerKind::RuffS];

fn scanners() -> Option<Interpreter> {
    home_of(ScannerKind::Bandit)
}

/// Every scanner of Python that is here and that nobody has to bring.
fn all() -> impl Iterator<Item = (ScannerKind, Interpreter)> {
    let kinds = ScannerKind::ALL
        .into_iter()
        .filter(|kind| kind.wants().is_none() && kind.languages().contains(&Language::Python));
    kinds.filter_map(|kind| Some((kind, home_of(kind)?)))
}

/// Scans Python `codes` in one batch; `plant` may add files to it.
fn scan_with(
    kind: ScannerKind,
    interpreter: &Interpreter,
    codes: &[&str],
    plant: impl Fn(&Path),
) -> Result<Vec<FileOutcome>, BatchFailure> {
    scan_without(kind, interpreter, codes, plant, "")
}

/// The same, with one argument or variable taken away (with its value).
fn scan_without(
    kind: ScannerKind,
    interpreter: &Interpreter,
    codes: &[&str],
    plant: impl Fn(&Path),
    without: &str,
) -> Result<Vec<FileOutcome>, BatchFailure> {
    let change = |argv: &mut Vec<String>| {
        argv.retain(|argument| {
            argument != without && !(without == "--ini" && argument.ends_with(".ini"))
        });
    };
    Trial {
        plant: &plant,
        change: &change,
        without,
        ..Trial::of(kind, interpreter, Language::Python)
    }
    .scan(codes)
}

fn scan(kind: ScannerKind, interpreter: &Interpreter, codes: &[&str]) -> Vec<FileOutcome> {
    scan_with(kind, interpreter, codes, |_| {}).unwrap()
}

fn rules(outcome: &FileOutcome) -> Vec<&str> {
    outcome.findings.iter().map(|f| f.rule.as_str()).collect()
}

/// What the two scanners must say of one code: rules without their letter.
fn expect(interpreter: &Interpreter, code: &str, numbers: &[&str]) {
    for (kind, letter) in [(ScannerKind::Bandit, "B"), (ScannerKind::RuffS, "S")] {
        let outcomes = scan(kind, interpreter, &[code]);
        let wanted: Vec<String> = numbers.iter().map(|n| format!("{letter}{n}")).collect();
        assert_eq!(rules(&outcomes[0]), wanted, "{kind:?}: {code}");
        assert_eq!(outcomes[0].not_analysed, None, "{kind:?}: {code}");
    }
}

#[test]
fn weaknesses_are_found_in_their_lines_and_clean_code_is_secure() {
    let Some(python) = scanners() else { return };
    let weak = "import hashlib\n\ndef f(x):\n    return hashlib.md5(x).hexdigest()\n";
    let clean = "def f(x):\n    return x + 1";
    for kind in PAIR {
        let outcomes = scan(kind, &python, &[weak, clean, ""]);
        assert_eq!(outcomes[0].findings.len(), 1, "{kind:?}");
        let found = &outcomes[0].findings[0];
        assert_eq!((found.line, found.cwe), (4, Some(328)), "{kind:?}");
        assert_eq!(outcomes[1], FileOutcome::default(), "{kind:?}");
        assert_eq!(outcomes[2], FileOutcome::default(), "{kind:?}");
    }
}

#[test]
fn comments_do_not_silence_a_scanner() {
    let Some(python) = scanners() else { return };
    expect(
        &python,
        "# ruff: noqa\n# flake8: noqa\nprint(eval('1'))  # nosec  # noqa: S307 # nosem",
        &["307"],
    );
    expect(
        &python,
        "# ruff: disable[S]\neval('1')  # NOSEC B307\n# ruff: enable[S]\neval('2')  # ruff: ignore[S307]",
        &["307", "307"],
    );
}

#[test]
fn declared_encodings_do_not_change_what_is_read() {
    let Some(python) = scanners() else { return };
    // In UTF-7 the second line would end the comment's line and begin another statement.
    expect(
        &python,
        "# coding: utf-7\neval('1')  # +AAo-pass\nx = 'ü'\n",
        &["307"],
    );
    expect(
        &python,
        "#!/x\n# vim: set fileencoding=latin-1 :\neval('ü')\r\n",
        &["307"],
    );
    expect(&python, "x = 1\reval('1')", &["307"]);
}

#[test]
fn imports_are_reported_by_both() {
    let Some(python) = scanners() else { return };
    expect(
        &python,
        "import pickle\nimport subprocess\n",
        &["403", "404"],
    );
}

/// Puts `name` with `text` beside the samples.
fn beside(name: &'static str, text: &'static str) -> impl Fn(&Path) {
    move |root| {
        fs::create_dir_all(root.join("s/.git")).unwrap();
        fs::write(root.join("s").join(name), text).unwrap();
    }
}

/// Where a batch at `root` has a piece of code.
fn file_of(root: &Path, code: &str) -> std::path::PathBuf {
    let file = root.join(format!("s/{}.py", Digest::of(code)));
    assert!(file.exists(), "{}", file.display());
    file
}

/// Runs git in a folder, as somebody without any settings.
fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.email=a@example.org", "-c", "user.name=a"])
        .args(arguments)
        .current_dir(folder)
        .env("HOME", "/nonexistent")
        .output();
    let done = done.expect("git is there");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "git {arguments:?}: {said}");
}

/// Puts the first code back as it was before its comments were made inert.
fn restore(code: &'static str) -> impl Fn(&Path) {
    move |root| restore_as(root, ScannerKind::Bandit, Language::Python, code)
}

/// The same in any language, with the mark of `kind`.
fn restore_as(root: &Path, kind: ScannerKind, language: Language, code: &str) {
    let path = root.join(language.place(&format!("s/{}", Digest::of(code))));
    fs::write(path, format!("{code}{}", kind.mark(language))).unwrap();
}

/// Every flag is needed: with it the trap's `eval` is found, without it something is lost.
#[test]
fn each_flag_closes_its_trap() {
    let Some(python) = scanners() else { return };
    let (bandit, ruff) = (ScannerKind::Bandit, ScannerKind::RuffS);
    let plain = "eval('1')\n";
    let nosec = "eval('1')  # nosec\n";
    let noqa = "# ruff: noqa\neval('1')\n";
    let import = "import pickle\n";
    let deep: &str = Box::leak(format!("eval({}1)\n", "-".repeat(20_000)).into_boxed_str());
    let skip = "[bandit]\nskips: B307\n";
    let ignore = "lint.per-file-ignores = {'*' = ['S307']}\n";
    type Plant = Box<dyn Fn(&Path)>;
    let traps: [(ScannerKind, &str, &str, Plant); 7] = [
        (bandit, "--ini", plain, Box::new(beside(".bandit", skip))),
        (bandit, "--ignore-nosec", nosec, Box::new(restore(nosec))),
        (
            ruff,
            "--isolated",
            plain,
            Box::new(beside("ruff.toml", ignore)),
        ),
        (ruff, "--ignore-noqa", noqa, Box::new(restore(noqa))),
        (
            ruff,
            "--no-respect-gitignore",
            plain,
            Box::new(beside(".gitignore", "*\n")),
        ),
        (ruff, "--preview", import, Box::new(|_| {})),
        (ruff, "RUST_MIN_STACK", deep, Box::new(|_| {})),
    ];
    for (kind, flag, code, plant) in &traps {
        let found = |without| {
            let outcome = scan_without(*kind, &python, &[code], plant, without);
            outcome.is_ok_and(|o| o[0].findings.len() == 1 && o[0].not_analysed.is_none())
        };
        assert!(found(""), "with {flag}");
        assert!(!found(flag), "without {flag}");
    }
}

#[test]
fn what_does_not_parse_is_unknown_and_never_secure() {
    let codes = ["def f(:\n", "x = 1\0", "x = '''", "x = 1 \\", "y = 1\n"];
    for (kind, python) in all() {
        let outcomes = scan(kind, &python, &codes);
        for (code, outcome) in codes.iter().zip(&outcomes) {
            let result = ScanResult {
                scanner: kind.name().to_owned(),
                version: String::new(),
                findings: outcome.findings.clone(),
                not_analysed: outcome.not_analysed.clone(),
            };
            let expected = match *code {
                "y = 1\n" => Security::Secure,
                _ => Security::Unknown,
            };
            let found = assess(&[result], &Policy::default()).combined;
            assert_eq!(found, expected, "{kind:?}: {code:?}: {outcome:?}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_decoded_is_unknown() {
    for (kind, python) in all() {
        let codes = ["x = 1\n", "y = 1\n"];
        let outcomes = scan_with(kind, &python, &codes, |root| {
            fs::write(file_of(root, codes[0]), b"x = '\xe9'\nassert True\n").unwrap();
        });
        let outcomes = outcomes.unwrap();
        assert!(outcomes[0].not_analysed.is_some(), "{kind:?}");
        assert_eq!(outcomes[1], FileOutcome::default(), "{kind:?}");
    }
}

#[test]
fn deep_nesting_is_analysed_or_unknown() {
    let Some(python) = scanners() else { return };
    let deep = [
        format!("x = {}1\neval('1')\n", "-".repeat(20_000)),
        format!("x = {}1\neval('1')\n", "1+".repeat(20_000)),
    ];
    for code in &deep {
        let ruff = scan(ScannerKind::RuffS, &python, &[code, "y = 1\n"]);
        assert_eq!(rules(&ruff[0]), ["S307"], "with its larger stack");
        assert_eq!(ruff[1], FileOutcome::default());
        let bandit = scan(ScannerKind::Bandit, &python, &[code, "y = 1\n"]);
        assert!(bandit[0].not_analysed.is_some());
        assert_eq!(bandit[1], FileOutcome::default());
    }
}

#[test]
fn a_sample_that_breaks_the_report_fails_its_batch_and_no_more() {
    let Some(python) = scanners() else { return };
    // Bandit puts the password into its report, which cannot be written with half a character.
    let guilty = "password = '\\ud800'\n";
    let both = scan_with(
        ScannerKind::Bandit,
        &python,
        &[guilty, "eval('1')\n"],
        |_| {},
    );
    assert!(both.is_err(), "{both:?}");
    let ruff = scan(ScannerKind::RuffS, &python, &[guilty]);
    assert_eq!(rules(&ruff[0]), ["S105"]);
}

/// A worker that runs the program that is tested.
async fn pool() -> Option<Pool> {
    let config = PoolConfig {
        workers: 1,
        executable: env!("CARGO_BIN_EXE_fumehood").into(),
        profile_dir: None,
        without: Vec::new(),
    };
    match Pool::start(config).await {
        Ok(pool) => Some(pool),
        Err(error) => {
            eprintln!("SKIPPED: {error}");
            None
        }
    }
}

#[tokio::test]
async fn in_the_sandbox_every_code_gets_one_result_whatever_the_others_do() {
    let Some(pool) = pool().await else { return };
    let clean: Vec<String> = (0..40).map(|n| format!("x = {n}\n")).collect();
    let odd = [
        // Weak to each of them.
        "def f(p):\n    eval(p)\n    return open(p)\n",
        "password = '\\ud800'\n",
        "def f(:\n",
        "def f(p):\n    eval(p)\n    return open(p)\n",
        "",
    ];
    let codes: Vec<(Digest, &str)> = clean
        .iter()
        .map(String::as_str)
        .chain(odd)
        .map(|code| (Digest::of(code), code))
        .collect();
    for (kind, python) in all() {
        let scanner = Scanner::prepare(&pool, kind, &python).await;
        assert_eq!(scanner.missing(), None);
        let results = scanner.scan_batch(&pool, Language::Python, &codes).await;
        let order: Vec<Digest> = results.iter().map(|(digest, _)| *digest).collect();
        assert_eq!(
            order,
            codes.iter().map(|(digest, _)| *digest).collect::<Vec<_>>()
        );
        let policy = Policy::default();
        let values: Vec<Security> = results.iter().map(|(_, r)| policy.judge(r)).collect();
        assert!(
            values[..40].iter().all(|value| *value == Security::Secure),
            "{results:?}"
        );
        let half = match kind {
            ScannerKind::Bandit => Security::Unknown,
            ScannerKind::RuffS | ScannerKind::CodeShield => Security::Insecure,
            _ => Security::Secure,
        };
        let expected = [
            Security::Insecure,
            half,
            Security::Unknown,
            Security::Insecure,
            Security::Secure,
        ];
        assert_eq!(values[40..], expected, "{kind:?}");
        assert!(
            results[0]
                .1
                .version
                .starts_with(|c: char| c.is_ascii_digit())
        );
    }
    pool.shutdown().await;
}

#[tokio::test]
async fn a_scanner_that_is_not_there_is_said_once_and_leaves_all_unknown() {
    let Some(pool) = pool().await else { return };
    let choice = EnvChoice::Python("/usr/bin/python3".into());
    let Ok(python) = Store::at("/nonexistent").resolve(&choice, &[]) else {
        eprintln!("SKIPPED: no /usr/bin/python3");
        return;
    };
    // What the user brings may be here.
    let own = ScannerKind::ALL
        .into_iter()
        .filter(|kind| kind.wants().is_none());
    for kind in own {
        let scanner = Scanner::prepare(&pool, kind, &python).await;
        let why = scanner.missing().unwrap().to_owned();
        let remedy = match kind.environment() {
            Some(name) => format!("fumehood env create {name}"),
            None => "get it by".to_owned(),
        };
        assert!(why.contains(&remedy), "{why}");
        let codes = [(Digest::of("x = 1"), "x = 1")];
        let results = scanner.scan_batch(&pool, kind.languages()[0], &codes).await;
        assert_eq!(results.len(), 1);
        assert_eq!(Policy::default().judge(&results[0].1), Security::Unknown);
    }
    pool.shutdown().await;
}
