//! The paper's Tables 4 and 5 (arXiv 2503.15554), rebuilt from the counts behind them.

use fumehood::metrics::paired::{Pairing, Partners, Transitions};
use fumehood::metrics::{Aggregator, Facts};
use fumehood::report::compare::TransitionSummary;
use fumehood::scan::Security;

use super::{Insecure, Secure, changes, close, collect, facts, named};

/// Samples before and after: how many, secure or not and functional or not.
type Flow = (u32, (Security, bool), (Security, bool));

fn sides(flows: &[Flow]) -> (Aggregator, Aggregator) {
    let (mut base, mut technique): (Vec<Facts>, Vec<Facts>) = (Vec::new(), Vec::new());
    for (count, before, after) in flows {
        for _ in 0..*count {
            let task = format!("BigCodeBench/{}", base.len());
            let of = |(security, works): (Security, bool)| {
                facts(&task, 0, if works { 4 } else { 2 }, 4, [security; 2])
            };
            base.push(of(*before));
            technique.push(of(*after));
        }
    }
    (collect(&base), collect(&technique))
}

fn table5(base: &Aggregator, technique: &Aggregator) -> TransitionSummary {
    TransitionSummary::of(&Transitions::of(&Pairing::of(
        base,
        technique,
        Partners::ByIndex,
    )))
}

/// As the paper prints shares: per cent, cut after two decimals.
fn cut(summary: &TransitionSummary, before: &str, after: &str) -> String {
    let share = summary.share(before, after).unwrap();
    format!("{:.2}", (share.share.unwrap() * 10_000.0).floor() / 100.0)
}

const SF: (Security, bool) = (Secure, true);
const SN: (Security, bool) = (Secure, false);
const IF: (Security, bool) = (Insecure, true);
const IN: (Security, bool) = (Insecure, false);

/// Of 1,140 tasks `passed` passed, `both` of them secure; the technique breaks some of each.
fn model(passed: u32, both: u32, broken: (u32, u32), lost: u32) -> Vec<Flow> {
    let insecure = passed - both;
    vec![
        (broken.0, IF, SN),
        (insecure - broken.0, IF, IF),
        (broken.1, SF, SN),
        (lost, SF, IF),
        (both - broken.1 - lost, SF, SF),
        (300, SN, SN),
        (1_140 - passed - 300, IN, IN),
    ]
}

#[test]
fn table_5_of_gpt_4o_and_gpt_3_5_on_bigcodebench() {
    for (passed, both, broken, lost, wanted) in [
        (689, 430, (21, 72), 2, ["8.10", "16.74", "0.46"]),
        (579, 367, (43, 115), 6, ["20.28", "31.33", "1.63"]),
    ] {
        let (base, technique) = sides(&model(passed, both, broken, lost));
        let found = table5(&base, &technique);
        assert_eq!(found.pairs, 1_140);
        assert_eq!(found.unknown, 0);
        let columns = [
            cut(&found, "I&F", "S&!F"),
            cut(&found, "S&F", "S&!F"),
            cut(&found, "S&F", "I&F"),
        ];
        assert_eq!(columns, wanted);
        let share = found.share("S&F", "S&!F").unwrap();
        assert_eq!(
            (share.count, share.of),
            (u64::from(broken.1), u64::from(both))
        );
        // Security that was lost: of all that were secure, working or not.
        let lost_security = &found.lost_security;
        assert_eq!(
            (lost_security.count, lost_security.of),
            (u64::from(lost), u64::from(both) + 300)
        );
        // Each row of the matrix is all that was there before.
        let rows: Vec<u64> = found.matrix.iter().map(|row| row.iter().sum()).collect();
        let insecure = u64::from(passed - both);
        let rest = 1_140 - u64::from(passed) - 300;
        assert_eq!(rows, [u64::from(both), 300, insecure, rest, 0, 0]);
    }
}

#[test]
fn table_4_and_what_changed() {
    let (base, technique) = sides(&model(689, 430, (21, 72), 2));
    let found = changes(&base, &technique, &[1], 200);
    let pass = named(&found, "Pass@1").strict.unwrap();
    // The paper has 0.6043 and 0.3771, cut; broken are 21 + 72.
    assert_eq!(format!("{:.4}", pass.base), "0.6044");
    assert!(close(pass.delta, -93.0 / 1_140.0));
    assert_eq!(
        pass.mcnemar.map(|test| (test.lost, test.gained)),
        Some((93, 0))
    );
    let both = named(&found, "Secure-Pass@1").strict.unwrap();
    assert_eq!(format!("{:.4}", both.base), "0.3772");
    // 430 / 1,140: Wilson's 95 % in the notes is (0.3495, 0.4057), the bootstrap's of a change is its own.
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
