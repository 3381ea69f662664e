//! Single results: the list of failures, and the datasets' own result files.

use fumehood::base::id::TaskId;
use fumehood::harness::CaseOutcome;
use fumehood::report::{bigcodebench, evalplus, failures};
use fumehood::verdict::VerdictKind;
use serde_json::json;

use super::{case, cases, id, verdict};
use CaseOutcome::{Error, Failed, Missing, Passed};

#[test]
fn failures_take_one_line_each() {
    let failed = verdict(
        VerdictKind::Failed,
        vec![
            case("test_a", Passed, ""),
            case(
                "test_b",
                Error,
                "Traceback:\n  File\nValueError: \u{1b}[31mno\n",
            ),
        ],
        "1 of 2 cases held",
    );
    let mut out = Vec::new();
    assert!(failures::write_line(&mut out, &id("t/1", 3), &failed, 120).unwrap());
    let timeout = verdict(VerdictKind::Timeout, cases(&[Missing]), "");
    assert!(failures::write_line(&mut out, &id(&"n".repeat(99), 0), &timeout, 20).unwrap());
    let passed = verdict(VerdictKind::Passed, cases(&[Passed]), "");
    assert!(!failures::write_line(&mut out, &id("t/1", 0), &passed, 120).unwrap());
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "t/1#3                             failed      \
         1 of 2 cases held; test_b: ValueError: \\u{1b}[31mno\n\
         nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn…  timeout     c: missing\n"
    );
}

#[test]
fn bigcodebench_results_have_the_official_shape() {
    let failed = verdict(
        VerdictKind::Failed,
        vec![
            case("TestCases.test_1", Passed, ""),
            case("TestCases.test_2", Failed, "AssertionError"),
            case("TestCases.test_3", Missing, ""),
        ],
        "",
    );
    let all = [
        verdict(VerdictKind::Passed, cases(&[Passed]), ""),
        failed,
        verdict(VerdictKind::Timeout, cases(&[Missing]), "cpu"),
        verdict(VerdictKind::Error, cases(&[Missing]), "SyntaxError"),
        verdict(VerdictKind::Infra, vec![], "worker lost"),
        verdict(VerdictKind::Tampered, cases(&[Passed]), ""),
    ];
    let task = TaskId::from("BigCodeBench/1");
    let graded = all.iter().map(|verdict| bigcodebench::Graded {
        solution: "code",
        verdict,
    });
    let entries = bigcodebench::entries(&task, graded);
    let entry = |status: &str, details| json!({"task_id": "BigCodeBench/1", "solution": "code", "status": status, "details": details});
    assert_eq!(
        entries,
        [
            entry("pass", json!({})),
            entry("fail", json!({"test_2": "AssertionError"})),
            entry("timeout", json!({})),
            entry("fail", json!({"ALL": "SyntaxError"})),
            entry("fail", json!({"ALL": "tampered"})),
        ]
    );
    let mut out = Vec::new();
    let tasks = [(task, entries.clone()), ("BigCodeBench/2\"".into(), vec![])];
    bigcodebench::write(&mut out, "2026-11-22 12:30", tasks).unwrap();
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&out).unwrap(),
        json!({"date": "2026-11-22 12:30", "eval": {"BigCodeBench/1": entries}})
    );
    let mut out = Vec::new();
    bigcodebench::write(&mut out, "", []).unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
}

#[test]
fn evalplus_results_have_the_official_shape() {
    let parts = |base, plus| vec![case("base/0", base, ""), case("plus/0", plus, "")];
    let of = |kind, cases| verdict(kind, cases, "");
    let all = [
        (
            of(VerdictKind::Passed, parts(Passed, Passed)),
            ["pass", "pass"],
        ),
        (
            of(VerdictKind::Failed, parts(Passed, Failed)),
            ["pass", "fail"],
        ),
        (
            of(VerdictKind::Failed, parts(Failed, Passed)),
            ["fail", "pass"],
        ),
        (
            of(VerdictKind::Timeout, parts(Passed, Missing)),
            ["pass", "timeout"],
        ),
        // All cases held, and yet no pass: the scripts must not count it.
        (
            of(VerdictKind::Incomplete, parts(Passed, Passed)),
            ["pass", "fail"],
        ),
        (
            of(VerdictKind::Tampered, parts(Passed, Passed)),
            ["fail", "fail"],
        ),
    ];
    let set = |name: &str| {
        if name.starts_with("plus") {
            evalplus::Set::Plus
        } else {
            evalplus::Set::Base
        }
    };
    let graded = all.iter().map(|(verdict, _)| bigcodebench::Graded {
        solution: "code",
        verdict,
    });
    let task = TaskId::from("HumanEval/0");
    let entries = evalplus::entries(&task, graded, set, |name| Some(json!([name])));
    for (entry, (verdict, expected)) in entries.iter().zip(&all) {
        let got = [&entry["base_status"], &entry["plus_status"]];
        assert_eq!(
            got,
            expected.map(|word| json!(word)).each_ref(),
            "{verdict:?}"
        );
    }
    assert_eq!(entries[1]["base_fail_tests"], json!([]));
    assert_eq!(entries[1]["plus_fail_tests"], json!([["plus/0"]]));
    let alone = of(VerdictKind::Incomplete, vec![case("base/0", Passed, "")]);
    let graded = [bigcodebench::Graded {
        solution: "",
        verdict: &alone,
    }];
    let entry = &evalplus::entries(&task, graded, set, |_| None)[0];
    assert_eq!(entry["base_status"], "fail");
    assert_eq!(entry["plus_status"], json!(null));
    let mut out = Vec::new();
    evalplus::write(&mut out, "d", "h", [(task, entries)]).unwrap();
    let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&read["date"], &read["hash"]), (&json!("d"), &json!("h")));
    assert_eq!(read["eval"]["HumanEval/0"].as_array().unwrap().len(), 6);
}
