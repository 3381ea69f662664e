//! Every number of a run, in the order in which reports show it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::suspects::SuspectSummary;
use crate::base::id::TaskId;
use crate::base::limits::Limits;
use crate::base::version::SUMMARY;
use crate::metrics::{
    Acts, Aggregator, Exclusion, Figure, Groups, SecurityCounts, Suspects, Weaknesses, figures,
};
use crate::verdict::VerdictKind;

/// What a run came to. Built from the same journal it is the same to the byte: it holds no time of
/// day, no path and no machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Format of this file.
    pub version: u32,
    /// What was evaluated, and how.
    pub about: About,
    /// Distinct samples; one that is in several groups counts once.
    pub samples: u64,
    /// What samples are grouped by, such as `model + technique`.
    pub grouped_by: String,
    /// The figures, by group.
    pub groups: Vec<GroupSummary>,
    /// What each scanner found, by CWE.
    pub weaknesses: Vec<ScannerWeaknesses>,
    /// The forbidden acts that samples attempted.
    pub behaviour: BehaviourSummary,
    /// The passes that came with a suspicion.
    pub suspects: SuspectSummary,
    /// Tasks that count in no figure.
    pub excluded_tasks: Vec<ExcludedTask>,
    /// Tasks of which some cases count nowhere, having no stable expected value.
    pub unstable_tasks: Vec<UnstableTask>,
    /// Lines of the sample file that are no samples.
    pub rejected: Vec<RejectedLine>,
}

/// What was evaluated, and how. The caller knows it from the run's manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The dataset's name.
    pub dataset: String,
    /// Tasks that the dataset (or the chosen part of it) has.
    pub tasks: u64,
    /// The grading mode.
    pub grading: String,
    /// Whether the tasks' own answers were run first.
    pub ground_truth_checked: bool,
    /// What a job might use.
    pub limits: Limits,
    /// What the jobs ran in.
    pub sandbox: Sandbox,
    /// Scanners, interpreter and fumehood itself, with versions.
    pub tools: Vec<Tool>,
    /// By which rule findings make a sample insecure, in words.
    pub policy: String,
}

/// What the jobs ran in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// Name of the profile.
    pub profile: String,
    /// Digest of the attestation.
    pub attestation: String,
    /// The layers that were really enforced.
    pub layers: Vec<String>,
    /// The layers that the user gave up.
    pub given_up: Vec<String>,
}

/// A tool that took part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// One group's figures and counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupSummary {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Distinct samples.
    pub samples: u64,
    /// Tasks that they answer.
    pub tasks: u64,
    /// Samples by verdict; every kind is there, in the order of reports.
    pub verdicts: Vec<KindCount>,
    /// Samples that count in no figure, by reason.
    #[schemars(extend("propertyNames" = {"$ref": "#/$defs/Exclusion"}))]
    pub excluded: BTreeMap<Exclusion, u64>,
    /// What the scanners say of the samples that count.
    pub security: Vec<ScannerCounts>,
    /// The figures, in the order of reports.
    pub figures: Vec<Figure>,
}

/// Samples of one verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KindCount {
    /// The verdict.
    pub kind: VerdictKind,
    /// How many.
    pub samples: u64,
}

/// What one scanner says of a group's samples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScannerCounts {
    /// The scanner; `None` for all together.
    pub scanner: Option<String>,
    /// The counts.
    pub counts: SecurityCounts,
}

/// What one scanner found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScannerWeaknesses {
    /// The scanner.
    pub scanner: String,
    /// Samples by CWE, the most frequent first.
    pub cwes: Vec<CweCount>,
}

/// Samples in which one weakness was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CweCount {
    /// The CWE number; `None` for rules that have none.
    pub cwe: Option<u32>,
    /// How many samples.
    pub samples: u64,
}

/// Forbidden acts: system calls that the sandbox refused, without those that honest programs try.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BehaviourSummary {
    /// By system call, that of most samples first.
    pub acts: Vec<ActCount>,
    /// Samples of which nobody could tell.
    pub unobserved: u64,
}

/// One forbidden act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActCount {
    /// The system call.
    pub call: String,
    /// Samples that attempted it.
    pub samples: u64,
    /// How often they did, all together.
    pub attempts: u64,
}

/// A task that counts in no figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExcludedTask {
    /// The task.
    pub task: TaskId,
    /// Why.
    pub reason: Exclusion,
    /// The cause in words, empty where it is not known; hostile text.
    pub cause: String,
}

/// A task of which some cases count nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnstableTask {
    /// The task.
    pub task: TaskId,
    /// The cause in words; hostile text.
    pub cause: String,
}

/// A line of the sample file that is no sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectedLine {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it; hostile text.
    pub reason: String,
}

