use super::*;
use crate::dataset::Tests;
use crate::harness::{Grading, Suspicion};
use crate::verdict::judge;
use crate::verdict::staged::{NONCE, observed, task};

fn asserts() -> Task {
    task(Tests::Asserts {
        setup: String::new(),
        asserts: Vec::new(),
    })
}

const BEGIN: &str = r#""event":"begin","cases":["a","b"]"#;
const ALTERED_A: &str = r#""event":"altered","cases":["a"]"#;
const ALTERED_BOTH: &str = r#""event":"altered","cases":["a","b"]"#;
const PASS_A: &str = r#""event":"case","id":"a","outcome":"passed""#;
const PASS_B: &str = r#""event":"case","id":"b","outcome":"passed""#;
const HELD_A: &str = r#""event":"case","id":"a","outcome":"passed","detail":"altered""#;
const HELD_B: &str = r#""event":"case","id":"b","outcome":"passed","detail":"altered""#;
const FAIL_A: &str = r#""event":"case","id":"a","outcome":"failed""#;
const FAIL_B: &str = r#""event":"case","id":"b","outcome":"failed""#;
const END: &str = r#""event":"end""#;

fn verdict(task: &Task, suspicion: &str) -> Verdict {
    let lines = [BEGIN, suspicion, PASS_A, PASS_B, END];
    let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    let verdict = judge(
        task,
        "x = 1",
        Grading::Strict,
        None,
        &NONCE,
        &observed(&lines),
    );
    assert_eq!(verdict.kind, VerdictKind::Passed);
    verdict
}

fn suspect(grave: bool) -> Control {
    let event = format!(r#""event":"suspect","reason":"names gc","grave":{grave}"#);
    Control::new(verdict(&asserts(), &event))
}

fn done(step: Step) -> Verdict {
    match step {
        Step::Done(verdict) => verdict,
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_suspect_passes_of_tests_in_the_same_process_are_controlled() {
    let passed = || verdict(&asserts(), "");
    assert!(!Control::is_needed(&asserts(), &passed()));
    let verdict = |kind, suspicions: &[&str]| {
        let mut verdict = passed();
        verdict.kind = kind;
        let suspicion = |reason: &&str| Suspicion {
            reason: (*reason).to_owned(),
            grave: false,
        };
        verdict.suspicions = suspicions.iter().map(suspicion).collect();
        verdict
    };
    let suspect = verdict(VerdictKind::Passed, &["names gc"]);
    assert!(Control::is_needed(&asserts(), &suspect));
    let failed = verdict(VerdictKind::Failed, &["names gc"]);
    assert!(!Control::is_needed(&asserts(), &failed));
    let apart = task(Tests::Cases {
        setup: String::new(),
        source: String::new(),
    });
    assert!(!Control::is_needed(&apart, &suspect));
}

#[test]
fn a_solution_fails_its_control_and_keeps_its_pass() {
    let step = suspect(false).take(&NONCE, &observed(&[BEGIN, ALTERED_A, FAIL_A, FAIL_B, END]));
    let verdict = done(step);
    assert_eq!((verdict.kind, verdict.controls), (VerdictKind::Passed, 1));
    assert_eq!(verdict.suspicions[0].reason, "names gc");
    // Whatever ends a control early, it is no accusation.
    for lines in [&[BEGIN][..], &[BEGIN, ALTERED_A, FAIL_A]] {
        let verdict = done(suspect(false).take(&NONCE, &observed(lines)));
        assert_eq!(verdict.kind, VerdictKind::Passed);
    }
}

#[test]
fn what_passes_although_it_cannot_is_tampered_at_once() {
    let step = suspect(false).take(&NONCE, &observed(&[BEGIN, ALTERED_A, FAIL_A, PASS_B, END]));
    let verdict = done(step);
    assert_eq!(verdict.kind, VerdictKind::Tampered);
    let passed = |case: &crate::harness::CaseReport| case.outcome == CaseOutcome::Passed;
    assert!(!verdict.cases.iter().any(passed));
    assert!(verdict.detail.contains("b passed"), "{}", verdict.detail);
}

#[test]
fn what_holds_against_altered_values_is_tampered_when_it_does_so_twice() {
    let held = [BEGIN, ALTERED_A, HELD_A, FAIL_B, END];
    let again = || match suspect(false).take(&NONCE, &observed(&held)) {
        Step::Again(control) => control,
        other => panic!("{other:?}"),
    };
    let verdict = done(again().take(&NONCE, &observed(&held)));
    assert_eq!((verdict.kind, verdict.controls), (VerdictKind::Tampered, 2));
    // Once is chance, and so is another case the second time.
    for second in [
        [BEGIN, ALTERED_A, FAIL_A, FAIL_B, END],
        [BEGIN, ALTERED_A, FAIL_A, HELD_B, END],
    ] {
        let verdict = done(again().take(&NONCE, &observed(&second)));
        assert_eq!((verdict.kind, verdict.controls), (VerdictKind::Passed, 2));
    }
}

#[test]
fn interference_in_a_control_is_tampered() {
    let noticed = r#""event":"tampered","reason":"x""#;
    let verdict = done(suspect(false).take(&NONCE, &observed(&[BEGIN, noticed, FAIL_A, END])));
    assert_eq!(verdict.kind, VerdictKind::Tampered);
    let forged = Observation {
        events: b"mine\n".to_vec(),
        ..observed(&[])
    };
    let verdict = done(suspect(false).take(&NONCE, &forged));
    assert_eq!(verdict.kind, VerdictKind::Tampered);
}

#[test]
fn who_looked_at_tests_that_cannot_be_altered_is_not_believed() {
    let unalterable = observed(&[BEGIN, FAIL_A, FAIL_B, END]);
    let verdict = done(suspect(true).take(&NONCE, &unalterable));
    assert_eq!(verdict.kind, VerdictKind::Tampered);
    let verdict = done(suspect(false).take(&NONCE, &unalterable));
    assert_eq!(verdict.kind, VerdictKind::Passed);
    // Every case that it passed has to be one that can be altered.
    let partly = observed(&[BEGIN, ALTERED_A, FAIL_A, FAIL_B, END]);
    let verdict = done(suspect(true).take(&NONCE, &partly));
    assert_eq!(verdict.kind, VerdictKind::Tampered);
    assert!(verdict.detail.contains("of b can"), "{}", verdict.detail);
    let wholly = observed(&[BEGIN, ALTERED_BOTH, FAIL_A, FAIL_B, END]);
    let verdict = done(suspect(true).take(&NONCE, &wholly));
    assert_eq!(verdict.kind, VerdictKind::Passed);
}

#[test]
fn a_control_that_does_not_run_is_our_failure_and_no_pass() {
    for lines in [
        &[][..],
        &[BEGIN, r#""event":"tests_error","detail":"x""#, END],
    ] {
        let step = suspect(false).take(&NONCE, &observed(lines));
        let Step::NotRun(control, reason) = step else {
            panic!("{step:?}");
        };
        let verdict = control.failed(&reason);
        assert_eq!((verdict.kind, verdict.declared), (VerdictKind::Infra, 0));
        assert!(verdict.cases.is_empty());
    }
}
