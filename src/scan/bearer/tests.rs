use serde_json::{Value, json};

use super::*;
use crate::scan::outcome::trial;

const CODES: [&str; 2] = ["import os\nos.system(x)\n", "y = 1\n"];

fn layout() -> Layout {
    trial::layout(&CODES)
}

fn path(index: usize) -> String {
    trial::path(&CODES, index)
}

fn hit(path: &str, rule: &str, line: u32) -> Value {
    json!({
        "cwe_ids": ["327"], "id": rule, "title": "text\u{1b}[31m", "line_number": line, "full_filename": path,
        "filename": "short.py", "severity": "critical", "source": {}, "sink": {},
    })
}

/// A report in which all went well: the canary's hit, two marks, two findings.
fn report() -> Value {
    json!({
        "source": "Bearer", "version": "dev",
        "findings": [
            hit(&layout().canary(), "any", CANARY_SHELL), hit(&path(0), "python_lang_other", 2),
            hit(&path(0), "python_lang_weak_random", 2), hit(&path(0), "fumehood_mark", 3),
            hit(&path(1), "fumehood_mark", 2),
        ],
    })
}

fn parse(check: &Value, report: &Value) -> Result<Vec<FileOutcome>, BatchFailure> {
    let stdout = format!("{check}\n{report}\n").into_bytes();
    trial::parse(&Bearer, &CODES, &stdout, b"")
}

fn python() -> Value {
    json!({"not_python": {}})
}

#[test]
fn findings_are_read_and_the_known_answers_are_taken_out() {
    let outcomes = parse(&python(), &report()).unwrap();
    assert_eq!(outcomes[1], FileOutcome::default());
    let found: Vec<_> = outcomes[0]
        .findings
        .iter()
        .map(|f| (f.rule.as_str(), f.line, f.native_cwe, f.cwe, f.severity))
        .collect();
    // A rule that the table does not know keeps the scanner's own number.
    let expected = [
        ("python_lang_other", 2, Some(327), Some(327), Severity::High),
        (
            "python_lang_weak_random",
            2,
            Some(327),
            Some(330),
            Severity::High,
        ),
    ];
    assert_eq!(found, expected);
    assert_eq!(outcomes[0].findings[0].message, "text\\u{1b}[31m");
}

#[test]
fn a_report_without_the_known_answers_says_nothing() {
    let with = |change: fn(&mut Vec<Value>)| {
        let mut report = report();
        change(report["findings"].as_array_mut().unwrap());
        report
    };
    // No rules, no findings: what Bearer says where it could not fetch them.
    let no_rules = json!({"source": "Bearer", "version": "dev", "findings": null});
    let no_canary = with(|hits| drop(hits.remove(0)));
    let too_keen = with(|hits| hits.push(hit(&layout().clean(), "any", 1)));
    let stranger = with(|hits| hits.push(hit("short.py", "any", 1)));
    for report in [
        no_rules,
        no_canary,
        too_keen,
        stranger,
        json!({}),
        json!([]),
    ] {
        assert!(parse(&python(), &report).is_err(), "{report}");
    }
    assert!(parse(&json!({}), &report()).is_err());
}

#[test]
fn what_it_could_not_read_is_unknown() {
    let mut failed = report();
    failed["errors"] = json!([{"type": "timeout", "filename": path(1), "error": "why"}]);
    let mut unmarked = report();
    unmarked["findings"].as_array_mut().unwrap().pop();
    let no_python = json!({"not_python": {path(1): "SyntaxError: why"}});
    for (check, report) in [
        (python(), failed),
        (python(), unmarked),
        (no_python, report()),
    ] {
        let outcomes = parse(&check, &report).unwrap();
        assert_eq!(outcomes[0].not_analysed, None);
        assert!(outcomes[1].not_analysed.is_some(), "{report}");
    }
}

#[test]
fn versions_are_read() {
    for (line, version) in [
        ("bearer version 1.51.1, build abc", Some("1.51.1")),
        ("bearer version dev, build devSHA", Some("dev")),
        ("something else", None),
    ] {
        assert_eq!(Bearer.version(line).as_deref(), version);
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(stdout: Vec<u8>, line: u32, rule: String) {
        let _ = trial::parse(&Bearer, &CODES, &stdout, b"");
        let mut report = report();
        report["findings"].as_array_mut().unwrap().push(hit(&path(0), &rule, line));
        let _ = parse(&python(), &report);
    }
}
