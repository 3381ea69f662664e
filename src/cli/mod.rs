//! The command line: one file a subcommand. Arguments as typed become resolved options, then run.
//!
//! Data goes to standard output, everything else to standard error. No question is ever asked.

pub mod exit_code;
pub mod failure;
pub mod output;

mod attack;
mod bench;
mod codes;
mod compare;
mod demo;
mod doctor;
mod env;
mod eval;
mod eval_args;
mod exec;
mod html;
mod inputs;
mod live;
mod merge;
mod parquet;
mod policy;
mod profile;
mod progress;
mod render;
mod report;
mod results;
mod run;
mod scan;
mod scan_files;
mod scanners;
mod schema;
mod setup;
mod sides;
mod stage;
mod study;
mod tables;
mod watch;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use exit_code::Exit;
use failure::Failure;

/// Runs code written by language models in a sandbox, grades it with its task's own tests, scans it
/// for vulnerabilities, and measures both.
#[derive(Debug, Parser)]
#[command(name = "fumehood", version, after_help = Exit::table(), max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every subcommand.
#[derive(Args, Clone, Copy, Debug)]
pub struct Global {
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    pub json: bool,
    /// Show no progress; errors are still shown.
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Evaluate the built-in example, from sandbox to report, in about a minute.
    Demo(demo::DemoArgs),
    /// Evaluate samples: run, grade and scan them.
    Eval(Box<eval_args::EvalArgs>),
    /// Run one program in the sandbox.
    Exec(exec::ExecArgs),
    /// Say what this host can enforce, and how to get the rest.
    Doctor(doctor::DoctorArgs),
    /// Measure this host against bare processes, bubblewrap and cold Python.
    Bench(bench::BenchArgs),
    /// Make and list Python environments for datasets and scanners.
    Env(env::EnvArgs),
    /// Say what the scanners find in Python files, without running them.
    Scan(scan::ScanArgs),
    /// Write every program of the samples as a file, for tools that run elsewhere.
    Stage(stage::StageArgs),
    /// Report on a run from its journal.
    Report(report::ReportArgs),
    /// Show the figures of a run while it is written.
    Watch(watch::WatchArgs),
    /// Put runs together: shards, or different samples of the same tasks.
    Merge(merge::MergeArgs),
    /// Set techniques against a base: what changed, how sure that is, and what became of each sample.
    Compare(Box<compare::CompareArgs>),
    /// Print the JSON Schema of what reports print as JSON.
    Schema(schema::SchemaArgs),
}

/// Runs the command line and gives its exit code.
pub fn main() -> ExitCode {
    // The program runs itself again for these three. They come before all else: a worker forks, so
    // no thread may exist, and the probe runs inside a sandbox.
    match std::env::args_os().nth(1) {
        Some(word) if word == crate::worker::SUBCOMMAND => return crate::worker::serve(),
        Some(word) if word == crate::worker::probe::SUBCOMMAND => {
            return crate::worker::probe::report();
        }
        Some(word) if word == crate::bench::SUBCOMMAND => return crate::bench::serve(),
        _ => {}
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Success
            };
            // Help that nobody reads is no failure.
            let _ = error.print();
            return exit.into();
        }
    };
    let outcome = match cli.command {
        Command::Demo(args) => demo::run(&args, cli.global),
        Command::Eval(args) => eval::run(&args, cli.global),
        Command::Exec(args) => exec::run(&args, cli.global),
        Command::Doctor(args) => doctor::run(&args, cli.global),
        Command::Bench(args) => bench::run(&args, cli.global),
        Command::Env(args) => env::run(&args, cli.global),
        Command::Scan(args) => scan::run(&args, cli.global),
        Command::Stage(args) => stage::run(&args, cli.global),
        Command::Report(args) => report::run(&args, cli.global),
        Command::Watch(args) => watch::run(&args, cli.global),
        Command::Merge(args) => merge::run(&args, cli.global),
        Command::Compare(args) => compare::run(&args, cli.global),
        Command::Schema(args) => schema::run(&args),
    };
    outcome
        .unwrap_or_else(|failure: Failure| failure.report())
        .into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
