//! `fumehood report`: everything again, from the journal alone.

use std::path::PathBuf;

use clap::Args;

use super::Global;
use super::exit_code::Exit;
use super::failure::Failure;
use super::output::say;
use super::render::{Format, Outcome};
use crate::journal::RunFolder;

/// Arguments as typed.
#[derive(Args, Debug)]
pub(super) struct ReportArgs {
    /// The run folder.
    run: PathBuf,
    /// Print Markdown instead of tables.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Count findings by this policy (TOML) instead of the run's own; nothing is run or scanned again.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The k of Pass@k and its kin.
    #[arg(long, value_name = "K,...", value_delimiter = ',', default_value = "1,5,10",
          value_parser = clap::value_parser!(u32).range(1..))]
    k: Vec<u32>,
}

/// Runs it.
pub(super) fn run(args: &ReportArgs, global: Global) -> Result<Exit, Failure> {
    let outcome = Outcome::read_by(&RunFolder::at(&args.run), &args.k, args.policy.as_deref())?;
    if !outcome.index.is_finished() && !global.quiet {
        say("note: this run did not come to its end; what follows is what it has so far");
    }
    outcome.show(if global.json {
        Format::Json
    } else if args.markdown {
        Format::Markdown
    } else {
        Format::Terminal
    })?;
    Ok(outcome.exit())
}
