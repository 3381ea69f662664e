//! Scanners side by side: against published values, against other ways to compute the same, and the laws
//! of merging.

use std::collections::{BTreeMap, BTreeSet};

use fumehood::base::id::SampleId;
use fumehood::metrics::comparison::{Naming, Reach};
use fumehood::metrics::estimator::wilson;
use fumehood::metrics::{
    Agreement, Comparison, Confusion, MetricsError, Opinions, Panel, Said, SecurityCounts,
};
use fumehood::scan::cwe::hierarchy;
use fumehood::scan::{Finding, Policy, ScanResult, Security, Severity};
use proptest::prelude::*;

use super::{SCANNERS, close, combine, panel};
use Security::{Insecure, Secure, Unknown};

fn table(counts: [u64; 4]) -> Agreement {
    let [both_insecure, only_first, only_second, both_secure] = counts;
    Agreement {
        both_insecure,
        only_first,
        only_second,
        both_secure,
        left_out: 0,
    }
}

/// Kappa and standard error as statsmodels 0.15.0 has them (`inter_rater.cohens_kappa`); the first three
/// tables are those of the article on Cohen's kappa in Wikipedia, with 0.40, 0.1304 and 0.2593.
const GOLDEN: [([u64; 4], f64, f64); 7] = [
    ([20, 5, 10, 15], 0.3999999999999999, 0.12699606293110033),
    ([45, 15, 25, 15], 0.13043478260869554, 0.0986615376234396),
    ([25, 35, 5, 35], 0.25925925925925924, 0.07715973174444572),
    ([61, 2, 6, 25], 0.8009528851244044, 0.06681904868013555),
    ([1, 2, 3, 4], -0.08695652173913052, 0.3018661516573027),
    ([41, 3, 27, 29], 0.42484662576687104, 0.07836631600982644),
    ([200, 13, 7, 1000], 0.9424824029154821, 0.012745173147083658),
];

#[test]
fn kappa_is_what_others_compute() {
    for (counts, value, error) in GOLDEN {
        let kappa = table(counts).kappa().unwrap();
        assert!(close(kappa.value, value), "{counts:?}: {kappa:?}");
        assert!(
            close(kappa.standard_error.unwrap(), error),
            "{counts:?}: {kappa:?}"
        );
        let interval = kappa.interval.unwrap();
        let (low, high) = (
            value - 1.959963984540054 * error,
            value + 1.959963984540054 * error,
        );
        assert!(
            close(interval.low, low) && close(interval.high, high.min(1.0)),
            "{counts:?}"
        );
    }
}

#[test]
fn where_chance_explains_everything_there_is_no_kappa() {
    for counts in [[0, 0, 0, 0], [7, 0, 0, 0], [0, 0, 0, 7]] {
        assert_eq!(table(counts).kappa(), None, "{counts:?}");
    }
    assert_eq!(table([0; 4]).observed(), None);
    assert_eq!(table([0; 4]).expected(), None);
    assert_eq!(table([0, 0, 0, 7]).observed(), Some(1.0));
    assert_eq!(table([0, 0, 0, 7]).expected(), Some(1.0));
    // One that says the same of everything agrees by chance only, and an error of 0 is no certainty.
    for (counts, value) in [
        ([3, 5, 0, 0], 0.0),
        ([0, 0, 2, 9], 0.0),
        ([3, 0, 0, 5], 1.0),
        ([0, 4, 4, 0], -1.0),
        ([300_000_001, 0, 0, 1], 1.0),
    ] {
        let kappa = table(counts).kappa().unwrap();
        assert!(close(kappa.value, value), "{counts:?}: {kappa:?}");
        assert_eq!(
            (kappa.standard_error, kappa.interval),
            (None, None),
            "{counts:?}"
        );
    }
    // Nearly whole agreement of very many is still told apart from it.
    let near = table([500_000_000, 1, 0, 500_000_000]).kappa().unwrap();
    assert!(
        near.value < 1.0 && near.standard_error.unwrap() > 0.0,
        "{near:?}"
    );
}

