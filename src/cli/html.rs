//! `fumehood report --html`: the samples that are shown one by one, and their codes.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::exit_code::Exit;
use super::failure::Failure;
use super::output::say;
use super::render::Outcome;
use crate::base::digest::Digest;
use crate::base::id::SampleId;
use crate::dataset::{DatasetKind, SampleOptions, TaskSet};
use crate::journal::manifest::write_whole;
use crate::pipeline::replay::results;
use crate::pipeline::source::tasks_digest;
use crate::pipeline::{SampleSource, Selection};
use crate::report::html::{SampleView, render};
use crate::scan::{Security, assess};
use crate::verdict::VerdictKind;

/// Arguments as typed.
#[derive(Args, Debug)]
pub(super) struct HtmlArgs {
    /// Write the report as one HTML file, which needs nothing else.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scanners", "latex", "csv"])]
    pub(super) html: Option<PathBuf>,
    /// Samples that the HTML file shows one by one.
    #[arg(long, value_name = "N", default_value_t = 500, requires = "html")]
    pub(super) show: usize,
    /// The run's dataset, to show codes in the HTML file.
    #[arg(long, value_name = "PATH", requires_all = ["html", "samples"])]
    pub(super) data: Option<PathBuf>,
    /// The run's samples, to show codes in the HTML file.
    #[arg(long, value_name = "PATH", requires_all = ["html", "data"])]
    pub(super) samples: Option<String>,
}

/// Writes the report.
pub(super) fn write(args: &HtmlArgs, outcome: &Outcome, path: &Path) -> Result<(), Failure> {
    let mut shown = most_telling(outcome, args.show)?;
    if let (Some(data), Some(samples)) = (&args.data, &args.samples) {
        let unseen = add_codes(&mut shown, outcome, data, samples)?;
        if unseen > 0 {
            say(&format!(
                "warning: {unseen} samples are not in {samples} as the run had them; their code is not shown"
            ));
        }
    }
    write_page(path, &render(&outcome.summary, &shown))
}

/// Writes a page to a file, whole or not at all.
pub(super) fn write_page(path: &Path, page: &str) -> Result<(), Failure> {
    let path = std::path::absolute(path)
        .map_err(|error| Failure::new(Exit::Usage, anyhow::Error::new(error)))?;
    write_whole(&path, page.as_bytes())?;
    Ok(())
}

/// The samples that a reader wants to see first, at most so many.
fn most_telling(outcome: &Outcome, most: usize) -> Result<Vec<SampleView>, Failure> {
    let mut shown = BTreeMap::<(u8, SampleId), SampleView>::new();
    for record in outcome.index.verdicts() {
        let record = record?;
        let results = results(&outcome.manifest, &outcome.index, &record);
        let security = assess(&results, &outcome.manifest.identity.policy).combined;
        let kind = record.verdict.kind;
        let is_grave = record.verdict.suspicions.iter().any(|one| one.grave);
        let is_suspicious = kind == VerdictKind::Tampered || is_grave;
        let rank = match (is_suspicious, kind, security) {
            (true, ..) => 0,
            (_, VerdictKind::Passed, Security::Insecure) => 1,
            (_, VerdictKind::Infra, _) => 2,
            (_, VerdictKind::Passed, Security::Unknown) => 3,
            (_, VerdictKind::Passed, Security::Secure) => 5,
            _ => 4,
        };
        let key = (rank, record.sample.clone());
        if shown.len() >= most && shown.last_key_value().is_none_or(|(last, _)| *last <= key) {
            continue;
        }
        let view = SampleView {
            record: Box::new(record),
            results,
            security,
            code: None,
        };
        shown.insert(key, view);
        if shown.len() > most {
            shown.pop_last();
        }
    }
    Ok(shown.into_values().collect())
}

/// Adds the codes of those shown, each only if it is the code that was judged. How many were not found.
fn add_codes(
    shown: &mut [SampleView],
    outcome: &Outcome,
    data: &Path,
    samples: &str,
) -> Result<usize, Failure> {
    let identity = &outcome.manifest.identity;
    let kind: DatasetKind = identity
        .dataset
        .parse()
        .map_err(|error| Failure::new(Exit::RunFolder, anyhow::Error::new(error)))?;
    let tasks = Arc::new(TaskSet::load(kind, data)?);
    if tasks_digest(&tasks) != identity.tasks {
        let what = anyhow::anyhow!("{} is not the dataset of this run", data.display());
        return Err(Failure::new(Exit::Input, what));
    }
    let source = SampleSource::parse(samples);
    source.check(&tasks, data)?;
    let mut wanted: HashMap<Digest, Vec<usize>> = HashMap::new();
    for (place, view) in shown.iter().enumerate() {
        wanted.entry(view.record.code).or_default().push(place);
    }
    // As they are and with code taken out of fences: which of both the run did is told by what it judged.
    for keep_fences in [false, true] {
        let options = SampleOptions {
            keep_fences,
            ..SampleOptions::default()
        };
        for sample in source
            .open(&tasks, &Selection::default(), &options)?
            .flatten()
        {
            if let Some(places) = wanted.remove(&sample.code_digest()) {
                for place in places {
                    shown[place].code = Some(sample.code.clone());
                }
            }
        }
        if wanted.is_empty() {
            break;
        }
    }
    Ok(wanted.values().map(Vec::len).sum())
}
