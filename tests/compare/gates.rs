//! Rules of `--fail-if`: what is one, what is none and where it goes wrong, and what they say.

use fumehood::metrics::Metric;
use fumehood::metrics::paired::{Cell, Direction, Gate, State, Verdict};

use super::{Insecure, Secure, changes, collect, facts};

#[test]
fn rules_are_read_and_written_the_same() {
    let gate: Gate = "safe@1 drops 0.01 (p<0.05)".parse().unwrap();
    let wanted = Gate {
        metric: Metric::Safe,
        k: 1,
        scanner: None,
        direction: Direction::Drops,
        amount: 0.01,
        alpha: Some(0.05),
    };
    assert_eq!(gate, wanted);
    for (text, canonical) in [
        (
            "  SAFE@1   Drops 0.01 ( p < 0.05 ) ",
            "safe@1 drops 0.01 (p<0.05)",
        ),
        ("pass rises 0", "pass@1 rises 0"),
        ("secure@5 (bandit) drops .5", "secure@5 bandit drops 0.5"),
        (
            "secure judge:qwen2.5-72b drops 1",
            "secure@1 judge:qwen2.5-72b drops 1",
        ),
        ("secure combined drops 0.1", "secure@1 drops 0.1"),
        ("secure-all@1 drops 0.1", "secure@1 drops 0.1"),
        (
            "secure-all@3 ruff-s rises 0.1",
            "secure-all@3 ruff-s rises 0.1",
        ),
        (
            "case-micro drops 0.25 (P<1)",
            "case-micro@1 drops 0.25 (p<1)",
        ),
    ] {
        let gate: Gate = text.parse().unwrap();
        assert_eq!(gate.to_string(), canonical, "{text}");
        assert_eq!(canonical.parse::<Gate>().unwrap(), gate);
    }
}

#[test]
fn what_is_no_rule_is_told_with_its_place() {
    for (text, at, what) in [
        ("", 1, "the metric is missing"),
        ("speed drops 1", 1, "no metric `speed`"),
        ("safe@0 drops 1", 6, "`0` is no number of samples"),
        ("safe@x drops 1", 6, "`x` is no number of samples"),
        ("case@5 drops 0.1", 1, "no k but 1"),
        ("safe", 5, "`drops` or `rises` is missing"),
        ("safe falls 0.1", 6, "`falls` is not followed by"),
        ("secure bandit", 8, "`bandit` is not followed by"),
        ("safe bandit drops 0.1", 6, "only `secure` and `secure-all`"),
        ("ä drops 0.1", 1, "no metric `ä`"),
        ("safe drops", 11, "the amount is missing"),
        ("safe drops -1", 12, "`-1` is no amount"),
        ("safe drops 2", 12, "`2` is no amount"),
        ("safe drops 1e-3", 12, "`1e-3` is no amount"),
        ("safe drops nan", 12, "`nan` is no amount"),
        ("safe drops 0.1 p<0.05", 16, "no condition"),
        ("safe drops 0.1 (p<0)", 16, "above 0"),
        ("safe drops 0.1 (p<x)", 16, "above 0"),
        ("safe drops 0.1 (p<0.05) too", 16, "no condition"),
    ] {
        let error = text.parse::<Gate>().unwrap_err();
        assert_eq!(error.at, at, "{text}: {error}");
        assert!(error.what.contains(what), "{text}: {error}");
        assert!(
            error
                .to_string()
                .contains("such as `safe@1 drops 0.01 (p<0.05)`")
        );
    }
    let long = format!("safe drops 0.1 {}\u{1b}[2J", "x".repeat(5_000));
    let error = long.parse::<Gate>().unwrap_err();
    assert!(error.to_string().len() < 1_000 && !error.to_string().contains('\u{1b}'));
}

#[test]
fn rules_say_what_changed() {
    let side = |broken: usize| {
        let all: Vec<_> = (0..20)
            .map(|at| {
                facts(
                    &format!("t{at}"),
                    0,
                    u32::from(at >= broken),
                    1,
                    [Secure; 2],
                )
            })
            .collect();
        collect(&all)
    };
    let found = changes(&side(0), &side(5), &[1, 5], 200);
    // A quarter of 20 tasks: p = 2 / 32 = 0.0625.
    for (rule, wanted) in [
        ("pass drops 0.25", Verdict::Broken),
        ("pass drops 0.2500001", Verdict::Holds),
        ("pass drops 0", Verdict::Broken),
        ("pass rises 0", Verdict::Holds),
        ("pass drops 0.01 (p<0.05)", Verdict::Holds),
        ("pass drops 0.01 (p<0.0625)", Verdict::Holds),
        ("pass drops 0.01 (p<0.07)", Verdict::Broken),
        ("safe drops 0.2 (p<0.05)", Verdict::Broken),
        ("secure bandit drops 0", Verdict::Holds),
        ("secure nobody drops 0", Verdict::Undecided),
        ("pass@5 drops 0.01", Verdict::Undecided),
    ] {
        let ruling = rule.parse::<Gate>().unwrap().rule(&found);
        assert_eq!(ruling.verdict, wanted, "{rule}: {ruling:?}");
    }
    let better = changes(&side(5), &side(0), &[1], 200);
    let rises = "pass rises 0.25".parse::<Gate>().unwrap();
    assert_eq!(rises.rule(&better).verdict, Verdict::Broken);
    let ruling = rises.rule(&better);
    assert_eq!((ruling.delta, ruling.p_holm), (Some(0.25), Some(0.0625)));
}

#[test]
fn cells_are_read_as_users_and_the_paper_write_them() {
    let [
        secure_works,
        secure_broken,
        insecure_works,
        insecure_broken,
        ..,
    ] = State::ALL;
    for text in ["IF:SN", "if:sn", "I&F->S&!F", "I&F → S&!F", " IF : SN "] {
        let cell: Cell = text.parse().unwrap();
        assert_eq!(cell, Cell::exactly(insecure_works, secure_broken), "{text}");
        assert_eq!(cell.to_string(), "IF:SN");
    }
    let lost: Cell = "S*:I*".parse().unwrap();
    assert_eq!(lost, Cell::LOST_SECURITY);
    assert!(
        lost.holds(secure_works, insecure_broken) && !lost.holds(insecure_broken, secure_works)
    );
    for text in [
        "", "IF", "IF:", "IF:SX", "IFF:SN", "IF:SN:SN", "F:S", "\u{1b}",
    ] {
        assert!(text.parse::<Cell>().is_err(), "{text}");
    }
    assert_eq!(Insecure, insecure_works.security);
}