/// Kappa of a table, written down anew.
fn kappa_of(cells: [f64; 4]) -> f64 {
    let [a, b, c, d] = cells;
    // (ad - bc) over its greatest possible value, an identity for two by two tables.
    2.0 * (a * d - b * c) / ((a + b) * (b + d) + (a + c) * (c + d))
}

/// The standard error by the delta method, with derivatives taken numerically.
fn error_of(counts: [u64; 4]) -> f64 {
    let n = counts.iter().sum::<u64>() as f64;
    let shares = counts.map(|count| count as f64 / n);
    let step = 1e-6;
    let slopes: Vec<f64> = (0..4)
        .map(|cell| {
            let at = |by: f64| {
                let mut moved = shares;
                moved[cell] += by;
                kappa_of(moved)
            };
            (at(step) - at(-step)) / (2.0 * step)
        })
        .collect();
    let mean: f64 = slopes.iter().zip(shares).map(|(slope, p)| slope * p).sum();
    let square: f64 = slopes
        .iter()
        .zip(shares)
        .map(|(slope, p)| slope * slope * p)
        .sum();
    ((square - mean * mean) / n).sqrt()
}

proptest! {
    #[test]
    fn kappa_and_its_error_by_another_way(counts in prop::array::uniform4(1..400_u64)) {
        let kappa = table(counts).kappa().unwrap();
        prop_assert!((kappa.value - kappa_of(counts.map(|c| c as f64))).abs() < 1e-9);
        prop_assert!((kappa.standard_error.unwrap() - error_of(counts)).abs() < 1e-5);
        let interval = kappa.interval.unwrap();
        prop_assert!(-1.0 <= interval.low && interval.high <= 1.0);
        prop_assert!(interval.low <= kappa.value && kappa.value <= interval.high);
    }

    #[test]
    fn it_does_not_matter_who_is_first(counts in prop::array::uniform4(0..50_u64)) {
        let [a, b, c, d] = counts;
        prop_assert_eq!(table([a, b, c, d]).kappa(), table([a, c, b, d]).kappa());
        // Nor which of the two answers is called positive, up to rounding.
        match (table([a, b, c, d]).kappa(), table([d, b, c, a]).kappa()) {
            (Some(one), Some(other)) => prop_assert!((one.value - other.value).abs() < 1e-12),
            (one, other) => prop_assert_eq!(one.is_some(), other.is_some()),
        }
    }
}

#[test]
fn the_figures_of_a_confusion_matrix() {
    let mut counts = Confusion::default();
    for (said, insecure, samples) in [
        (Insecure, true, 430),
        (Insecure, false, 20),
        (Secure, true, 710),
        (Secure, false, 40),
        (Unknown, true, 60),
        (Unknown, false, 5),
    ] {
        counts.add(said, insecure, samples);
    }
    assert_eq!(
        (
            counts.unknown_insecure,
            counts.unknown_secure,
            counts.known()
        ),
        (60, 5, 1200)
    );
    let recall = counts.recall();
    assert_eq!((recall.part, recall.of), (430, 1140));
    // The golden interval of 430 out of 1140.
    let interval = recall.interval.unwrap();
    assert!((interval.low - 0.3495).abs() < 5e-5 && (interval.high - 0.4057).abs() < 5e-5);
    let value = |share: fumehood::metrics::Share| share.value.unwrap();
    assert!(close(value(counts.precision()), 430.0 / 450.0));
    assert!(close(value(counts.specificity()), 40.0 / 60.0));
    assert!(close(value(counts.accuracy()), 470.0 / 1200.0));
    let (precision, recall) = (value(counts.precision()), value(recall));
    assert!(close(
        counts.f1().unwrap(),
        2.0 * precision * recall / (precision + recall)
    ));
    let range = counts.recall_range().unwrap();
    assert!(close(range.low, 430.0 / 1200.0) && close(range.high, 490.0 / 1200.0));
    let range = counts.specificity_range().unwrap();
    assert!(close(range.low, 40.0 / 65.0) && close(range.high, 45.0 / 65.0));

    // Nothing to divide by is no value, never 0 or 1.
    let none = Confusion::default();
    for share in [
        none.precision(),
        none.recall(),
        none.specificity(),
        none.accuracy(),
    ] {
        assert_eq!((share.value, share.interval), (None, None));
    }
    assert_eq!(
        (none.f1(), none.recall_range(), none.specificity_range()),
        (None, None, None)
    );
    // Only unknown ones: the range is all that there is.
    let mut open = Confusion::default();
    open.add(Unknown, true, 3);
    assert_eq!(open.recall().value, None);
    let range = open.recall_range().unwrap();
    assert_eq!((range.low, range.high), (0.0, 1.0));
}

