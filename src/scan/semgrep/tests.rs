use serde_json::{Value, json};

use super::*;
use crate::scan::outcome::trial;

const CODES: [&str; 2] = ["def f(p):\n    return open(p)\n", "y = 1\n"];

fn layout() -> Layout {
    trial::layout(&CODES)
}

fn path(index: usize) -> String {
    trial::path(&CODES, index)
}

fn hit(path: &str, rule: &str, line: u32) -> Value {
    json!({
        "check_id": rule, "path": path, "start": {"line": line, "col": 1}, "end": {"line": line, "col": 9},
        "extra": {
            "message": "text\u{1b}[31m", "severity": "WARNING",
            "metadata": {"cwe": "CWE-22: Path Traversal", "confidence": "MEDIUM"},
        },
    })
}

/// A report in which all went well: the canary's hit, two marks, one finding.
fn report() -> Value {
    let canary = layout().canary();
    json!({
        "version": "1.172.0",
        "errors": [],
        "paths": {"scanned": [canary, path(0), path(1)]},
        "results": [
            hit(&canary, "path-from-parameter", 10), hit(&path(0), "path-from-parameter", 2),
            hit(&path(0), "mark", 3), hit(&path(1), "mark", 2),
        ],
    })
}

fn parse(report: &Value) -> Result<Vec<FileOutcome>, BatchFailure> {
    parse_with(&json!({"not_python": {}}), report)
}

fn parse_with(check: &Value, report: &Value) -> Result<Vec<FileOutcome>, BatchFailure> {
    let stdout = format!("{check}\n{report}\n").into_bytes();
    trial::parse(&Semgrep, &CODES, &stdout, b"")
}

#[test]
fn a_finding_is_read_and_the_known_answers_are_taken_out() {
    let outcomes = parse(&report()).unwrap();
    assert_eq!(outcomes[1], FileOutcome::default());
    let [found] = &outcomes[0].findings[..] else {
        panic!("{outcomes:?}");
    };
    assert_eq!(
        (found.rule.as_str(), found.line),
        ("path-from-parameter", 2)
    );
    assert_eq!((found.native_cwe, found.cwe), (Some(22), Some(22)));
    assert_eq!(
        (found.severity, found.confidence),
        (Severity::Medium, Severity::Medium)
    );
    assert_eq!(found.message, "text\\u{1b}[31m");
}

#[test]
fn a_file_with_an_error_is_not_wholly_analysed() {
    for kind in [json!("Timeout"), json!(["PartialParsing", []])] {
        let mut report = report();
        report["errors"] =
            json!([{"type": kind, "level": "warn", "message": "why", "path": path(0)}]);
        let outcomes = parse(&report).unwrap();
        assert_eq!(outcomes[0].findings.len(), 1);
        let why = outcomes[0].not_analysed.as_deref().unwrap();
        assert!(why.ends_with(": why") && !why.starts_with("error"), "{why}");
        assert_eq!(outcomes[1].not_analysed, None);
    }
}

#[test]
fn a_file_that_is_no_python_is_unknown_whatever_semgrep_made_of_it() {
    let check = json!({"not_python": {path(1): "SyntaxError: why"}});
    let outcomes = parse_with(&check, &report()).unwrap();
    assert_eq!(outcomes[0].not_analysed, None);
    let why = outcomes[1].not_analysed.as_deref();
    assert_eq!(why, Some("SyntaxError: why"));
    // Without the check, or with one of a file of ours, nothing is known.
    let ours = json!({"not_python": {layout().canary(): "why"}});
    for check in [json!({}), json!([]), ours] {
        assert!(parse_with(&check, &report()).is_err(), "{check}");
    }
}

#[test]
fn a_file_that_is_passed_over_is_unknown() {
    let mut unseen = report();
    unseen["paths"]["scanned"].as_array_mut().unwrap().pop();
    let mut unmarked = report();
    unmarked["results"].as_array_mut().unwrap().pop();
    for report in [unseen, unmarked] {
        let outcomes = parse(&report).unwrap();
        assert_eq!(outcomes[0].not_analysed, None);
        assert!(outcomes[1].not_analysed.is_some());
    }
}

#[test]
fn a_report_without_the_known_answers_says_nothing() {
    let mut no_canary = report();
    no_canary["results"].as_array_mut().unwrap().remove(0);
    let mut too_keen = report();
    let clean = layout().clean();
    too_keen["results"]
        .as_array_mut()
        .unwrap()
        .push(hit(&clean, "secret-in-log", 1));
    let mut stranger = report();
    stranger["results"]
        .as_array_mut()
        .unwrap()
        .push(hit("/etc/passwd", "mark", 1));
    let mut no_file = report();
    no_file["errors"] = json!([{"type": "Rule parse error", "level": "error", "message": "why"}]);
    let mut no_rules = report();
    no_rules["results"] = json!([]);
    for report in [no_canary, too_keen, stranger, no_file, no_rules, json!({})] {
        assert!(parse(&report).is_err(), "{report}");
    }
}

#[test]
fn a_plain_assert_of_the_sample_is_no_weakness() {
    let mut report = report();
    let hits = report["results"].as_array_mut().unwrap();
    hits.push(hit(&path(1), "mark", 1));
    assert_eq!(parse(&report).unwrap()[1], FileOutcome::default());
}

#[test]
fn numbers_of_weaknesses_are_read() {
    assert_eq!(number("CWE-79: Cross-site Scripting"), Some(79));
    for none in ["", "CWE-", "79", "CWE-x", "CWE-0", "CWE-99999999999"] {
        assert_eq!(number(none), None, "{none}");
    }
}

#[test]
fn every_rule_has_a_number_of_its_own_in_the_table() {
    let mut rules = 0;
    let mut rule = "";
    for line in RULES.lines() {
        if let Some(id) = line.strip_prefix("  - id: ") {
            rule = id;
            rules += 1;
        }
        if let Some((_, rest)) = line.split_once("metadata: {cwe: \"") {
            let normal = crate::scan::cwe::cwe(Semgrep.name(), rule);
            assert_eq!(number(rest), normal, "{rule}");
            rules -= 1;
        }
    }
    // But for the mark, which is no weakness.
    assert_eq!(rules, 1);
    assert!(RULES.contains("  - id: mark\n"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(stdout: Vec<u8>, line: u32, rule: String) {
        let _ = trial::parse(&Semgrep, &CODES, &stdout, b"");
        let mut report = report();
        report["results"].as_array_mut().unwrap().push(hit(&path(0), &rule, line));
        let _ = parse(&report);
    }
}
