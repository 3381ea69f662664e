//! What holds for every two groups.

use fumehood::metrics::paired::{Bootstrap, Pairing, Partners, Term, Transitions, Weights};
use fumehood::metrics::{Exclusion, Facts, Interval, figures};
use fumehood::scan::Security;
use proptest::prelude::*;

use super::{Insecure, Secure, Unknown, changes, close, collect, facts};

fn any_security() -> impl Strategy<Value = Security> {
    prop_oneof![4 => Just(Secure), 3 => Just(Insecure), 2 => Just(Unknown)]
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let state = prop_oneof![
        12 => Just(None),
        1 => Just(Some(Exclusion::Infra)),
        1 => Just(Some(Exclusion::GroundTruth))
    ];
    let counts = (0..8_u32, 0..3_u32, 0..4_u32, 0..4_u32);
    let rank = prop_oneof![3 => Just(None), 1 => (1..4_u32).prop_map(Some)];
    (counts, any_security(), any_security(), rank, state).prop_map(
        |((task, index, passed, declared), one, two, rank, state)| {
            let id = format!("task/{task}");
            let mut facts = facts(&id, index, passed.min(declared), declared, [one, two]);
            facts.rank = rank;
            match state {
                Some(why) => facts.excluded(why),
                None => facts,
            }
        },
    )
}

fn run() -> impl Strategy<Value = Vec<Facts>> {
    prop::collection::vec(any_facts(), 0..40)
}

