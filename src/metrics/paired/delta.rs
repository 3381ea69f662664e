//! Every metric of two groups over the tasks that count in both, and the difference between them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bootstrap::{Bootstrap, Term, Weights};
use super::mcnemar::McNemar;
use super::pairing::{PairedTask, Pairing};
use crate::metrics::counts::{Counts, Reading, ranked_safe};
use crate::metrics::exact::Exact;
use crate::metrics::record::Judge;
use crate::metrics::{Interval, Metric};

/// How a metric changed from a base to a technique.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// Which metric.
    pub metric: Metric,
    /// Samples that may be drawn for one task.
    pub k: u32,
    /// The scanner whose judgement counts; `None` for metrics without security, and for all together.
    pub scanner: Option<String>,
    /// The name on screen, such as `Secure@1 (bandit)`.
    pub name: String,
    /// The change, unknown security counted as insecure; `None` when there is nothing to compare.
    pub strict: Option<Estimate>,
    /// The p-value after Holm's correction over all techniques of the comparison; of `strict`.
    pub p_holm: Option<f64>,
    /// Compared tasks that have fewer than `k` samples on one side; they are left out.
    pub tasks_short: u64,
    /// What the unknown security of some samples could change; `None` when none is unknown.
    pub unknown: Option<UnknownDelta>,
    /// What a reader must know besides, empty when nothing.
    pub note: String,
}

/// One change, under one reading of unknown security.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The base's figure over these tasks.
    pub base: f64,
    /// The technique's figure over the same tasks.
    pub technique: f64,
    /// `technique - base`.
    pub delta: f64,
    /// Tasks.
    pub tasks: u64,
    /// The 95 % interval of the change (paired bootstrap over tasks, percentiles).
    pub interval: Option<Interval>,
    /// The two-sided p-value: McNemar's where there is one, else the bootstrap's.
    pub p: Option<f64>,
    /// McNemar's exact test, where every task has one sample a side with a yes-or-no value.
    pub mcnemar: Option<McNemar>,
}

/// A change under the other readings of "not analysed".
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnknownDelta {
    /// Samples of the base whose security is unknown.
    pub base_samples: u64,
    /// Samples of the technique whose security is unknown.
    pub technique_samples: u64,
    /// Over the tasks whose samples of known security suffice on both sides.
    pub available: Option<Estimate>,
    /// The change if all unknown samples of the base are secure, and all of the technique insecure.
    pub low: f64,
    /// The change if it is the other way round: the true one lies between.
    pub high: f64,
}

/// Every metric's change, in the order in which reports show figures.
///
/// As with figures, a `k` for which no task has enough samples yields nothing, except 1.
pub fn deltas(pairing: &Pairing<'_>, ks: &[u32], replicates: u32) -> Vec<Delta> {
    let mut counters: Vec<Counter> = wanted(pairing, ks)
        .into_iter()
        .map(|wanted| Counter::new(wanted, replicates))
        .collect();
    let ranked = pairing.is_ranked();
    for task in &pairing.tasks {
        let weights = Weights::of(task.id, replicates);
        let counts = (
            Counts::of(task.base.iter(), pairing.base_panel.names().len()),
            Counts::of(task.technique.iter(), pairing.technique_panel.names().len()),
        );
        for counter in &mut counters {
            counter.add(task, &counts, &weights, ranked);
        }
    }
    let is_single = pairing.is_single();
    let tasks = pairing.tasks();
    let deltas = counters.into_iter();
    deltas
        .map(|counter| counter.delta(tasks, is_single, ranked))
        .filter(|delta| delta.k == 1 || delta.tasks_short < tasks)
        .collect()
}

/// A metric, and whose judgement counts on each side.
#[derive(Clone, Debug)]
struct Wanted {
    metric: Metric,
    k: u32,
    scanner: Option<String>,
    judges: Option<(Judge, Judge)>,
}

