use serde_json::{Value, json};

use super::*;
use crate::scan::outcome::trial;
use crate::worker::End;

const CODES: [&str; 2] = ["package main\nvar x = f()\n", "package main\n"];

fn layout() -> Layout {
    trial::layout_of(Language::Go, &CODES)
}

fn path(index: usize) -> String {
    let layout = layout();
    layout.path(&layout.files()[index].name)
}

fn hit(path: &str, rule: &str, line: &str) -> Value {
    json!({
        "severity": "HIGH", "confidence": "LOW", "cwe": {"id": "327", "url": ""}, "rule_id": rule,
        "details": "text\u{1b}[31m", "file": path, "code": "x", "line": line, "column": "5", "nosec": false,
    })
}

/// A report in which all went well: the canary's two hits, two marks, one finding.
fn report() -> Value {
    let canary = layout().canary();
    let line = |number: u32| number.to_string();
    json!({
        "Golang errors": {},
        "Issues": [
            hit(&canary, "G401", &line(CANARY_MD5)), hit(&canary, "G204", &line(CANARY_COMMAND)),
            hit(&path(0), "G501", "2-3"), hit(&path(0), "G101", "3"), hit(&path(1), "G101", "2"),
        ],
        "Stats": {"files": 4}, "GosecVersion": "v2",
    })
}

fn hits(report: &mut Value) -> &mut Vec<Value> {
    report["Issues"].as_array_mut().unwrap()
}

fn parse(report: &Value) -> Result<Vec<FileOutcome>, BatchFailure> {
    let stdout = serde_json::to_vec(report).unwrap();
    trial::parse_of(Language::Go, &Gosec, &CODES, &stdout, b"")
}

#[test]
fn a_finding_is_read_and_the_known_answers_are_taken_out() {
    let outcomes = parse(&report()).unwrap();
    assert_eq!(outcomes[1], FileOutcome::default());
    let [found] = &outcomes[0].findings[..] else {
        panic!("{outcomes:?}");
    };
    assert_eq!((found.rule.as_str(), found.line), ("G501", 2));
    assert_eq!((found.native_cwe, found.cwe), (Some(327), Some(328)));
    assert_eq!(
        (found.severity, found.confidence),
        (Severity::High, Severity::Low)
    );
    assert_eq!(found.message, "text\\u{1b}[31m");
}

#[test]
fn what_it_could_not_understand_is_unknown() {
    let mut unmarked = report();
    hits(&mut unmarked).pop();
    let errors = |errors: Value| {
        let mut report = report();
        report["Golang errors"] = errors;
        report
    };
    let error = |text: &str| json!([{"line": 3, "column": 8, "error": text}]);
    let name = layout().files()[1].name.clone();
    let folder = name.trim_end_matches("/main.go");
    for (report, reason) in [
        (unmarked, "did not reach"),
        (
            errors(json!({path(1): error("could not import x")})),
            "could not import",
        ),
        (
            errors(json!({"": error(&format!("# command-line-arguments\n{name}:3:9: bad"))})),
            "bad",
        ),
        (
            errors(json!({format!("batch/{folder}"): error("no package")})),
            "no package",
        ),
    ] {
        let outcomes = parse(&report).unwrap();
        assert_eq!(outcomes[0].not_analysed, None, "{reason}");
        let why = outcomes[1].not_analysed.as_deref().unwrap();
        assert!(why.contains(reason), "{why}");
    }
    // Nobody knows which files these are about.
    for wrong in [
        errors(json!({"": error("go: no such tool")})),
        errors(json!({"/usr/x.go": error("x")})),
        errors(json!({layout().clean(): error("x")})),
    ] {
        assert!(parse(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_report_without_the_known_answers_says_nothing() {
    let with = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut report = report();
        change(hits(&mut report));
        report
    };
    for (report, reason) in [
        (with(&|hits| drop(hits.remove(0))), "known to be weak"),
        (with(&|hits| drop(hits.remove(1))), "known to be weak"),
        (
            with(&|hits| hits.push(hit(&layout().clean(), "G101", "1"))),
            "known to be clean",
        ),
        (
            with(&|hits| hits.push(hit("/etc/passwd", "G101", "1"))),
            "not given",
        ),
        (
            with(&|hits| hits.push(hit(&path(0), "G101", "4"))),
            "line 4 of a file",
        ),
        (
            with(&|hits| hits.push(hit(&path(0), "G101", "x"))),
            "line \"x\"",
        ),
        (
            json!({"Golang errors": {}, "Issues": null}),
            "known to be weak",
        ),
        (json!({"Issues": []}), "not what it should be"),
        (json!({}), "not what it should be"),
    ] {
        let why = parse(&report).unwrap_err();
        assert!(why.contains(reason), "{why}");
    }
}

#[test]
fn crashes_and_garbage_say_nothing() {
    let good = serde_json::to_vec(&report()).unwrap();
    for (stdout, end) in [
        (good.as_slice(), End::Exited(1)),
        (&good, End::Signaled(6)),
        (&good[..good.len() - 1], End::Exited(0)),
        (b"", End::Exited(0)),
    ] {
        let stderr = b"panic: boom";
        let output = ToolOutput {
            stdout,
            stderr,
            end,
        };
        assert!(Gosec.parse(&output, &layout()).is_err(), "{end:?}");
    }
}

#[test]
fn versions_are_read() {
    assert_eq!(Gosec.version("Version: v2.30.0").as_deref(), Some("2.30.0"));
    assert_eq!(Gosec.version("Version: dev").as_deref(), Some("dev"));
    assert_eq!(Gosec.version("something else"), None);
}

#[test]
fn a_toolchain_is_known_by_what_is_in_it() {
    let home = tempfile::tempdir().unwrap();
    let go = home.path().join("go/bin/go");
    std::fs::create_dir_all(go.parent().unwrap()).unwrap();
    assert!(toolchain_of(&go).unwrap_err().contains("cannot be read"));
    std::fs::write(&go, "").unwrap();
    assert!(toolchain_of(&go).unwrap_err().contains("no Go toolchain"));
    std::fs::create_dir(home.path().join("go/src")).unwrap();
    std::fs::write(home.path().join("go/VERSION"), "go1.26.8\ntime x\n").unwrap();
    let also = toolchain_of(&go).unwrap();
    assert_eq!(also.identity, "go1.26.8");
    assert!(also.mounts[0].source.ends_with("go"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(stdout: Vec<u8>, line: String, rule: String) {
        let _ = trial::parse_of(Language::Go, &Gosec, &CODES, &stdout, b"");
        let mut report = report();
        hits(&mut report).push(hit(&path(0), &rule, &line));
        report["Golang errors"] = json!({"": [{"line": 1, "error": rule}]});
        let _ = parse(&report);
    }
}
