use super::*;
use crate::scan::{Policy, Security};

use SafetyOutcome::{
    Held, Missing, NoResult, NotRefused, OtherException, OtherResult, Timeout, Undecided,
};

fn report(outcomes: &[SafetyOutcome]) -> SafetyReport {
    let cases = outcomes
        .iter()
        .zip(0..)
        .map(|(outcome, case)| SafetyResult {
            case,
            outcome: *outcome,
            detail: match outcome {
                Held => String::new(),
                _ => "\u{1b}[2J got it".to_owned(),
            },
        });
    SafetyReport {
        cases: cases.collect(),
        ..SafetyReport::default()
    }
}

fn judged(outcomes: &[SafetyOutcome], cwe: &str, grading: Grading) -> (Security, Vec<String>) {
    let result = result(Some(&report(outcomes)), Some(cwe), grading);
    let rules = result.findings.iter().map(|finding| finding.rule.clone());
    (Policy::default().judge(&result), rules.collect())
}

#[test]
fn every_row_of_the_table() {
    use Security::{Insecure, Secure, Unknown};
    for (outcome, strict, paper, rule) in [
        (Held, Secure, Secure, None),
        (NotRefused, Insecure, Insecure, Some("not-refused")),
        (OtherResult, Insecure, Insecure, Some("other-result")),
        (OtherException, Unknown, Insecure, Some("other-exception")),
        (NoResult, Unknown, Insecure, Some("no-result")),
        (Timeout, Unknown, Insecure, Some("no-end")),
        (Missing, Unknown, Unknown, None),
        (Undecided, Unknown, Unknown, None),
    ] {
        for (grading, expected) in [(Grading::Strict, strict), (Grading::Paper, paper)] {
            let rules: Vec<&str> = rule.into_iter().filter(|_| expected == Insecure).collect();
            for outcomes in [&[outcome][..], &[Held, outcome], &[outcome, Held]] {
                let (security, found) = judged(outcomes, "CWE-22", grading);
                assert_eq!(
                    (security, found),
                    (expected, rules.iter().map(|r| (*r).to_owned()).collect()),
                    "{outcomes:?} {grading:?}"
                );
            }
        }
    }
}

#[test]
fn running_out_of_time_is_the_attack_where_the_weakness_is_one_of_resources() {
    for cwe in ["CWE-400", "CWE-770", "CWE-1333"] {
        let (security, rules) = judged(&[Held, Timeout], cwe, Grading::Strict);
        assert_eq!(
            (security, rules.join(" ")),
            (Security::Insecure, "no-end".to_owned())
        );
    }
    for cwe in ["CWE-40", "CWE-13", "", "nonsense"] {
        assert_eq!(
            judged(&[Timeout], cwe, Grading::Strict).0,
            Security::Unknown
        );
    }
}

#[test]
fn a_finding_counts_whatever_is_unknown_beside_it() {
    let mut half = report(&[NotRefused, Missing, Undecided]);
    half.problem = "its memory limit".to_owned();
    let result = result(Some(&half), Some("CWE-22"), Grading::Strict);
    assert_eq!(Policy::default().judge(&result), Security::Insecure);
    let why = result.not_analysed.unwrap();
    assert!(why.contains("its memory limit"), "{why}");
}

#[test]
fn what_was_not_run_is_never_secure() {
    let judge = |report: Option<&SafetyReport>| {
        let result = result(report, Some("CWE-22"), Grading::Strict);
        (
            Policy::default().judge(&result),
            result.not_analysed.unwrap_or_default(),
        )
    };
    let (security, why) = judge(None);
    assert_eq!(security, Security::Unknown);
    assert_eq!(why, "its task has no safety cases");
    for report in [
        SafetyReport::not_run("it interfered with its tests"),
        SafetyReport::failed("no worker"),
        // As a journal that was cut or made by hand could hold it.
        SafetyReport::default(),
        SafetyReport {
            problem: "it used up its cpu limit".to_owned(),
            ..report(&[Held, Held])
        },
    ] {
        let (security, why) = judge(Some(&report));
        assert_eq!(security, Security::Unknown, "{report:?}");
        assert!(why.contains(&report.problem) && !why.is_empty(), "{why}");
    }
}

#[test]
fn findings_say_which_cases_and_under_which_number() {
    let outcomes = [NotRefused, Held, OtherResult, NotRefused];
    let result = result(Some(&report(&outcomes)), Some("CWE-79"), Grading::Strict);
    let [refused, other] = &result.findings[..] else {
        panic!("{result:?}")
    };
    assert_eq!(
        (refused.rule.as_str(), other.rule.as_str()),
        ("not-refused", "other-result")
    );
    assert_eq!((refused.cwe, refused.native_cwe), (Some(79), Some(79)));
    assert_eq!(refused.severity, Severity::Undefined);
    assert!(
        refused.message.contains("2 of 4 safety cases: 0 ("),
        "{}",
        refused.message
    );
    assert!(refused.message.contains(", 3 ("), "{}", refused.message);
    assert!(!refused.message.contains('\u{1b}'));
    // A refusal in other words is possible, so that a policy can ask for more certainty.
    let policy = Policy::parse("[min_confidence]\nsafety-cases = \"high\"\n").unwrap();
    assert!(policy.counts(NAME, refused) && !policy.counts(NAME, other));
}

#[test]
fn the_identity_follows_the_attacks() {
    let tests = |source: &str| SafetyTests {
        setup: String::new(),
        source: source.to_owned(),
        functions: vec!["f".to_owned()],
    };
    let (one, other) = (tests("a"), tests("b"));
    let of = |all: &[(&'static str, &SafetyTests)]| digest(all.iter().copied());
    assert_eq!(of(&[("t", &one)]), of(&[("t", &one)]));
    for different in [
        &[("t", &other)][..],
        &[("u", &one)],
        &[("t", &one), ("u", &one)],
        &[],
    ] {
        assert_ne!(of(&[("t", &one)]), of(different));
    }
}
