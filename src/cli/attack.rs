//! `fumehood doctor --attack`: lets hostile programs loose in the sandbox of this very host.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::Global;
use super::exit_code::Exit;
use super::failure::Failure;
use super::output::{print, print_json, say};
use crate::base::text::for_terminal;
use crate::containment::{AttackConfig, ContainmentError, Outcome, Report, Trial, attack};

/// What was typed.
#[derive(Debug)]
pub(super) struct Attack {
    pub(super) executable: PathBuf,
    pub(super) give_up: Vec<String>,
    pub(super) only: Vec<String>,
    pub(super) time_factor: u32,
}

/// Runs it.
pub(super) fn run(wanted: Attack, global: Global) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Sandbox, error))?;
    if !global.quiet && !global.json {
        say("running hostile programs in the sandbox; this takes a few minutes");
    }
    let config = AttackConfig {
        executable: wanted.executable,
        // Some wait for the clock, so that more fit than there are processors.
        workers: std::thread::available_parallelism().map_or(2, usize::from) + 1,
        give_up: wanted.give_up,
        only: wanted.only,
        time_factor: wanted.time_factor,
    };
    let report = runtime.block_on(async {
        tokio::select! {
            report = attack(config) => report.map(Some),
            _ = tokio::signal::ctrl_c() => Ok(None),
        }
    });
    let Some(report) = report.map_err(failure)? else {
        return Ok(Exit::Interrupted);
    };
    if global.json {
        print_json(&report)?;
    } else {
        print(&table(&report))?;
    }
    Ok(match report.is_clean() {
        true => Exit::Success,
        false => Exit::Breached,
    })
}

fn failure(error: ContainmentError) -> Failure {
    match error {
        ContainmentError::Worker(error) => super::exec::sandbox_failure(error),
        ContainmentError::NoSuchProgram(_) => Failure::new(Exit::Usage, error),
        ContainmentError::Corpus { .. } | ContainmentError::Io { .. } => {
            Failure::new(Exit::Sandbox, error)
        }
    }
}

/// One line a family, then whatever needs words.
fn table(report: &Report) -> String {
    let mut text = String::new();
    for family in &report.families {
        let mark = if family.failed == 0 {
            "ok    "
        } else {
            "FAILED"
        };
        let _ = write!(
            text,
            "{mark}  {:<10}  {} programs, {} trials, {} held",
            family.family.name(),
            family.programs,
            family.trials,
            family.held
        );
        for (count, what) in [
            (family.failed, "got somewhere"),
            (family.gaps, "known gaps"),
            (family.skipped, "skipped"),
        ] {
            if count > 0 {
                let _ = write!(text, ", {count} {what}");
            }
        }
        if let Some(late) = family.latest_ms {
            let _ = write!(text, "; ended at most {late} ms after a time limit");
        }
        text.push('\n');
    }
    let (run, unharmed) = report.honest;
    let _ = writeln!(
        text,
        "honest programs in between: {unharmed} of {run} unharmed"
    );
    if report.time_factor != 1 {
        let _ = writeln!(
            text,
            "every time limit was {} times that of the corpus",
            report.time_factor
        );
    }
    let _ = match report.host.len() {
        0 => writeln!(text, "the host is as it was"),
        _ => writeln!(text, "ON THE HOST:"),
    };
    for line in &report.host {
        let _ = writeln!(text, "  {}", for_terminal(line));
    }
    let of = |outcome| {
        let trials = report.trials.iter();
        trials.filter(move |trial| trial.outcome() == outcome)
    };
    section(&mut text, "GOT SOMEWHERE:", of(Outcome::Failed), |trial| {
        trial.problems.join("; ")
    });
    section(&mut text, "known gaps:", of(Outcome::Gap), |trial| {
        trial.gap.clone().unwrap_or_default()
    });
    section(&mut text, "skipped:", of(Outcome::Skipped), |trial| {
        trial.skipped.clone().unwrap_or_default()
    });
    text
}

fn section<'a>(
    text: &mut String,
    heading: &str,
    trials: impl Iterator<Item = &'a Trial>,
    words: impl Fn(&Trial) -> String,
) {
    for (place, trial) in trials.enumerate() {
        if place == 0 {
            let _ = writeln!(text, "{heading}");
        }
        let _ = writeln!(
            text,
            "  {}/{} ({}): {}",
            trial.family,
            trial.name,
            trial.mode,
            for_terminal(&words(trial))
        );
    }
}
