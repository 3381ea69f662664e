use serde_json::{Value, json};

use super::*;
use crate::scan::outcome::trial;
use crate::worker::End;

const CODES: [&str; 2] = ["strcpy(a, b);\n", "int a;\n"];

fn layout() -> Layout {
    trial::layout_of(Language::C, &CODES)
}

fn path(index: usize) -> String {
    let layout = layout();
    layout.path(&layout.files()[index].name)
}

fn hit(path: &str, rule: &str, line: u32, rank: f64) -> Value {
    json!({
        "ruleId": rule, "level": "note", "rank": rank,
        "message": {"text": "buffer/x:text\u{1b}[31m (CWE-119!/CWE-126)."},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": path, "uriBaseId": "SRCROOT"},
            "region": {"startLine": line, "startColumn": 5, "snippet": {"text": "x"}},
        }}],
    })
}

/// A report in which all went well: the canary's two hits, two marks, one finding.
fn report() -> Value {
    let canary = layout().canary();
    report_of(vec![
        hit(&canary, "FF1001", CANARY_COPY, 0.8),
        hit(&canary, "FF1044", CANARY_SYSTEM, 0.8),
        hit(&path(0), "FF1001", 1, 0.8),
        hit(&path(0), "FF1014", 2, 1.0),
        hit(&path(1), "FF1014", 2, 1.0),
    ])
}

fn report_of(results: Vec<Value>) -> Value {
    json!({"version": "2.1.0", "runs": [{"tool": {}, "results": results}]})
}

fn results(report: &mut Value) -> &mut Vec<Value> {
    report["runs"][0]["results"].as_array_mut().unwrap()
}

fn parse(report: &Value) -> Result<Vec<FileOutcome>, BatchFailure> {
    let stdout = serde_json::to_vec(report).unwrap();
    trial::parse_of(Language::C, &Flawfinder, &CODES, &stdout, b"")
}

#[test]
fn a_finding_is_read_and_the_known_answers_are_taken_out() {
    let outcomes = parse(&report()).unwrap();
    assert_eq!(outcomes[1], FileOutcome::default());
    let [found] = &outcomes[0].findings[..] else {
        panic!("{outcomes:?}");
    };
    assert_eq!((found.rule.as_str(), found.line), ("FF1001", 1));
    assert_eq!((found.native_cwe, found.cwe), (Some(126), Some(120)));
    assert_eq!(found.severity, Severity::High);
    assert!(found.message.contains("\\u{1b}[31m"), "{}", found.message);
}

#[test]
fn levels_are_severities_and_level_zero_is_none() {
    for (rank, severity) in [
        (0.2, Severity::Low),
        (0.4, Severity::Low),
        // What its multiplication gives for level 3.
        (0.600_000_000_000_000_1, Severity::Medium),
        (0.8, Severity::High),
        (1.0, Severity::High),
    ] {
        let mut report = report();
        results(&mut report)[2] = hit(&path(0), "FF1001", 1, rank);
        let outcomes = parse(&report).unwrap();
        assert_eq!(outcomes[0].findings[0].severity, severity, "{rank}");
    }
    let mut harmless = report();
    results(&mut harmless)[2] = hit(&path(0), "FF1016", 1, 0.0);
    assert_eq!(parse(&harmless).unwrap()[0], FileOutcome::default());
    for rank in [-0.2, 0.5, 1.2, 1e300] {
        let mut odd = report();
        results(&mut odd)[2] = hit(&path(0), "FF1001", 1, rank);
        assert!(parse(&odd).is_err(), "{rank}");
    }
}

#[test]
fn a_file_whose_mark_was_not_seen_is_unknown() {
    let mut unmarked = report();
    results(&mut unmarked).pop();
    // The mark of another rule, in another line, and one that does not count are none.
    for other in [
        hit(&path(1), "FF1014", 1, 1.0),
        hit(&path(1), "FF1001", 2, 1.0),
        hit(&path(1), "FF1014", 2, 0.0),
    ] {
        let mut report = unmarked.clone();
        results(&mut report).push(other);
        let outcomes = parse(&report).unwrap();
        assert_eq!(outcomes[0].not_analysed, None);
        let why = outcomes[1].not_analysed.as_deref().unwrap();
        assert!(why.contains("did not reach"), "{why}");
    }
}

#[test]
fn a_report_without_the_known_answers_says_nothing() {
    let with = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut report = report();
        change(results(&mut report));
        report
    };
    let mut placeless = hit(&path(0), "FF1001", 1, 0.8);
    placeless["locations"] = json!([]);
    for (report, reason) in [
        (with(&|hits| drop(hits.remove(0))), "known to be weak"),
        (
            with(&|hits| hits.push(hit(&layout().clean(), "FF1001", 1, 0.2))),
            "known to be clean",
        ),
        (
            with(&|hits| hits.push(hit("/etc/passwd", "FF1001", 1, 0.2))),
            "not given",
        ),
        (
            with(&|hits| hits.push(hit(&path(0), "FF1001", 4, 0.2))),
            "line 4 of a file",
        ),
        (with(&|hits| hits.push(placeless.clone())), "in one place"),
        (report_of(vec![]), "known to be weak"),
        (json!({"runs": []}), "0 runs"),
        (json!({}), "not what it should be"),
    ] {
        let why = parse(&report).unwrap_err();
        assert!(why.contains(reason), "{why}");
    }
}

#[test]
fn crashes_and_garbage_say_nothing() {
    let good = serde_json::to_vec(&report()).unwrap();
    let cut = &good[..good.len() - 1];
    let warned = [
        b"Warning: encoding error in x -- skipping file.\n",
        good.as_slice(),
    ]
    .concat();
    for (stdout, end) in [
        (good.as_slice(), End::Exited(15)),
        (&good, End::Signaled(11)),
        (cut, End::Exited(0)),
        (&warned, End::Exited(0)),
        (b"", End::Exited(0)),
    ] {
        let stderr = b"boom";
        let output = ToolOutput {
            stdout,
            stderr,
            end,
        };
        assert!(Flawfinder.parse(&output, &layout()).is_err(), "{end:?}");
    }
}

#[test]
fn numbers_are_read() {
    for (text, found) in [
        ("x (CWE-120).", Some(120)),
        ("x (CWE-119!/CWE-120)", Some(120)),
        ("x (CWE-362/CWE-367!)", Some(362)),
        ("CWE-0, CWE-99999999999, CWE-, CWE-7", Some(7)),
        ("nothing", None),
        ("CWE-1!", None),
    ] {
        assert_eq!(number(text), found, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(stdout: Vec<u8>, line: u32, rule: String, rank: f64) {
        let _ = trial::parse_of(Language::C, &Flawfinder, &CODES, &stdout, b"");
        let mut report = report();
        results(&mut report).push(hit(&path(0), &rule, line, rank));
        let _ = parse(&report);
    }
}
