use super::*;
use crate::harness::CaseReport;

fn verdict(kind: VerdictKind, outcomes: &[CaseOutcome]) -> Verdict {
    Verdict {
        cases: outcomes
            .iter()
            .enumerate()
            .map(|(at, outcome)| CaseReport {
                id: at.to_string(),
                outcome: *outcome,
                detail: String::new(),
            })
            .collect(),
        declared: u32::try_from(outcomes.len()).unwrap(),
        ..Verdict::of(kind)
    }
}

fn of(kind: VerdictKind, outcomes: &[CaseOutcome]) -> (Functional, u32, u32) {
    let sample = SampleId {
        task: "t".into(),
        index: 0,
    };
    let facts = Facts::of(sample, &verdict(kind, outcomes));
    (facts.functional, facts.passed_cases, facts.declared_cases)
}

#[test]
fn cases_that_never_ran_are_in_the_denominator() {
    use CaseOutcome::{Missing, Passed, Skipped};
    assert_eq!(
        of(VerdictKind::Timeout, &[Passed, Missing, Missing]),
        (Functional::NotPassed, 1, 3)
    );
    assert_eq!(
        of(VerdictKind::Failed, &[Passed, Skipped]),
        (Functional::NotPassed, 1, 2)
    );
    assert_eq!(
        of(VerdictKind::Passed, &[Passed, Passed]),
        (Functional::Passed, 2, 2)
    );
}

#[test]
fn cheats_earn_nothing() {
    assert_eq!(
        of(VerdictKind::Tampered, &[CaseOutcome::Passed; 4]),
        (Functional::NotPassed, 0, 4)
    );
}

#[test]
fn our_failures_and_empty_tests_are_excluded() {
    let excluded = |kind, outcomes: &[CaseOutcome]| of(kind, outcomes).0;
    assert_eq!(
        excluded(VerdictKind::Infra, &[CaseOutcome::Failed]),
        Functional::Excluded(Exclusion::Infra)
    );
    for kind in [VerdictKind::Error, VerdictKind::Failed] {
        assert_eq!(
            excluded(kind, &[]),
            Functional::Excluded(Exclusion::NoCases)
        );
    }
}

#[test]
fn code_that_hides_its_cases_still_counts() {
    for kind in [
        VerdictKind::Tampered,
        VerdictKind::Timeout,
        VerdictKind::Crashed,
        VerdictKind::NoCode,
    ] {
        assert_eq!(of(kind, &[]), (Functional::NotPassed, 0, 0));
    }
}
