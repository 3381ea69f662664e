//! The command as a user meets it.

use std::path::Path;
use std::process::{Command, Output};

/// Runs it in a folder, for a terminal of so many columns and without colours.
pub(crate) fn run_wide(columns: &str, folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fumehood"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("COLUMNS", columns)
        .output()
        .unwrap()
}

/// What it printed.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