fn mirrored(interval: Option<Interval>) -> Option<Interval> {
    interval.map(|interval| Interval {
        low: -interval.high,
        high: -interval.low,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_order_of_samples_does_not_matter(base in run(), technique in run()) {
        let forward = changes(&collect(&base), &collect(&technique), &[1, 2], 50);
        let backward = changes(
            &collect(base.iter().rev()),
            &collect(technique.iter().rev().chain(&technique)),
            &[2, 1],
            50,
        );
        prop_assert_eq!(forward, backward);
    }

    #[test]
    fn the_other_way_round_everything_changes_sign(base in run(), technique in run()) {
        let (base, technique) = (collect(&base), collect(&technique));
        let there = changes(&base, &technique, &[1, 2], 60);
        let back = changes(&technique, &base, &[1, 2], 60);
        prop_assert_eq!(there.len(), back.len());
        for (there, back) in there.iter().zip(&back) {
            prop_assert_eq!(&there.name, &back.name);
            prop_assert_eq!(there.strict.is_some(), back.strict.is_some());
            let (Some(a), Some(b)) = (there.strict, back.strict) else { continue };
            prop_assert_eq!(a.delta, -b.delta);
            prop_assert_eq!((a.base, a.technique), (b.technique, b.base));
            prop_assert_eq!(a.interval, mirrored(b.interval));
            prop_assert_eq!(a.p, b.p);
            let counts = |test: fumehood::metrics::paired::McNemar| (test.lost, test.gained);
            prop_assert_eq!(
                a.mcnemar.map(counts),
                b.mcnemar.map(counts).map(|(lost, gained)| (gained, lost))
            );
            if let (Some(a), Some(b)) = (there.unknown, back.unknown) {
                prop_assert!(close(a.low, -b.high) && close(a.high, -b.low));
            }
        }
    }

    #[test]
    fn the_truth_lies_between_the_readings(base in run(), technique in run()) {
        for delta in changes(&collect(&base), &collect(&technique), &[1, 2], 20) {
            let (Some(strict), Some(unknown)) = (delta.strict, delta.unknown) else { continue };
            prop_assert!(unknown.low <= strict.delta + 1e-12 && strict.delta <= unknown.high + 1e-12);
            prop_assert!((-1.0..=1.0).contains(&strict.delta));
        }
    }

    #[test]
    fn a_group_is_like_itself(base in run()) {
        let base = collect(&base);
        for delta in changes(&base, &base, &[1, 2], 20) {
            let Some(strict) = delta.strict else { continue };
            prop_assert_eq!((strict.delta, strict.interval, strict.p), (0.0, None, Some(1.0)));
        }
        let transitions = Transitions::of(&Pairing::of(&base, &base, Partners::ByIndex));
        prop_assert_eq!(transitions.in_cell("S*:I*".parse().unwrap()), 0);
    }

    /// Where every task counts on both sides, the sides' figures are those of each run's own report.
    #[test]
    fn figures_are_those_of_the_reports(rows in prop::collection::vec((0..4_u32, 0..4_u32, any_security(), any_security()), 1..30)) {
        let side = |flip: bool| -> Vec<Facts> {
            let rows = rows.iter().enumerate();
            let facts = rows.map(|(at, (before, after, one, two))| {
                let (passed, security) = if flip { (before, [*two, *one]) } else { (after, [*one, *two]) };
                facts(&format!("t{at}"), 0, *passed, 3.max(*passed), security)
            });
            facts.collect()
        };
        let (base, technique) = (collect(&side(true)), collect(&side(false)));
        let (before, after) = (figures::all(&base, &[1], 0), figures::all(&technique, &[1], 0));
        for delta in changes(&base, &technique, &[1], 20) {
            let Some(strict) = delta.strict else { continue };
            let of = |all: &[fumehood::metrics::Figure]| {
                all.iter().find(|figure| figure.name == delta.name).and_then(|figure| figure.value)
            };
            prop_assert_eq!(Some(strict.base), of(&before), "{}", &delta.name);
            prop_assert_eq!(Some(strict.technique), of(&after), "{}", &delta.name);
        }
    }

    #[test]
    fn counters_of_different_tasks_add_up(values in prop::collection::vec((0.0..=1.0_f64, 0.0..=1.0_f64), 0..20), cut in 0..20_usize) {
        let all: Vec<(Weights, Term)> = values
            .iter()
            .enumerate()
            .map(|(at, (base, technique))| {
                let term = Term { base: (*base, 1), technique: (*technique, 1) };
                (Weights::of(&format!("t{at}").into(), 40), term)
            })
            .collect();
        let of = |terms: &[(Weights, Term)]| {
            let mut bootstrap = Bootstrap::new(40);
            terms.iter().for_each(|(weights, term)| bootstrap.add(weights, term));
            bootstrap
        };
        let (left, right) = all.split_at(cut.min(all.len()));
        let (mut one, mut other) = (of(left), of(right));
        let left = one.clone();
        prop_assert!(one.merge(&other));
        prop_assert!(other.merge(&left));
        prop_assert_eq!(&one, &other, "in either order");
        prop_assert_eq!(&one, &of(&all), "and as if they had never been apart");
        let reversed: Vec<_> = all.iter().rev().cloned().collect();
        prop_assert_eq!(&one, &of(&reversed));
    }

    #[test]
    fn transitions_count_every_pair_once(base in run(), technique in run()) {
        let (base, technique) = (collect(&base), collect(&technique));
        let pairing = Pairing::of(&base, &technique, Partners::ByIndex);
        let transitions = Transitions::of(&pairing);
        prop_assert_eq!(transitions.total(), pairing.counts().pairs);
        prop_assert_eq!(transitions.in_cell("**:**".parse().unwrap()), transitions.total());
        let by_security: u64 = ["S", "I", "U"]
            .iter()
            .flat_map(|a| ["S", "I", "U"].iter().map(move |b| format!("{a}*:{b}*")))
            .map(|cell| transitions.in_cell(cell.parse().unwrap()))
            .sum();
        prop_assert_eq!(by_security, transitions.total());
        let mut twice = transitions;
        twice.merge(&transitions);
        prop_assert_eq!(twice.total(), 2 * transitions.total());
        prop_assert_eq!(twice.unknown(), 2 * transitions.unknown());
        // Every task of either side is compared, or left out with a reason.
        let mut tasks: Vec<_> = base.task_ids().chain(technique.task_ids()).collect();
        tasks.sort();
        tasks.dedup();
        prop_assert_eq!(pairing.tasks() + pairing.unpaired().len() as u64, tasks.len() as u64);
    }
}

#[test]
fn partners_by_index_and_by_order() {
    let of = |indices: &[u32]| {
        let all: Vec<Facts> = indices
            .iter()
            .map(|index| facts("t", *index, 1, 1, [Secure; 2]))
            .collect();
        collect(&all)
    };
    let (base, technique) = (of(&[0, 1, 2, 5]), of(&[1, 2, 7]));
    let counts = Pairing::of(&base, &technique, Partners::ByIndex).counts();
    assert_eq!(
        (counts.pairs, counts.base_alone, counts.technique_alone),
        (2, 2, 1)
    );
    let counts = Pairing::of(&base, &technique, Partners::ByOrder).counts();
    assert_eq!(
        (counts.pairs, counts.base_alone, counts.technique_alone),
        (3, 1, 0)
    );
}
