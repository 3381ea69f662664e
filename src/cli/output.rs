//! What goes to standard output: data, and nothing else.

use std::io::{self, Write};

use serde::Serialize;

use super::exit_code::Exit;
use super::failure::Failure;

/// Writes text to standard output.
///
/// # Errors
/// When it cannot be written; a reader that went away is told apart by [`Failure::report`].
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| {
            Failure::new(
                Exit::Incomplete,
                anyhow::Error::new(error).context("cannot write to standard output"),
            )
        })
}

/// Writes a value to standard output as one JSON document.
///
/// # Errors
/// As [`print`].
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(Exit::Incomplete, error))?;
    print(&format!("{text}\n"))
}

/// Says something to the user on standard error.
pub fn say(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(
        io::stderr().lock(),
        "{}",
        crate::base::text::for_terminal(text)
    );
}
