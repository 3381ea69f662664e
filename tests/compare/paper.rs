//! The paper's Table 5 (arXiv 2503.15554), rebuilt from the counts behind it, and Table 6 as far as it hangs on it.
//!
//! The paper prints shares only. Their counts were found once from printed values, since a share with two decimals of
//! so few samples is that of one count alone. What could not be had is not here: the fourth column, the rows of
//! DeepSeek but for their first column on BigCodeBench, and all other models. Which way from secure and functional to insecure the
//! third column means was not to be had either; both give the same share, so both are tried.

use fumehood::metrics::paired::{Pairing, Partners, Transitions};
use fumehood::metrics::{Aggregator, Facts};
use fumehood::report::compare::TransitionSummary;
use fumehood::scan::Security;

use super::{Insecure, Secure, collect, facts};

/// Samples before and after: how many, secure or not and functional or not.
pub(crate) type Flow = (u32, (Security, bool), (Security, bool));

pub(crate) const SF: (Security, bool) = (Secure, true);
pub(crate) const SN: (Security, bool) = (Secure, false);
pub(crate) const IF: (Security, bool) = (Insecure, true);
pub(crate) const IN: (Security, bool) = (Insecure, false);

/// Both sides of these flows; a sample that does not work passes two of its four cases.
pub(crate) fn sides(flows: &[Flow]) -> (Aggregator, Aggregator) {
    let (mut base, mut technique): (Vec<Facts>, Vec<Facts>) = (Vec::new(), Vec::new());
    for (count, before, after) in flows {
        for _ in 0..*count {
            let task = format!("task/{}", base.len());
            let of = |(security, works): (Security, bool)| {
                facts(&task, 0, if works { 4 } else { 2 }, 4, [security; 2])
            };
            base.push(of(*before));
            technique.push(of(*after));
        }
    }
    (collect(&base), collect(&technique))
}

fn table5(flows: &[Flow]) -> TransitionSummary {
    let (base, technique) = sides(flows);
    let pairing = Pairing::of(&base, &technique, Partners::ByIndex);
    TransitionSummary::of(&Transitions::of(&pairing))
}

/// As the paper prints shares: per cent, cut after two decimals.
fn cut(summary: &TransitionSummary, before: &str, after: &str) -> String {
    let share = summary.share(before, after).unwrap();
    format!("{:.2}", (share.share.unwrap() * 10_000.0).floor() / 100.0)
}

/// The same from counts, in whole numbers.
fn cut_of(count: u32, of: u32) -> String {
    let hundredths = count * 10_000 / of;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// A row: tasks, those that worked and were insecure or secure before, and how many of these came where.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) tasks: u32,
    pub(crate) insecure: u32,
    pub(crate) secure: u32,
    /// I&F -> S&!F.
    pub(crate) bought: u32,
    /// S&F -> S&!F.
    pub(crate) broken: u32,
    /// S&F -> insecure.
    pub(crate) lost: u32,
}

impl Row {
    /// What is known, and the rest as it was; samples that did not work before are secure in `idle` tasks.
    pub(crate) fn flows(self, lost_to: (Security, bool), idle: u32) -> Vec<Flow> {
        vec![
            (self.bought, IF, SN),
            (self.insecure - self.bought, IF, IF),
            (self.broken, SF, SN),
            (self.lost, SF, lost_to),
            (self.secure - self.broken - self.lost, SF, SF),
            (idle, SN, SN),
            (self.tasks - self.insecure - self.secure - idle, IN, IN),
        ]
    }
}

const fn row(tasks: u32, before: (u32, u32), after: (u32, u32, u32)) -> Row {
    Row {
        tasks,
        insecure: before.0,
        secure: before.1,
        bought: after.0,
        broken: after.1,
        lost: after.2,
    }
}

/// GPT-4o and GPT-3.5 on BigCodeBench, then both on SecCodePLT+.
pub(crate) const ROWS: [Row; 4] = [
    row(1_140, (259, 430), (21, 72, 2)),
    row(1_140, (212, 367), (43, 115, 6)),
    row(1_201, (57, 48), (2, 14, 1)),
    row(1_201, (32, 37), (1, 9, 1)),
];

