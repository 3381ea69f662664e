//! `fumehood env`: makes and lists Python environments.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Global;
use super::exit_code::Exit;
use super::failure::Failure;
use super::output;
use crate::environment::{self, CreateOptions, EnvError, EnvInfo, EnvState, Progress, Store};

/// Arguments as typed.
#[derive(Args, Debug)]
pub(super) struct EnvArgs {
    #[command(subcommand)]
    command: EnvCommand,
}

#[derive(Debug, Subcommand)]
enum EnvCommand {
    /// Make an environment from its pinned list; finished ones are left as they are.
    Create {
        /// `scanners` (bandit and ruff), `semgrep`, or `bigcodebench` (the libraries that its tests import).
        name: String,
        /// The Python to make it from; found on PATH, in pyenv's or in uv's folder when absent.
        #[arg(long, value_name = "PATH")]
        python: Option<PathBuf>,
        /// Folder with NLTK data: zip archives, or NLTK's own tree.
        #[arg(long, value_name = "DIR")]
        nltk_data: Option<PathBuf>,
        /// Install from the packages in this folder, without the network.
        #[arg(long, value_name = "DIR")]
        packages: Option<PathBuf>,
        /// Make it anew even if it is finished.
        #[arg(long)]
        rebuild: bool,
    },
    /// List all environments with their state, Python, size and folder.
    List,
}

impl From<EnvError> for Failure {
    fn from(error: EnvError) -> Self {
        let exit = match error {
            EnvError::UnknownName { .. } => Exit::Usage,
            _ => Exit::Environment,
        };
        Self::new(exit, error)
    }
}

/// Runs it.
pub(super) fn run(args: &EnvArgs, global: Global) -> Result<Exit, Failure> {
    let store = Store::of_user()?;
    match &args.command {
        EnvCommand::List => list(&store, global),
        EnvCommand::Create {
            name,
            python,
            nltk_data,
            packages,
            rebuild,
        } => {
            let options = CreateOptions {
                python: python.clone(),
                nltk_data: nltk_data.clone(),
                packages: packages.clone(),
                rebuild: *rebuild,
            };
            let made = store.create(environment::spec(name)?, &options, draw(global))?;
            if global.json {
                output::print_json(&made)?;
            } else if let Some(path) = &made.path {
                output::print(&format!("{}\n", path.display()))?;
            }
            Ok(Exit::Success)
        }
    }
}

/// Shows steps as lines; on a terminal pip's own lines below them, each in the place of the last.
pub(super) fn draw(global: Global) -> impl FnMut(Progress<'_>) {
    let live = !global.quiet && std::io::stderr().is_terminal();
    let bar = indicatif::ProgressBar::new_spinner();
    if !live {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    move |progress| match progress {
        Progress::Waiting if !global.quiet => {
            output::say("another fumehood makes this environment; waiting for it");
        }
        Progress::Step { number, of, what } if !global.quiet => {
            bar.suspend(|| output::say(&format!("[{number}/{of}] {what}")));
        }
        Progress::Line(line) if live => {
            bar.set_message(line.to_owned());
            bar.tick();
        }
        _ => {}
    }
}

fn list(store: &Store, global: Global) -> Result<Exit, Failure> {
    let all = store.list();
    if global.json {
        output::print_json(&all)?;
        return Ok(Exit::Success);
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header([
        "name",
        "state",
        "python",
        "size",
        "folder, or how to make it",
    ]);
    for env in &all {
        table.add_row([
            env.name.clone(),
            env.state.name().to_owned(),
            env.python.clone().unwrap_or_default(),
            size(env.bytes),
            place(env),
        ]);
    }
    output::print(&format!("{table}\n"))?;
    Ok(Exit::Success)
}

fn place(env: &EnvInfo) -> String {
    match (&env.path, env.state) {
        (Some(path), EnvState::Ready) => path.display().to_string(),
        _ => format!("fumehood env create {}  ({})", env.name, env.purpose),
    }
}

fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => String::new(),
        mib @ ..1024 => format!("{mib} MiB"),
        mib => format!("{:.1} GiB", mib as f64 / 1024.0),
    }
}
