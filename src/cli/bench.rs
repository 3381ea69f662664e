//! `fumehood bench`: what this host can do, and what fumehood and others leave of it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::Global;
use super::eval_args::WorkerArgs;
use super::exec::executable;
use super::exit_code::Exit;
use super::failure::Failure;
use super::output::{print, print_json, say};
use super::run::{runtime, start_pool};
use crate::bench::{self, Bench, BenchError, Outcome};
use crate::environment::{EnvChoice, Store};

/// Measure this host: bare processes, the sandbox, bubblewrap if it is installed, cold Python, graded
/// tests, and forks of a warm Python, in turns. Takes about a minute.
///
/// Let nothing else run meanwhile. Every ratio is the median over the rounds, and every pace the sum
/// over all workers.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct BenchArgs {
    /// Turns of each contender.
    #[arg(long, value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Seconds of one turn.
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,
    /// A static program that ends with 0, to be run instead of the least there is: two instructions,
    /// half the cost of a program with a C library in it.
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
    /// The Python interpreter [default: the one that `eval` takes].
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    #[command(flatten)]
    workers: WorkerArgs,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.05..=600.0).contains(&value) => Ok(value),
        _ => Err("it must be a number from 0.05 to 600".to_owned()),
    }
}

/// Runs it.
pub(super) fn run(args: &BenchArgs, global: Global) -> Result<Exit, Failure> {
    let choice = match &args.python {
        Some(path) => EnvChoice::Python(path.clone()),
        None => EnvChoice::Default,
    };
    let interpreter = Store::of_user().and_then(|store| store.resolve(&choice, &[]));
    let interpreter = match (interpreter, &args.python) {
        (Ok(interpreter), _) => Ok(interpreter),
        // What was named must be there; without a name everything else can still be measured.
        (Err(error), Some(_)) => return Err(error.into()),
        (Err(error), None) => Err(error.to_string()),
    };
    let program = args.program.as_deref().map(program).transpose()?;
    let outcome = runtime()?.block_on(async {
        let workers = args.workers.count();
        let pool = Arc::new(start_pool(workers, &args.workers.give_up).await?);
        let bench = Bench {
            pool: Arc::clone(&pool),
            workers,
            executable: executable()?,
            interpreter,
            rounds: args.rounds,
            program,
            time: Duration::from_secs_f64(args.seconds),
            bubblewrap: on_path("bwrap"),
        };
        let outcome = tokio::select! {
            outcome = bench::run(&bench, |what| {
                if !global.quiet {
                    say(what);
                }
            }) => outcome.map_err(Failure::from),
            _ = tokio::signal::ctrl_c() => Err(Failure::new(
                Exit::Interrupted,
                anyhow::anyhow!("interrupted; nothing was measured"),
            )),
        };
        drop(bench);
        if let Some(pool) = Arc::into_inner(pool) {
            pool.shutdown().await;
        }
        outcome
    })?;
    for note in &outcome.host.notes {
        say(&format!("note: {note}"));
    }
    if global.json {
        print_json(&outcome)?;
    } else {
        print(&table(&outcome))?;
    }
    Ok(Exit::Success)
}

fn program(path: &Path) -> Result<PathBuf, Failure> {
    let what = match std::fs::canonicalize(path) {
        Ok(path) if path.is_file() => return Ok(path),
        Ok(_) => "is no regular file".to_owned(),
        Err(error) => error.to_string(),
    };
    let what = anyhow::anyhow!("--program {}: {what}", path.display());
    Err(Failure::new(Exit::Usage, what))
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        match error {
            BenchError::Worker(error) => super::exec::sandbox_failure(error),
            BenchError::Pipeline(error) => error.into(),
            error => Self::new(Exit::Sandbox, error),
        }
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

fn table(outcome: &Outcome) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["", "median", "lowest to highest round", ""]);
    let (exec, python) = (&outcome.exec, &outcome.python);
    let rows = [
        (
            "exec.floor_per_s",
            Some(exec.floor_per_s),
            "bare spawn of a static program, in a second",
        ),
        (
            "exec.sandbox_per_s",
            Some(exec.sandbox_per_s),
            "the same program in the sandbox",
        ),
        (
            "exec.ratio",
            Some(exec.ratio),
            "share of the floor that is left",
        ),
        (
            "exec.vs_bubblewrap",
            exec.vs_bubblewrap,
            "times as fast as bwrap --unshare-all",
        ),
        (
            "python.cold_per_s",
            python.cold_per_s,
            "a test of one assertion in a cold Python, not isolated",
        ),
        (
            "python.warm_per_s",
            python.warm_per_s,
            "the same test graded in the sandbox",
        ),
        (
            "python.floor_per_s",
            python.floor_per_s,
            "the same test in forks of a warm Python, not isolated",
        ),
        (
            "python.ratio",
            python.ratio,
            "share of the floor that is left",
        ),
        (
            "python.vs_cold",
            python.vs_cold,
            "times as fast as cold Python",
        ),
        (
            "latency_ms.p50",
            outcome.latency_ms.p50,
            "added to the static program at half load, half of all",
        ),
        (
            "latency_ms.p99",
            outcome.latency_ms.p99,
            "the same, all but one in a hundred",
        ),
        (
            "memory.slot_private_kib",
            outcome.memory.slot_private_kib,
            "private memory of an idle sandbox",
        ),
    ];
    for (key, value, meaning) in rows {
        let spread = outcome.host.spread.get(key);
        table.add_row([
            key.to_owned(),
            value.map_or_else(|| "-".to_owned(), number),
            spread.map_or_else(String::new, |[low, high]| {
                format!("{} to {}", number(*low), number(*high))
            }),
            meaning.to_owned(),
        ]);
    }
    let mut text = format!("{table}\n\n");
    let measured = &outcome.host;
    let host = &measured.host;
    let _ = write!(
        text,
        "{}, {} processors{}, {}; {} workers, {} rounds of {} s",
        host.cpu,
        host.cores,
        match host.virtualised {
            Some(true) => ", a virtual machine",
            Some(false) | None => "",
        },
        host.kernel,
        measured.workers,
        measured.rounds,
        measured.seconds,
    );
    if let Some(python) = &measured.python {
        let _ = write!(text, ", Python {python}");
    }
    if let Some([minute, ..]) = host.load_before {
        let _ = write!(text, "; load before: {minute}");
    }
    if !measured.missing_layers.is_empty() {
        let _ = write!(
            text,
            "\nLayers that were not enforced: {}",
            measured.missing_layers.join(", ")
        );
    }
    text.push('\n');
    crate::base::text::for_terminal(&text)
}

/// Three digits that matter, no more: the spread says what they are worth.
fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
