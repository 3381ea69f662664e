//! The paper's Table 4 (arXiv 2503.15554) as relations, on counts rebuilt from its values.
//!
//! At hand were, of BigCodeBench's four rows, tasks that both models passed and passed securely before, and those that
//! they passed securely after; of SecCodePLT+ both for the two rows before. The two rows after on SecCodePLT+, every
//! Secure@1 of a single scanner and the case-level column were not to be had, so that the relations are tried with any
//! numbers in their places instead.
//!
//! BigCodeBench's values are counts of 1,140 tasks, but for one (below). Those of SecCodePLT+ are of 1,201 where tests were run, and
//! of 1,237 where scanners were: its Secure@1 and its other columns speak of different tasks, and no sum over both is made here.

use fumehood::metrics::estimator::wilson;
use fumehood::metrics::figures;
use fumehood::metrics::paired::McNemar;
use fumehood::metrics::{Facts, Metric};
use fumehood::scan::Security;
use proptest::prelude::*;

use super::paper::{IF, IN, ROWS, SF, sides};
use super::{Insecure, SCANNERS, Secure, changes, close, collect, facts, named};

/// A row: tasks, those that passed (`None` where that is not known), and those that passed and are secure.
const TABLE: [(u32, Option<u32>, u32); 6] = [
    (1_140, Some(689), 430),
    (1_140, None, 406),
    (1_140, Some(579), 367),
    (1_140, None, 279),
    (1_201, Some(105), 48),
    (1_201, Some(69), 37),
];

/// As the paper prints values: cut after four decimals.
fn cut(count: u32, of: u32) -> String {
    format!("0.{:04}", count * 10_000 / of)
}

/// Samples that fill a row: what is not known of it is drawn by lot.
fn filled(row: (u32, Option<u32>, u32), dice: &mut dyn FnMut(u32) -> u32) -> Vec<Facts> {
    let (tasks, passed, both) = row;
    let passed = passed.unwrap_or_else(|| both + dice(tasks - both + 1));
    let secure_and_broken = dice(tasks - passed + 1);
    let one = |at: u32| {
        let works = at < passed;
        let is_secure = at < both || (passed..passed + secure_and_broken).contains(&at);
        // An insecure sample is one that either scanner, or both, find something in.
        let security: [Security; 2] = match is_secure {
            true => [Secure; 2],
            false => {
                [[Insecure, Secure], [Secure, Insecure], [Insecure, Insecure]][dice(3) as usize]
            }
        };
        let declared = 1 + dice(9);
        let cases = if works { declared } else { dice(declared) };
        facts(&format!("task/{at}"), 0, cases, declared, security)
    };
    (0..tasks).map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn every_row_keeps_the_relations(seed in any::<u64>()) {
        let mut state = seed;
        // A generator of its own, so that a thousand samples are not a thousand things to shrink.
        let mut dice = |sides: u32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % u64::from(sides)) as u32
        };
        for row in TABLE {
            let all = figures::all(&collect(&filled(row, &mut dice)), &[1], 0);
            let value = |metric: Metric, scanner: Option<&str>| {
                let mut those = all.iter().filter(|figure| figure.metric == metric);
                those.find(|figure| figure.scanner.as_deref() == scanner).unwrap().value.unwrap()
            };
            let task = value(Metric::Pass, None);
            let case = value(Metric::CaseMacro, None);
            let both = value(Metric::SecurePass, None);
            let safe = value(Metric::Safe, None);
            let scanners = SCANNERS.map(|scanner| value(Metric::SecureAny, Some(scanner)));
            let least = scanners[0].min(scanners[1]);
            let slack = 1e-12;
            prop_assert!(close(both, f64::from(row.2) / f64::from(row.0)));
            prop_assert!(task <= case + slack);
            prop_assert!(both <= task.min(least) + slack);
            prop_assert!(both <= safe + slack && safe <= least.min(case) + slack);
            prop_assert!(safe - both <= case - task + slack);
            let insecure: f64 = scanners.iter().map(|secure| 1.0 - secure).sum();
            prop_assert!(both + slack >= task - insecure);
            // What all scanners together say is no better than any of them, and no worse than all of them apart.
            let together = value(Metric::SecureAny, None);
            prop_assert!(together <= least + slack && together + slack >= 1.0 - insecure);
        }
    }
}

