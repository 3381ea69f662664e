//! McNemar's test, Holm's correction and the bootstrap, each computed in another way or published.

use fumehood::base::id::TaskId;
use fumehood::metrics::paired::{Bootstrap, McNemar, Term, Weights, holm};

use super::{Insecure, Secure, changes, close, collect, facts, named};

#[test]
fn mcnemar_is_the_binomial_sum() {
    for n in 0..40_u64 {
        // Pascal's triangle, in whole numbers.
        let row = (0..n).fold(vec![1_u128], |row, _| {
            let inner = row.windows(2).map(|pair| pair[0] + pair[1]);
            std::iter::once(1).chain(inner).chain([1]).collect()
        });
        for lost in 0..=n {
            let fewer = lost.min(n - lost) as usize;
            let tail: u128 = row[..=fewer].iter().sum();
            let exact = (2.0 * tail as f64 / 2_f64.powi(n as i32)).min(1.0);
            let p = McNemar::of(lost, n - lost).p;
            assert!(close(p, exact), "{lost} of {n}: {p}, not {exact}");
        }
    }
}

#[test]
fn mcnemar_gives_published_values() {
    // From the notes on the paper's tables: GPT-3.5 and GPT-4o on BigCodeBench.
    let p = McNemar::of(121, 33).p;
    assert!((4.5e-13..5.5e-13).contains(&p), "{p}");
    let p = McNemar::of(74, 50).p;
    assert!((0.038..0.039).contains(&p), "{p}");
    // scipy.stats.binomtest(5, 17).pvalue, and 3 of 12.
    assert!(close(McNemar::of(5, 12).p, 0.143_463_134_765_625));
    assert!(close(McNemar::of(9, 3).p, 0.145_996_093_75));
    assert_eq!(McNemar::of(0, 0).p, 1.0);
    assert_eq!(McNemar::of(7, 7).p, 1.0);
    assert!(close(McNemar::of(0, 10).p, 2.0 / 1024.0));
}

#[test]
fn mcnemar_survives_any_counts() {
    for (lost, gained) in [
        (1_000_000, 1_000_001),
        (500_000, 502_000),
        (0, 5_000),
        (3, 2_000_000),
    ] {
        let p = McNemar::of(lost, gained).p;
        assert!((0.0..=1.0).contains(&p), "{lost} {gained}: {p}");
        assert_eq!(p.to_bits(), McNemar::of(gained, lost).p.to_bits());
    }
    // The normal approximation: z = 2000 / sqrt(1,002,000) = 1.998, with the correction for continuity 1.997.
    let p = McNemar::of(500_000, 502_000).p;
    assert!((p - 0.045_8).abs() < 0.000_5, "{p}");
}

#[test]
fn holm_gives_the_textbook_values() {
    let adjusted = holm::adjust(&[Some(0.01), Some(0.04), None, Some(0.03), Some(0.005)]);
    let wanted = [Some(0.03), Some(0.06), None, Some(0.06), Some(0.02)];
    for (found, wanted) in adjusted.iter().zip(wanted) {
        match (found, wanted) {
            (Some(found), Some(wanted)) => assert!(close(*found, wanted), "{adjusted:?}"),
            (found, wanted) => assert_eq!(*found, wanted),
        }
    }
    assert_eq!(
        holm::adjust(&[Some(0.2)]),
        [Some(0.2)],
        "one test needs none"
    );
    assert_eq!(
        holm::adjust(&[Some(0.6), Some(0.9)]),
        [Some(1.0), Some(1.0)]
    );
    assert!(holm::adjust(&[]).is_empty());
}

fn task(at: usize) -> TaskId {
    TaskId::from(format!("task/{at}"))
}

#[test]
fn weights_are_poisson_and_belong_to_task_and_replicate_alone() {
    let all: Vec<u8> = (0..300)
        .flat_map(|at| Weights::of(&task(at), 1_000).by_replicate().to_vec())
        .collect();
    let n = all.len() as f64;
    let share = |count: u8| all.iter().filter(|weight| **weight == count).count() as f64 / n;
    // e^-1 / count!
    for (count, wanted) in [
        (0, 0.367_9),
        (1, 0.367_9),
        (2, 0.183_9),
        (3, 0.061_3),
        (4, 0.015_3),
    ] {
        assert!(
            (share(count) - wanted).abs() < 0.004,
            "{count}: {}",
            share(count)
        );
    }
    // Neither tasks nor replicates go together: the sums of 300 tasks have the variance of independent ones.
    let sums: Vec<f64> = (0..1_000)
        .map(|replicate| {
            (0..300)
                .map(|at| f64::from(all[at * 1_000 + replicate]))
                .sum()
        })
        .collect();
    let mean = sums.iter().sum::<f64>() / 1_000.0;
    let variance = sums.iter().map(|sum| (sum - mean).powi(2)).sum::<f64>() / 999.0;
    assert!((mean - 300.0).abs() < 3.0, "{mean}");
    assert!((variance / 300.0 - 1.0).abs() < 0.2, "{variance}");
    // More replicates do not change the first ones.
    let few = Weights::of(&task(7), 10);
    assert_eq!(
        few.by_replicate(),
        &Weights::of(&task(7), 500).by_replicate()[..10]
    );
    assert_ne!(few, Weights::of(&task(8), 10));
}

