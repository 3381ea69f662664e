//! From the facts of a group to its figures.

use super::aggregator::Aggregator;
use super::board::{Board, Spec};
use super::counts::Reading;
use super::estimator::wilson;
use super::figure::{Coverage, Figure, Method, Metric, UnknownRange};
use super::record::Judge;
use super::resampling;

/// The values of k for which figures are made unless others are asked for.
pub const DEFAULT_KS: [u32; 3] = [1, 5, 10];
/// Replicates of the bootstrap unless others are asked for.
pub const DEFAULT_REPLICATES: u32 = 1000;

/// Every figure of a group, in the order in which reports show them.
///
/// A value of k that no task has enough samples for yields nothing, except 1: so that a group
/// without any result says so. Without scanners there are no security figures.
///
/// Wilson's interval stands where every task has one sample with a yes-or-no value; the others come from so many
/// `replicates` of a bootstrap over tasks, and there are none of these for 0 replicates.
pub fn all(group: &Aggregator, ks: &[u32], replicates: u32) -> Vec<Figure> {
    let board = group.board_of(ks);
    let mut figures = of(&board, group.panel().names());
    resampling::add_intervals(group, &board, &mut figures, replicates);
    shown(figures)
}

/// The figures of a group that is watched, as [`all`] without replicates. The cost does not depend on how many
/// samples there are. Nothing for a group that is not watched.
pub fn now(group: &mut Aggregator) -> Vec<Figure> {
    let names = group.panel().names().to_vec();
    shown(
        group
            .board()
            .map_or_else(Vec::new, |board| of(board, &names)),
    )
}

fn shown(mut figures: Vec<Figure>) -> Vec<Figure> {
    figures.retain(|figure| figure.k == 1 || figure.tasks > 0);
    figures
}

/// One figure for each spec of the board.
fn of(board: &Board, scanners: &[String]) -> Vec<Figure> {
    let specs = board.specs.iter().enumerate();
    let figures = specs.map(|(place, spec)| match spec.metric {
        Metric::CaseMicro => case_micro(board),
        _ => mean(board, place, *spec, scanners),
    });
    figures.collect()
}

/// A figure that is the mean of the tasks' values.
fn mean(board: &Board, place: usize, spec: Spec, scanners: &[String]) -> Figure {
    let Spec { metric, k, judge } = spec;
    let totals = &board.totals;
    let known = match judge {
        None => totals.scored,
        Some(judge) => totals.scored - totals.judged(judge).unknown,
    };
    let [strict, available, lenient] = board.sums(place);
    let mut notes = Vec::new();
    // Where a scanner never looked, "strict" would print that everything is insecure.
    let blind = judge.is_some() && known == 0;
    if totals.scored == 0 {
        notes.push("no sample counts");
    } else if blind {
        notes.push("no sample was analysed");
    }
    let value = strict.mean().filter(|_| !blind);
    if metric == Metric::Safe && value.is_some() {
        notes.push(if totals.is_ranked() {
            "top k by the model's own rank"
        } else {
            "no ranks: expectation over a random order, the same for every k"
        });
    }
    let unknown = match value {
        Some(value) if judge.is_some() && known < totals.scored => Some(UnknownRange {
            samples: totals.scored - known,
            strict: value,
            available: available.mean(),
            lenient: lenient.mean().unwrap_or(value),
        }),
        _ => None,
    };
    let scanner = match judge {
        Some(Judge::Scanner(place)) => scanners.get(place).cloned(),
        _ => None,
    };
    let numerator = strict.values.value();
    let is_binary = k == 1 && totals.several == 0 && metric.is_binary();
    // Each task's value is 0 or 1 then, so the sum is a whole number and exact.
    let interval = value
        .filter(|_| is_binary)
        .and_then(|_| wilson(numerator as u64, strict.tasks));
    Figure {
        metric,
        k,
        name: metric.label(k, scanner.as_deref()),
        scanner,
        value,
        numerator,
        denominator: strict.tasks,
        tasks: strict.tasks,
        tasks_short: totals.tasks - strict.tasks,
        coverage: Coverage {
            known,
            total: totals.samples,
        },
        excluded: totals.samples - totals.scored,
        interval,
        method: interval.map(|_| Method::Wilson),
        unknown,
        note: notes.join("; "),
    }
}

/// The pooled case pass rate: every case of every sample weighs the same.
fn case_micro(board: &Board) -> Figure {
    let totals = &board.totals;
    let (passed, declared) = (totals.held, totals.declared);
    Figure {
        metric: Metric::CaseMicro,
        k: 1,
        scanner: None,
        name: Metric::CaseMicro.label(1, None),
        value: (declared > 0).then(|| passed as f64 / declared as f64),
        numerator: passed as f64,
        denominator: declared,
        tasks: totals.tasks,
        tasks_short: 0,
        coverage: Coverage {
            known: totals.scored,
            total: totals.samples,
        },
        excluded: totals.samples - totals.scored,
        interval: None,
        method: None,
        unknown: None,
        note: if declared == 0 {
            "no sample counts".to_owned()
        } else {
            String::new()
        },
    }
}

/// The readings in the order of a board's sums.
const _: () = assert!(matches!(
    Reading::ALL,
    [Reading::Strict, Reading::Available, Reading::Lenient]
));
