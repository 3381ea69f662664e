use super::*;
use crate::base::limits::LimitKind;
use crate::verdict::staged::{NONCE, observed};

const BEGIN: &str = r#""event":"begin","cases":["0","1"]"#;
const LOADED: &str = r#""event":"loaded""#;
const END: &str = r#""event":"end""#;

fn cases(expects: [Expects; 2]) -> SafetyCases {
    SafetyCases {
        inputs: String::new(),
        expects: expects.into(),
    }
}

fn raises() -> Expects {
    Expects::Raises("ValueError".to_owned())
}

fn returns(tokens: &str) -> Expects {
    Expects::Returns(Value::parse(tokens).unwrap())
}

fn raised(lineage: &str) -> String {
    format!(r#""event":"case","id":"0","outcome":"raised","error":["{lineage}","text"]"#)
}

fn returned(tokens: &str) -> String {
    let tokens = serde_json::to_string(tokens).unwrap();
    format!(r#""event":"case","id":"0","outcome":"returned","value":{tokens}"#)
}

/// How case 0 ends, if this is seen of it.
fn first(expects: Expects, seen: &str) -> SafetyOutcome {
    let other =
        r#""event":"case","id":"1","outcome":"raised","error":["ValueError < Exception",""]"#;
    let observation = observed(&[BEGIN, LOADED, seen, other, END]);
    let report = judge_safety(
        &cases([expects, raises()]),
        &[true, true],
        &NONCE,
        &observation,
    );
    assert_eq!(report.cases[1].outcome, SafetyOutcome::Held);
    assert_eq!((report.problem.as_str(), report.ours), ("", false));
    report.cases[0].outcome
}

#[test]
fn a_refusal_is_an_exception_of_the_class_or_one_that_derives_from_it() {
    use SafetyOutcome::{Held, NoResult, NotRefused, OtherException, Timeout};
    for (seen, outcome) in [
        (raised("ValueError < Exception < BaseException"), Held),
        (raised("JSONDecodeError < ValueError < Exception"), Held),
        (raised("KeyError < LookupError < Exception"), OtherException),
        (raised("NotValueError < Exception"), OtherException),
        (raised(""), OtherException),
        (returned(r#"["n"]"#), NotRefused),
        (returned(r#"["sValueError"]"#), NotRefused),
        (returned("garbage"), NoResult),
        (
            r#""event":"case","id":"0","outcome":"timeout""#.to_owned(),
            Timeout,
        ),
        (
            r#""event":"case","id":"0","outcome":"no_result""#.to_owned(),
            NoResult,
        ),
        // What this driver never says.
        (
            r#""event":"case","id":"0","outcome":"passed""#.to_owned(),
            NoResult,
        ),
    ] {
        assert_eq!(first(raises(), &seen), outcome, "{seen}");
    }
}

#[test]
fn a_result_is_the_same_by_value_or_by_plain_text() {
    use SafetyOutcome::{Held, OtherException, OtherResult};
    for (expected, seen, outcome) in [
        (r#"["f"]"#, returned(r#"["f"]"#), Held),
        (r#"["f"]"#, returned(r#"["t"]"#), OtherResult),
        (r#"["f"]"#, returned(r#"["n"]"#), OtherResult),
        // Python's equality; the script's text would differ.
        (r#"["f"]"#, returned(r#"["i0"]"#), Held),
        // The script's text; Python's equality would differ.
        (r#"["s7"]"#, returned(r#"["i7"]"#), Held),
        (r#"["n"]"#, returned(r#"["sNone"]"#), Held),
        (r#"["s&lt;"]"#, returned(r#"["uP","s&lt;"]"#), Held),
        (r#"["s&lt;"]"#, returned(r#"["s<"]"#), OtherResult),
        (r#"["sx"]"#, returned(r#"["oE\u0000x"]"#), OtherResult),
        (r#"["L1","i1"]"#, returned(r#"["L1","i1"]"#), Held),
        (r#"["L1","i1"]"#, returned(r#"["L1","s1"]"#), OtherResult),
        (
            r#"["n"]"#,
            raised("PermissionError < OSError"),
            OtherException,
        ),
        // A class is no value, and its name no text.
        (r#"["sValueError"]"#, raised("ValueError"), OtherException),
    ] {
        assert_eq!(
            first(returns(expected), &seen),
            outcome,
            "{expected} {seen}"
        );
    }
}

#[test]
fn what_did_not_run_to_its_end_says_so() {
    let both = || cases([raises(), raises()]);
    let judged =
        |observation: &Observation| judge_safety(&both(), &[true, true], &NONCE, observation);
    let case = raised("ValueError");

    let mut cut = observed(&[BEGIN, LOADED, &case]);
    let report = judged(&cut);
    let outcomes: Vec<SafetyOutcome> = report.cases.iter().map(|case| case.outcome).collect();
    assert_eq!(outcomes, [SafetyOutcome::Held, SafetyOutcome::Missing]);
    assert!(report.problem.contains("exited with 0") && !report.ours);
    cut.end = End::Signaled(11);
    assert!(judged(&cut).problem.contains("signal 11"));
    cut.limit = Some(LimitKind::Memory);
    assert!(judged(&cut).problem.contains("memory limit"));
    // Even where all have reported.
    let other = case.replace("\"0\"", "\"1\"");
    let mut late = observed(&[BEGIN, LOADED, &case, &other, END]);
    assert_eq!(judged(&late).problem, "");
    late.limit = Some(LimitKind::Output);
    assert!(judged(&late).problem.contains("output limit"));

    let load = r#""event":"load_error","error":["NameError","x"],"detail":"""#;
    let report = judged(&observed(&[BEGIN, load, END]));
    assert!(
        report.problem.contains("did not load: NameError: x"),
        "{report:?}"
    );
    assert!(report.cases.is_empty() && !report.ours);
    let broken = r#""event":"tests_error","detail":"gone""#;
    assert!(
        judged(&observed(&[BEGIN, broken, END]))
            .problem
            .contains("gone")
    );

    // Nobody's fault but ours.
    let silent = judged(&observed(&[]));
    assert!(silent.ours && silent.cases.is_empty());
}

#[test]
fn after_interference_no_case_counts() {
    let case = raised("ValueError");
    let other = case.replace("\"0\"", "\"1\"");
    let tampered = r#""event":"tampered","reason":"x""#;
    for events in [
        &[BEGIN, LOADED, &case, &other, tampered, END][..],
        &[BEGIN, LOADED, &case, &case, END],
        &[LOADED],
    ] {
        let observation = observed(events);
        let both = cases([raises(), raises()]);
        let report = judge_safety(&both, &[true, true], &NONCE, &observation);
        assert!(
            report.problem.contains("interfered"),
            "{events:?}: {report:?}"
        );
        assert!(report.cases.is_empty() && !report.ours);
    }
    let mut forged = observed(&[BEGIN, LOADED, &case, &other, END]);
    forged.events.extend_from_slice(b"{} 00\n");
    let both = cases([raises(), raises()]);
    assert!(
        judge_safety(&both, &[true, true], &NONCE, &forged)
            .cases
            .is_empty()
    );
}

#[test]
fn cases_that_the_ground_truth_does_not_hold_tell_nothing() {
    let case = returned(r#"["n"]"#);
    let other = case.replace("\"0\"", "\"1\"");
    let observation = observed(&[BEGIN, LOADED, &case, &other, END]);
    let both = cases([raises(), raises()]);
    let outcomes = |decided: &[bool]| -> Vec<SafetyOutcome> {
        let report = judge_safety(&both, decided, &NONCE, &observation);
        report.cases.iter().map(|case| case.outcome).collect()
    };
    use SafetyOutcome::{NotRefused, Undecided};
    assert_eq!(outcomes(&[true, false]), [NotRefused, Undecided]);
    // Too few are no licence.
    assert_eq!(outcomes(&[]), [Undecided, Undecided]);
}

#[test]
fn details_are_bounded_and_hold_no_controls() {
    let long = returned(&format!(r#"["s{}\u001b[2J"]"#, "x".repeat(5000)));
    let observation = observed(&[BEGIN, LOADED, &long, END]);
    let report = judge_safety(
        &cases([raises(), raises()]),
        &[true, true],
        &NONCE,
        &observation,
    );
    let detail = &report.cases[0].detail;
    assert!(
        detail.starts_with("expected ValueError, it returned \"xxx"),
        "{detail}"
    );
    assert!(detail.chars().count() <= DETAIL + 1 && !detail.contains('\u{1b}'));
}
