//! What holds for the transitions and weaknesses of single scanners, whatever they say.

use std::collections::{BTreeMap, BTreeSet};

use fumehood::base::id::SampleId;
use fumehood::metrics::paired::{Cell, JudgedCell, Pairing, Partners, Shifts, State, Transitions};
use fumehood::metrics::{Aggregator, Facts, Opinions, Panel, Said};
use fumehood::report::by_scanner::WeaknessSummary;
use fumehood::scan::Security;
use proptest::prelude::*;

use super::{Insecure, SCANNERS, Secure, Unknown, collect, facts};

/// A sample: task, index, cases that passed of two, and for each scanner the weaknesses it found and whether it
/// analysed the sample wholly.
type Sample = (u32, u32, u32, [(BTreeSet<Option<u32>>, bool); 2]);

fn any_said() -> impl Strategy<Value = (BTreeSet<Option<u32>>, bool)> {
    let cwe = prop_oneof![1 => Just(None), 4 => (20..23_u32).prop_map(Some)];
    let cwes = prop::collection::btree_set(cwe, 0..3);
    (cwes, prop::bool::weighted(0.8))
}

fn side() -> impl Strategy<Value = Vec<Sample>> {
    let sample = (0..6_u32, 0..3_u32, 0..3_u32, [any_said(), any_said()]);
    prop::collection::vec(sample, 0..30).prop_map(|all| {
        // One of an id: which of two counts is not the question here.
        let mut seen = BTreeSet::new();
        let all = all.into_iter();
        all.filter(|(task, index, ..)| seen.insert((*task, *index)))
            .collect()
    })
}

fn security((cwes, is_whole): &(BTreeSet<Option<u32>>, bool)) -> Security {
    match (cwes.is_empty(), is_whole) {
        (false, _) => Insecure,
        (true, true) => Secure,
        (true, false) => Unknown,
    }
}

fn counted(samples: &[Sample]) -> (Aggregator, Opinions) {
    let mut opinions = Opinions::new(Panel::new(SCANNERS).unwrap());
    let mut all: Vec<Facts> = Vec::new();
    for (task, index, passed, said) in samples {
        let judged = [security(&said[0]), security(&said[1])];
        let one = facts(&format!("t{task}"), *index, *passed, 2, judged);
        let by_name = SCANNERS.iter().zip(said).map(|(name, said)| {
            let said = Said {
                security: security(said),
                cwes: said.0.clone(),
                not_analysed: (!said.1).then(|| "no".to_owned()),
            };
            ((*name).to_owned(), said)
        });
        opinions
            .add(&one.sample, by_name.collect(), Unknown, None)
            .unwrap();
        all.push(one);
    }
    (collect(&all), opinions)
}

/// The pairs, found without the code that is tested.
fn partners<'a>(base: &'a [Sample], technique: &'a [Sample]) -> Vec<(&'a Sample, &'a Sample)> {
    let key = |sample: &Sample| (sample.0, sample.1);
    let after: BTreeMap<_, _> = technique.iter().map(|one| (key(one), one)).collect();
    let pairs = base
        .iter()
        .filter_map(|one| Some((one, *after.get(&key(one))?)));
    pairs.collect()
}

