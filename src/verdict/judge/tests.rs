use super::*;
use crate::harness::reference::Expected;
use crate::verdict::staged::{NONCE, observed, task};

fn unittest() -> Task {
    task(Tests::Unittest {
        source: String::new(),
    })
}

fn kind(observation: &Observation) -> (VerdictKind, u32, usize) {
    let verdict = judge(
        &unittest(),
        "x = 1",
        Grading::Strict,
        None,
        &NONCE,
        observation,
    );
    let passed = verdict
        .cases
        .iter()
        .filter(|case| case.outcome == CaseOutcome::Passed);
    (verdict.kind, verdict.declared, passed.count())
}

const BEGIN: &str = r#""event":"begin","cases":["a","b"]"#;
const LOADED: &str = r#""event":"loaded""#;
const A: &str = r#""event":"case","id":"a","outcome":"passed""#;
const B: &str = r#""event":"case","id":"b","outcome":"passed""#;
const END: &str = r#""event":"end""#;

#[test]
fn every_row_of_the_table() {
    use VerdictKind::{
        Crashed, Error, Failed, Incomplete, Infra, Memory, Output, Passed, Processes, Tampered,
        Timeout,
    };
    let whole = [BEGIN, LOADED, A, B, END];
    assert_eq!(kind(&observed(&whole)), (Passed, 2, 2));
    assert_eq!(kind(&observed(&[])), (Infra, 0, 0));
    assert_eq!(kind(&observed(&[BEGIN, LOADED, A])), (Incomplete, 2, 1));
    assert_eq!(kind(&observed(&[BEGIN, LOADED, A, END])), (Failed, 2, 1));

    let mut crashed = observed(&[BEGIN, LOADED, A]);
    crashed.end = End::Signaled(11);
    assert_eq!(kind(&crashed), (Crashed, 2, 1));

    for (limit, expected) in [
        (LimitKind::Cpu, Timeout),
        (LimitKind::Wall, Timeout),
        (LimitKind::Memory, Memory),
        (LimitKind::Output, Output),
        (LimitKind::Processes, Processes),
    ] {
        let mut limited = observed(&[BEGIN, LOADED, A]);
        limited.end = End::Signaled(9);
        limited.limit = Some(limit);
        assert_eq!(kind(&limited), (expected, 2, 1));
    }
    let mut noisy = observed(&[BEGIN, LOADED, A]);
    noisy.events_overflow = true;
    assert_eq!(kind(&noisy), (Output, 2, 1));

    let tampered = r#""event":"tampered","reason":"assertEqual""#;
    let changed = observed(&[BEGIN, LOADED, A, tampered, B, END]);
    assert_eq!(kind(&changed), (Tampered, 2, 0));
    let mut forged = observed(&[BEGIN, LOADED, A]);
    forged.events.extend_from_slice(b"{} 00\n");
    assert_eq!(kind(&forged), (Tampered, 2, 0));
    // Interference takes the passes away even where a limit decides the kind.
    forged.limit = Some(LimitKind::Wall);
    assert_eq!(kind(&forged), (Timeout, 2, 0));

    let load_error = r#""event":"load_error","error":["SyntaxError","x"],"detail":"x""#;
    assert_eq!(kind(&observed(&[BEGIN, load_error, END])), (Error, 2, 0));
    let none = r#""event":"begin","cases":[]"#;
    assert_eq!(kind(&observed(&[none, LOADED, END])), (Error, 0, 0));
    let skipped = r#""event":"case","id":"b","outcome":"skipped""#;
    assert_eq!(
        kind(&observed(&[BEGIN, LOADED, A, skipped, END])),
        (Failed, 2, 1)
    );
    let loose = r#""event":"end","fixture":"tearDownClass""#;
    assert_eq!(
        kind(&observed(&[BEGIN, LOADED, A, B, loose])),
        (Failed, 2, 2)
    );
}

#[test]
fn no_code_is_told_apart() {
    assert!(is_without_code("\n  # nothing\n\t\n"));
    assert!(!is_without_code("# a\nx = 1"));
    let observation = observed(&[BEGIN, LOADED, END]);
    let verdict = judge(
        &unittest(),
        "# x",
        Grading::Strict,
        None,
        &NONCE,
        &observation,
    );
    assert_eq!((verdict.kind, verdict.declared), (VerdictKind::NoCode, 2));
}

fn reference(cases: &[(&str, &str, CaseResult, bool)]) -> Reference {
    Reference {
        version: 1,
        cases: cases
            .iter()
            .map(|(id, key, result, stable)| Expected {
                id: (*id).to_owned(),
                key: (*key).to_owned(),
                result: result.clone(),
                stable: *stable,
                ms: 0,
            })
            .collect(),
        problem: None,
    }
}

fn returned(value: &str) -> CaseResult {
    CaseResult::Returned {
        value: crate::harness::Value::parse(value).unwrap(),
        repr: None,
    }
}

#[test]
fn values_are_judged_against_the_reference_only() {
    let task = task(Tests::Cases {
        setup: String::new(),
        source: String::new(),
    });
    let raised = CaseResult::Raised {
        name: "KeyError".to_owned(),
        message: "m".to_owned(),
    };
    let expected = reference(&[
        ("0", "k", returned(r#"["i1"]"#), true),
        (
            "1",
            "k",
            CaseResult::Timeout {
                detail: String::new(),
            },
            false,
        ),
        ("2", "l", raised, true),
    ]);
    let begin = r#""event":"begin","cases":["0","1","2"],"keys":["k","k","l"]"#;
    let zero = r#""event":"case","id":"0","outcome":"returned","value":"[\"t\"]""#;
    let one = r#""event":"case","id":"1","outcome":"timeout""#;
    let two = r#""event":"case","id":"2","outcome":"raised","error":["KeyError","other"]"#;
    let observation = observed(&[begin, LOADED, zero, one, two, END]);
    let judged = |grading, reference| judge(&task, "x", grading, reference, &NONCE, &observation);

    let strict = judged(Grading::Strict, Some(&expected));
    assert_eq!((strict.kind, strict.declared), (VerdictKind::Passed, 2));
    // The seed counts equal timeouts as success, and of equal arguments only the last case.
    let paper = judged(Grading::Paper, Some(&expected));
    assert_eq!((paper.kind, paper.declared), (VerdictKind::Passed, 2));
    assert_eq!(paper.cases[0].id, "1");
    assert_eq!(judged(Grading::Strict, None).kind, VerdictKind::Infra);
    // A driver that claims to have judged such a case itself is not believed.
    let claim = r#""event":"case","id":"0","outcome":"passed""#;
    let observation = observed(&[begin, LOADED, claim, one, two, END]);
    let verdict = judge(
        &task,
        "x",
        Grading::Strict,
        Some(&expected),
        &NONCE,
        &observation,
    );
    assert_eq!(verdict.kind, VerdictKind::Failed);
}
