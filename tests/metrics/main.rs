//! The metrics against brute force, published values, the relations that always hold, and the laws
//! that make them mergeable.

#![allow(clippy::unwrap_used, missing_docs)]

mod intervals;
mod laws;
mod scanners;

use std::collections::BTreeMap;

use fumehood::base::id::SampleId;
use fumehood::metrics::estimator::{all_at_k, any_at_k, gain, wilson};
use fumehood::metrics::{
    Aggregator, Exclusion, Facts, Figure, Functional, Metric, MetricsError, Panel, figures,
};
use fumehood::scan::Security;
use fumehood::verdict::VerdictKind;

use Security::{Insecure, Secure, Unknown};

const SCANNERS: [&str; 2] = ["bandit", "ruff-s"];

fn panel() -> Panel {
    Panel::new(SCANNERS).unwrap()
}

fn combine(judgements: [Security; 2]) -> Security {
    if judgements.contains(&Insecure) {
        Insecure
    } else if judgements.contains(&Unknown) {
        Unknown
    } else {
        Secure
    }
}

/// Facts of a sample with `passed` of `declared` cases.
fn facts(task: &str, index: u32, passed: u32, declared: u32, security: [Security; 2]) -> Facts {
    Facts {
        sample: SampleId {
            task: task.into(),
            index,
        },
        group: None,
        kind: if passed == declared {
            VerdictKind::Passed
        } else {
            VerdictKind::Failed
        },
        passed_cases: passed,
        declared_cases: declared,
        functional: if passed == declared {
            Functional::Passed
        } else {
            Functional::NotPassed
        },
        scanners: SCANNERS
            .iter()
            .map(|name| (*name).to_owned())
            .zip(security)
            .collect(),
        rank: None,
    }
}

fn collect(all: &[Facts]) -> Aggregator {
    let mut aggregator = Aggregator::new(panel());
    for one in all {
        aggregator.add(one).unwrap();
    }
    aggregator
}

fn named<'a>(figures: &'a [Figure], name: &str) -> &'a Figure {
    figures
        .iter()
        .find(|figure| figure.name == name)
        .unwrap_or_else(|| panic!("no figure {name}"))
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12
}

#[test]
fn published_values() {
    assert!(close(any_at_k(5, 2, 3).unwrap(), 0.9));
    assert!(close(any_at_k(10, 3, 5).unwrap(), 11.0 / 12.0));
    assert!(close(
        any_at_k(200, 13, 100).unwrap(),
        0.999_919_497_198_805_5
    ));
    assert!((all_at_k(10, 7, 3).unwrap() - 0.291_666_7).abs() < 5e-8);
    assert!((gain(0.6) - 0.478_454_0).abs() < 5e-8);
    assert!((gain(5.0 / 6.0) - 0.757_137_664_698_194_3).abs() < 1e-15);
    assert_eq!((gain(0.0), gain(1.0)), (0.0, 1.0));
    for (good, n, low, high) in [
        (430, 1140, 0.3495, 0.4057),
        (367, 1140, 0.2954, 0.3496),
        (279, 1140, 0.2207, 0.2705),
        (37, 1201, 0.0224, 0.0422),
        (0, 20, 0.0, 0.1611),
    ] {
        let interval = wilson(good, n).unwrap();
        assert!(
            (interval.low - low).abs() < 5e-5,
            "{good}/{n}: {interval:?}"
        );
        assert!(
            (interval.high - high).abs() < 5e-5,
            "{good}/{n}: {interval:?}"
        );
    }
    assert_eq!(wilson(20, 20).unwrap().high, 1.0);
    assert_eq!(wilson(0, 0), None);
}

#[test]
fn too_few_samples_have_no_estimate() {
    assert_eq!(any_at_k(1, 0, 5), None);
    assert_eq!(any_at_k(1, 1, 5), None);
    assert_eq!(all_at_k(4, 4, 5), None);
    assert_eq!(any_at_k(0, 0, 1), None);
    assert_eq!(any_at_k(5, 2, 0), None);
    assert_eq!(any_at_k(5, 6, 1), None);
}

