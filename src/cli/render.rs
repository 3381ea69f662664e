//! What a run came to, from its folder to the screen.

use std::path::Path;

use serde::Deserialize;

use super::Global;
use super::exit_code::Exit;
use super::failure::Failure;
use super::output::print;
use super::policy::read as read_policy;
use crate::base::digest::Digest;
use crate::journal::{Index, Manifest, RunFolder};
use crate::metrics::figures;
use crate::pipeline::Replay;
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
    /// Computes everything from the journal alone.
    pub(super) fn read(folder: &RunFolder, ks: &[u32]) -> Result<Self, Failure> {
        Self::read_by(folder, ks, None)
    }

    /// The same, by another policy than the run's own.
    pub(super) fn read_by(
        folder: &RunFolder,
        ks: &[u32],
        policy: Option<&Path>,
    ) -> Result<Self, Failure> {
        let (manifest, index) = read_run(folder, policy)?;
        let replay = Replay::of(&manifest, &index)?;
        let inputs = Inputs {
            groups: &replay.groups,
            weaknesses: &replay.weaknesses,
            acts: &replay.acts,
            suspects: &replay.suspects,
            failed_references: &replay.failed_references,
            unstable: &replay.unstable,
            rejected: &replay.rejected,
            ks,
            replicates: figures::DEFAULT_REPLICATES,
        };
        let summary = Summary::build(about(&manifest), &inputs);
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
        if self.replay.infra > 0 || !self.replay.rejected.is_empty() {
            Exit::Incomplete
        } else {
            Exit::Success
        }
    }

    fn json(&self) -> Result<String, Failure> {
        json::render(&self.summary).map_err(|error| Failure::new(Exit::RunFolder, error))
    }
}

/// Reads a run; `policy` takes the place of its own.
pub(super) fn read_run(
    folder: &RunFolder,
    policy: Option<&Path>,
) -> Result<(Manifest, Index), Failure> {
    let (mut manifest, index) = folder.read()?;
    if policy.is_some() {
        let scanners = manifest.identity.scanners.iter();
        manifest.identity.policy = read_policy(policy, scanners.map(|s| s.name.as_str()))?;
    }
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
