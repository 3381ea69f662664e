//! `fumehood eval`.

use super::Global;
use super::eval_args::EvalArgs;
use super::exit_code::Exit;
use super::failure::Failure;
use super::output::say;
use super::render::{Asked, Format, Outcome};
use super::results;
use super::run;
use super::setup::Setup;
use crate::pipeline::{Grouping, SampleSource};

/// Runs it.
pub(super) fn run(args: &EvalArgs, global: Global) -> Result<Exit, Failure> {
    let setup = Setup::resolve(args, global)?;
    run::evaluate(&setup, global)?;
    let outcome = conclude(&setup, global)?;
    outcome.show(if global.json {
        Format::Json
    } else {
        Format::Terminal
    })?;
    Ok(outcome.exit())
}

/// Rejected lines that are shown one by one.
const SHOWN: usize = 10;

/// Writes what a finished run comes to into its folder.
pub(super) fn conclude(setup: &Setup, global: Global) -> Result<Outcome, Failure> {
    let outcome = Outcome::read(
        &setup.folder,
        &Asked::usual(&setup.ks),
        &Grouping::default(),
        None,
    )?;
    outcome.save(&setup.folder)?;
    let results = results::write(setup, &outcome)?;
    if let SampleSource::File(path) = &setup.inputs.samples {
        let rejected = outcome.replay.stream.rejected_lines();
        for (line, reason) in rejected.iter().take(SHOWN) {
            say(&format!("warning: {}:{line}: {reason}", path.display()));
        }
        let more = rejected.len().saturating_sub(SHOWN);
        if more > 0 {
            say(&format!(
                "warning: {more} more lines are no samples; the report lists them"
            ));
        }
    }
    if !global.quiet {
        let mut files = vec!["summary.json".to_owned()];
        files.extend(results);
        say(&format!(
            "wrote {} in {}",
            files.join(" and "),
            setup.folder.path().display()
        ));
    }
    Ok(outcome)
}