#[test]
fn estimators_agree_with_enumeration() {
    for n in 1..=9_u32 {
        for c in 0..=n {
            for k in 1..=n {
                let (mut subsets, mut any, mut all) = (0_u32, 0_u32, 0_u32);
                let good = (1_u32 << c) - 1;
                for chosen in 0..1_u32 << n {
                    if chosen.count_ones() == k {
                        subsets += 1;
                        any += u32::from(chosen & good != 0);
                        all += u32::from(chosen & !good == 0);
                    }
                }
                let (n, c, k) = (n.into(), c.into(), k.into());
                let expected_any = f64::from(any) / f64::from(subsets);
                let expected_all = f64::from(all) / f64::from(subsets);
                assert!(
                    close(any_at_k(n, c, k).unwrap(), expected_any),
                    "{n} {c} {k}"
                );
                assert!(
                    close(all_at_k(n, c, k).unwrap(), expected_all),
                    "{n} {c} {k}"
                );
            }
        }
    }
}

#[test]
fn gain_follows_its_formula() {
    for step in 0..=1000 {
        let p = f64::from(step) / 1000.0;
        let expected = p.exp_m1() / 1.0_f64.exp_m1();
        assert!((gain(p) - expected).abs() < 1e-15, "{p}");
        assert!(gain(p) <= p);
    }
}

#[test]
fn a_worked_example() {
    // Task a: passes and secure; 3 of 5 cases and secure. Task b: passes but insecure for ruff-s;
    // passes, and ruff-s did not look.
    let group = collect(&[
        facts("a", 0, 5, 5, [Secure, Secure]),
        facts("a", 1, 3, 5, [Secure, Secure]),
        facts("b", 0, 2, 2, [Secure, Insecure]),
        facts("b", 1, 2, 2, [Secure, Unknown]),
    ]);
    let figures = figures::all(&group, &[1, 2, 3], 0);
    let check = |name: &str, numerator: f64, denominator: u64| {
        let figure = named(&figures, name);
        assert!(close(figure.numerator, numerator), "{figure:?}");
        assert_eq!(figure.denominator, denominator, "{figure:?}");
        assert!(close(figure.value.unwrap(), numerator / denominator as f64));
        assert_eq!(figure.interval, None, "two samples a task");
    };
    check("Pass@1", 1.5, 2);
    check("Pass@2", 2.0, 2);
    check("Case pass rate (macro)", 1.8, 2);
    check("Case pass rate (micro)", 12.0, 14);
    check("Secure@1 (bandit)", 2.0, 2);
    check("Secure@1 (ruff-s)", 1.0, 2);
    check("Secure@2 any (ruff-s)", 1.0, 2);
    check("Secure@2 all (ruff-s)", 1.0, 2);
    check("Secure@1 (combined)", 1.0, 2);
    check("Secure-Pass@1", 0.5, 2);
    check("Secure-Pass@2", 1.0, 2);
    check("SAFE@1", f64::midpoint(1.0, gain(0.6)), 2);
    assert!(
        figures.iter().all(|figure| figure.k != 3),
        "no task has three"
    );

    let ruff = named(&figures, "Secure@1 (ruff-s)");
    assert_eq!((ruff.coverage.known, ruff.coverage.total), (3, 4));
    let range = ruff.unknown.unwrap();
    assert_eq!(range.samples, 1);
    assert!(close(range.strict, 0.5));
    assert!(close(range.available.unwrap(), 0.5));
    assert!(close(range.lenient, 0.75));
    assert_eq!(named(&figures, "Secure@1 (bandit)").unknown, None);
    assert!(named(&figures, "SAFE@1").note.contains("expectation"));
}

