//! What a run came to, from its folder to the screen.

use std::path::Path;

use serde::Deserialize;

use super::Global;
use super::exit_code::Exit;
use super::failure::Failure;
use super::output::print;
use super::policy::read as read_policy;
use crate::base::digest::Digest;
use crate::journal::{Index, Manifest, Reader, RunFolder};
use crate::metrics::{Stream, figures};
use crate::pipeline::{Grouping, PipelineError, Replay};
use crate::report::{About, Inputs, Sandbox, Summary, Tool, json, markdown, terminal};
use crate::sandbox::{Attestation, LayerState};
use crate::scan::Combine;

/// Columns where standard output is no terminal.
const WIDTH: usize = 100;

/// How a summary is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Terminal,
    Markdown,
    Json,
}

impl Format {
    /// What the arguments of a command that reports ask for.
    pub(super) fn asked(global: Global, markdown: bool) -> Self {
        match (global.json, markdown) {
            (true, _) => Self::Json,
            (false, true) => Self::Markdown,
            (false, false) => Self::Terminal,
        }
    }
}

/// A run read back from its folder.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) manifest: Manifest,
    pub(super) index: Index,
    pub(super) replay: Replay,
    pub(super) summary: Summary,
}

impl Outcome {
    /// Computes everything from the journal alone; `policy` takes the place of the run's own.
    pub(super) fn read(
        folder: &RunFolder,
        asked: &Asked,
        grouping: &Grouping,
        policy: Option<&Path>,
    ) -> Result<Self, Failure> {
        let (manifest, index, replay) = read_counted(folder, policy, grouping)?;
        let summary = summary(&manifest, &replay.stream, asked);
        Ok(Self {
            manifest,
            index,
            replay,
            summary,
        })
    }

    /// Writes `summary.json`.
    pub(super) fn save(&self, folder: &RunFolder) -> Result<(), Failure> {
        folder.write("summary.json", self.json()?.as_bytes())?;
        Ok(())
    }

    /// Shows the summary on standard output.
    pub(super) fn show(&self, format: Format) -> Result<(), Failure> {
        print(&match format {
            Format::Terminal => terminal::render(&self.summary, width()),
            Format::Markdown => markdown::render(&self.summary),
            Format::Json => self.json()?,
        })
    }

    /// Whether everything could be judged.
    pub(super) fn exit(&self) -> Exit {
        exit(&self.replay.stream)
    }

    fn json(&self) -> Result<String, Failure> {
        json::render(&self.summary).map_err(|error| Failure::new(Exit::RunFolder, error))
    }
}

/// What a report is asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The values of k.
    pub(super) ks: Vec<u32>,
    /// Replicates of the bootstrap.
    pub(super) replicates: u32,
    /// What samples are grouped by, in words.
    pub(super) grouping: String,
}

impl Asked {
    /// What is shown unless something else is asked for, for these values of k.
    pub(super) fn usual(ks: &[u32]) -> Self {
        Self {
            ks: ks.to_vec(),
            replicates: figures::DEFAULT_REPLICATES,
            grouping: Grouping::default().to_string(),
        }
    }
}

/// Every number of a run.
pub(super) fn summary(manifest: &Manifest, stream: &Stream, asked: &Asked) -> Summary {
    Summary::build(
        about(manifest),
        &Inputs {
            groups: stream.groups(),
            grouped_by: &asked.grouping,
            weaknesses: &stream.weaknesses(),
            acts: stream.acts(),
            suspects: stream.suspects(),
            failed_references: &stream.failed_references(),
            unstable: &stream.unstable(),
            rejected: stream.rejected_lines(),
            ks: &asked.ks,
            replicates: asked.replicates,
        },
    )
}

/// Whether everything could be judged.
pub(super) fn exit(stream: &Stream) -> Exit {
    match stream.infra() > 0 || !stream.rejected_lines().is_empty() {
        true => Exit::Incomplete,
        false => Exit::Success,
    }
}

