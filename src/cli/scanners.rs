//! Which scanners a command is to have: as typed, as asked for, and found.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::exit_code::Exit;
use super::failure::Failure;
use super::output::say;
use crate::base::text::one_line;
use crate::environment::{EnvChoice, Interpreter, Store};
use crate::pipeline::references::user_cache;
use crate::scan::cache::Cache;
use crate::scan::command::SarifCommand;
use crate::scan::judge::JudgeConfig;
use crate::scan::judge::config::Judges;
use crate::scan::{Adapter as _, DYNAMIC, Language, Scanner, ScannerKind, behaviour, safety_cases};
use crate::worker::Pool;

/// Arguments as typed.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ScannerArgs {
    /// Scanners by name, or `none`: bandit, ruff-s, semgrep, codeshield, bearer and codeql read Python, flawfinder, codeshield
    /// and cppcheck C and C++, gosec Go; each is asked only about code in a language that it reads. behaviour counts
    /// the forbidden acts of its run, safety-cases runs the attacks that the dataset itself states (seccodeplt).
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "bandit,ruff-s"
    )]
    pub(super) scanners: Vec<String>,
    /// One scanner more; may be repeated. A name; `sarif:REPORT`, what a tool said elsewhere (see `fumehood
    /// stage`); or `sarif-cmd:NAME=COMMAND`, a tool of yours that writes SARIF, run in the sandbox, with {tree} for the
    /// folder and, if it does not print its report, {output} for the file; or `judge:NAME`, a language model.
    #[arg(long = "scanner", value_name = "SPEC")]
    pub(super) more: Vec<String>,
    /// Judges by name, with endpoint, price and budget (TOML; see docs/scanners.md).
    #[arg(long, value_name = "FILE")]
    pub(super) judges: Option<PathBuf>,
    /// Ask every scanner anew: neither take what it said in earlier runs nor keep what it says.
    #[arg(long, env = "FUMEHOOD_NO_CACHE")]
    pub(super) no_cache: bool,
}

/// The scanners that a command is to have.
#[derive(Clone, Debug, Default)]
pub(super) struct Panel {
    pub(super) asked: Vec<Asked>,
    /// Reports of tools that ran elsewhere.
    pub(super) reports: Vec<PathBuf>,
    /// Whether what samples do counts as a scanner beside those.
    pub(super) behaviour: bool,
    /// Whether samples are put through their tasks' safety cases, which is one scanner more.
    pub(super) safety: bool,
    /// Whether all are asked anew.
    no_cache: bool,
}

/// A scanner that is to be run.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// One of ours.
    Kind(ScannerKind),
    /// A command of the user's.
    Command(Box<SarifCommand>),
    /// A language model.
    Judge(Box<JudgeConfig>),
}

impl Asked {
    /// Its name in results.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Kind(kind) => kind.name(),
            Self::Command(command) => command.name(),
            Self::Judge(judge) => &judge.name,
        }
    }

    /// Whether it reads a language.
    pub(super) fn reads(&self, language: Language) -> bool {
        let languages = match self {
            Self::Kind(kind) => kind.languages(),
            Self::Command(command) => command.languages(),
            Self::Judge(_) => &[Language::Python],
        };
        languages.contains(&language)
    }
}

impl Panel {
    /// What was typed, understood.
    pub(super) fn of(args: &ScannerArgs) -> Result<Self, Failure> {
        let mut panel = Self {
            no_cache: args.no_cache,
            ..Self::default()
        };
        let judges = judges(args.judges.as_deref())?;
        let named = args.scanners.iter().filter(|name| *name != "none");
        for spec in named.chain(&args.more) {
            panel.add(spec, &judges)?;
        }
        panel.asked.sort_by(|a, b| a.name().cmp(b.name()));
        panel.asked.dedup_by(|a, b| a.name() == b.name());
        Ok(panel)
    }