fn wanted(pairing: &Pairing<'_>, ks: &[u32]) -> Vec<Wanted> {
    let mut ks: Vec<u32> = ks.iter().copied().filter(|k| *k > 0).collect();
    ks.sort_unstable();
    ks.dedup();
    let mut all = Vec::new();
    let mut want = |metric, k, scanner: Option<&str>, judges| {
        all.push(Wanted {
            metric,
            k,
            scanner: scanner.map(str::to_owned),
            judges,
        });
    };
    for &k in &ks {
        want(Metric::Pass, k, None, None);
    }
    want(Metric::CaseMacro, 1, None, None);
    want(Metric::CaseMicro, 1, None, None);
    let (before, after) = (pairing.base_panel.names(), pairing.technique_panel.names());
    if before.is_empty() || after.is_empty() {
        return all;
    }
    let place = |names: &[String], scanner: &str| names.iter().position(|name| name == scanner);
    for name in pairing.scanners() {
        let (Some(a), Some(b)) = (place(before, name), place(after, name)) else {
            continue;
        };
        let judges = Some((Judge::Scanner(a), Judge::Scanner(b)));
        for &k in &ks {
            want(Metric::SecureAny, k, Some(name), judges);
            // Any one of one and all of one are the same.
            if k > 1 {
                want(Metric::SecureAll, k, Some(name), judges);
            }
        }
    }
    let combined = Some((Judge::Combined, Judge::Combined));
    // With one scanner the combined judgement is that scanner's.
    if before.len() > 1 || after.len() > 1 || before != after {
        for &k in &ks {
            want(Metric::SecureAny, k, None, combined);
            if k > 1 {
                want(Metric::SecureAll, k, None, combined);
            }
        }
    }
    for metric in [Metric::SecurePass, Metric::Safe] {
        for &k in &ks {
            want(metric, k, None, combined);
        }
    }
    all
}

/// One metric, counted under every reading.
struct Counter {
    wanted: Wanted,
    strict: Tally,
    available: Tally,
    /// The sums of both sides if every unknown sample is secure.
    lenient: (Exact, Exact),
    /// Samples that count, and those of unknown security, by side.
    scored: (u64, u64),
    unknown: (u64, u64),
}

/// The sums of one metric under one reading.
struct Tally {
    base: (Exact, u64),
    technique: (Exact, u64),
    tasks: u64,
    /// Tasks that went from 1 to 0, and from 0 to 1.
    lost: u64,
    gained: u64,
    bootstrap: Bootstrap,
}

impl Tally {
    fn new(replicates: u32) -> Self {
        Self {
            base: Default::default(),
            technique: Default::default(),
            tasks: 0,
            lost: 0,
            gained: 0,
            bootstrap: Bootstrap::new(replicates),
        }
    }

    fn add(&mut self, weights: &Weights, term: &Term) {
        self.base.0 += Exact::of(term.base.0);
        self.base.1 += term.base.1;
        self.technique.0 += Exact::of(term.technique.0);
        self.technique.1 += term.technique.1;
        self.tasks += 1;
        self.lost += u64::from(term.base.0 > term.technique.0);
        self.gained += u64::from(term.base.0 < term.technique.0);
        self.bootstrap.add(weights, term);
    }

    fn estimate(&self, is_binary: bool) -> Option<Estimate> {
        let share = |(part, whole): (Exact, u64)| (whole > 0).then(|| part.value() / whole as f64);
        let (base, technique) = (share(self.base)?, share(self.technique)?);
        // Tasks with one yes-or-no value a side change by a whole step or not at all.
        let mcnemar = is_binary.then(|| McNemar::of(self.lost, self.gained));
        Some(Estimate {
            base,
            technique,
            delta: technique - base,
            tasks: self.tasks,
            interval: self.bootstrap.interval(),
            p: mcnemar.map(|test| test.p).or_else(|| self.bootstrap.p()),
            mcnemar,
        })
    }
}