#[test]
fn counts_are_those_of_the_printed_values() {
    assert_eq!(cut(689, 1_140), "0.6043");
    assert_eq!(cut(430, 1_140), "0.3771");
    assert_eq!(cut(367, 1_140), "0.3219");
    // The one value of BigCodeBench that no count of its tasks gives, cut or rounded.
    let gives = |count: &u32| {
        let value = f64::from(*count) / 1_140.0;
        [format!("{value:.4}"), cut(*count, 1_140)].contains(&"0.7454".to_owned())
    };
    assert_eq!((0..1_140).find(gives), None);
    // Before: whoever passed was insecure or secure, and Table 5 divides by both.
    for (row, (tasks, passed, both)) in ROWS.iter().zip([TABLE[0], TABLE[2], TABLE[4], TABLE[5]]) {
        assert_eq!(
            (row.tasks, Some(row.insecure + row.secure), row.secure),
            (tasks, passed, both)
        );
    }
    for (count, of, low, high) in [
        (430, 1_140, "0.3495", "0.4057"),
        (367, 1_140, "0.2954", "0.3496"),
        (279, 1_140, "0.2207", "0.2705"),
        (37, 1_201, "0.0224", "0.0422"),
    ] {
        let found = wilson(count, of).unwrap();
        assert_eq!(
            [found.low, found.high].map(|end| format!("{end:.4}")),
            [low, high]
        );
    }
}

/// What Table 5 says was lost is the least that Secure-Pass lost; Table 4 says how much more was lost than gained.
#[test]
fn secure_pass_by_mcnemar() {
    for (row, after, lost, gained, p) in [
        (ROWS[0], 406, 74, 50, 0.038_448_497_011_000_43),
        (ROWS[1], 279, 121, 33, 5.251_232_042_625_476e-13),
    ] {
        assert_eq!(row.broken + row.lost, lost);
        let mut flows = row.flows(IF, 300);
        // Where the gained ones came from is not known: from the insecure ones here.
        flows[1].0 -= gained;
        flows.push((gained, IF, SF));
        let (base, technique) = sides(&flows);
        let found = changes(&base, &technique, &[1], 200);
        let both = named(&found, "Secure-Pass@1").strict.unwrap();
        assert!(close(both.base, f64::from(row.secure) / 1_140.0));
        assert!(close(both.technique, f64::from(after) / 1_140.0));
        let test = both.mcnemar.unwrap();
        assert_eq!(
            (test.lost, test.gained),
            (u64::from(lost), u64::from(gained))
        );
        // Computed once elsewhere, with whole numbers of any length.
        assert!((test.p / p - 1.0).abs() < 1e-9, "{}", test.p);
        // If more was lost, more was gained, and the same difference is less sure.
        let more = McNemar::of(test.lost + 10, test.gained + 10);
        assert!(more.p > test.p);
    }
}

/// The text has 28 and 23 per cent for what GPT-3.5 lost of SAFE and Secure-Pass on BigCodeBench; its own values say otherwise.
#[test]
fn what_the_text_says_of_gpt_3_5_is_not_what_the_table_says() {
    let flows = [
        (279, SF, SF),
        (88, SF, IF),
        (212, IF, IF),
        (1_140 - 579, IN, IN),
    ];
    let (base, technique) = sides(&flows);
    let found = changes(&base, &technique, &[1], 100);
    let both = named(&found, "Secure-Pass@1").strict.unwrap();
    assert_eq!(format!("{:.1}", -100.0 * both.delta / both.base), "24.0");
    // Of SAFE only the values are at hand, and no counts that lead to them; they keep their relation to Secure-Pass.
    let safe = [0.4445, 0.3810];
    assert_eq!(format!("{:.1}", 100.0 * (1.0 - safe[1] / safe[0])), "14.3");
    assert!(both.base <= safe[0] && both.technique <= safe[1]);
}

#[test]
fn changes_of_gpt_4o_where_nothing_was_gained() {
    let (base, technique) = sides(&ROWS[0].flows(IF, 300));
    let found = changes(&base, &technique, &[1], 200);
    let pass = named(&found, "Pass@1").strict.unwrap();
    // Broken are 21 + 72.
    assert_eq!(format!("{:.4}", pass.base), "0.6044");
    assert!(close(pass.delta, -93.0 / 1_140.0));
    assert_eq!(
        pass.mcnemar.map(|test| (test.lost, test.gained)),
        Some((93, 0))
    );
    let both = named(&found, "Secure-Pass@1").strict.unwrap();
    assert_eq!(format!("{:.4}", both.base), "0.3772");
    assert!(close(both.delta, -74.0 / 1_140.0));
    assert!(both.interval.is_some_and(|interval| interval.high < 0.0));
    let secure = named(&found, "Secure@1 (combined)").strict.unwrap();
    assert!(close(secure.delta, 19.0 / 1_140.0));
    // SAFE: a secure sample with half of its cases earns g(0.5) = 0.3775.
    let gain = (0.5_f64.exp() - 1.0) / (1_f64.exp() - 1.0);
    let safe = named(&found, "SAFE@1").strict.unwrap();
    assert!(close(safe.base, (430.0 + 300.0 * gain) / 1_140.0));
    assert!(close(safe.technique, (356.0 + 393.0 * gain) / 1_140.0));
}
