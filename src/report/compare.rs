//! Techniques against a base: every number of `fumehood compare`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::by_scanner::{self, ScannerTransitions, WeaknessSummary};
use super::listing::{Failures, Listing};
use super::summary::About;
use crate::base::text::one_line;
use crate::base::version::COMPARE;
use crate::metrics::estimator::wilson;
use crate::metrics::paired::{
    Cell, Delta, Gate, Pairing, Ruling, State, Transitions, deltas, holm,
};
use crate::metrics::{Aggregator, Interval, Opinions};

/// Tasks that are named of those which are not compared.
const UNPAIRED: usize = 100;
/// Characters of a name.
const NAME: usize = 200;

/// Techniques against a base. Built from the same journals it is the same to the byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompareSummary {
    /// Format of this document.
    pub version: u32,
    /// What was evaluated, and how: the base's.
    pub about: About,
    /// What makes the comparison unsound, and was accepted by `--force`; empty where nothing does.
    pub differences: Vec<Difference>,
    /// Replicates of the bootstrap.
    pub replicates: u32,
    /// What all are compared with.
    pub base: SideSummary,
    /// The others, in the order in which they were named.
    pub techniques: Vec<TechniqueSummary>,
}

/// Where two runs that are compared differ, though they should not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The technique.
    pub technique: String,
    /// What differs, such as `limits`.
    pub part: String,
    /// The base's.
    pub base: String,
    /// The technique's.
    pub other: String,
}

/// One side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SideSummary {
    /// Its name: the run folder as typed, or the group.
    pub name: String,
    /// Its model, technique or both, as its samples name them; hostile text, bounded.
    pub group: Option<String>,
    /// Tasks with samples.
    pub tasks: u64,
    /// Samples.
    pub samples: u64,
}

/// One technique against the base.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TechniqueSummary {
    /// Which.
    pub side: SideSummary,
    /// What was compared with what.
    pub pairing: PairingSummary,
    /// The scanners that both were judged by.
    pub scanners: Vec<String>,
    /// Every metric.
    pub deltas: Vec<Delta>,
    /// What became of the samples.
    pub transitions: TransitionSummary,
    /// The same by each scanner that both were judged by.
    pub scanner_transitions: Vec<ScannerTransitions>,
    /// The weaknesses that came and went; `None` unless it was said what scanners found in each sample.
    pub weaknesses: Option<WeaknessSummary>,
    /// What the rules of `--fail-if` say.
    pub rulings: Vec<Ruling>,
    /// Why samples that became secure stopped working; `None` unless the samples were given.
    pub failures: Option<Failures>,
    /// The samples behind the cell of `--list`.
    pub listing: Option<Listing>,
}

/// What was compared with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairingSummary {
    /// Tasks that count in both.
    pub tasks: u64,
    /// Tasks that do not.
    pub tasks_left_out: u64,
    /// The same by reason.
    pub reasons: Vec<ReasonCount>,
    /// The first hundred of them.
    pub left_out: Vec<LeftOut>,
    /// Pairs of samples that count on both sides.
    pub pairs: u64,
    /// Pairs of which fumehood or its host failed to judge one or both.
    pub pairs_not_judged: u64,
    /// Samples of the base without a partner.
    pub base_alone: u64,
    /// Samples of the technique without a partner.
    pub technique_alone: u64,
}

/// Tasks that are not compared for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonCount {
    /// The reason.
    pub reason: String,
    /// How many tasks.
    pub tasks: u64,
}

/// A task that is not compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The task; hostile text, bounded.
    pub task: String,
    /// The reason.
    pub reason: String,
}

/// What became of the samples: the paper's Table 5 and the whole matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransitionSummary {
    /// The names of the states, in the order of `matrix`; U is unknown security.
    pub states: Vec<String>,
    /// Pairs by state before (rows) and after (columns).
    pub matrix: Vec<Vec<u64>>,
    /// Pairs.
    pub pairs: u64,
    /// Those whose security is unknown before, after or both; in no share.
    pub unknown: u64,
    /// P(after | before) for the sixteen pairs of known states.
    pub shares: Vec<TransitionShare>,
    /// Secure before, insecure after, whether or not they work: security is not monotonic.
    pub lost_security: TransitionShare,
}

/// How many of those that were one thing became another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransitionShare {
    /// The cell, as `--list` takes it.
    pub cell: String,
    /// What they were.
    pub before: String,
    /// What they are.
    pub after: String,
    /// Pairs that went this way.
    pub count: u64,
    /// Pairs that were `before` and of known security after.
    pub of: u64,
    /// `count / of`; `None` when there is nothing to divide by.
    pub share: Option<f64>,
    /// Its 95 % interval (Wilson).
    pub interval: Option<Interval>,
}

/// One technique, to be set against the base.
#[derive(Clone, Copy, Debug)]
pub struct Contestant<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its group.
    pub group: Option<&'a str>,
    /// Its samples.
    pub samples: &'a Aggregator,
    /// Its tasks and samples beside the base's; `None` for the base itself.
    pub pairing: Option<&'a Pairing<'a>>,
    /// What the scanners found in each sample, where weaknesses are to be compared.
    pub opinions: Option<&'a Opinions>,
}

/// What a comparison is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The values of k.
    pub ks: &'a [u32],
    /// Replicates of the bootstrap.
    pub replicates: u32,
    /// Rules that say what a regression is.
    pub gates: &'a [Gate],
}

