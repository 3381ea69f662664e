//! From what was typed to what is run: everything that can be wrong with the inputs is found here,
//! before any program runs.

use std::path::Path;
use std::sync::Arc;

use super::Global;
use super::eval_args::{EvalArgs, GradingArg};
use super::exit_code::Exit;
use super::failure::Failure;
use super::output::say;
use super::policy;
use crate::base::limits::Limits;
use crate::base::text::one_line;
use crate::dataset::{DatasetKind, SampleOptions, TaskSet};
use crate::environment::{EnvChoice, EnvState, Interpreter, Store};
use crate::harness::Grading;
use crate::job::PROFILE;
use crate::journal::{Mode, RunFolder};
use crate::pipeline::{Durations, SampleSource, Selection};
use crate::sandbox::Profile;
use crate::scan::{Policy, ScannerKind, behaviour};

/// A resolved evaluation.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) kind: DatasetKind,
    pub(super) tasks: Arc<TaskSet>,
    pub(super) samples: SampleSource,
    pub(super) options: SampleOptions,
    pub(super) selection: Selection,
    pub(super) interpreter: Interpreter,
    pub(super) scanners: Vec<ScannerKind>,
    /// Whether what samples do counts as a scanner beside those.
    pub(super) behaviour: bool,
    /// Whether a scanner that cannot be used ends the run; else everything is unknown to it.
    pub(super) needs_scanners: bool,
    pub(super) policy: Policy,
    pub(super) grading: Grading,
    pub(super) warm: bool,
    pub(super) check_ground_truth: bool,
    pub(super) limits: Limits,
    pub(super) workers: usize,
    pub(super) share_verdicts: bool,
    /// What the run that was named as history tells.
    pub(super) history: Option<Durations>,
    pub(super) give_up: Vec<String>,
    pub(super) folder: RunFolder,
    pub(super) mode: Mode,
    pub(super) ks: Vec<u32>,
    pub(super) profile_time: bool,
}

impl Setup {
    /// Reads the dataset, finds the interpreter, checks the rest.
    pub(super) fn resolve(args: &EvalArgs, global: Global) -> Result<Self, Failure> {
        let folder = RunFolder::at(&args.output);
        let mode = if args.resume { Mode::Resume } else { Mode::New };
        folder.check(mode)?;
        let kind: DatasetKind = args
            .dataset
            .parse()
            .map_err(|error| Failure::new(Exit::Usage, anyhow::Error::new(error)))?;
        let tasks = TaskSet::load(kind, &args.data)?;
        let told = tasks.errors().len();
        for error in tasks.errors().iter().take(SHOWN) {
            say(&format!("warning: {error}"));
        }
        if told > SHOWN {
            say(&format!("warning: {} more such tasks", told - SHOWN));
        }
        let selection = Selection {
            tasks: args.tasks.iter().map(|id| id.as_str().into()).collect(),
            limit: args.limit,
        };
        if let Some(unknown) = selection.tasks.iter().find(|id| tasks.get(id).is_none()) {
            return Err(Failure::new(
                Exit::Input,
                anyhow::anyhow!("{} has no task `{unknown}`", args.data.display()),
            ));
        }
        let samples = SampleSource::parse(&args.samples);
        samples.check(&tasks, &args.data)?;
        let tasks = Arc::new(tasks);
        let options = SampleOptions {
            keep_fences: args.keep_fences,
            ..SampleOptions::default()
        };
        // Opened for what is wrong with the file as a whole; single lines are judged in the run.
        drop(samples.open(&tasks, &selection, &options)?);
        let hidden = [std::path::absolute(&args.output).unwrap_or_else(|_| args.output.clone())];
        let choice = match (&args.env, &args.python) {
            (Some(name), _) => EnvChoice::Named(name.clone()),
            (None, Some(path)) => EnvChoice::Python(path.clone()),
            (None, None) => default_environment(kind, global),
        };
        let interpreter = Store::of_user()?.resolve(&choice, &hidden)?;
        check_is_shown(&interpreter)?;
        Ok(Self {
            kind,
            tasks,
            samples,
            options,
            selection,
            interpreter,
            scanners: scanners(&args.scanners)?,
            behaviour: behaviour_asked(&args.scanners),
            needs_scanners: true,
            policy: policy::read(args.policy.as_deref(), names_of(&args.scanners))?,
            grading: match args.grading {
                GradingArg::Strict => Grading::Strict,
                GradingArg::Paper => Grading::Paper,
            },
            warm: !args.cold,
            check_ground_truth: args.check_ground_truth,
            limits: args.limits.over(kind.limits()),
            workers: args.workers.count(),
            share_verdicts: !args.no_dedup,
            history: args.history.as_deref().map(durations).transpose()?,
            give_up: args.workers.give_up.clone(),
            folder: RunFolder::at(&args.output),
            mode: if args.resume { Mode::Resume } else { Mode::New },
            ks: args.k.clone(),
            profile_time: args.profile_time,
        })
    }
}

