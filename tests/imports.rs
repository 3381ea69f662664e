//! The imports at the head of a program, as fumehood finds them and as Python's own parser does.
//!
//! Needs `python3` on PATH; says so and does nothing where it is absent.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::process::Command;

use fumehood::harness::imports::leading;

/// Changed copies of each file of the standard library.
const COPIES: &str = "20";

#[test]
fn nothing_is_found_that_python_does_not_import_first() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/imports.py");
    let Ok(output) = Command::new("python3").args([script, COPIES]).output() else {
        eprintln!("SKIPPED: there is no python3 on PATH");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let (mut texts, mut known, mut found_all) = (0, 0, 0);
    for line in output.stdout.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            continue;
        }
        let (text, wanted): (String, Vec<String>) = serde_json::from_slice(line).unwrap();
        let found = leading(&[&text]);
        assert!(
            wanted.starts_with(&found),
            "{found:?} of {wanted:?} in {text}"
        );
        texts += 1;
        known += wanted.len().min(64);
        found_all += found.len();
    }
    eprintln!("{texts} texts, {found_all} of {known} imports");
    assert!(texts > 500, "{texts}");
    assert!(found_all * 10 > known * 6, "{found_all} of {known} imports");
}
