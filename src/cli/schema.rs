//! `fumehood schema`: what the JSON of reports looks like, for those who read it by program.

use clap::{Args, ValueEnum};

use super::exit_code::Exit;
use super::failure::Failure;
use super::output::print;
use crate::report::schema::Document;

/// Arguments as typed.
#[derive(Args, Debug)]
pub(super) struct SchemaArgs {
    /// Of which document.
    document: Which,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    /// `summary.json`, and what `fumehood report --json` prints.
    Summary,
    /// What `fumehood compare --json` prints.
    Compare,
    /// What `fumehood report --scanners --json` prints.
    Scanners,
}

/// Runs it. A schema is JSON with and without `--json`.
pub(super) fn run(args: &SchemaArgs) -> Result<Exit, Failure> {
    let document = match args.document {
        Which::Summary => Document::Summary,
        Which::Compare => Document::Compare,
        Which::Scanners => Document::Scanners,
    };
    let schema = document.schema();
    print(&schema.map_err(|error| Failure::new(Exit::Incomplete, error))?)?;
    Ok(Exit::Success)
}