impl Counter {
    fn new(wanted: Wanted, replicates: u32) -> Self {
        Self {
            wanted,
            strict: Tally::new(replicates),
            available: Tally::new(replicates),
            lenient: Default::default(),
            scored: (0, 0),
            unknown: (0, 0),
        }
    }

    fn add(
        &mut self,
        task: &PairedTask<'_>,
        (before, after): &(Counts, Counts),
        weights: &Weights,
        ranked: bool,
    ) {
        if self.wanted.metric == Metric::CaseMicro {
            let most = before.most().max(after.most());
            let (base, technique) = (before.cases(most), after.cases(most));
            let term = Term {
                base: (base.0 as f64, base.1),
                technique: (technique.0 as f64, technique.1),
            };
            self.strict.add(weights, &term);
            return;
        }
        let judges = self.wanted.judges;
        if let Some((one, other)) = judges {
            self.scored.0 += before.scored;
            self.scored.1 += after.scored;
            self.unknown.0 += before.judged(one).unknown;
            self.unknown.1 += after.judged(other).unknown;
        }
        let (metric, k) = (self.wanted.metric, self.wanted.k);
        let values = |reading| {
            let (one, other) = judges.unzip();
            if metric == Metric::Safe && ranked {
                return Some((
                    ranked_safe(task.base.iter(), k, one?, reading)?,
                    ranked_safe(task.technique.iter(), k, other?, reading)?,
                ));
            }
            Some((
                before.value(metric, k, one, reading)?,
                after.value(metric, k, other, reading)?,
            ))
        };
        let term = |(base, technique)| Term {
            base: (base, 1),
            technique: (technique, 1),
        };
        if let Some(strict) = values(Reading::Strict) {
            self.strict.add(weights, &term(strict));
        }
        if judges.is_none() {
            return;
        }
        if let Some(available) = values(Reading::Available) {
            self.available.add(weights, &term(available));
        }
        if let Some((base, technique)) = values(Reading::Lenient) {
            self.lenient.0 += Exact::of(base);
            self.lenient.1 += Exact::of(technique);
        }
    }

    fn delta(self, tasks: u64, is_single: bool, ranked: bool) -> Delta {
        let Wanted {
            metric, k, scanner, ..
        } = self.wanted;
        let is_binary = k == 1 && is_single && metric.is_binary();
        let has_judge = self.wanted.judges.is_some();
        // Where a scanner never looked, strict would say that everything is insecure.
        let blind = |(unknown, scored): (u64, u64)| has_judge && unknown == scored;
        let mut notes = Vec::new();
        if tasks == 0 {
            notes.push("no task counts in both");
        } else if blind((self.unknown.0, self.scored.0)) {
            notes.push("no sample of the base was analysed");
        } else if blind((self.unknown.1, self.scored.1)) {
            notes.push("no sample of the technique was analysed");
        }
        let strict = self.strict.estimate(is_binary);
        let strict = strict.filter(|_| notes.is_empty());
        if metric == Metric::Safe && strict.is_some() {
            notes.push(if ranked {
                "top k by the model's own rank"
            } else {
                "no ranks: expectation over a random order, the same for every k"
            });
        }
        let is_unknown = self.unknown.0 + self.unknown.1 > 0;
        let unknown = strict.filter(|_| is_unknown).map(|strict| {
            let of = strict.tasks as f64;
            UnknownDelta {
                base_samples: self.unknown.0,
                technique_samples: self.unknown.1,
                available: self.available.estimate(is_binary),
                low: strict.technique - self.lenient.0.value() / of,
                high: self.lenient.1.value() / of - strict.base,
            }
        });
        Delta {
            metric,
            k,
            name: metric.label(k, scanner.as_deref()),
            scanner,
            p_holm: strict.and_then(|strict| strict.p),
            tasks_short: tasks - self.strict.tasks,
            strict,
            unknown,
            note: notes.join("; "),
        }
    }
}