/// Samples of DeepSeek on BigCodeBench that were insecure and functional.
const DEEPSEEK: u32 = 146;
/// Of them those that SVEN, SafeCoder, CodeGuard+ and PromSec made secure and broke, and why, by Table 6.
const DEEPSEEK_BROKEN: [(u32, [u32; 5]); 4] = [
    (69, [52, 6, 0, 2, 9]),
    (20, [12, 0, 0, 5, 3]),
    (31, [21, 2, 4, 1, 3]),
    (63, [58, 0, 5, 0, 0]),
];

#[test]
fn table_5_of_gpt_4o_and_gpt_3_5() {
    for row in ROWS {
        for (lost_to, name) in [(IF, "I&F"), (IN, "I&!F")] {
            let found = table5(&row.flows(lost_to, 300));
            assert_eq!((found.pairs, found.unknown), (u64::from(row.tasks), 0));
            let columns = [
                cut(&found, "I&F", "S&!F"),
                cut(&found, "S&F", "S&!F"),
                cut(&found, "S&F", name),
            ];
            let wanted = [
                cut_of(row.bought, row.insecure),
                cut_of(row.broken, row.secure),
                cut_of(row.lost, row.secure),
            ];
            assert_eq!(columns, wanted);
            let other = if lost_to == IF { "I&!F" } else { "I&F" };
            assert_eq!(cut(&found, "S&F", other), "0.00");
            let share = found.share("S&F", "S&!F").unwrap();
            let counts = (u64::from(row.broken), u64::from(row.secure));
            assert_eq!((share.count, share.of), counts);
            // Security that was lost: of all that were secure, working or not.
            let lost = &found.lost_security;
            let secure = u64::from(row.secure) + 300;
            assert_eq!((lost.count, lost.of), (u64::from(row.lost), secure));
            // Each row of the matrix is all that was there before.
            let rows: Vec<u64> = found.matrix.iter().map(|row| row.iter().sum()).collect();
            let rest = row.tasks - row.insecure - row.secure - 300;
            assert_eq!(
                rows,
                [row.secure, 300, row.insecure, rest, 0, 0].map(u64::from)
            );
        }
    }
}

#[test]
fn values_that_are_printed_for_bigcodebench() {
    for (row, wanted) in [
        (ROWS[0], ["8.10", "16.74", "0.46"]),
        (ROWS[1], ["20.28", "31.33", "1.63"]),
    ] {
        let found = table5(&row.flows(IF, 300));
        let columns = [
            cut(&found, "I&F", "S&!F"),
            cut(&found, "S&F", "S&!F"),
            cut(&found, "S&F", "I&F"),
        ];
        assert_eq!(columns, wanted);
    }
    // Cut, and not rounded: 21 of 259 is 8.108 %.
    let share = table5(&ROWS[0].flows(IF, 300));
    let share = share.share("I&F", "S&!F").unwrap().share.unwrap();
    assert_eq!(format!("{:.2}", 100.0 * share), "8.11");
}

/// What makes it allowed to speak of counts: no other count of the same samples is printed the same.
#[test]
fn a_printed_share_is_that_of_one_count() {
    let all = ROWS.iter().flat_map(|row| {
        [
            (row.bought, row.insecure),
            (row.broken, row.secure),
            (row.lost, row.secure),
        ]
    });
    let deepseek = DEEPSEEK_BROKEN
        .iter()
        .map(|(broken, _)| (*broken, DEEPSEEK));
    for (count, of) in all.chain(deepseek) {
        let printed = cut_of(count, of);
        let same = (0..=of).filter(|other| cut_of(*other, of) == printed);
        assert_eq!(same.collect::<Vec<_>>(), [count], "{printed}");
    }
}

#[test]
fn table_6_sorts_the_first_column_of_table_5() {
    for (broken, classes) in DEEPSEEK_BROKEN {
        assert_eq!(classes.iter().sum::<u32>(), broken);
        let found = table5(&row(1_140, (DEEPSEEK, 0), (broken, 0, 0)).flows(IF, 0));
        let share = found.share("I&F", "S&!F").unwrap();
        assert_eq!(
            (share.count, share.of),
            (u64::from(broken), u64::from(DEEPSEEK))
        );
        assert_eq!(cut(&found, "I&F", "S&!F"), cut_of(broken, DEEPSEEK));
    }
}
