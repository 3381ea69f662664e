//! `fumehood report`: everything again, from the journal alone.

use std::path::PathBuf;

use clap::Args;

use super::Global;
use super::exit_code::Exit;
use super::failure::Failure;
use super::html::{self, HtmlArgs};
use super::output::say;
use super::parquet;
use super::render::{Asked, Format, Outcome, manifest};
use super::study::Compared;
use super::tables::TableArgs;
use crate::journal::RunFolder;
use crate::metrics::figures;
use crate::pipeline::{Counted, Grouping};

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
    /// Group samples by these instead of by model and technique: `dataset`, `model`, `technique`, `task`, `library`
    /// (a sample is in the group of each), `cwe`, or any other field of the tasks or samples.
    #[arg(long, value_name = "NAME,...", conflicts_with = "scanners")]
    group_by: Option<Grouping>,
    /// Replicates of the bootstrap behind intervals that are not Wilson's; 0 for none.
    #[arg(long, value_name = "N", default_value_t = figures::DEFAULT_REPLICATES, conflicts_with = "scanners",
          value_parser = clap::value_parser!(u32).range(0..=100_000))]
    replicates: u32,
    /// Set the scanners side by side instead: what each could analyse and what it found, how far they agree.
    #[arg(long, conflicts_with_all = ["k", "latex", "csv", "parquet"])]
    scanners: bool,
    /// Say how right each scanner is, by labels of samples (JSONL, plain, .gz or .zst; see docs/scanners.md).
    #[arg(long, value_name = "FILE", requires = "scanners")]
    labels: Option<PathBuf>,
    /// Write the counters to this file as well, for `fumehood merge`: some hundred bytes a sample.
    #[arg(long, value_name = "FILE", conflicts_with = "scanners")]
    state: Option<PathBuf>,
    #[command(flatten)]
    tables: TableArgs,
    /// Write every sample as a row of a Parquet file (docs/exports.md has the columns).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "markdown", "latex", "csv", "group_by"])]
    parquet: Option<PathBuf>,
    #[command(flatten)]
    html: HtmlArgs,
}

/// Runs it.
pub(super) fn run(args: &ReportArgs, global: Global) -> Result<Exit, Failure> {
    let folder = RunFolder::at(&args.run);
    let (format, policy) = (Format::asked(global, args.markdown), args.policy.as_deref());
    if args.scanners {
        let study = Compared::read(&folder, policy, args.labels.as_deref())?;
        if !global.quiet {
            note_unfinished(study.is_finished);
            study.note_rejected();
        }
        study.show(format)?;
        return Ok(study.exit());
    }
    let grouping = args.group_by.clone().unwrap_or_default();
    let asked = Asked {
        ks: args.k.clone(),
        replicates: args.replicates,
        grouping: grouping.to_string(),
    };
    if let Some(path) = &args.state {
        Counted::of(&folder, manifest(&folder, policy)?, &grouping)?.write(path)?;
    }
    let outcome = Outcome::read(&folder, &asked, &grouping, policy)?;
    if !global.quiet {
        note_unfinished(outcome.index.is_finished());
    }
    if let Some(path) = &args.parquet {
        parquet::write(&outcome, path)?;
    }
    match &args.html.html {
        Some(path) => html::write(&args.html, &outcome, path)?,
        None if args.parquet.is_some() => {}
        None if args.tables.print(&outcome.summary)? => {}
        None => outcome.show(format)?,
    }
    Ok(outcome.exit())
}

fn note_unfinished(is_finished: bool) {
    if !is_finished {
        say("note: this run did not come to its end; what follows is what it has so far");
    }
}