impl CompareSummary {
    /// Computes everything.
    pub fn build(
        about: About,
        differences: Vec<Difference>,
        base: Contestant<'_>,
        techniques: &[Contestant<'_>],
        asked: Asked<'_>,
    ) -> Self {
        let mut all: Vec<TechniqueSummary> = techniques
            .iter()
            .filter_map(|one| {
                Some(TechniqueSummary::of(
                    *one,
                    one.pairing?,
                    base.opinions,
                    asked,
                ))
            })
            .collect();
        adjust(&mut all);
        for technique in &mut all {
            let rulings = asked.gates.iter().map(|gate| gate.rule(&technique.deltas));
            technique.rulings = rulings.collect();
        }
        Self {
            version: COMPARE,
            about,
            differences,
            replicates: asked.replicates,
            base: SideSummary::of(base),
            techniques: all,
        }
    }

    /// Whether a rule of `--fail-if` is broken, or cannot be decided.
    pub fn is_regression(&self) -> bool {
        use crate::metrics::paired::Verdict;
        let mut rulings = self.techniques.iter().flat_map(|one| &one.rulings);
        rulings.any(|ruling| ruling.verdict != Verdict::Holds)
    }
}

/// Holm's correction of each metric over the techniques.
fn adjust(techniques: &mut [TechniqueSummary]) {
    let key = |delta: &Delta| (delta.metric, delta.k, delta.scanner.clone());
    let mut keys: Vec<_> = techniques
        .iter()
        .flat_map(|one| one.deltas.iter().map(key))
        .collect();
    keys.sort();
    keys.dedup();
    for wanted in keys {
        let mut family: Vec<&mut Delta> = techniques
            .iter_mut()
            .filter_map(|one| one.deltas.iter_mut().find(|delta| key(delta) == wanted))
            .collect();
        let ps: Vec<Option<f64>> = family
            .iter()
            .map(|delta| delta.strict.and_then(|strict| strict.p))
            .collect();
        for (delta, p) in family.iter_mut().zip(holm::adjust(&ps)) {
            delta.p_holm = p;
        }
    }
}

impl SideSummary {
    fn of(one: Contestant<'_>) -> Self {
        Self {
            name: one_line(one.name, NAME),
            group: one.group.map(|group| one_line(group, NAME)),
            tasks: one.samples.tasks(),
            samples: one.samples.samples(),
        }
    }
}

impl TechniqueSummary {
    fn of(
        one: Contestant<'_>,
        pairing: &Pairing<'_>,
        base: Option<&Opinions>,
        asked: Asked<'_>,
    ) -> Self {
        let opinions = base.zip(one.opinions);
        Self {
            side: SideSummary::of(one),
            pairing: PairingSummary::of(pairing),
            scanners: pairing.scanners().map(str::to_owned).collect(),
            deltas: deltas(pairing, asked.ks, asked.replicates),
            transitions: TransitionSummary::of(&Transitions::of(pairing)),
            scanner_transitions: by_scanner::transitions(pairing),
            weaknesses: opinions
                .map(|(base, technique)| WeaknessSummary::of(pairing, base, technique)),
            rulings: Vec::new(),
            failures: None,
            listing: None,
        }
    }
}

impl PairingSummary {
    fn of(pairing: &Pairing<'_>) -> Self {
        let counts = pairing.counts();
        let unpaired = pairing.unpaired();
        let mut reasons: Vec<_> = unpaired.values().copied().collect();
        reasons.sort_unstable();
        let reasons = reasons.chunk_by(|a, b| a == b).map(|those| ReasonCount {
            reason: those[0].name().to_owned(),
            tasks: those.len() as u64,
        });
        Self {
            tasks: pairing.tasks(),
            tasks_left_out: unpaired.len() as u64,
            reasons: reasons.collect(),
            left_out: unpaired
                .iter()
                .take(UNPAIRED)
                .map(|(task, why)| LeftOut {
                    task: one_line(task.as_str(), NAME),
                    reason: why.name().to_owned(),
                })
                .collect(),
            pairs: counts.pairs,
            pairs_not_judged: counts.not_judged,
            base_alone: counts.base_alone,
            technique_alone: counts.technique_alone,
        }
    }
}

impl TransitionSummary {
    /// Of these counts.
    pub fn of(counts: &Transitions) -> Self {
        let known = &State::ALL[..State::KNOWN];
        let shares = known.iter().flat_map(|before| {
            known.iter().map(|after| {
                let of = counts.known_after(*before);
                let count = counts.count(*before, *after);
                let cell = Cell::exactly(*before, *after);
                TransitionShare::of(cell, (before.name(), after.name()), count, of)
            })
        });
        let secure = known
            .iter()
            .filter(|state| state.security == crate::scan::Security::Secure);
        let was_secure = secure.map(|before| counts.known_after(*before)).sum();
        let lost = Cell::LOST_SECURITY;
        Self {
            states: State::ALL
                .iter()
                .map(|state| state.name().to_owned())
                .collect(),
            matrix: State::ALL
                .iter()
                .map(|before| {
                    let row = State::ALL.iter().map(|after| counts.count(*before, *after));
                    row.collect()
                })
                .collect(),
            pairs: counts.total(),
            unknown: counts.unknown(),
            shares: shares.collect(),
            lost_security: TransitionShare::of(lost, ("S", "I"), counts.in_cell(lost), was_secure),
        }
    }

    /// The share of one pair of states.
    pub fn share(&self, before: &str, after: &str) -> Option<&TransitionShare> {
        let mut shares = self.shares.iter();
        shares.find(|share| share.before == before && share.after == after)
    }
}

impl TransitionShare {
    fn of(cell: Cell, names: (&str, &str), count: u64, of: u64) -> Self {
        Self {
            cell: cell.to_string(),
            before: names.0.to_owned(),
            after: names.1.to_owned(),
            count,
            of,
            share: (of > 0).then(|| count as f64 / of as f64),
            interval: wilson(count, of),
        }
    }
}