    fn add(&mut self, spec: &str, judges: &Judges) -> Result<(), Failure> {
        if spec == behaviour::NAME {
            self.behaviour = true;
        } else if spec == safety_cases::NAME {
            self.safety = true;
        } else if let Some(kind) = ScannerKind::by_name(spec) {
            self.asked.push(Asked::Kind(kind));
        } else if let Some(path) = spec.strip_prefix("sarif:") {
            self.reports.push(path.into());
        } else if let Some(command) = spec.strip_prefix("sarif-cmd:") {
            let command = SarifCommand::parse(command).map_err(|why| {
                wrong(spec, &why).hint("such as 'sarif-cmd:mine=mytool --sarif {tree}'")
            })?;
            if self
                .asked
                .iter()
                .any(|asked| asked.name() == command.name())
            {
                return Err(wrong(spec, "another one has this name"));
            }
            self.asked.push(Asked::Command(Box::new(command)));
        } else if let Some(name) = spec.strip_prefix("judge:") {
            let variable = |name: &str| std::env::var(name).ok();
            let judge = judges
                .named(name, variable)
                .map_err(|why| wrong(spec, &why))?;
            self.asked.push(Asked::Judge(Box::new(judge)));
        } else {
            return Err(unknown(spec));
        }
        Ok(())
    }

    /// The scanners that read no code, and so need samples to be run.
    pub(super) fn dynamic(&self) -> impl Iterator<Item = &str> {
        let asked = [self.behaviour, self.safety];
        DYNAMIC
            .into_iter()
            .zip(asked)
            .filter_map(|(name, is_asked)| is_asked.then_some(name))
    }

    /// The scanners of code, each asked whether it is there.
    pub(super) async fn find(&self, pool: &Pool) -> Vec<Scanner> {
        let mut found = Vec::new();
        let cache = if self.no_cache { None } else { cache() };
        for asked in &self.asked {
            found.push(match asked {
                Asked::Kind(kind) => find(*kind, pool).await,
                Asked::Command(command) => match environment(command.environment()) {
                    Ok(python) => Scanner::command(pool, (**command).clone(), &python).await,
                    Err(why) => Scanner::unusable(command.name(), &why),
                },
                Asked::Judge(judge) => Scanner::judge((**judge).clone(), cache.clone()).await,
            });
        }
        let with_cache = |scanner: Scanner| scanner.with_cache(cache.clone());
        found.into_iter().map(with_cache).collect()
    }
}

/// What scanners said in earlier runs; without it they are run.
fn cache() -> Option<Arc<Cache>> {
    let folder = user_cache()?.join("scans");
    match Cache::open(&folder) {
        Ok(cache) => Some(Arc::new(cache)),
        Err(why) => {
            say(&format!("warning: {why}; every scanner is asked anew"));
            None
        }
    }
}

fn judges(path: Option<&Path>) -> Result<Judges, Failure> {
    let Some(path) = path else {
        return Ok(Judges::default());
    };
    let failed =
        |why: String| Failure::new(Exit::Input, anyhow::anyhow!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path)
        .map_err(|error| failed(format!("cannot read the judges: {error}")))?;
    Judges::parse(&text).map_err(|why| failed(why.trim_end().to_owned()))
}

/// What was paid for, in words.
pub(super) fn say_costs(scanners: &[Scanner]) {
    for scanner in scanners {
        if let Some(cost) = scanner.cost() {
            say(&format!("{}: {cost}", scanner.name()));
        }
    }
}

/// A scanner of ours, if its environment is there.
pub(super) async fn find(kind: ScannerKind, pool: &Pool) -> Scanner {
    match environment(kind.environment()) {
        Ok(interpreter) => Scanner::prepare(pool, kind, &interpreter).await,
        Err(why) => Scanner::unavailable(kind, &why),
    }
}

fn environment(name: Option<&str>) -> Result<Interpreter, String> {
    let Some(name) = name else {
        return Ok(Interpreter::none());
    };
    let choice = EnvChoice::Named(name.to_owned());
    let found = Store::of_user().and_then(|store| store.resolve(&choice, &[]));
    found.map_err(|error| error.to_string())
}

/// The first name that two scanners share.
pub(super) fn shared_name<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

fn unknown(spec: &str) -> Failure {
    let known = ScannerKind::ALL.map(ScannerKind::name).join(", ");
    let error = anyhow::anyhow!("unknown scanner `{}`", one_line(spec, 40));
    Failure::new(Exit::Usage, error).hint(format!(
        "the scanners are {known}, {}, sarif:REPORT, sarif-cmd:NAME=COMMAND, judge:NAME, or none",
        DYNAMIC.join(", ")
    ))
}

fn wrong(spec: &str, why: &str) -> Failure {
    let spec = one_line(spec, 80);
    Failure::new(Exit::Usage, anyhow::anyhow!("the scanner `{spec}`: {why}"))
}