/// What a test says of one sample: a task, an index, what each scanner says, the label.
#[derive(Clone, Debug)]
struct Row {
    id: SampleId,
    said: [Said; 2],
    label: Option<bool>,
}

impl Row {
    fn combined(&self) -> Security {
        combine([self.said[0].security, self.said[1].security])
    }
}

fn any_said() -> impl Strategy<Value = Said> {
    let cwe = prop_oneof![
        1 => Just(None),
        8 => prop::sample::select(vec![77, 78, 94, 95, 310, 326, 327, 328, 916]).prop_map(Some)
    ];
    (
        prop::collection::btree_set(cwe, 0..4),
        prop::option::of(prop::sample::select(vec!["syntax", "crash"])),
    )
        .prop_map(|(cwes, why)| Said {
            security: match (cwes.is_empty(), why) {
                (false, _) => Insecure,
                (true, Some(_)) => Unknown,
                (true, None) => Secure,
            },
            cwes,
            not_analysed: why.map(str::to_owned),
        })
}

/// Rows in any order, some of them for the same sample.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        0..4_u32,
        0..5_u32,
        any_said(),
        any_said(),
        prop::option::of(any::<bool>()),
    );
    let row = row.prop_map(|(task, index, one, other, label)| Row {
        id: SampleId {
            task: format!("task/{task}").into(),
            index,
        },
        said: [one, other],
        label,
    });
    prop::collection::vec(row, 0..40)
}

/// Rows of distinct samples.
fn distinct() -> impl Strategy<Value = Vec<Row>> {
    rows().prop_map(|rows| {
        let mut seen = BTreeSet::new();
        let new = |row: &Row| seen.insert(row.id.clone());
        rows.into_iter().filter(new).collect()
    })
}

fn opinions<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Opinions {
    let mut opinions = Opinions::new(panel());
    for row in rows {
        let names = SCANNERS.map(str::to_owned);
        let said = names.into_iter().zip(row.said.clone()).collect();
        opinions
            .add(&row.id, said, row.combined(), row.label)
            .unwrap();
    }
    opinions
}

fn merged(all: &[&Opinions]) -> Opinions {
    let mut sum = Opinions::new(panel());
    for one in all {
        sum.merge(one).unwrap();
    }
    sum
}

