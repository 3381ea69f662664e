//! What holds for every run: the laws of merging, and the relations between the metrics.

use fumehood::metrics::{Aggregator, Exclusion, Facts, Groups, figures};
use fumehood::scan::Security;
use proptest::prelude::*;

use super::{close, collect, facts, named, panel};
use Security::{Insecure, Secure, Unknown};

fn any_security() -> impl Strategy<Value = Security> {
    prop_oneof![4 => Just(Secure), 2 => Just(Insecure), 1 => Just(Unknown)]
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let state = prop_oneof![
        8 => Just(None),
        1 => Just(Some(Exclusion::Infra)),
        1 => Just(Some(Exclusion::GroundTruth))
    ];
    (
        0..6_u32,
        0..4_u32,
        0..5_u32,
        0..5_u32,
        any_security(),
        any_security(),
        prop::option::of(1..4_u32),
        (state, prop::option::of("[ab]")),
    )
        .prop_map(
            |(task, index, passed, declared, one, two, rank, (state, group))| {
                let mut facts = facts(
                    &format!("task/{task}"),
                    index,
                    passed.min(declared),
                    declared,
                    [one, two],
                );
                facts.rank = rank;
                facts.group = group;
                state.map_or(facts.clone(), |why| facts.excluded(why))
            },
        )
}

fn run() -> impl Strategy<Value = Vec<Facts>> {
    prop::collection::vec(any_facts(), 0..40)
}

/// Runs in which every sample occurs once and all tasks have the same number of samples.
fn clean_run() -> impl Strategy<Value = Vec<Facts>> {
    (1..8_u32, 1..4_u32).prop_flat_map(|(tasks, samples)| {
        let size = (tasks * samples) as usize;
        let sample = (0..5_u32, 1..5_u32, any_security(), any_security());
        prop::collection::vec(sample, size).prop_map(move |rows| {
            rows.into_iter()
                .enumerate()
                .map(|(at, (passed, declared, one, two))| {
                    let at = u32::try_from(at).unwrap();
                    let task = format!("task/{}", at / samples);
                    facts(
                        &task,
                        at % samples,
                        passed.min(declared),
                        declared,
                        [one, two],
                    )
                })
                .collect()
        })
    })
}

fn merged(parts: &[&Aggregator]) -> Aggregator {
    let mut sum = Aggregator::new(panel());
    for part in parts {
        sum.merge(part).unwrap();
    }
    sum
}

proptest! {
    #[test]
    fn merging_is_associative_commutative_idempotent(a in run(), b in run(), c in run()) {
        let (a, b, c) = (collect(&a), collect(&b), collect(&c));
        prop_assert_eq!(merged(&[&a, &b]), merged(&[&b, &a]));
        prop_assert_eq!(merged(&[&a, &a]), a.clone());
        let left = merged(&[&merged(&[&a, &b]), &c]);
        let right = merged(&[&a, &merged(&[&b, &c])]);
        prop_assert_eq!(left, right);
    }

    #[test]
    fn order_and_repetition_change_no_bit(
        (facts, shuffled) in run().prop_flat_map(|facts| {
            let twice = [facts.clone(), facts.clone()].concat();
            (Just(facts), Just(twice).prop_shuffle())
        })
    ) {
        let (one, two) = (collect(&facts), collect(&shuffled));
        prop_assert_eq!(&one, &two);
        let (one, two) = (
            figures::all(&one, &[1, 2, 3], 50),
            figures::all(&two, &[1, 2, 3], 50),
        );
        prop_assert_eq!(
            serde_json::to_string(&one).unwrap(),
            serde_json::to_string(&two).unwrap()
        );

        let mut groups = Groups::new(panel());
        let mut parts = (Groups::new(panel()), Groups::new(panel()));
        for (at, one) in shuffled.iter().enumerate() {
            groups.add(one).unwrap();
            if at % 2 == 0 { parts.0.add(one).unwrap() } else { parts.1.add(one).unwrap() }
        }
        parts.1.merge(&parts.0).unwrap();
        prop_assert_eq!(groups, parts.1);
    }

    #[test]
    fn figures_stay_within_bounds(facts in run()) {
        for figure in figures::all(&collect(&facts), &[1, 2, 3, 4], 0) {
            if let Some(value) = figure.value {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&value), "{:?}", figure);
                prop_assert!(close(value, figure.numerator / figure.denominator as f64));
                prop_assert!(figure.coverage.known + figure.excluded <= figure.coverage.total);
            }
            if let Some(range) = figure.unknown {
                prop_assert!(range.strict <= range.lenient + 1e-12, "{:?}", figure);
                prop_assert_eq!(Some(range.strict), figure.value);
            }
        }
    }

    #[test]
    fn the_relations_between_metrics_hold(facts in clean_run()) {
        let figures = figures::all(&collect(&facts), &[1], 0);
        let value = |name: &str| named(&figures, name);
        // A scanner that saw nothing has no value; strictly read it would be 0.
        let strict = |name: &str| value(name).numerator / value(name).denominator as f64;
        let (task, case) = (strict("Pass@1"), strict("Case pass rate (macro)"));
        let (joint, safe) = (strict("Secure-Pass@1"), strict("SAFE@1"));
        let secure = ["Secure@1 (bandit)", "Secure@1 (ruff-s)"].map(strict);
        let slack = 1e-12;
        prop_assert!(task <= case + slack);
        for one in secure {
            prop_assert!(joint <= one + slack);
            prop_assert!(safe <= one + slack);
        }
        prop_assert!(joint <= task + slack);
        prop_assert!(joint <= safe + slack);
        prop_assert!(safe <= case + slack);
        prop_assert!(safe - joint <= case - task + slack);
        prop_assert!(joint >= task - secure.iter().map(|one| 1.0 - one).sum::<f64>() - slack);
    }
}