/// Values of two sides that move together, as those of one task do.
fn terms() -> Vec<(TaskId, Term)> {
    (0..400_usize)
        .map(|at| {
            let base = (at * 37 % 101) as f64 / 101.0;
            let technique = (base + (at * 53 % 97) as f64 / 97.0 * 0.3 - 0.1).clamp(0.0, 1.0);
            let term = Term {
                base: (base, 1),
                technique: (technique, 1),
            };
            (task(at), term)
        })
        .collect()
}

#[test]
fn the_bootstrap_is_what_brute_force_gives() {
    const REPLICATES: u32 = 1_000;
    let terms = terms();
    let mut bootstrap = Bootstrap::new(REPLICATES);
    for (task, term) in &terms {
        bootstrap.add(&Weights::of(task, REPLICATES), term);
    }
    let weights: Vec<Weights> = terms
        .iter()
        .map(|(task, _)| Weights::of(task, REPLICATES))
        .collect();
    let mut brute: Vec<f64> = (0..REPLICATES as usize)
        .map(|replicate| {
            let (mut sum, mut whole) = (0.0, 0.0);
            for ((_, term), weights) in terms.iter().zip(&weights) {
                let weight = f64::from(weights.by_replicate()[replicate]);
                sum += weight * (term.technique.0 - term.base.0);
                whole += weight;
            }
            sum / whole
        })
        .collect();
    brute.sort_by(f64::total_cmp);
    let found = bootstrap.differences();
    assert_eq!(found.len(), brute.len());
    for (found, brute) in found.iter().zip(&brute) {
        assert!((found - brute).abs() < 1e-12, "{found} {brute}");
    }
    let interval = bootstrap.interval().unwrap();
    assert!((interval.low - brute[25]).abs() < 1e-12);
    assert!((interval.high - brute[974]).abs() < 1e-12);

    // And what theory gives for a mean of 400: 1.96 standard errors to both sides.
    let differences: Vec<f64> = terms
        .iter()
        .map(|(_, t)| t.technique.0 - t.base.0)
        .collect();
    let mean = differences.iter().sum::<f64>() / 400.0;
    let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 399.0;
    let half = 1.96 * (variance / 400.0).sqrt();
    assert!(
        (interval.low - (mean - half)).abs() < half * 0.15,
        "{interval:?}"
    );
    assert!(
        (interval.high - (mean + half)).abs() < half * 0.15,
        "{interval:?}"
    );
}

#[test]
fn a_pair_weighs_the_same_on_both_sides() {
    // Tasks differ wildly from each other, but not before and after: an unpaired bootstrap would be lost.
    let mut bootstrap = Bootstrap::new(500);
    for at in 0..50 {
        let base = f64::from(u8::from(at % 2 == 0));
        let technique = base + if at % 5 == 0 { 0.01 } else { 0.0 };
        let term = Term {
            base: (base, 1),
            technique: (technique, 1),
        };
        bootstrap.add(&Weights::of(&task(at), 500), &term);
    }
    let interval = bootstrap.interval().unwrap();
    assert!(interval.low >= 0.0 && interval.high < 0.005, "{interval:?}");
}

#[test]
fn what_shows_no_spread_gets_no_interval() {
    assert_eq!(Bootstrap::new(100).interval(), None, "no task");
    assert_eq!(Bootstrap::new(100).p(), None);
    let mut same = Bootstrap::new(100);
    let mut lost = Bootstrap::new(999);
    for at in 0..30 {
        let term = |technique| Term {
            base: (1.0, 1),
            technique: (technique, 1),
        };
        same.add(&Weights::of(&task(at), 100), &term(1.0));
        lost.add(&Weights::of(&task(at), 999), &term(0.0));
    }
    assert_eq!((same.interval(), same.p()), (None, Some(1.0)));
    assert_eq!(lost.interval(), None);
    assert!(close(lost.p().unwrap(), 0.002), "never 0: 2 of 1,000");
    let mut other = same.clone();
    assert!(!other.merge(&lost), "of another number of replicates");
    assert_eq!(other, same, "and nothing is added then");
}

#[test]
fn mcnemar_needs_one_yes_or_no_a_side() {
    let base: Vec<_> = (0..10)
        .map(|at| facts(&format!("t{at}"), 0, 2, 2, [Secure; 2]))
        .collect();
    let mut technique = base.clone();
    for at in [0, 1, 2] {
        technique[at] = facts(&format!("t{at}"), 0, 1, 2, [Insecure; 2]);
    }
    let found = changes(&collect(&base), &collect(&technique), &[1], 200);
    let pass = named(&found, "Pass@1").strict.unwrap();
    let test = pass.mcnemar.unwrap();
    assert_eq!(
        (test.lost, test.gained, test.p, pass.p),
        (3, 0, 0.25, Some(0.25))
    );
    assert!(close(pass.delta, -0.3));
    for name in ["SAFE@1", "Case pass rate (macro)", "Case pass rate (micro)"] {
        let strict = named(&found, name).strict.unwrap();
        assert_eq!(strict.mcnemar, None, "{name}");
        assert!(strict.p.is_some(), "{name}");
    }
    technique.push(facts("t9", 1, 2, 2, [Secure; 2]));
    let found = changes(&collect(&base), &collect(&technique), &[1], 200);
    assert_eq!(named(&found, "Pass@1").strict.unwrap().mcnemar, None);
}