proptest! {
    #[test]
    fn opinions_merge_in_any_order_and_any_number_of_times(a in rows(), b in rows(), c in rows()) {
        let all = opinions(a.iter().chain(&b).chain(&c));
        let [a, b, c] = [&a, &b, &c].map(opinions);
        prop_assert_eq!(&merged(&[&a, &b, &c]), &all);
        prop_assert_eq!(&merged(&[&c, &a, &b]), &all);
        let mut right = b.clone();
        right.merge(&c).unwrap();
        let mut left = a.clone();
        left.merge(&right).unwrap();
        prop_assert_eq!(&left, &all);
        prop_assert_eq!(&merged(&[&all, &all, &b]), &all);
        prop_assert_eq!(merged(&[&all]).samples(), all.samples());
    }

    #[test]
    fn samples_count_once_in_any_order(rows in rows()) {
        let all = opinions(&rows);
        let backwards = opinions(rows.iter().rev().chain(&rows));
        prop_assert_eq!(&backwards, &all);
        let ids: BTreeSet<&SampleId> = rows.iter().map(|row| &row.id).collect();
        prop_assert_eq!(all.samples(), ids.len() as u64);
        prop_assert_eq!(Comparison::of(&backwards).found(), Comparison::of(&all).found());
        prop_assert_eq!(Comparison::of(&backwards).reach(Some(0)), Comparison::of(&all).reach(Some(0)));
    }

    /// Everything counted again, one sample after the other.
    #[test]
    fn comparisons_are_what_counting_by_hand_gives(rows in distinct()) {
        let opinions = opinions(&rows);
        let comparison = Comparison::of(&opinions);
        let count = |what: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| what(row)).count() as u64;
        prop_assert_eq!(comparison.samples(), rows.len() as u64);
        prop_assert_eq!(
            comparison.labelled(),
            (count(&|row| row.label == Some(true)), count(&|row| row.label == Some(false)))
        );

        for place in [Some(0), Some(1), None] {
            let of = |row: &Row| place.map_or(row.combined(), |place: usize| row.said[place].security);
            let mut reach: Reach = comparison.reach(place);
            reach.reasons.sort();
            let with = |why: &str| {
                let is = |row: &Row| place.is_some_and(|p| row.said[p].not_analysed.as_deref() == Some(why));
                (why.to_owned(), count(&is))
            };
            let expected = Reach {
                counts: SecurityCounts {
                    secure: count(&|row| of(row) == Secure),
                    insecure: count(&|row| of(row) == Insecure),
                    unknown: count(&|row| of(row) == Unknown),
                },
                partly: count(&|row| {
                    of(row) == Insecure && place.is_some_and(|p| row.said[p].not_analysed.is_some())
                }),
                reasons: [with("crash"), with("syntax")].into_iter().filter(|(_, n)| *n > 0).collect(),
            };
            prop_assert_eq!(reach, expected);

            let confusion = comparison.confusion(place);
            let cell = |said, label| count(&|row| of(row) == said && row.label == Some(label));
            let expected = Confusion {
                true_positives: cell(Insecure, true),
                false_positives: cell(Insecure, false),
                false_negatives: cell(Secure, true),
                true_negatives: cell(Secure, false),
                unknown_insecure: cell(Unknown, true),
                unknown_secure: cell(Unknown, false),
            };
            prop_assert_eq!(confusion, expected);
            prop_assert_eq!(confusion.recall().interval, wilson(cell(Insecure, true), cell(Insecure, true) + cell(Secure, true)));
        }

        let cell = |one, other| count(&|row| row.said[0].security == one && row.said[1].security == other);
        let expected = Agreement {
            both_insecure: cell(Insecure, Insecure),
            only_first: cell(Insecure, Secure),
            only_second: cell(Secure, Insecure),
            both_secure: cell(Secure, Secure),
            left_out: count(&|row| row.said.iter().any(|said| said.security == Unknown)),
        };
        prop_assert_eq!(comparison.agreement(0, 1), expected);
        prop_assert_eq!(comparison.agreement(1, 0).kappa(), expected.kappa());

        let numbers = |row: &Row, p: usize| -> Vec<u32> { row.said[p].cwes.iter().flatten().copied().collect() };
        let both = |row: &Row| row.said.iter().all(|said| said.security == Insecure);
        let any_pair = |row: &Row, is: &dyn Fn(u32, u32) -> bool| {
            numbers(row, 0).iter().any(|a| numbers(row, 1).iter().any(|b| is(*a, *b)))
        };
        let related = |a, b| hierarchy::is_same_or_ancestor(a, b) || hierarchy::is_same_or_ancestor(b, a);
        let expected = Naming {
            both_insecure: count(&both),
            same_cwe: count(&|row| both(row) && any_pair(row, &|a, b| a == b)),
            related_cwe: count(&|row| both(row) && any_pair(row, &related)),
            no_cwe: count(&|row| both(row) && (numbers(row, 0).is_empty() || numbers(row, 1).is_empty())),
        };
        prop_assert_eq!(comparison.naming(0, 1), expected);
        prop_assert_eq!(comparison.naming(1, 0), expected);

        let mut wanted: BTreeSet<Option<u32>> = BTreeSet::new();
        for cwe in rows.iter().flat_map(|row| row.said.iter().flat_map(|said| &said.cwes)) {
            wanted.insert(*cwe);
            wanted.extend(cwe.iter().flat_map(|number| hierarchy::ancestors(*number)).map(Some));
        }
        let found = comparison.found();
        prop_assert_eq!(found.keys().copied().collect::<BTreeSet<_>>(), wanted);
        for (cwe, counts) in &found {
            let own = |said: &Said| said.cwes.contains(cwe);
            let kind = |said: &Said| own(said) || said.cwes.iter().flatten().any(|number| {
                cwe.is_some_and(|cwe| hierarchy::ancestors(*number).contains(&cwe))
            });
            for place in [0, 1] {
                prop_assert_eq!(counts.own[place], count(&|row| own(&row.said[place])));
                prop_assert_eq!(counts.kinds[place], count(&|row| kind(&row.said[place])));
            }
            prop_assert_eq!(counts.own_any, count(&|row| row.said.iter().any(own)));
            prop_assert_eq!(counts.kinds_any, count(&|row| row.said.iter().any(kind)));
        }
    }
}

