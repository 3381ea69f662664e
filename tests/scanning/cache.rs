//! What scanners said is kept, and taken only by the very same scanner.

use std::fs;
use std::process::{Command, Output};

use fumehood::environment::Store;
use serde_json::Value;

use super::command::text;
use super::{pool, scanners};

#[tokio::test]
async fn equal_code_is_scanned_once_by_equal_scanners() {
    let Some(pool) = pool().await else { return };
    pool.shutdown().await;
    if scanners().is_none() {
        return;
    }
    let home = super::folder_that_can_be_shown();
    let cache = home.path().join("cache/fumehood");
    fs::create_dir_all(&cache).unwrap();
    let environments = Store::of_user().unwrap().root().to_owned();
    std::os::unix::fs::symlink(environments, cache.join("environments")).unwrap();
    for (name, code) in [
        ("a.py", "import os\nos.system(x)\n"),
        ("b.py", "y = 1\n"),
        ("c.py", "def f(:\n"),
    ] {
        fs::write(home.path().join(name), code).unwrap();
    }
    let scan = |scanner: &str, blocked: bool, more: &[&str]| -> (Output, Vec<Value>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fumehood"));
        command
            .args([
                "scan",
                "--json",
                "--scanners",
                scanner,
                "a.py",
                "b.py",
                "c.py",
            ])
            .args(more)
            .current_dir(home.path())
            .env("XDG_CACHE_HOME", home.path().join("cache"))
            .env_remove("FUMEHOOD_NO_CACHE");
        if blocked {
            // There is no place to write files for a scanner, so it cannot be run on any.
            command.env("TMPDIR", home.path().join("a.py"));
        }
        let output = command.output().unwrap();
        let lines = text(&output.stdout);
        let lines = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        let lines = lines.collect();
        (output, lines)
    };
    let security = |lines: &[Value]| -> Vec<String> {
        let word = |line: &Value| line["security"].as_str().unwrap().to_owned();
        lines.iter().map(word).collect()
    };
    let (output, first) = scan("bandit", false, &[]);
    assert_eq!(
        security(&first),
        ["insecure", "secure", "unknown"],
        "{}",
        text(&output.stderr)
    );
    let (_, again) = scan("bandit", true, &[]);
    assert_eq!(again[..2], first[..2]);
    // What was no answer is asked again, another scanner has said nothing yet, and so has one that is to say it anew.
    let why = again[2]["results"][0]["not_analysed"].as_str().unwrap();
    assert!(why.contains("cannot write the files to scan"), "{why}");
    assert_eq!(security(&scan("ruff-s", true, &[]).1), ["unknown"; 3]);
    assert_eq!(
        security(&scan("bandit", true, &["--no-cache"]).1),
        ["unknown"; 3]
    );
    // Without a cache everything is scanned.
    fs::remove_dir_all(cache.join("scans")).unwrap();
    fs::write(cache.join("scans"), "").unwrap();
    let (output, lines) = scan("bandit", false, &[]);
    assert_eq!(lines, first);
    assert!(text(&output.stderr).contains("every scanner is asked anew"));
}
