//! `fumehood watch`: the figures of a run while it is written.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::Global;
use super::exit_code::Exit;
use super::failure::Failure;
use super::live::{Live, State};
use super::output::{print, say};
use super::render::width;
use crate::journal::RunFolder;
use crate::metrics::Figure;
use crate::pipeline::Grouping;
use crate::report::overview::Standing;
use crate::report::terminal;

/// How long a journal may be silent before we ask whether anybody still writes it.
const SILENCE: Duration = Duration::from_secs(3);

/// Show the figures of a run while it is written, from another terminal or another program.
///
/// It reads nothing but the run folder, and writes nothing there. It ends with the run, or when no process works on
/// the run any more.
#[derive(Args, Debug)]
pub(super) struct WatchArgs {
    /// The run folder.
    run: PathBuf,
    /// The k of Pass@k and its kin.
    #[arg(long, value_name = "K,...", value_delimiter = ',', default_value = "1,5,10",
          value_parser = clap::value_parser!(u32).range(1..))]
    k: Vec<u32>,
    /// Group samples by these; see `fumehood report --help`.
    #[arg(long, value_name = "NAME,...")]
    group_by: Option<Grouping>,
    /// Seconds between two looks.
    #[arg(long, value_name = "S", default_value = "1",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    every: u64,
    /// Show what there is now and end.
    #[arg(long)]
    once: bool,
}

/// What `--json` prints, one on a line: the run as far as it has come.
#[derive(Serialize)]
struct Look<'a> {
    state: State,
    grouped_by: String,
    groups: Vec<GroupLook<'a>>,
}

#[derive(Serialize)]
struct GroupLook<'a> {
    name: Option<&'a str>,
    samples: u64,
    figures: &'a [Figure],
}

/// Runs it.
pub(super) fn run(args: &WatchArgs, global: Global) -> Result<Exit, Failure> {
    let grouping = args.group_by.clone().unwrap_or_default();
    let mut live = Live::open(&RunFolder::at(&args.run), &args.k, &grouping)?;
    let every = Duration::from_secs(args.every);
    let screen = (!global.json && io::stderr().is_terminal()).then(screen);
    let mut last = String::new();
    let mut heard = Instant::now();
    loop {
        let mut is_news = false;
        let begun = Instant::now();
        while live.poll()? {
            is_news = true;
            // A long journal is shown as it is read.
            if begun.elapsed() > every && screen.is_some() {
                break;
            }
        }
        let now = draw(&mut live, global, &grouping)?;
        is_news |= now != last;
        if is_news {
            heard = Instant::now();
        }
        let is_over = args.once || is_over(&live, heard);
        match &screen {
            Some(screen) if !is_over => screen.set_message(now.clone()),
            Some(screen) => {
                screen.finish_and_clear();
                print(&now)?;
            }
            None if is_news || is_over && last.is_empty() => print(&now)?,
            None => {}
        }
        last = now;
        if is_over {
            note(&live, global);
            return Ok(match live.state {
                State::Finished => Exit::Success,
                _ => Exit::Incomplete,
            });
        }
        std::thread::sleep(every);
    }
}

fn screen() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    bar
}

/// Whether nothing more is to come.
fn is_over(live: &Live, heard: Instant) -> bool {
    match live.state {
        // Somebody who goes on with the run says so at once.
        State::Finished | State::Interrupted => {
            live.is_written() != Some(true) || heard.elapsed() > SILENCE
        }
        State::New | State::Running => {
            heard.elapsed() > SILENCE && live.is_written() == Some(false)
        }
    }
}

fn note(live: &Live, global: Global) {
    if global.quiet {
        return;
    }
    match live.state {
        State::Finished => {}
        _ if live.is_merged() => {
            say("this run was merged from others, and not all of them came to their end");
        }
        State::Interrupted => {
            say("the run was interrupted; `fumehood eval --resume` goes on with it")
        }
        State::New | State::Running if live.is_written() == Some(false) => say(
            "no process works on this run, and it did not come to its end; `fumehood eval --resume` goes on with it",
        ),
        State::New | State::Running => say("the run goes on"),
    }
}

fn draw(live: &mut Live, global: Global, grouping: &Grouping) -> Result<String, Failure> {
    let now = live.now();
    if global.json {
        let groups = now.iter().map(|(name, figures)| GroupLook {
            name: name.as_deref(),
            samples: figures.first().map_or(0, |figure| figure.coverage.total),
            figures,
        });
        let look = Look {
            state: live.state,
            grouped_by: grouping.to_string(),
            groups: groups.collect(),
        };
        let text =
            serde_json::to_string(&look).map_err(|error| Failure::new(Exit::RunFolder, error))?;
        return Ok(format!("{text}\n"));
    }
    let groups: Vec<Standing<'_>> = now
        .iter()
        .map(|(name, figures)| Standing {
            name: name.as_deref(),
            figures,
        })
        .collect();
    let dataset = &live.manifest.identity.dataset;
    Ok(terminal::render_overview(dataset, &groups, width()))
}
