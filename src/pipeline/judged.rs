//! Every sample of a run with all that is known of it, one at a time.

use std::collections::BTreeMap;

use super::error::PipelineError;
use super::grouping::Grouping;
use super::replay::{Replay, facts_of, results};
use crate::base::id::TaskId;
use crate::journal::{Index, Manifest, VerdictRecord};
use crate::metrics::{Exclusion, Facts, Functional};
use crate::scan::{Policy, ScanResult, Security, assess};

/// A sample with all that is known of it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What the journal says of it.
    pub record: VerdictRecord,
    /// What each scanner says, in the order of the manifest.
    pub results: Vec<ScanResult>,
    /// What it contributes to the figures; excluded if it contributes nothing, by the same rules.
    pub facts: Facts,
    /// What the scanners say together, by the policy.
    pub security: Security,
    /// For each of `results`, whether each finding counts by the policy.
    pub counts: Vec<Vec<bool>>,
}

/// Every sample of a run, by sorted sample id, as the figures of `replay` take it, which are grouped by model and
/// technique.
pub fn judged<'a>(
    manifest: &'a Manifest,
    index: &'a Index,
    replay: &Replay,
) -> impl Iterator<Item = Result<Judged, PipelineError>> + 'a {
    // A task may be out for one group and not for another: it depends on their samples.
    let excluded: BTreeMap<Option<String>, BTreeMap<TaskId, Exclusion>> = replay
        .stream
        .groups()
        .iter()
        .map(|(name, samples)| (name.map(str::to_owned), samples.excluded_tasks()))
        .collect();
    let grouping = Grouping::default();
    index.verdicts().map(move |record| {
        let record = record?;
        let results = results(manifest, index, &record);
        let policy = &manifest.identity.policy;
        let assessment = assess(&results, policy);
        let group = grouping
            .of(&manifest.identity.dataset, &record)
            .swap_remove(0);
        let mut facts = facts_of(&record, assessment.per_scanner).in_group(group);
        let of_group = excluded.get(&facts.group);
        if let Some(why) = of_group.and_then(|tasks| tasks.get(&record.sample.task)) {
            facts.functional = Functional::Excluded(*why);
        }
        Ok(Judged {
            counts: results.iter().map(|one| counts(policy, one)).collect(),
            record,
            results,
            facts,
            security: assessment.combined,
        })
    })
}

fn counts(policy: &Policy, result: &ScanResult) -> Vec<bool> {
    let findings = result.findings.iter();
    findings
        .map(|finding| policy.counts(&result.scanner, finding))
        .collect()
}