/// What [`Summary::build`] needs. Maps, so that nothing can be in it twice.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Every sample's facts.
    pub groups: &'a Groups,
    /// What samples are grouped by.
    pub grouped_by: &'a str,
    /// Every finding that the policy counts.
    pub weaknesses: &'a Weaknesses,
    /// Every forbidden act.
    pub acts: &'a Acts,
    /// Every pass that came with a suspicion.
    pub suspects: &'a Suspects,
    /// Tasks whose ground truth fails here, with the cause. Tasks without samples belong here too;
    /// the samples of the others must have been added as excluded.
    pub failed_references: &'a BTreeMap<TaskId, String>,
    /// Tasks of which some cases have no stable expected value, with the cause.
    pub unstable: &'a BTreeMap<TaskId, String>,
    /// Lines that are no samples, with the reason.
    pub rejected: &'a BTreeMap<u64, String>,
    /// The values of k.
    pub ks: &'a [u32],
    /// Replicates of the bootstrap behind intervals; none for 0.
    pub replicates: u32,
}

impl Summary {
    /// The summary of a run.
    pub fn build(mut about: About, inputs: &Inputs<'_>) -> Self {
        about.tools.sort();
        about.tools.dedup();
        let scanners = inputs.groups.panel().names();
        Self {
            version: SUMMARY,
            about,
            samples: inputs.groups.samples(),
            grouped_by: inputs.grouped_by.to_owned(),
            groups: inputs
                .groups
                .iter()
                .map(|(name, group)| GroupSummary::of(name, group, inputs))
                .collect(),
            weaknesses: scanners
                .iter()
                .map(|scanner| ScannerWeaknesses::of(scanner, inputs.weaknesses))
                .collect(),
            behaviour: BehaviourSummary::of(inputs.acts),
            suspects: SuspectSummary::of(inputs.suspects),
            excluded_tasks: excluded_tasks(inputs),
            unstable_tasks: inputs
                .unstable
                .iter()
                .map(|(task, cause)| UnstableTask {
                    task: task.clone(),
                    cause: cause.clone(),
                })
                .collect(),
            rejected: inputs
                .rejected
                .iter()
                .map(|(line, reason)| RejectedLine {
                    line: *line,
                    reason: reason.clone(),
                })
                .collect(),
        }
    }
}

impl GroupSummary {
    fn of(name: Option<&str>, group: &Aggregator, inputs: &Inputs<'_>) -> Self {
        let kinds = group.kinds();
        let scanners = group.panel().names();
        let combined = (scanners.len() > 1).then_some(None);
        Self {
            name: name.map(str::to_owned),
            samples: group.samples(),
            tasks: group.tasks(),
            verdicts: VerdictKind::ALL
                .into_iter()
                .map(|kind| KindCount {
                    kind,
                    samples: kinds.get(&kind).copied().unwrap_or(0),
                })
                .collect(),
            excluded: group.excluded(),
            security: scanners
                .iter()
                .map(|scanner| Some(scanner.clone()))
                .chain(combined)
                .map(|scanner| ScannerCounts {
                    counts: group.security(scanner.as_deref()),
                    scanner,
                })
                .collect(),
            figures: figures::all(group, inputs.ks, inputs.replicates),
        }
    }
}

impl ScannerWeaknesses {
    fn of(scanner: &str, weaknesses: &Weaknesses) -> Self {
        let mut cwes: Vec<CweCount> = weaknesses
            .counts(scanner)
            .into_iter()
            .map(|(cwe, samples)| CweCount { cwe, samples })
            .collect();
        // Stable: equal counts stay in the order of their numbers.
        cwes.sort_by_key(|count| std::cmp::Reverse(count.samples));
        Self {
            scanner: scanner.to_owned(),
            cwes,
        }
    }
}

impl BehaviourSummary {
    fn of(acts: &Acts) -> Self {
        let count = |(call, samples, attempts): (&str, u64, u64)| ActCount {
            call: call.to_owned(),
            samples,
            attempts,
        };
        let mut counts: Vec<ActCount> = acts.counts().map(count).collect();
        // Stable: equal counts stay in the order of their names.
        counts.sort_by_key(|count| std::cmp::Reverse(count.samples));
        Self {
            acts: counts,
            unobserved: acts.unobserved(),
        }
    }
}

fn excluded_tasks(inputs: &Inputs<'_>) -> Vec<ExcludedTask> {
    let mut tasks: BTreeMap<TaskId, Exclusion> = BTreeMap::new();
    let mut counted: Vec<TaskId> = Vec::new();
    for (_, group) in inputs.groups.iter() {
        let excluded = group.excluded_tasks();
        counted.extend(
            group
                .task_ids()
                .filter(|id| !excluded.contains_key(*id))
                .cloned(),
        );
        for (task, why) in excluded {
            // Several groups: the gravest reason.
            let known = tasks.entry(task).or_insert(why);
            *known = why.min(*known);
        }
    }
    // A task that counts in one group is no excluded task; its lost samples are counted there.
    for task in &counted {
        tasks.remove(task);
    }
    for task in inputs.failed_references.keys() {
        tasks.insert(task.clone(), Exclusion::GroundTruth);
    }
    tasks
        .into_iter()
        .map(|(task, reason)| ExcludedTask {
            cause: match reason {
                Exclusion::GroundTruth => inputs.failed_references.get(&task).cloned(),
                Exclusion::NoCases => inputs.unstable.get(&task).cloned(),
                Exclusion::Infra => None,
            }
            .unwrap_or_default(),
            task,
            reason,
        })
        .collect()
}
