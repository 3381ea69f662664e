//! From what was typed to what is run: everything that can be wrong with the inputs is found here,
//! before any program runs.

use std::path::{Path, PathBuf};

use super::Global;
use super::eval_args::{EvalArgs, GradingArg};
use super::exit_code::Exit;
use super::failure::Failure;
use super::inputs::Inputs;
use super::output::say;
use super::policy;
use super::scanners::{Asked, Panel, shared_name};
use crate::base::limits::Limits;
use crate::dataset::DatasetKind;
use crate::environment::{EnvChoice, EnvState, Interpreter, Store};
use crate::harness::Grading;
use crate::job::PROFILE;
use crate::journal::{Mode, RunFolder};
use crate::pipeline::Durations;
use crate::sandbox::Profile;
use crate::scan::staged_report::StagedReport;
use crate::scan::{Language, Policy, safety_cases};

/// A resolved evaluation.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) inputs: Inputs,
    pub(super) interpreter: Interpreter,
    pub(super) panel: Panel,
    /// What tools said elsewhere.
    pub(super) reports: Vec<StagedReport>,
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
        let inputs = Inputs::resolve(&args.inputs)?;
        let panel = Panel::of(&args.scanners)?;
        if let Some(other) = panel
            .asked
            .iter()
            .find(|asked| !asked.reads(Language::Python))
        {
            let why = anyhow::anyhow!(
                "{} does not read Python, in which all datasets are",
                other.name()
            );
            return Err(Failure::new(Exit::Usage, why)
                .hint("`fumehood scan --list` shows what each scanner reads"));
        }
        let reports = reports(&panel)?;
        if panel.safety {
            check_has_safety_cases(&inputs, &args.inputs.data)?;
        }
        let hidden = [std::path::absolute(&args.output).unwrap_or_else(|_| args.output.clone())];
        let choice = match (&args.env, &args.python) {
            (Some(name), _) => EnvChoice::Named(name.clone()),
            (None, Some(path)) => EnvChoice::Python(path.clone()),
            (None, None) => default_environment(inputs.kind, global),
        };
        let interpreter = Store::of_user()?.resolve(&choice, &hidden)?;
        check_is_shown(&interpreter)?;
        Ok(Self {
            policy: policy::read(args.policy.as_deref(), names(&panel, &reports).into_iter())?,
            limits: args.limits.over(inputs.kind.limits()),
            inputs,
            interpreter,
            panel,
            reports,
            needs_scanners: true,
            grading: match args.grading {
                GradingArg::Strict => Grading::Strict,
                GradingArg::Paper => Grading::Paper,
            },
            warm: !args.cold,
            check_ground_truth: args.check_ground_truth,
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

/// Safety cases come with the dataset. Without any the scanner could say nothing of any sample.
fn check_has_safety_cases(inputs: &Inputs, data: &Path) -> Result<(), Failure> {
    if inputs.tasks.iter().any(|task| task.safety.is_some()) {
        return Ok(());
    }
    let all = DatasetKind::ALL.into_iter();
    let with: Vec<&str> = all
        .filter(|kind| kind.has_safety_cases())
        .map(DatasetKind::name)
        .collect();
    let what = match inputs.kind.has_safety_cases() {
        false => format!(
            "the dataset {} has no safety cases; those that have are: {}",
            inputs.kind,
            with.join(", ")
        ),
        true => format!(
            "no task in {} has safety cases, which stand in the field `unittest` of the dataset's JSON Lines",
            data.display()
        ),
    };
    let name = safety_cases::NAME;
    let error = anyhow::anyhow!("the scanner `{name}` cannot be used: {what}");
    Err(Failure::new(Exit::Usage, error).hint(format!("leave `{name}` out of --scanners")))
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

/// What tools said elsewhere, read; each scanner of the run by a name of its own.
fn reports(panel: &Panel) -> Result<Vec<StagedReport>, Failure> {
    let read = |path: &PathBuf| {
        StagedReport::read(path)
            .map_err(|why| Failure::new(Exit::Input, anyhow::anyhow!("{}: {why}", path.display())))
    };
    let reports = panel
        .reports
        .iter()
        .map(read)
        .collect::<Result<Vec<_>, _>>()?;
    match shared_name(names(panel, &reports)) {
        Some(name) => Err(Failure::new(
            Exit::Usage,
            anyhow::anyhow!("two scanners are called `{name}`; join their reports into one"),
        )),
        None => Ok(reports),
    }
}

/// The names of all scanners of the run.
fn names<'a>(panel: &'a Panel, reports: &'a [StagedReport]) -> Vec<&'a str> {
    let asked = panel.asked.iter().map(Asked::name);
    let mut names: Vec<&str> = asked
        .chain(reports.iter().map(StagedReport::scanner))
        .collect();
    names.extend(panel.dynamic());
    names
}