fn all_cells() -> impl Iterator<Item = (State, State)> {
    let all = State::ALL.into_iter();
    all.flat_map(|before| State::ALL.into_iter().map(move |after| (before, after)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn matrices_of_scanners_count_every_pair_once(base in side(), technique in side()) {
        let ((one, _), (other, _)) = (counted(&base), counted(&technique));
        let there = Pairing::of(&one, &other, Partners::ByIndex);
        let back = Pairing::of(&other, &one, Partners::ByIndex);
        let pairs = partners(&base, &technique);
        prop_assert_eq!(there.counts().pairs, pairs.len() as u64);
        for (place, scanner) in SCANNERS.iter().enumerate() {
            let found = Transitions::of_scanner(&there, scanner).unwrap();
            prop_assert_eq!(found.total(), there.counts().pairs);
            let mirrored = Transitions::of_scanner(&back, scanner).unwrap();
            for (before, after) in all_cells() {
                prop_assert_eq!(found.count(before, after), mirrored.count(after, before));
                let is = |sample: &Sample, state: State| {
                    (security(&sample.3[place]), sample.2 == 2) == (state.security, state.is_functional)
                };
                let counted = pairs.iter().filter(|(a, b)| is(a, before) && is(b, after));
                prop_assert_eq!(found.count(before, after), counted.count() as u64);
            }
            // Whether samples work is no scanner's business.
            let all = Transitions::of(&there);
            for cell in ["*F:*F", "*F:*N", "*N:*F", "*N:*N"] {
                let cell: Cell = cell.parse().unwrap();
                prop_assert_eq!(found.in_cell(cell), all.in_cell(cell));
            }
            // What one scanner calls insecure, all together call insecure.
            for cell in ["I*:**", "**:I*", "I*:I*"] {
                let cell: Cell = cell.parse().unwrap();
                prop_assert!(found.in_cell(cell) <= all.in_cell(cell));
            }
        }
        prop_assert!(Transitions::of_scanner(&there, "codeql").is_none());
        let (all, mirrored) = (Transitions::of(&there), Transitions::of(&back));
        for (before, after) in all_cells() {
            prop_assert_eq!(all.count(before, after), mirrored.count(after, before));
        }
    }

    #[test]
    fn weaknesses_come_and_go_over_the_same_pairs(base in side(), technique in side()) {
        let ((one, before), (other, after)) = (counted(&base), counted(&technique));
        let pairing = Pairing::of(&one, &other, Partners::ByIndex);
        let found = WeaknessSummary::of(&pairing, &before, &after);
        let back = Pairing::of(&other, &one, Partners::ByIndex);
        let back = WeaknessSummary::of(&back, &after, &before);
        let pairs = partners(&base, &technique);
        prop_assert_eq!(found.scanners.len(), 2);
        prop_assert_eq!(found.changes.len(), back.changes.len());
        for (place, scanner) in SCANNERS.iter().enumerate() {
            let (whole, rest): (Vec<_>, Vec<_>) =
                pairs.iter().partition(|(a, b)| a.3[place].1 && b.3[place].1);
            prop_assert_eq!(&found.scanners[place].scanner, scanner);
            prop_assert_eq!(found.scanners[place].pairs, whole.len() as u64);
            prop_assert_eq!(found.scanners[place].unknown, rest.len() as u64);
            for cwe in [None, Some(20), Some(21), Some(22)] {
                let has = |sample: &Sample| sample.3[place].0.contains(&cwe);
                let count = |wanted: fn(bool, bool) -> bool| {
                    whole.iter().filter(|(a, b)| wanted(has(a), has(b))).count() as u64
                };
                let of = |all: &WeaknessSummary| {
                    let mut those = all.changes.iter();
                    those.find(|one| one.scanner == *scanner && one.cwe == cwe).cloned()
                };
                let Some(one) = of(&found) else {
                    prop_assert_eq!(count(|a, b| a || b), 0);
                    continue;
                };
                prop_assert_eq!((one.base, one.technique), (count(|a, _| a), count(|_, b| b)));
                prop_assert_eq!(one.appeared, count(|a, b| !a && b));
                prop_assert_eq!(one.disappeared, count(|a, b| a && !b));
                prop_assert_eq!(one.change, one.appeared as i64 - one.disappeared as i64);
                prop_assert_eq!(one.change, one.technique as i64 - one.base as i64);
                prop_assert!(one.base + one.technique > 0);
                let mirrored = of(&back).unwrap();
                prop_assert_eq!(mirrored.change, -one.change);
                prop_assert_eq!((mirrored.appeared, mirrored.disappeared), (one.disappeared, one.appeared));
                prop_assert_eq!(mirrored.p, one.p);
            }
        }
        let sizes: Vec<u64> = found.changes.iter().map(|one| one.change.unsigned_abs()).collect();
        prop_assert!(sizes.is_sorted_by(|a, b| a >= b), "the largest first: {sizes:?}");
    }

    #[test]
    fn counts_of_different_tasks_add_up(base in side(), technique in side(), cut in 0..7_u32) {
        let of = |keep: &dyn Fn(u32) -> bool| {
            let part = |side: &[Sample]| -> Vec<Sample> {
                side.iter().filter(|sample| keep(sample.0)).cloned().collect()
            };
            let ((one, before), (other, after)) = (counted(&part(&base)), counted(&part(&technique)));
            Shifts::of(&Pairing::of(&one, &other, Partners::ByIndex), &before, &after)
        };
        let (mut left, right) = (of(&|task| task < cut), of(&|task| task >= cut));
        left.merge(&right);
        prop_assert_eq!(left, of(&|_| true));
    }
}

/// Where a task has several samples a side they are not independent, and no test says that they are.
#[test]
fn a_test_is_made_of_single_samples_only() {
    let found = |samples: &[u32]| {
        let side = |cwes: &[u32]| -> Vec<Sample> {
            let cwes: BTreeSet<Option<u32>> = cwes.iter().map(|cwe| Some(*cwe)).collect();
            let all = samples.iter();
            all.flat_map(|index| (0..5).map(move |task| (task, *index)))
                .map(|(task, index)| {
                    (
                        task,
                        index,
                        2,
                        [(cwes.clone(), true), (BTreeSet::new(), true)],
                    )
                })
                .collect()
        };
        let ((one, before), (other, after)) = (counted(&side(&[78])), counted(&side(&[])));
        let pairing = Pairing::of(&one, &other, Partners::ByIndex);
        WeaknessSummary::of(&pairing, &before, &after).changes
    };
    let one = &found(&[0])[0];
    assert_eq!((one.disappeared, one.p), (5, Some(2.0 / 32.0)));
    assert!(one.name.as_deref().unwrap().contains("OS Command"));
    let two = &found(&[0, 1])[0];
    assert_eq!((two.disappeared, two.p), (10, None));
}

#[test]
fn cells_are_read_with_and_without_a_scanner() {
    let cell: Cell = "IF:SN".parse().unwrap();
    for (text, scanner) in [
        ("IF:SN", None),
        ("I&F -> S&!F", None),
        ("bandit IF:SN", Some("bandit")),
        ("  bandit   i&f -> s&!f ", Some("bandit")),
        ("(ruff-s) IF:SN", Some("ruff-s")),
        ("judge:qwen2.5-72b IF : SN", Some("judge:qwen2.5-72b")),
        ("combined IF:SN", None),
    ] {
        let found: JudgedCell = text.parse().unwrap();
        assert_eq!(
            (found.scanner.as_deref(), found.cell),
            (scanner, cell),
            "{text}"
        );
        assert_eq!(found.to_string().parse::<JudgedCell>().unwrap(), found);
    }
    for text in [
        "",
        "bandit",
        "bandit ",
        "bandit IF",
        "IF:SN bandit",
        "bandit ruff-s IF:SN",
    ] {
        let said = text.parse::<JudgedCell>().unwrap_err();
        assert!(said.contains("'bandit IF:SN'"), "{text}: {said}");
    }
}

/// Scanners that only one side was judged by are of no use.
#[test]
fn scanners_of_one_side_are_left_out() {
    let mut base = Aggregator::new(Panel::new(["bandit"]).unwrap());
    let mut one = facts("t", 0, 1, 1, [Secure; 2]);
    one.scanners.remove("ruff-s");
    base.add(&one).unwrap();
    let mut opinions = Opinions::new(Panel::new(["bandit"]).unwrap());
    let id = SampleId {
        task: "t".into(),
        index: 0,
    };
    opinions.add(&id, BTreeMap::new(), Secure, None).unwrap();
    let (technique, said) = counted(&[(0, 0, 2, Default::default())]);
    let pairing = Pairing::of(&base, &technique, Partners::ByIndex);
    assert!(Transitions::of_scanner(&pairing, "ruff-s").is_none());
    assert!(Transitions::of_scanner(&pairing, "bandit").is_some());
    let found = WeaknessSummary::of(&pairing, &opinions, &said);
    assert_eq!(found.scanners.len(), 1);
    assert_eq!(found.scanners[0].scanner, "bandit");
}
