//! LaTeX, where this machine has it.

#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::path::Path;
use std::process::Command;

/// Whether there is none, which is said.
pub(crate) fn is_missing() -> bool {
    let is_missing = Command::new("pdflatex").arg("--version").output().is_err();
    if is_missing {
        eprintln!("SKIPPED: pdflatex is not installed");
    }
    is_missing
}

/// Sets `paper.tex` of a folder, whose author is hostile; gives what pdflatex says.
pub(crate) fn set(folder: &Path) -> String {
    let output = Command::new("pdflatex")
        .args([
            "-interaction=nonstopmode",
            "-halt-on-error",
            "-no-shell-escape",
            "paper",
        ])
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    said
}
