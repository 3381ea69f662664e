//! `fumehood compare`: techniques against a base, from their journals alone.

use std::path::PathBuf;

use clap::Args;

use super::Global;
use super::codes::CodeArgs;
use super::exit_code::Exit;
use super::failure::Failure;
use super::html::write_page;
use super::output::print;
use super::render::{Format, about, width};
use super::sides::Sides;
use super::tables::{TableArgs, say_broken};
use crate::metrics::paired::{Gate, Pairing};
use crate::report::compare::{Asked, Contestant};
use crate::report::{CompareSummary, html, json, markdown, terminal};

/// Set techniques against a base, task by task, from their journals alone.
///
///   fumehood compare BASE TECHNIQUE...                  run folders; the first is the base
///   fumehood compare RUN --base GROUP                   the groups of one run
///   fumehood compare BASE TECHNIQUE --fail-if 'safe@1 drops 0.01 (p<0.05)'
///   fumehood compare BASE TECHNIQUE --html FILE         one file for a browser: charts, tables, what changed in codes
///   fumehood compare BASE TECHNIQUE --list IF:SN --data TASKS --samples-base FILE --samples FILE
///
/// docs/comparing.md has the formulas.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct CompareArgs {
    /// Run folders, the base first; or one folder and --base.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// The group of the run that the others are compared with: `MODEL`, `TECHNIQUE` or `MODEL + TECHNIQUE`, as
    /// its samples name them, or `(no group)`.
    #[arg(long, value_name = "GROUP")]
    base: Option<String>,
    /// A group to compare with it; may be repeated. All others unless one is named.
    #[arg(long = "technique", value_name = "GROUP", requires = "base")]
    techniques: Vec<String>,
    /// The k of Pass@k and its kin.
    #[arg(long, value_name = "K,...", value_delimiter = ',', default_value = "1,5,10",
          value_parser = clap::value_parser!(u32).range(1..))]
    k: Vec<u32>,
    /// Replicates of the bootstrap.
    #[arg(long, value_name = "N", default_value = "1000",
          value_parser = clap::value_parser!(u32).range(100..=100_000))]
    replicates: u32,
    /// Count findings by this policy (TOML) instead of each run's own; nothing is run or scanned again.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Compare runs that cannot be compared; the report says so.
    #[arg(long)]
    force: bool,
    /// End with exit code 9 if a technique does this, such as 'safe@1 drops 0.01 (p<0.05)'; may be repeated.
    #[arg(long = "fail-if", value_name = "RULE")]
    gates: Vec<Gate>,
    #[command(flatten)]
    codes: CodeArgs,
    /// Print Markdown instead of tables.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    #[command(flatten)]
    tables: TableArgs,
    /// Write the comparison as one HTML file, which needs nothing else, instead of printing it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "markdown", "latex", "csv"])]
    html: Option<PathBuf>,
}

impl CompareArgs {
    /// The values of k: those that are typed, and those that rules ask for.
    fn ks(&self) -> Vec<u32> {
        let of_rules = self.gates.iter().map(|gate| gate.k);
        self.k.iter().copied().chain(of_rules).collect()
    }
}

/// Runs it.
pub(super) fn run(args: &CompareArgs, global: Global) -> Result<Exit, Failure> {
    let policy = args.policy.as_deref();
    let sides = Sides::read(&args.runs, args.base.as_deref(), &args.techniques, policy)?;
    check_scanners(&args.gates, &sides)?;
    if let Some(scanner) = args.codes.scanner() {
        check_scanner(scanner, &sides, "--list")?;
    }
    sides.check(args.force)?;
    if !global.quiet {
        sides.note_unfinished();
    }
    let base = sides.samples_of(&sides.base)?;
    let mut pairings = Vec::new();
    for technique in &sides.techniques {
        let samples = sides.samples_of(technique)?;
        pairings.push((samples, Pairing::of(base, samples, sides.partners)));
    }
    let opinions = sides.opinions()?;
    let techniques: Vec<Contestant<'_>> = sides
        .techniques
        .iter()
        .zip(&pairings)
        .map(|(side, (samples, pairing))| Contestant {
            name: &side.name,
            group: side.group.as_deref(),
            samples,
            pairing: Some(pairing),
            opinions: opinions.get(side.run),
        })
        .collect();
    let asked = Asked {
        ks: &args.ks(),
        replicates: args.replicates,
        gates: &args.gates,
    };
    let mut summary = CompareSummary::build(
        about(&sides.run_of(&sides.base).manifest),
        sides.differences.clone(),
        Contestant {
            name: &sides.base.name,
            group: sides.base.group.as_deref(),
            samples: base,
            pairing: None,
            opinions: opinions.get(sides.base.run),
        },
        &techniques,
        asked,
    );
    let pairings: Vec<&Pairing<'_>> = pairings.iter().map(|(_, pairing)| pairing).collect();
    let shown = args.codes.show(&sides, &pairings)?;
    for (technique, shown) in summary.techniques.iter_mut().zip(shown) {
        technique.listing = shown.listing;
        technique.failures = shown.failures;
    }
    if let Some(path) = &args.html {
        write_page(path, &html::render_compare(&summary))?;
        say_broken(&summary);
    } else if !args.tables.print_compare(&summary)? {
        print(&match Format::asked(global, args.markdown) {
            Format::Terminal => terminal::render_compare(&summary, width()),
            Format::Markdown => markdown::render_compare(&summary),
            Format::Json => json::render_compare(&summary)
                .map_err(|error| Failure::new(Exit::RunFolder, error))?,
        })?;
    }
    Ok(if summary.is_regression() {
        Exit::Regressed
    } else if sides.is_complete() {
        Exit::Success
    } else {
        Exit::Incomplete
    })
}

/// A rule about a scanner that nobody ran would never be kept, and never be noticed.
fn check_scanners(gates: &[Gate], sides: &Sides) -> Result<(), Failure> {
    for gate in gates {
        if let Some(wanted) = &gate.scanner {
            check_scanner(wanted, sides, &format!("--fail-if '{gate}'"))?;
        }
    }
    Ok(())
}

fn check_scanner(wanted: &str, sides: &Sides, option: &str) -> Result<(), Failure> {
    for run in &sides.runs {
        let scanners = &run.manifest.identity.scanners;
        if scanners.iter().any(|scanner| scanner.name == wanted) {
            continue;
        }
        let names: Vec<&str> = scanners
            .iter()
            .map(|scanner| scanner.name.as_str())
            .collect();
        let known = match names.is_empty() {
            true => "it was made without scanners".to_owned(),
            false => format!("it was scanned by {}", names.join(", ")),
        };
        let error = anyhow::anyhow!(
            "{option}: {} was not scanned by `{}`",
            run.path.display(),
            crate::base::text::one_line(wanted, 100)
        );
        return Err(Failure::new(Exit::Usage, error).hint(known));
    }
    Ok(())
}
