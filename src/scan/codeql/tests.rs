use serde_json::{Value, json};

use super::*;
use crate::scan::outcome::trial;

const CODES: [&str; 2] = ["import os\nos.system(x)\n", "y = 1\n"];

/// A path as CodeQL writes it: relative to the tree.
fn uri(index: usize) -> String {
    trial::path(&CODES, index).replace("/batch/s/", "")
}

fn place(uri: &str, line: u32) -> Value {
    json!([{"physicalLocation": {"artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%", "index": 0},
        "region": {"startLine": line}}}])
}

/// SYNTHETIC, in the shape of CodeQL's real reports (2.15): all files extracted, the canary and one sample flagged.
fn report() -> Value {
    let extracted = |uri: String| {
        json!({"locations": place(&uri, 1), "message": {"text": ""}, "level": "none",
            "descriptor": {"id": "py/diagnostics/successfully-extracted-files", "index": 0}})
    };
    let rule = json!({"id": "py/command-line-injection", "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["security", "external/cwe/cwe-078"], "security-severity": "9.8"}});
    let hit = |uri: &str, line| {
        json!({"ruleId": "py/command-line-injection", "ruleIndex": 0,
            "rule": {"id": "py/command-line-injection", "index": 0, "toolComponent": {"index": 0}},
            "message": {"text": "This command line depends on a user-provided value."},
            "locations": place(uri, line)})
    };
    json!({"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "CodeQL", "semanticVersion": "2.15.3"},
            "extensions": [{"name": "codeql/python-queries", "rules": [rule]}]},
        "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": [
            extracted(uri(0)), extracted(uri(1)), extracted("known/bad.py".into())]}],
        "results": [hit("known/bad.py", CANARY_REQUEST), hit(&uri(0), 2)],
    }]})
}

fn parse(check: &Value, report: &Value) -> Result<Vec<FileOutcome>, BatchFailure> {
    let stdout = format!("{check}\n{report}\n").into_bytes();
    trial::parse(&CodeQl, &CODES, &stdout, b"")
}

fn python() -> Value {
    json!({"not_python": {}})
}

#[test]
fn findings_are_read_and_the_known_answers_are_taken_out() {
    let outcomes = parse(&python(), &report()).unwrap();
    assert_eq!(outcomes[1], FileOutcome::default());
    let found = &outcomes[0].findings[0];
    assert_eq!(
        (&*found.rule, found.line, found.native_cwe, found.severity),
        (
            "py/command-line-injection",
            2,
            Some(78),
            crate::scan::Severity::High
        )
    );
    assert_eq!(outcomes[0].not_analysed, None);
}

#[test]
fn only_what_was_extracted_whole_is_known() {
    let mut partial = report();
    let notes = &mut partial["runs"][0]["invocations"][0]["toolExecutionNotifications"];
    notes.as_array_mut().unwrap().remove(1);
    let outcomes = parse(&python(), &partial).unwrap();
    assert!(outcomes[1].not_analysed.is_some() && outcomes[0].not_analysed.is_none());
    let not_python = json!({"not_python": {trial::path(&CODES, 1): "line 1: invalid syntax"}});
    let outcomes = parse(&not_python, &report()).unwrap();
    assert_eq!(
        outcomes[1].not_analysed.as_deref(),
        Some("line 1: invalid syntax")
    );
}

#[test]
fn a_report_that_cannot_be_believed_says_nothing() {
    let mut blind = report();
    blind["runs"][0]["results"]
        .as_array_mut()
        .unwrap()
        .remove(0);
    let why = parse(&python(), &blind).unwrap_err();
    assert!(why.contains("known to be weak"), "{why}");
    let mut failed = report();
    failed["runs"][0]["invocations"][0]["executionSuccessful"] = json!(false);
    assert!(parse(&python(), &failed).unwrap_err().contains("failed"));
    assert!(
        parse(&report(), &report()).is_err(),
        "no check of the syntax"
    );
    assert!(parse(&python(), &json!({"runs": []})).is_err());
}
