//! The reports here are made by hand, after the standard and after what CodeQL and others really write.

use serde_json::{Value, json};

use super::*;

fn place(uri: &str, line: u32) -> Value {
    json!({"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}})
}

/// As CodeQL writes it: rules in an extension, an index into it, which files were read as notifications.
fn codeql() -> Value {
    json!({"version": "2.1.0", "runs": [{
        "tool": {
            "driver": {"name": "CodeQL", "semanticVersion": "2.20.1", "rules": []},
            "extensions": [{"name": "codeql/python-queries", "rules": [
                {"id": "py/unused-import", "properties": {"tags": ["maintainability"]}},
                {"id": "py/sql-injection", "properties": {
                    "tags": ["security", "external/cwe/cwe-089"], "security-severity": "8.8"}},
            ]}],
        },
        "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": [
            {"descriptor": {"id": "py/diagnostics/successfully-extracted-files"}, "level": "none",
             "locations": [place("s/a.py", 1), place("s/clean%20file.py", 1)]},
            {"descriptor": {"id": "py/diagnostics/extraction-errors"}, "level": "error",
             "message": {"text": "Syntax Error"}, "locations": [place("s/broken.py", 3)]},
        ]}],
        "results": [
            {"ruleId": "py/sql-injection", "message": {"text": "This query\u{1b}[31m"},
             "rule": {"id": "py/sql-injection", "index": 1, "toolComponent": {"index": 0}},
             "locations": [place("s/a.py", 16)]},
            {"ruleId": "py/unused-import", "message": {"text": "x"},
             "rule": {"index": 0, "toolComponent": {"index": 0}}, "locations": [place("s/a.py", 1)]},
        ],
    }]})
}

fn parse(report: &Value) -> Sarif {
    Sarif::parse(report.to_string().as_bytes()).unwrap()
}

#[test]
fn findings_of_security_rules_are_read_with_number_and_severity() {
    let sarif = parse(&codeql());
    assert_eq!(
        (sarif.scanner.as_str(), sarif.version.as_str()),
        ("sarif:codeql", "2.20.1")
    );
    let result = sarif.result(&["/tree/s/a.py", "s/a.py"]);
    assert_eq!(result.not_analysed, None);
    let [found] = &result.findings[..] else {
        panic!("{result:?}");
    };
    assert_eq!((found.rule.as_str(), found.line), ("py/sql-injection", 16));
    assert_eq!((found.native_cwe, found.cwe), (Some(89), Some(89)));
    assert_eq!(found.severity, Severity::High);
    assert_eq!(found.message, "This query\\u{1b}[31m");
}

#[test]
fn only_what_was_shown_to_be_read_is_secure() {
    let sarif = parse(&codeql());
    let why = |path: &str| sarif.result(&[path]).not_analysed;
    assert_eq!(why("s/clean file.py"), None);
    assert_eq!(why("s/broken.py").unwrap(), "Syntax Error");
    let unseen = "the report does not show that it was analysed";
    // Another file whose name ends alike is another file.
    for path in ["s/other.py", "x/s/a.py", "a.py", "s/a.py/", ""] {
        assert_eq!(why(path).unwrap(), unseen, "{path}");
    }
    // The standard's own way to say it.
    let mut listed = codeql();
    listed["runs"][0]["artifacts"] =
        json!([{"location": {"uri": "file:///tree/s/other.py"}, "roles": ["analysisTarget"]}]);
    let sarif = parse(&listed);
    assert_eq!(sarif.result(&["/tree/s/other.py"]).not_analysed, None);
}

#[test]
fn a_run_that_failed_says_nothing_good() {
    let mut failed = codeql();
    failed["runs"][0]["invocations"][0]["executionSuccessful"] = json!(false);
    let mut no_results = codeql();
    no_results["runs"][0]["results"] = Value::Null;
    for report in [failed, no_results] {
        let result = parse(&report).result(&["s/clean file.py"]);
        assert!(result.not_analysed.is_some(), "{result:?}");
    }
}

