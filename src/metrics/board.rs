//! Running sums over the tasks of a group, from which figures are made without looking at a sample again.

use super::counts::{Counts, Judged, Reading, ranked_safe};
use super::exact::Exact;
use super::facts::Exclusion;
use super::figure::Metric;
use super::record::Judge;
use super::records::Records;

/// A metric, k and whose judgement counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) metric: Metric,
    pub(super) k: u32,
    pub(super) judge: Option<Judge>,
}

impl Spec {
    /// Every figure of a group with so many scanners, in the order in which reports show them.
    pub(super) fn all(ks: &[u32], scanners: usize) -> Vec<Self> {
        let mut all = Vec::new();
        let mut want = |metric, k, judge| all.push(Self { metric, k, judge });
        for &k in ks {
            want(Metric::Pass, k, None);
        }
        want(Metric::CaseMacro, 1, None);
        want(Metric::CaseMicro, 1, None);
        if scanners == 0 {
            return all;
        }
        let judges = (0..scanners).map(Judge::Scanner);
        // With one scanner the combined judgement is that scanner's.
        let combined = (scanners > 1).then_some(Judge::Combined);
        for judge in judges.chain(combined) {
            for &k in ks {
                want(Metric::SecureAny, k, Some(judge));
                // Any one of one and all of one are the same.
                if k > 1 {
                    want(Metric::SecureAll, k, Some(judge));
                }
            }
        }
        for metric in [Metric::SecurePass, Metric::Safe] {
            for &k in ks {
                want(metric, k, Some(Judge::Combined));
            }
        }
        all
    }

    /// One task's value, `None` when it has too few samples; of a pooled rate there is none.
    pub(super) fn value(
        self,
        counts: &Counts,
        records: &Records,
        reading: Reading,
        ranked: bool,
    ) -> Option<f64> {
        match (self.metric, self.judge) {
            (Metric::CaseMicro, _) => None,
            (Metric::Safe, Some(judge)) if ranked => {
                ranked_safe(records.iter(), self.k, judge, reading)
            }
            _ => counts.value(self.metric, self.k, self.judge, reading),
        }
    }
}

/// A sum of the values of tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) values: Exact,
    pub(super) tasks: u64,
}

impl Sum {
    fn shift(&mut self, value: Option<f64>, sign: i64) {
        if let Some(value) = value {
            self.values += Exact::of(value).times(sign.into());
            self.tasks = self.tasks.wrapping_add_signed(sign);
        }
    }

    pub(super) fn mean(self) -> Option<f64> {
        (self.tasks > 0).then(|| self.values.value() / self.tasks as f64)
    }
}

/// The sums of a group for some values of k. Every task adds its part and can be taken out again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Board {
    pub(super) ks: Vec<u32>,
    pub(super) specs: Vec<Spec>,
    /// By spec and reading; SAFE's expectation without ranks.
    sums: Vec<[Sum; Reading::ALL.len()]>,
    /// The same, with SAFE by rank.
    ranked: Vec<[Sum; Reading::ALL.len()]>,
    pub(super) totals: Totals,
}

/// What every figure of a group needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) samples: u64,
    pub(super) scored: u64,
    /// In the order of [`Exclusion::ALL`].
    pub(super) excluded: [u64; Exclusion::ALL.len()],
    /// Tasks with at least one sample that counts, and with more than one.
    pub(super) tasks: u64,
    pub(super) several: u64,
    /// Tasks of which a sample has no rank.
    unranked: u64,
    /// Cases that held, and that were declared.
    pub(super) held: u64,
    pub(super) declared: u64,
    /// By judge, the combined one first.
    judges: Vec<Judged>,
}

impl Totals {
    /// Whether every sample that counts has a rank.
    pub(super) fn is_ranked(&self) -> bool {
        self.unranked == 0 && self.scored > 0
    }

    /// What a judge says of the samples that count.
    pub(super) fn judged(&self, judge: Judge) -> Judged {
        let place = match judge {
            Judge::Combined => 0,
            Judge::Scanner(place) => place + 1,
        };
        self.judges.get(place).copied().unwrap_or_default()
    }
}

impl Board {
    /// No task yet.
    pub(super) fn new(ks: &[u32], scanners: usize) -> Self {
        let mut ks: Vec<u32> = ks.iter().copied().filter(|k| *k > 0).collect();
        ks.sort_unstable();
        ks.dedup();
        let specs = Spec::all(&ks, scanners);
        Self {
            sums: vec![Default::default(); specs.len()],
            ranked: vec![Default::default(); specs.len()],
            totals: Totals {
                judges: vec![Judged::default(); scanners + 1],
                ..Totals::default()
            },
            specs,
            ks,
        }
    }

    /// How many scanners there are.
    pub(super) fn scanners(&self) -> usize {
        self.totals.judges.len() - 1
    }

    /// Adds a task's part, or takes it back: `sign` is 1 or -1. `why` says why no sample of it counts.
    pub(super) fn shift(
        &mut self,
        counts: &Counts,
        records: &Records,
        why: Option<Exclusion>,
        sign: i64,
    ) {
        let shift = |sum: &mut u64, by: u64| *sum = sum.wrapping_add_signed(sign * by as i64);
        let totals = &mut self.totals;
        shift(&mut totals.samples, counts.samples);
        if let Some(why) = why {
            shift(&mut totals.excluded[why as usize], counts.samples);
            return;
        }
        for (all, own) in totals.excluded.iter_mut().zip(counts.excluded) {
            shift(all, own);
        }
        shift(&mut totals.scored, counts.scored);
        shift(&mut totals.tasks, u64::from(counts.scored > 0));
        shift(&mut totals.several, u64::from(counts.scored > 1));
        shift(&mut totals.unranked, u64::from(!counts.is_ranked()));
        let (held, declared) = counts.cases(0);
        shift(&mut totals.held, held);
        shift(&mut totals.declared, declared);
        for (place, all) in totals.judges.iter_mut().enumerate() {
            let judge = place.checked_sub(1).map_or(Judge::Combined, Judge::Scanner);
            shift(&mut all.secure, counts.judged(judge).secure);
            shift(&mut all.unknown, counts.judged(judge).unknown);
        }
        for (place, spec) in self.specs.iter().enumerate() {
            let value = |reading| spec.value(counts, records, reading, false);
            each_reading(*spec, counts, &mut self.sums[place], value, sign);
            if spec.metric == Metric::Safe && counts.is_ranked() {
                let value = |reading| spec.value(counts, records, reading, true);
                each_reading(*spec, counts, &mut self.ranked[place], value, sign);
            }
        }
    }

    /// The sums of the spec at this place, in the order of [`Reading::ALL`].
    pub(super) fn sums(&self, place: usize) -> &[Sum; Reading::ALL.len()] {
        let spec = &self.specs[place];
        match spec.metric == Metric::Safe && self.totals.is_ranked() {
            true => &self.ranked[place],
            false => &self.sums[place],
        }
    }
}

fn each_reading(
    spec: Spec,
    counts: &Counts,
    sums: &mut [Sum; Reading::ALL.len()],
    value: impl Fn(Reading) -> Option<f64>,
    sign: i64,
) {
    let strict = value(Reading::Strict);
    let is_known = spec
        .judge
        .is_none_or(|judge| counts.judged(judge).unknown == 0);
    for (sum, reading) in sums.iter_mut().zip(Reading::ALL) {
        // Where all is known there is one reading.
        let value = match is_known || reading == Reading::Strict {
            true => strict,
            false => value(reading),
        };
        sum.shift(value, sign);
    }
}
