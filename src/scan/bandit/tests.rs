use serde_json::{Value, json};

use super::*;
use crate::scan::outcome::trial;
use crate::worker::End;

const CODES: [&str; 2] = ["eval(x)\n", "y = 1\n"];

fn layout() -> Layout {
    trial::layout(&CODES)
}

fn path(index: usize) -> String {
    trial::path(&CODES, index)
}

fn hit(path: &str, rule: &str, line: u32) -> Value {
    json!({
        "filename": path, "test_id": rule, "issue_text": "text\u{1b}[31m", "issue_severity": "MEDIUM",
        "issue_confidence": "HIGH", "issue_cwe": {"id": 78, "link": ""}, "line_number": line,
    })
}

/// A report in which all went well: the canary's two hits, two marks, one finding.
fn report() -> Value {
    let canary = layout().canary();
    json!({
        "errors": [],
        "metrics": {"_totals": {}, canary.clone(): {}, path(0): {}, path(1): {}},
        "results": [
            hit(&canary, "B605", 5), hit(&canary, "B307", 6), hit(&path(0), "B307", 1),
            hit(&path(0), "B101", 2), hit(&path(1), "B101", 2),
        ],
    })
}

fn parse_with(report: &Value, stderr: &str) -> Result<Vec<FileOutcome>, BatchFailure> {
    let stdout = serde_json::to_vec(report).unwrap();
    trial::parse(&Bandit, &CODES, &stdout, stderr.as_bytes())
}

#[test]
fn a_finding_is_read_and_the_known_answers_are_taken_out() {
    let outcomes = parse_with(&report(), "").unwrap();
    assert_eq!(outcomes[1], FileOutcome::default());
    let [found] = &outcomes[0].findings[..] else {
        panic!("{outcomes:?}");
    };
    assert_eq!((found.rule.as_str(), found.line), ("B307", 1));
    assert_eq!((found.native_cwe, found.cwe), (Some(78), Some(95)));
    assert_eq!(
        (found.severity, found.confidence),
        (Severity::Medium, Severity::High)
    );
    assert_eq!(found.message, "text\\u{1b}[31m", "safe for a terminal");
}

#[test]
fn a_file_is_analysed_only_if_everything_says_so() {
    let mut listed_as_failed = report();
    listed_as_failed["errors"] = json!([{"filename": path(1), "reason": "syntax error"}]);
    let mut absent = report();
    absent["metrics"].as_object_mut().unwrap().remove(&path(1));
    let mut unmarked = report();
    unmarked["results"].as_array_mut().unwrap().pop();
    let rule_failed = format!(
        "[tester]\tERROR\tBandit internal error running: hardcoded_sql on file {} at line 1: boom",
        path(1)
    );
    for (report, stderr, reason) in [
        (&listed_as_failed, "", "syntax error"),
        (&absent, "", "passed over"),
        (&unmarked, "", "did not reach"),
        (&report(), rule_failed.as_str(), "rule hardcoded_sql failed"),
    ] {
        let outcomes = parse_with(report, stderr).unwrap();
        assert_eq!(outcomes[0].not_analysed, None);
        let why = outcomes[1].not_analysed.as_deref().unwrap();
        assert!(why.contains(reason), "{why}");
    }
}

#[test]
fn a_batch_without_the_known_answers_says_nothing() {
    let mut no_canary = report();
    no_canary["results"].as_array_mut().unwrap().remove(0);
    let mut too_keen = report();
    let clean = layout().clean();
    let results = |report: &mut Value, hit| report["results"].as_array_mut().unwrap().push(hit);
    results(&mut too_keen, hit(&clean, "B101", 1));
    let mut stranger = report();
    results(&mut stranger, hit("/etc/passwd", "B101", 1));
    let mut beyond = report();
    results(&mut beyond, hit(&path(0), "B105", 3));
    let mut failed_on_ours = report();
    failed_on_ours["errors"] = json!([{"filename": clean, "reason": "x"}]);
    for (report, reason) in [
        (no_canary, "known to be weak"),
        (too_keen, "known to be clean"),
        (stranger, "not given"),
        (beyond, "line 3 of a file"),
        (failed_on_ours, "file of ours"),
    ] {
        let why = parse_with(&report, "").unwrap_err();
        assert!(why.contains(reason), "{why}");
    }
}

#[test]
fn crashes_and_garbage_say_nothing() {
    let good = serde_json::to_vec(&report()).unwrap();
    let cut = &good[..good.len() - 1];
    for (stdout, end) in [
        (good.as_slice(), End::Exited(1)),
        (&good, End::Signaled(9)),
        (cut, End::Exited(0)),
        (b"", End::Exited(0)),
        (b"\xff\xfe", End::Exited(0)),
        (
            b"{\"errors\": [], \"metrics\": {}, \"results\": []}",
            End::Exited(0),
        ),
    ] {
        let output = ToolOutput {
            stdout,
            stderr: b"Traceback\nboom\n",
            end,
        };
        assert!(Bandit.parse(&output, &layout()).is_err(), "{end:?}");
    }
}

#[test]
fn more_findings_than_are_kept_leave_a_file_unknown() {
    let mut many = report();
    for _ in 0..2000 {
        many["results"]
            .as_array_mut()
            .unwrap()
            .push(hit(&path(1), "B307", 1));
    }
    let outcomes = parse_with(&many, "").unwrap();
    assert!(outcomes[1].not_analysed.is_some());
    assert!(outcomes[1].findings.len() <= 1000);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(stdout: Vec<u8>, stderr: Vec<u8>, line: u32, name: String) {
        let output = ToolOutput { stdout: &stdout, stderr: &stderr, end: End::Exited(0) };
        let _ = Bandit.parse(&output, &layout());
        let mut report = report();
        report["results"].as_array_mut().unwrap().push(hit(&path(0), &name, line));
        report["errors"] = json!([{"filename": path(1), "reason": name}]);
        let _ = parse_with(&report, &name);
    }
}

/// Reports of the real tool, kept outside of the project.
#[test]
fn real_reports_are_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data/scanner-outputs/bandit");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: no {}", folder.display());
        return;
    };
    let mut read = 0;
    for entry in entries.flatten() {
        if entry.path().extension().is_some_and(|e| e == "json") {
            let text = std::fs::read(entry.path()).unwrap();
            let report: Report = serde_json::from_slice(&text).unwrap();
            assert!(!report.results.is_empty());
            for hit in report.results {
                assert!(
                    crate::scan::cwe::cwe(Bandit.name(), &hit.test_id).is_some(),
                    "{}",
                    hit.test_id
                );
                assert!(severity(&hit.issue_severity) > Severity::Undefined);
            }
            read += 1;
        }
    }
    assert!(read > 0);
}