#[test]
fn rules_of_plainer_tools_are_read_too() {
    let report = json!({"version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "Semgrep OSS", "rules": [
            {"id": "a", "defaultConfiguration": {"level": "error"},
             "properties": {"tags": ["CWE-78: OS Command Injection", "security"]}}, {"id": "b"},
        ]}},
        "results": [
            {"ruleId": "a", "message": {"text": "x"}, "locations": [place("x.py", 2)]},
            {"ruleIndex": 1, "level": "note", "message": {"text": "y"}, "locations": [place("x.py", 3)]},
            {"ruleId": "a", "kind": "pass", "message": {"text": "z"}, "locations": [place("x.py", 4)]},
            {"ruleId": "a", "message": {"text": "nowhere"}},
        ],
    }]});
    let result = parse(&report).result(&["x.py"]);
    let found: Vec<_> = result
        .findings
        .iter()
        .map(|f| (f.rule.as_str(), f.line, f.cwe, f.severity))
        .collect();
    let expected = [
        ("a", 2, Some(78), Severity::High),
        ("b", 3, None, Severity::Low),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_is_no_report_of_one_tool_is_refused() {
    let mut two = codeql();
    let mut other = two["runs"][0].clone();
    other["tool"]["driver"]["name"] = json!("Other");
    two["runs"].as_array_mut().unwrap().push(other);
    for (report, says) in [
        (json!({}), "no SARIF"),
        (json!({"runs": []}), "no run"),
        (json!([1]), "no SARIF"),
        (two, "runs of sarif:codeql and sarif:other"),
    ] {
        let error = Sarif::parse(report.to_string().as_bytes()).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn numbers_are_read_from_tags() {
    for (tag, expected) in [
        ("external/cwe/cwe-078", Some(78)),
        ("CWE-79: Cross-site Scripting", Some(79)),
        ("CWE-1333", Some(1333)),
        ("cwe-0", None),
        ("security", None),
        ("external/cwe/", None),
    ] {
        assert_eq!(number(tag), expected, "{tag}");
    }
    assert_eq!(decoded("a%20b%C3%BC%zz%"), "a bü%zz%");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, uri: String, line: u32) {
        let _ = Sarif::parse(&bytes);
        let mut report = codeql();
        report["runs"][0]["results"][0]["locations"] = json!([place(&uri, line)]);
        let sarif = parse(&report);
        let _ = sarif.result(&[&uri]);
    }
}

#[test]
fn what_went_wrong_somewhere_may_have_gone_wrong_everywhere() {
    let place = |uri: &str| json!([{"physicalLocation": {"artifactLocation": {"uri": uri}}}]);
    let report = |notes: &str, note: Value, result: Value| {
        let run = json!({
            "tool": {"driver": {"name": "T"}},
            "invocations": [{"executionSuccessful": true, notes: [note]}],
            "artifacts": [{"location": {"uri": "a.py"}, "roles": ["analysisTarget"]}],
            "results": [result],
        });
        let text = json!({"runs": [run]}).to_string();
        Sarif::parse(text.as_bytes()).unwrap().result(&["a.py"])
    };
    let fine = json!({"ruleId": "r", "kind": "pass", "message": {"text": ""}});
    let kinds = [
        "toolExecutionNotifications",
        "toolConfigurationNotifications",
    ];
    for notes in kinds {
        // A rule that could not be loaded, a file that nobody names.
        let lost = json!({"level": "error", "message": {"text": "a rule ended"}});
        let why = report(notes, lost, fine.clone()).not_analysed.unwrap();
        assert!(why.contains("a rule ended"), "{why}");
        for level in [json!("error"), json!("warning"), Value::Null] {
            let mut note = json!({"message": {"text": "half of it"}, "locations": place("a.py")});
            if level != Value::Null {
                note["level"] = level;
            }
            assert_eq!(
                report(notes, note.clone(), fine.clone())
                    .not_analysed
                    .as_deref(),
                Some("half of it")
            );
        }
        let told = json!({"level": "note", "message": {"text": "it went well"}});
        assert_eq!(report(notes, told, fine.clone()).not_analysed, None);
    }
    let quiet = json!({"level": "none", "message": {"text": ""}});
    let nowhere = json!({"ruleId": "r", "message": {"text": "weak"}});
    assert!(
        report(kinds[0], quiet.clone(), nowhere)
            .not_analysed
            .unwrap()
            .contains("names no file")
    );
    for kind in ["open", "review"] {
        let open = json!({"ruleId": "r", "kind": kind, "message": {"text": "?"}, "locations": place("a.py")});
        assert_eq!(report(kinds[0], quiet.clone(), open).findings.len(), 1);
    }
}