#[test]
fn ranks_decide_safe() {
    let ranked = |index, passed, rank| Facts {
        rank: Some(rank),
        ..facts("t", index, passed, 2, [Secure, Secure])
    };
    let mut all = vec![ranked(0, 0, 3), ranked(1, 2, 1), ranked(2, 1, 2)];
    let safe = |all: &[Facts], name: &str| {
        let figures = figures::all(&collect(all), &[1, 2], 0);
        figures.into_iter().find(|figure| figure.name == name)
    };
    let figure = safe(&all, "SAFE@1").unwrap();
    assert_eq!(figure.value, Some(1.0));
    assert!(figure.note.contains("own rank"), "{}", figure.note);
    let two = safe(&all, "SAFE@2").unwrap().value.unwrap();
    assert!(close(two, (1.0 + gain(0.5)) / 2.0));

    // A sample left out is not replaced by the next in rank.
    all[2].functional = Functional::Excluded(Exclusion::Infra);
    assert_eq!(safe(&all, "SAFE@1").unwrap().value, Some(1.0));
    assert!(safe(&all, "SAFE@2").is_none());

    // One rank missing, and there is no order.
    all[0].rank = None;
    assert!(safe(&all, "SAFE@1").unwrap().note.contains("expectation"));
}

#[test]
fn what_is_not_the_models_fault_counts_nowhere() {
    let excluded =
        |task: &str, index, why| facts(task, index, 0, 3, [Secure, Secure]).excluded(why);
    let group = collect(&[
        facts("a", 0, 3, 3, [Secure, Secure]),
        excluded("a", 1, Exclusion::Infra),
        excluded("b", 0, Exclusion::GroundTruth),
        facts("c", 0, 0, 0, [Insecure, Insecure]),
    ]);
    for figure in figures::all(&group, &[1], 0) {
        assert_eq!(figure.value, Some(1.0), "{}", figure.name);
        assert_eq!((figure.tasks, figure.excluded), (1, 3), "{}", figure.name);
        assert_eq!((figure.coverage.known, figure.coverage.total), (1, 4));
    }
    let reasons: Vec<_> = group.excluded().into_iter().collect();
    assert_eq!(
        reasons,
        [
            (Exclusion::GroundTruth, 1),
            (Exclusion::NoCases, 1),
            (Exclusion::Infra, 1)
        ]
    );
    let tasks: BTreeMap<String, Exclusion> = group
        .excluded_tasks()
        .into_iter()
        .map(|(task, why)| (task.0, why))
        .collect();
    assert_eq!(
        tasks,
        BTreeMap::from([
            ("b".to_owned(), Exclusion::GroundTruth),
            ("c".to_owned(), Exclusion::NoCases)
        ])
    );
}

#[test]
fn hiding_the_cases_is_no_escape() {
    let mut hidden = facts("a", 1, 0, 0, [Secure, Secure]);
    hidden.functional = Functional::NotPassed;
    let group = collect(&[facts("a", 0, 4, 4, [Secure, Secure]), hidden]);
    let figures = figures::all(&group, &[1], 0);
    for name in ["Pass@1", "Case pass rate (macro)", "Secure-Pass@1"] {
        assert_eq!(named(&figures, name).value, Some(0.5), "{name}");
    }
    let micro = named(&figures, "Case pass rate (micro)");
    assert_eq!((micro.numerator, micro.denominator), (4.0, 8));
}

#[test]
fn what_makes_a_task_undefined_holds_for_all_its_samples() {
    for why in [Exclusion::GroundTruth, Exclusion::NoCases] {
        let group = collect(&[
            facts("a", 0, 0, 3, [Secure, Secure]),
            facts("a", 1, 0, 3, [Secure, Secure]).excluded(why),
            facts("b", 0, 3, 3, [Secure, Secure]),
        ]);
        let figures = figures::all(&group, &[1], 0);
        let pass = named(&figures, "Pass@1");
        assert_eq!((pass.value, pass.tasks, pass.excluded), (Some(1.0), 1, 2));
        assert_eq!(group.excluded(), BTreeMap::from([(why, 2)]));
        assert_eq!(group.security(None).secure, 1);
    }
}

