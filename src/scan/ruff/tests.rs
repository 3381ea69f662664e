use serde_json::{Value, json};

use super::*;
use crate::scan::Severity;
use crate::scan::outcome::trial;
use crate::worker::End;

const CODES: [&str; 2] = ["eval(x)\n", "y = 1\n"];

fn layout() -> Layout {
    trial::layout(&CODES)
}

fn path(index: usize) -> String {
    trial::path(&CODES, index)
}

fn hit(path: &str, rule: Option<&str>, row: u32) -> Value {
    json!({
        "filename": path, "code": rule, "message": "text", "location": {"row": row, "column": 1},
        "severity": "error",
    })
}

fn report() -> Vec<Value> {
    let canary = layout().canary();
    vec![
        hit(&canary, Some("S605"), 5),
        hit(&canary, Some("S307"), 6),
        hit(&path(0), Some("S307"), 1),
        hit(&path(0), Some("S101"), 2),
        hit(&path(1), Some("S101"), 2),
    ]
}

fn parse_with(report: &[Value]) -> Result<Vec<FileOutcome>, BatchFailure> {
    let stdout = serde_json::to_vec(report).unwrap();
    trial::parse(&RuffS, &CODES, &stdout, b"")
}

#[test]
fn a_finding_is_read_and_the_known_answers_are_taken_out() {
    let outcomes = parse_with(&report()).unwrap();
    assert_eq!(outcomes[1], FileOutcome::default());
    let [found] = &outcomes[0].findings[..] else {
        panic!("{outcomes:?}");
    };
    assert_eq!((found.rule.as_str(), found.line), ("S307", 1));
    assert_eq!((found.native_cwe, found.cwe), (None, Some(95)));
    assert_eq!(found.severity, Severity::Undefined);
}

#[test]
fn a_file_that_is_passed_over_in_silence_is_unknown() {
    let mut report = report();
    report.pop();
    let outcomes = parse_with(&report).unwrap();
    assert_eq!(outcomes[0].not_analysed, None);
    assert!(outcomes[1].not_analysed.is_some());
}

#[test]
fn a_syntax_error_leaves_the_findings_and_an_unknown_rest() {
    for code in [None, Some("invalid-syntax"), Some("E902")] {
        let mut report = report();
        report.push(hit(&path(0), code, 1));
        let outcomes = parse_with(&report).unwrap();
        assert_eq!(outcomes[0].findings.len(), 1);
        let why = outcomes[0].not_analysed.as_deref().unwrap();
        assert!(why.contains("syntax error in line 1"), "{why}");
    }
}

#[test]
fn a_batch_without_the_known_answers_says_nothing() {
    let mut no_canary = report();
    no_canary.remove(0);
    let mut too_keen = report();
    too_keen.push(hit(&layout().clean(), Some("S101"), 1));
    let mut stranger = report();
    stranger.push(hit("relative.py", Some("S101"), 1));
    for report in [no_canary, too_keen, stranger, vec![]] {
        assert!(parse_with(&report).is_err());
    }
    let good = serde_json::to_vec(&report()).unwrap();
    for (stdout, end) in [
        (good.as_slice(), End::Signaled(6)),
        (&good, End::Exited(2)),
        (&good[1..], End::Exited(0)),
    ] {
        let output = ToolOutput {
            stdout,
            stderr: b"",
            end,
        };
        assert!(RuffS.parse(&output, &layout()).is_err(), "{end:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(stdout: Vec<u8>, row: u32, name: String) {
        let _ = trial::parse(&RuffS, &CODES, &stdout, b"");
        let mut report = report();
        report.push(hit(&path(0), Some(&format!("S{row}")), row));
        report.push(hit(&path(1), Some(&name), row));
        let _ = parse_with(&report);
    }
}
