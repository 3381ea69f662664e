//! Intervals of figures that Wilson's does not fit.

use fumehood::base::id::TaskId;
use fumehood::metrics::paired::bootstrap::Weights;
use fumehood::metrics::{Figure, Method, figures};
use fumehood::scan::Security::{Insecure, Secure, Unknown};

use super::{close, collect, facts, named};

const REPLICATES: u32 = 400;

/// Tasks of three samples each, with the cases that held of four.
fn held(task: u32, index: u32) -> u32 {
    (task * 7 + index * 5 + task * index) % 5
}

fn interval(figure: &Figure) -> (f64, f64) {
    let interval = figure.interval.unwrap();
    (interval.low, interval.high)
}

/// The 95 % percentiles of a weighted mean, drawn anew in each replicate: part and whole of each task.
fn by_hand(terms: &[(String, f64, f64)]) -> (f64, f64) {
    let mut all: Vec<f64> = Vec::new();
    for replicate in 0..REPLICATES as usize {
        let (mut part, mut whole) = (0.0, 0.0);
        for (task, own, of) in terms {
            let weights = Weights::of(&TaskId::from(task.as_str()), REPLICATES);
            let weight = f64::from(weights.by_replicate()[replicate]);
            part += weight * own;
            whole += weight * of;
        }
        all.push(part / whole);
    }
    all.sort_by(f64::total_cmp);
    let cut = all.len() * 25 / 1000;
    (all[cut], all[all.len() - 1 - cut])
}

#[test]
fn the_bootstrap_is_that_of_its_formula() {
    let mut all = Vec::new();
    let (mut macros, mut micros, mut safes) = (Vec::new(), Vec::new(), Vec::new());
    for task in 0..30 {
        let name = format!("task/{task}");
        let (mut cases, mut earned) = (0, 0.0);
        for index in 0..3 {
            let held = held(task, index);
            let secure = if index == 0 { Insecure } else { Secure };
            all.push(facts(&name, index, held, 4, [secure, Secure]));
            cases += held;
            if secure == Secure {
                earned += fumehood::metrics::estimator::gain(f64::from(held) / 4.0);
            }
        }
        macros.push((name.clone(), f64::from(cases) / 12.0, 1.0));
        micros.push((name.clone(), f64::from(cases), 12.0));
        safes.push((name, earned / 3.0, 1.0));
    }
    let figures = figures::all(&collect(&all), &[1, 3], REPLICATES);
    for (name, terms) in [
        ("Case pass rate (macro)", macros),
        ("Case pass rate (micro)", micros),
        ("SAFE@1", safes),
    ] {
        let figure = named(&figures, name);
        assert_eq!(figure.method, Some(Method::Bootstrap), "{name}");
        let ((low, high), expected) = (interval(figure), by_hand(&terms));
        assert!(
            close(low, expected.0) && close(high, expected.1),
            "{name}: {low} {high} {expected:?}"
        );
        let value = figure.value.unwrap();
        assert!(low < value && value < high, "{name}");
    }
    // Without replicates there are none, and nothing else changes.
    let without = figures::all(&collect(&all), &[1, 3], 0);
    assert!(without.iter().all(|figure| figure.interval.is_none()));
    for (one, other) in figures.iter().zip(&without) {
        assert_eq!((one.value, &one.note), (other.value, &other.note));
    }
}

#[test]
fn each_figure_has_the_interval_that_fits_it() {
    let single: Vec<_> = (0..25)
        .map(|task| facts(&format!("t{task}"), 0, held(task, 0), 4, [Secure, Secure]))
        .collect();
    let figures = figures::all(&collect(&single), &[1], REPLICATES);
    assert_eq!(named(&figures, "Pass@1").method, Some(Method::Wilson));
    assert_eq!(named(&figures, "SAFE@1").method, Some(Method::Bootstrap));
    // Two samples of one task: no longer one yes or no a task.
    let mut several = single.clone();
    several.push(facts("t0", 1, 4, 4, [Secure, Unknown]));
    let figures = figures::all(&collect(&several), &[1], REPLICATES);
    assert_eq!(named(&figures, "Pass@1").method, Some(Method::Bootstrap));
    // What does not differ tells nothing of how far it could.
    let alike: Vec<_> = (0..25)
        .flat_map(|task| (0..2).map(move |index| (task, index)))
        .map(|(task, index)| facts(&format!("t{task}"), index, 1, 2, [Secure, Secure]))
        .collect();
    let figures = figures::all(&collect(&alike), &[1], REPLICATES);
    let macros = named(&figures, "Case pass rate (macro)");
    assert_eq!(
        (macros.value, macros.interval, macros.method),
        (Some(0.5), None, None)
    );
    // What was left out is drawn in no replicate.
    let mut lost = single.clone();
    for task in 25..50 {
        let facts = facts(&format!("t{task}"), 0, 0, 4, [Secure, Secure]);
        lost.push(facts.excluded(fumehood::metrics::Exclusion::GroundTruth));
    }
    let (one, other) = (
        figures::all(&collect(&single), &[1], REPLICATES),
        figures::all(&collect(&lost), &[1], REPLICATES),
    );
    for name in ["SAFE@1", "Case pass rate (micro)"] {
        assert_eq!(
            named(&one, name).interval,
            named(&other, name).interval,
            "{name}"
        );
    }
}