#[test]
fn nothing_known_is_no_number() {
    let empty = figures::all(&Aggregator::new(panel()), &[1, 5], 0);
    assert!(
        empty
            .iter()
            .all(|figure| figure.value.is_none() && figure.k == 1)
    );
    let blind = collect(&[facts("a", 0, 1, 1, [Secure, Unknown])]);
    let figures = figures::all(&blind, &[1], 0);
    assert_eq!(named(&figures, "Pass@1").value, Some(1.0));
    assert_eq!(named(&figures, "Secure@1 (bandit)").value, Some(1.0));
    for name in [
        "Secure@1 (ruff-s)",
        "Secure@1 (combined)",
        "Secure-Pass@1",
        "SAFE@1",
    ] {
        let figure = named(&figures, name);
        assert_eq!(figure.value, None, "{name}");
        assert_eq!(figure.note, "no sample was analysed");
    }
    let without = figures::all(&Aggregator::new(Panel::default()), &[1], 0);
    assert!(without.iter().all(|figure| figure.scanner.is_none()
        && !matches!(figure.metric, Metric::Safe | Metric::SecurePass)));
}

#[test]
fn one_sample_a_task_has_an_interval() {
    let all: Vec<Facts> = (0..20)
        .map(|task| facts(&format!("t{task}"), 0, 0, 2, [Secure, Secure]))
        .collect();
    let figures = figures::all(&collect(&all), &[1, 5], 0);
    let interval = named(&figures, "Pass@1").interval.unwrap();
    assert_eq!(interval.low, 0.0);
    assert!((interval.high - 0.1611).abs() < 5e-5);
    assert_eq!(named(&figures, "SAFE@1").interval, None);
    assert!(figures.iter().all(|figure| figure.k == 1));
}

#[test]
fn tasks_with_too_few_samples_are_left_out_and_counted() {
    let mut all: Vec<Facts> = (0..5)
        .map(|index| facts("many", index, 0, 1, [Secure, Secure]))
        .collect();
    all.push(facts("one", 0, 1, 1, [Secure, Secure]));
    let figures = figures::all(&collect(&all), &[1, 5, 10], 0);
    let five = named(&figures, "Pass@5");
    assert_eq!(
        five.value,
        Some(0.0),
        "the task with one sample must not count as 1"
    );
    assert_eq!((five.tasks, five.tasks_short), (1, 1));
    assert!(figures.iter().all(|figure| figure.k != 10));
}

#[test]
fn scanners_outside_the_run_are_refused() {
    let mut group = Aggregator::new(Panel::new(["bandit"]).unwrap());
    let refused = group.add(&facts("a", 0, 1, 1, [Secure, Secure]));
    assert!(matches!(refused, Err(MetricsError::UnknownScanner { .. })));
    assert_eq!(group.samples(), 0);
    assert!(matches!(
        group.merge(&Aggregator::new(panel())),
        Err(MetricsError::PanelMismatch(..))
    ));
    assert_eq!(
        Panel::new((0..32).map(|n| n.to_string())),
        Err(MetricsError::TooManyScanners(32))
    );
    let widest = Panel::new((0..31).map(|n| format!("{n:02}"))).unwrap();
    let mut group = Aggregator::new(widest);
    let mut last = facts("a", 0, 1, 1, [Secure, Secure]);
    last.scanners = BTreeMap::from([("30".to_owned(), Insecure), ("00".to_owned(), Secure)]);
    group.add(&last).unwrap();
    let figures = figures::all(&group, &[1], 0);
    assert_eq!(named(&figures, "Secure@1 (30)").value, Some(0.0));
    assert_eq!(named(&figures, "Secure@1 (00)").value, Some(1.0));
    assert_eq!(named(&figures, "Secure@1 (29)").value, None);
}

#[test]
fn a_retried_infrastructure_failure_gives_way() {
    let failed = facts("a", 0, 0, 1, [Secure, Secure]).excluded(Exclusion::Infra);
    let passed = facts("a", 0, 1, 1, [Secure, Secure]);
    for order in [[&failed, &passed], [&passed, &failed]] {
        let group = collect(&order.map(Clone::clone));
        assert_eq!(group.samples(), 1);
        assert_eq!(
            named(&figures::all(&group, &[1], 0), "Pass@1").value,
            Some(1.0)
        );
    }
}
