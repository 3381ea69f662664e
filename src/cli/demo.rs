//! `fumehood demo`: the whole path on small examples that are part of the program.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value};

use super::Global;
use super::env;
use super::eval::conclude;
use super::eval_args::{EvalArgs, GradingArg, LimitArgs, WorkerArgs};
use super::exit_code::Exit;
use super::failure::Failure;
use super::inputs::InputArgs;
use super::output::{print, print_json, say};
use super::render::{Format, Outcome};
use super::run;
use super::scanners::ScannerArgs;
use super::setup::Setup;
use crate::environment::{CreateOptions, EnvChoice, Store, spec};
use crate::scan::DYNAMIC;

/// Arguments as typed.
#[derive(Args, Debug)]
pub(super) struct DemoArgs {
    /// The folder to write both runs into [default: `fumehood/demo` in the user's cache folder,
    /// replaced every time].
    #[arg(long, short, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Scanners, or `none`.
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "bandit,behaviour,ruff-s"
    )]
    scanners: Vec<String>,
    #[command(flatten)]
    workers: WorkerArgs,
}

/// One of the examples.
struct Example {
    dataset: &'static str,
    tasks: &'static str,
    samples: &'static str,
    about: &'static str,
}

const EXAMPLES: [Example; 2] = [
    Example {
        dataset: "bigcodebench",
        tasks: include_str!("../../fixtures/demo/bigcodebench.jsonl"),
        samples: include_str!("../../fixtures/demo/bigcodebench.samples.jsonl"),
        about: "Tasks with unit tests, in BigCodeBench's format. Some samples are right, some wrong, and some \
                hang, eat memory, start processes without end, reach for the host or cheat their tests.",
    },
    Example {
        dataset: "seccodeplt",
        tasks: include_str!("../../fixtures/demo/seccodeplt.jsonl"),
        samples: include_str!("../../fixtures/demo/seccodeplt.samples.jsonl"),
        about: "Security tasks in SecCodePLT+'s format. What a case expects is not written down anywhere: it \
                comes from running each task's ground truth three times in the sandbox.",
    },
];

const EXPLANATION: &str = "\
How to read this
  `base` and `hardened` stand for one model before and after security training; all of it is made up.
  Pass@1 is how often a sample works. Secure@1 is how often no scanner objects to it. Secure-Pass@1
  is how often both hold for the same sample, and that is the number to compare: code that does nothing
  is secure, and code that works may be a hole. SAFE@1 also gives secure code that passes only some cases
  its share.
  `timeout`, `memory`, `processes` and `output` are limits that a sample hit. `tampered` samples
  tried to pass without doing their task; they earn nothing. None of them left its sandbox:
  `fumehood doctor` says what that is made of on this host. Forbidden acts are system calls that it
  refused; the scanner `behaviour` counts samples that attempted one as insecure.
";

/// Runs it.
pub(super) fn run(args: &DemoArgs, global: Global) -> Result<Exit, Failure> {
    let home = home(args)?;
    let reads_code = |name: &String| name != "none" && !DYNAMIC.contains(&name.as_str());
    if args.scanners.iter().any(reads_code) {
        prepare_scanners(global);
    }
    let mut exit = Exit::Success;
    let mut all = Map::new();
    for example in &EXAMPLES {
        let setup = setup(args, &home, example, global)?;
        if !global.quiet {
            say(&format!("evaluating {}", setup.folder.path().display()));
        }
        run::evaluate(&setup, global)?;
        let outcome = conclude(&setup, global)?;
        if outcome.exit() != Exit::Success {
            exit = outcome.exit();
        }
        if global.json {
            all.insert(example.dataset.to_owned(), json(&outcome)?);
        } else {
            print(&format!("\n== {}\n{}\n\n", example.dataset, example.about))?;
            outcome.show(Format::Terminal)?;
        }
    }
    if global.json {
        print_json(&Value::Object(all))?;
    } else {
        print(&format!("\n{EXPLANATION}"))?;
        print(&format!(
            "  The runs are in {}; `fumehood report FOLDER --markdown` shows one again.\n",
            crate::base::text::for_terminal(&home.display().to_string())
        ))?;
    }
    Ok(exit)
}

fn json(outcome: &Outcome) -> Result<Value, Failure> {
    serde_json::to_value(&outcome.summary).map_err(|error| Failure::new(Exit::RunFolder, error))
}

/// The folder for both runs. One that the user named must not hold them yet; our own is replaced.
fn home(args: &DemoArgs) -> Result<PathBuf, Failure> {
    if let Some(path) = &args.output {
        return Ok(path.clone());
    }
    let store = Store::of_user()?;
    let cache = store.root().parent().unwrap_or(Path::new("."));
    let home = cache.join("demo");
    match fs::remove_dir_all(&home) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unwritable(&home, error)),
        _ => Ok(home),
    }
}

/// Makes the scanners' environment if it is not there; without it the demo goes on.
fn prepare_scanners(global: Global) {
    let made = Store::of_user().map_err(Failure::from).and_then(|store| {
        let choice = EnvChoice::Named("scanners".to_owned());
        if store.resolve(&choice, &[]).is_ok() {
            return Ok(());
        }
        if !global.quiet {
            say("making the scanners' environment, once (needs PyPI)");
        }
        let spec = spec("scanners")?;
        store.create(spec, &CreateOptions::default(), env::draw(global))?;
        Ok(())
    });
    if let Err(failure) = made {
        say(&failure.message());
        say("going on without scanners: whether code is secure stays unknown");
    }
}

fn setup(
    args: &DemoArgs,
    home: &Path,
    example: &Example,
    global: Global,
) -> Result<Setup, Failure> {
    let inputs = home.join("inputs");
    fs::create_dir_all(&inputs).map_err(|error| unwritable(&inputs, error))?;
    let write = |name: String, text: &str| {
        let path = inputs.join(name);
        fs::write(&path, text)
            .map(|()| path.clone())
            .map_err(|error| unwritable(&path, error))
    };
    let data = write(format!("{}.jsonl", example.dataset), example.tasks)?;
    let samples = write(
        format!("{}.samples.jsonl", example.dataset),
        example.samples,
    )?;
    let args = EvalArgs {
        inputs: InputArgs {
            dataset: example.dataset.to_owned(),
            data,
            samples: samples.to_string_lossy().into_owned(),
            ..InputArgs::default()
        },
        output: home.join(example.dataset),
        resume: false,
        env: None,
        python: None,
        scanners: ScannerArgs {
            scanners: args.scanners.clone(),
            ..ScannerArgs::default()
        },
        policy: None,
        grading: GradingArg::Strict,
        cold: false,
        check_ground_truth: true,
        profile_time: false,
        no_dedup: false,
        history: None,
        k: vec![1],
        workers: args.workers.clone(),
        // Small, so that hanging and greedy samples do not hold up the show.
        limits: LimitArgs {
            cpu_seconds: Some(5),
            wall_seconds: Some(10),
            memory_mib: Some(512),
            processes: Some(64),
            ..LimitArgs::default()
        },
    };
    // Its notes are about real datasets.
    let quiet = Global {
        quiet: true,
        ..global
    };
    let mut setup = Setup::resolve(&args, quiet)?;
    setup.needs_scanners = false;
    Ok(setup)
}

fn unwritable(path: &Path, error: std::io::Error) -> Failure {
    Failure::new(
        Exit::RunFolder,
        anyhow::Error::new(error).context(format!("cannot write {}", path.display())),
    )
}
