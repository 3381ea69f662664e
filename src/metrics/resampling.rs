//! Intervals of figures by a bootstrap over tasks.
//!
//! In each replicate a task counts as often as a Poisson(1) variable says, which is drawn from the task's name and the
//! replicate's number alone ([`Weights`]): the same tasks in every figure, whatever the order. Tasks are drawn and not
//! samples, since samples of one task are not independent.

use super::aggregator::Aggregator;
use super::board::{Board, Spec};
use super::counts::{Counts, Reading};
use super::exact::Exact;
use super::figure::{Figure, Interval, Method, Metric};
use super::paired::bootstrap::{Weights, percentiles};
use super::records::Records;

/// The replicates of one figure.
struct Replicates {
    /// Its place among the figures.
    place: usize,
    spec: Spec,
    sums: Vec<(Exact, i128)>,
}

/// Gives an interval to every figure that has a value and none yet.
pub(super) fn add_intervals(
    group: &Aggregator,
    board: &Board,
    figures: &mut [Figure],
    replicates: u32,
) {
    if replicates == 0 {
        return;
    }
    let mut wanted: Vec<Replicates> = Vec::new();
    for (place, (spec, figure)) in board.specs.iter().zip(figures.iter()).enumerate() {
        if figure.value.is_some() && figure.interval.is_none() {
            wanted.push(Replicates {
                place,
                spec: *spec,
                sums: vec![Default::default(); replicates as usize],
            });
        }
    }
    if wanted.is_empty() {
        return;
    }
    let scanners = group.panel().names().len();
    let is_ranked = board.totals.is_ranked();
    for (task, records) in group.judged() {
        let weights = Weights::of(task, replicates);
        let counts = Counts::of(records.iter(), scanners);
        for replicates in &mut wanted {
            replicates.add(&weights, &counts, records, is_ranked);
        }
    }
    for replicates in wanted {
        if let Some(figure) = figures.get_mut(replicates.place) {
            figure.interval = replicates.interval();
            figure.method = figure.interval.map(|_| Method::Bootstrap);
        }
    }
}

impl Replicates {
    fn add(&mut self, weights: &Weights, counts: &Counts, records: &Records, ranked: bool) {
        let (part, whole) = if self.spec.metric == Metric::CaseMicro {
            let (held, declared) = counts.cases(0);
            (held as f64, declared)
        } else {
            match self.spec.value(counts, records, Reading::Strict, ranked) {
                Some(value) => (value, 1),
                None => return,
            }
        };
        let (part, whole) = (Exact::of(part), i128::from(whole));
        for (sum, weight) in self.sums.iter_mut().zip(weights.by_replicate()) {
            if *weight > 0 {
                sum.0 += part.times(i128::from(*weight));
                sum.1 += whole * i128::from(*weight);
            }
        }
    }

    fn interval(&self) -> Option<Interval> {
        let drawn = self.sums.iter().filter(|(_, whole)| *whole > 0);
        percentiles(
            drawn
                .map(|(part, whole)| part.value() / *whole as f64)
                .collect(),
        )
    }
}
