//! Which scanners a command is to have: as typed, as asked for, and found.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use super::exit_code::Exit;
use super::failure::Failure;
use crate::base::text::one_line;
use crate::environment::{EnvChoice, Interpreter, Store};
use crate::scan::command::SarifCommand;
use crate::scan::{Adapter as _, Scanner, ScannerKind, behaviour};
use crate::worker::Pool;

/// Arguments as typed.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ScannerArgs {
    /// Scanners by name, or `none`: bandit, ruff-s, semgrep, bearer and codeql read the code, behaviour counts
    /// the forbidden acts of its run.
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "bandit,ruff-s"
    )]
    pub(super) scanners: Vec<String>,
    /// One scanner more; may be repeated. A name; `sarif:REPORT`, what a tool said elsewhere (see `fumehood
    /// stage`); or `sarif-cmd:NAME=COMMAND`, a tool of yours that writes SARIF, run in the sandbox, with {tree} for the
    /// folder and, if it does not print its report, {output} for the file.
    #[arg(long = "scanner", value_name = "SPEC")]
    pub(super) more: Vec<String>,
}

/// The scanners that a command is to have.
#[derive(Clone, Debug, Default)]
pub(super) struct Panel {
    pub(super) asked: Vec<Asked>,
    /// Reports of tools that ran elsewhere.
    pub(super) reports: Vec<PathBuf>,
    /// Whether what samples do counts as a scanner beside those.
    pub(super) behaviour: bool,
}

/// A scanner that is to be run.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// One of ours.
    Kind(ScannerKind),
    /// A command of the user's.
    Command(Box<SarifCommand>),
}

impl Asked {
    /// Its name in results.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Kind(kind) => kind.name(),
            Self::Command(command) => command.name(),
        }
    }
}

impl Panel {
    /// What was typed, understood.
    pub(super) fn of(args: &ScannerArgs) -> Result<Self, Failure> {
        let mut panel = Self::default();
        let named = args.scanners.iter().filter(|name| *name != "none");
        for spec in named.chain(&args.more) {
            panel.add(spec)?;
        }
        panel.asked.sort_by(|a, b| a.name().cmp(b.name()));
        panel.asked.dedup_by(|a, b| a.name() == b.name());
        Ok(panel)
    }

    fn add(&mut self, spec: &str) -> Result<(), Failure> {
        if spec == behaviour::NAME {
            self.behaviour = true;
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
        } else {
            return Err(unknown(spec));
        }
        Ok(())
    }

    /// The scanners of code, each asked whether it is there.
    pub(super) async fn find(&self, pool: &Pool) -> Vec<Scanner> {
        let mut found = Vec::new();
        for asked in &self.asked {
            found.push(match asked {
                Asked::Kind(kind) => find(*kind, pool).await,
                Asked::Command(command) => match environment(command.environment()) {
                    Ok(python) => Scanner::command(pool, (**command).clone(), &python).await,
                    Err(why) => Scanner::unusable(command.name(), &why),
                },
            });
        }
        found
    }
}

/// A scanner of ours, if its environment is there.
pub(super) async fn find(kind: ScannerKind, pool: &Pool) -> Scanner {
    match environment(kind.environment()) {
        Ok(interpreter) => Scanner::prepare(pool, kind, &interpreter).await,
        Err(why) => Scanner::unavailable(kind, &why),
    }
}

fn environment(name: &str) -> Result<Interpreter, String> {
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
        "the scanners are {known}, {}, sarif:REPORT, sarif-cmd:NAME=COMMAND, or none",
        behaviour::NAME
    ))
}

fn wrong(spec: &str, why: &str) -> Failure {
    let spec = one_line(spec, 80);
    Failure::new(Exit::Usage, anyhow::anyhow!("the scanner `{spec}`: {why}"))
}