/// Every sandbox has empty folders of its own in places such as `/tmp`. What the host has below them is not to
/// be seen in there.
fn check_is_shown(interpreter: &Interpreter) -> Result<(), Failure> {
    let profile = Profile::load(PROFILE, None).map_err(|error| Failure::new(Exit::Usage, error))?;
    for mount in &interpreter.mounts {
        if let Some(folder) = profile.covers(&mount.target) {
            return Err(Failure::new(
                Exit::Environment,
                anyhow::anyhow!(
                    "the interpreter {} needs {}, and no sandbox shows what the host has below {}; move it \
                     elsewhere, or make one with `fumehood env create`",
                    interpreter.executable.display(),
                    mount.target.display(),
                    folder.display()
                ),
            ));
        }
    }
    Ok(())
}

/// What the jobs of an earlier run took.
fn durations(run: &Path) -> Result<Durations, Failure> {
    let (_, index) = RunFolder::at(run).read()?;
    Ok(Durations::of(&index)?)
}

/// Faulty tasks that are shown one by one.
const SHOWN: usize = 5;

/// The environment that was made for this dataset, else the host's Python.
fn default_environment(kind: DatasetKind, global: Global) -> EnvChoice {
    if kind != DatasetKind::BigCodeBench {
        return EnvChoice::Default;
    }
    let is_ready = Store::of_user().is_ok_and(|store| {
        store
            .list()
            .iter()
            .any(|env| env.name == kind.name() && env.state == EnvState::Ready)
    });
    if is_ready {
        return EnvChoice::Named(kind.name().to_owned());
    }
    if !global.quiet {
        say(
            "note: using this host's python3, which may lack libraries that the tasks need; \
             `fumehood env create bigcodebench` makes an environment that has them",
        );
    }
    EnvChoice::Default
}

/// The scanners that a run is to have, as typed.
fn names_of(typed: &[String]) -> impl Iterator<Item = &str> {
    typed
        .iter()
        .map(String::as_str)
        .filter(|name| *name != "none")
}

/// Whether what samples do is to count as a scanner.
pub(super) fn behaviour_asked(typed: &[String]) -> bool {
    typed.iter().any(|name| name == behaviour::NAME)
}

/// The scanners of code to run; none for `none`.
pub(super) fn scanners(typed: &[String]) -> Result<Vec<ScannerKind>, Failure> {
    if typed == ["none"] {
        return Ok(Vec::new());
    }
    let mut kinds = typed
        .iter()
        .filter(|name| *name != behaviour::NAME)
        .map(|name| {
            ScannerKind::by_name(name).ok_or_else(|| {
                let known: Vec<_> = ScannerKind::ALL
                    .iter()
                    .map(|kind| kind.name())
                    .chain([behaviour::NAME])
                    .collect();
                Failure::new(
                    Exit::Usage,
                    anyhow::anyhow!("unknown scanner `{}`", one_line(name, 40)),
                )
                .hint(format!("the scanners are {}, or none", known.join(", ")))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    kinds.sort();
    kinds.dedup();
    Ok(kinds)
}