#[test]
fn only_what_the_policy_counts_is_said() {
    let finding = |rule: &str, cwe: Option<u32>, severity| Finding {
        rule: rule.to_owned(),
        native_cwe: Some(1),
        cwe,
        severity,
        confidence: Severity::Undefined,
        line: 1,
        message: String::new(),
    };
    let result = ScanResult {
        scanner: "bandit".to_owned(),
        version: "1".to_owned(),
        findings: vec![
            finding("B404", Some(78), Severity::Low),
            finding("B324", Some(328), Severity::High),
            finding("x", None, Severity::High),
        ],
        not_analysed: Some("stopped at line 7".to_owned()),
    };
    let mut policy = Policy::default();
    policy
        .min_severity
        .insert("bandit".to_owned(), Severity::Medium);
    let said = Said::of(&result, &policy);
    assert_eq!(said.cwes, BTreeSet::from([None, Some(328)]));
    assert_eq!(said.security, Insecure);
    assert_eq!(said.not_analysed.as_deref(), Some("stopped at line …"));
    policy
        .ignored_rules
        .extend(["B324", "x"].map(str::to_owned));
    let said = Said::of(&result, &policy);
    assert_eq!((said.security, said.cwes.len()), (Unknown, 0));
}

#[test]
fn strangers_are_refused_and_silence_is_unknown() {
    let id = SampleId {
        task: "t".into(),
        index: 0,
    };
    let said = Said {
        security: Secure,
        cwes: BTreeSet::new(),
        not_analysed: None,
    };
    let mut opinions = Opinions::new(panel());
    let stranger = BTreeMap::from([("codeql".to_owned(), said.clone())]);
    let error = opinions.add(&id, stranger, Secure, None).unwrap_err();
    assert!(
        matches!(error, MetricsError::UnknownScanner { .. }),
        "{error}"
    );
    assert_eq!(opinions.samples(), 0, "nothing was added");
    let one = BTreeMap::from([("bandit".to_owned(), said)]);
    opinions.add(&id, one, Unknown, None).unwrap();
    let comparison = Comparison::of(&opinions);
    assert_eq!(comparison.reach(Some(1)).counts.unknown, 1);
    assert_eq!(comparison.agreement(0, 1).left_out, 1);
    let other = Opinions::new(Panel::new(["bandit"]).unwrap());
    assert!(matches!(
        opinions.merge(&other),
        Err(MetricsError::PanelMismatch(..))
    ));
}
