//! The paired bootstrap over tasks: how much a difference owes to which tasks were asked.
//!
//! In each replicate a task counts as often as a Poisson(1) variable says, which is drawn from the task's
//! name and the replicate's number alone. So the order of tasks does not matter, counters of different tasks can
//! be added up, and both sides, and all metrics, meet the same tasks in the same replicate.

use crate::base::digest::Digest;
use crate::base::id::TaskId;
use crate::metrics::Interval;

/// Sums are kept in units of 2^-52, as whole numbers: those add up to the same in any order, which floating
/// point does not.
const UNIT: f64 = (1_u64 << 52) as f64;
/// Share of the replicates that are cut off at each end of the 95 % interval, in thousandths.
const TAIL: usize = 25;

/// How often one task counts in each replicate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights(Vec<u8>);

impl Weights {
    /// Those of a task.
    pub fn of(task: &TaskId, replicates: u32) -> Self {
        let digest = Digest::of_parts([b"bootstrap".as_slice(), task.as_str().as_bytes()]);
        let mut seed = [0; 8];
        seed.copy_from_slice(&digest.as_bytes()[..8]);
        let seed = u64::from_le_bytes(seed);
        Self((0..replicates).map(|at| poisson(mix(seed, at))).collect())
    }

    /// The weights by replicate.
    pub fn by_replicate(&self) -> &[u8] {
        &self.0
    }
}

/// SplitMix64's output function on the task's seed and the replicate (G. L. Steele et al., 2014).
fn mix(seed: u64, replicate: u32) -> u64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut z = seed.wrapping_add(GOLDEN.wrapping_mul(u64::from(replicate) + 1));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A Poisson(1) variable from 64 random bits, by inversion.
fn poisson(bits: u64) -> u8 {
    // 53 bits, so that the quotient is exact and below 1.
    let uniform = (bits >> 11) as f64 / (1_u64 << 53) as f64;
    let mut term = 1.0 / std::f64::consts::E;
    let mut below = term;
    let mut count = 0_u8;
    // Beyond 20 there is less than 2^-60.
    while uniform >= below && count < 20 {
        count += 1;
        term /= f64::from(count);
        below += term;
    }
    count
}

/// The 95 % percentile interval of replicates in any order; `None` where all agree.
pub fn percentiles(mut replicates: Vec<f64>) -> Option<Interval> {
    replicates.sort_by(f64::total_cmp);
    let cut = replicates.len() * TAIL / 1000;
    let (low, high) = (
        *replicates.get(cut)?,
        *replicates.get(replicates.len() - 1 - cut)?,
    );
    (low < high).then_some(Interval { low, high })
}

/// What one task adds to a metric on both sides: each side's figure is the sum of its parts over the sum of its
/// wholes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    /// The base's part and whole.
    pub base: (f64, u64),
    /// The technique's part and whole.
    pub technique: (f64, u64),
}

/// The sums of one replicate, or of the tasks as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    base: (i128, i128),
    technique: (i128, i128),
}

impl Sums {
    fn add(&mut self, other: &Self, times: i128) {
        self.base.0 += other.base.0 * times;
        self.base.1 += other.base.1 * times;
        self.technique.0 += other.technique.0 * times;
        self.technique.1 += other.technique.1 * times;
    }

    /// The technique's figure less the base's; `None` where there is nothing to divide by.
    fn difference(&self) -> Option<f64> {
        let share = |(part, whole): (i128, i128)| (whole > 0).then(|| part as f64 / whole as f64);
        Some((share(self.technique)? - share(self.base)?) / UNIT)
    }
}

/// The replicates of one metric's difference. Counters of different tasks are added by [`Bootstrap::merge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    replicates: Vec<Sums>,
}

impl Bootstrap {
    /// No task yet.
    pub fn new(replicates: u32) -> Self {
        Self {
            replicates: vec![Sums::default(); replicates as usize],
        }
    }

    /// Adds a task, once.
    pub fn add(&mut self, weights: &Weights, term: &Term) {
        let fixed = |(part, whole): (f64, u64)| ((part * UNIT) as i128, i128::from(whole));
        let sums = Sums {
            base: fixed(term.base),
            technique: fixed(term.technique),
        };
        for (replicate, weight) in self.replicates.iter_mut().zip(&weights.0) {
            if *weight > 0 {
                replicate.add(&sums, i128::from(*weight));
            }
        }
    }

    /// Adds what another one holds of other tasks. Whether it could: both need as many replicates.
    #[must_use]
    pub fn merge(&mut self, other: &Self) -> bool {
        if self.replicates.len() != other.replicates.len() {
            return false;
        }
        for (mine, theirs) in self.replicates.iter_mut().zip(&other.replicates) {
            mine.add(theirs, 1);
        }
        true
    }

    /// The replicates' differences, the smallest first. Those that drew no task have none.
    pub fn differences(&self) -> Vec<f64> {
        let mut all: Vec<f64> = self
            .replicates
            .iter()
            .filter_map(Sums::difference)
            .collect();
        all.sort_by(f64::total_cmp);
        all
    }

    /// The 95 % percentile interval. `None` where all replicates agree: few tasks, or tasks that all changed
    /// alike, make nothing certain.
    pub fn interval(&self) -> Option<Interval> {
        percentiles(self.differences())
    }

    /// The two-sided p-value that belongs to that interval: twice the smaller share of replicates on either
    /// side of no difference, at most 1. The replicates and the figure itself are counted, so that it is never 0.
    pub fn p(&self) -> Option<f64> {
        let all = self.differences();
        if all.is_empty() {
            return None;
        }
        let low = all.iter().filter(|difference| **difference <= 0.0).count();
        let high = all.iter().filter(|difference| **difference >= 0.0).count();
        Some((2.0 * (low.min(high) + 1) as f64 / (all.len() + 1) as f64).min(1.0))
    }
}
