//! Scanners that read on where Python does not: a check of the syntax, in the same job, before they begin.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::outcome::{BatchFailure, Collector, json};
use crate::environment::Interpreter;

/// The check, a file of the batch: its name and its text.
pub(super) const FILE: (&str, &str) = (
    "check_syntax.py",
    include_str!("../../rules/check_syntax.py"),
);

/// The command line that checks the batch at `root` and then becomes `scanner`.
pub(super) fn checked(interpreter: &Interpreter, root: &str, scanner: Vec<String>) -> Vec<String> {
    let python = interpreter.executable.to_string_lossy().into_owned();
    let check = format!("{root}/{}", FILE.0);
    let tree = format!("{root}/s");
    [python.as_str(), "-I", "-B", "-W", "ignore", &check, &tree]
        .map(str::to_owned)
        .into_iter()
        .chain(scanner)
        .collect()
}

#[derive(Deserialize)]
struct Check {
    not_python: BTreeMap<String, String>,
}

/// Takes what the check said into `collector`; gives what the scanner printed.
pub(crate) fn take<'a>(
    stdout: &'a [u8],
    collector: &mut Collector<'_>,
) -> Result<&'a [u8], BatchFailure> {
    let end_of_line = stdout.iter().position(|byte| *byte == b'\n');
    let (first, rest) = stdout.split_at(end_of_line.unwrap_or(0));
    let check: Check = json(first)?;
    for (path, why) in check.not_python {
        collector.problem(&path, &why)?;
    }
    Ok(rest)
}