/// Reads a run and counts it; `policy` takes the place of its own.
pub(super) fn read_counted(
    folder: &RunFolder,
    policy: Option<&Path>,
    grouping: &Grouping,
) -> Result<(Manifest, Index, Replay), Failure> {
    let manifest = manifest(folder, policy)?;
    let mut replay = Replay::new(&manifest, grouping, None)?;
    let reader = Reader::open(&folder.journal_path())?;
    let index = Index::read_with(reader, |record| {
        replay.add(record).map_err(PipelineError::from)
    })?;
    Ok((manifest, index, replay))
}

/// What a run was given; `policy` takes the place of its own.
pub(super) fn manifest(folder: &RunFolder, policy: Option<&Path>) -> Result<Manifest, Failure> {
    let mut manifest = folder.manifest()?;
    if policy.is_some() {
        let scanners = manifest.identity.scanners.iter();
        manifest.identity.policy = read_policy(policy, scanners.map(|s| s.name.as_str()))?;
    }
    Ok(manifest)
}

/// Reads a run; `policy` takes the place of its own.
pub(super) fn read_run(
    folder: &RunFolder,
    policy: Option<&Path>,
) -> Result<(Manifest, Index), Failure> {
    let manifest = manifest(folder, policy)?;
    let index = Index::read(Reader::open(&folder.journal_path())?)?;
    Ok((manifest, index))
}

/// What was evaluated, and how.
pub(super) fn about(manifest: &Manifest) -> About {
    let identity = &manifest.identity;
    let mut tools = vec![
        Tool {
            name: "fumehood".to_owned(),
            version: manifest.fumehood.clone(),
        },
        Tool {
            name: "python".to_owned(),
            version: manifest.python.clone(),
        },
    ];
    tools.extend(identity.scanners.iter().map(|scanner| Tool {
        name: scanner.name.clone(),
        version: scanner.version.clone(),
    }));
    let attestation = manifest.attestation.to_string();
    About {
        dataset: identity.dataset.clone(),
        tasks: manifest.tasks,
        grading: identity.grading.clone(),
        ground_truth_checked: identity.check_ground_truth,
        limits: identity.limits.clone(),
        sandbox: Sandbox {
            profile: identity.profile.clone(),
            attestation: Digest::of(attestation).to_string(),
            layers: layers(&manifest.attestation),
            given_up: identity.without.clone(),
        },
        tools,
        policy: policy(manifest),
    }
}

/// The names of the layers that were really enforced.
fn layers(attestation: &serde_json::Value) -> Vec<String> {
    let Ok(attestation) = Attestation::deserialize(attestation) else {
        return Vec::new();
    };
    attestation
        .layers
        .iter()
        .filter(|report| report.state == LayerState::Enforced)
        .map(|report| report.layer.name().to_owned())
        .collect()
}

/// The policy in words; empty without scanners.
fn policy(manifest: &Manifest) -> String {
    let policy = &manifest.identity.policy;
    if manifest.identity.scanners.is_empty() {
        return String::new();
    }
    let mut text = match policy.combine {
        Combine::Any => "insecure as soon as one scanner says so",
        Combine::All => "insecure if every scanner says so",
        Combine::Majority => "insecure if more than half of the scanners say so",
    }
    .to_owned();
    if policy.min_severity.is_empty() {
        text.push_str("; findings of every severity count");
    }
    for (what, least) in [
        ("severity", &policy.min_severity),
        ("confidence", &policy.min_confidence),
    ] {
        for (scanner, least) in least {
            let least = format!("{least:?}").to_lowercase();
            text.push_str(&format!("; {scanner}: only from {what} {least}"));
        }
    }
    if !policy.scanners.is_empty() {
        let names: Vec<&str> = policy.scanners.iter().map(String::as_str).collect();
        text.push_str(&format!("; only {} combine", names.join(", ")));
    }
    if !policy.ignored_rules.is_empty() {
        let rules: Vec<&str> = policy.ignored_rules.iter().map(String::as_str).collect();
        text.push_str(&format!("; without the rules {}", rules.join(", ")));
    }
    text
}

/// Columns for a table on standard output.
pub(super) fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok();
    columns
        .and_then(|text| text.parse().ok())
        .or_else(|| {
            let (width, _) = terminal_size::terminal_size_of(std::io::stdout())?;
            Some(usize::from(width.0))
        })
        .unwrap_or(WIDTH)
}
