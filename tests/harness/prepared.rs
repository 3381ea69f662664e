//! Tests that were compiled in a job of their own are the same tests.

use fumehood::dataset::Tests;
use fumehood::harness::{Grading, Transcript, control_plan, plan};

use super::{NONCE, UNITTEST, prepared, python, run_plan, task};

const ANSWERS: &[&str] = &[
    "def f(x): return x + 1",
    "def f(x): return x",
    "def f(x): raise ValueError(x)",
    "def f(x): return",
    "import sys\ndef f(x):\n    return x + 1 if sys._getframe(1).f_code.co_name else 0",
    "import unittest\nunittest.TestCase.assertEqual = None\ndef f(x): return x + 1",
    "raise SystemExit",
    "def f(x",
];

#[test]
fn they_come_to_the_same() {
    let Some(python) = python() else { return };
    let unit = task(Tests::Unittest {
        source: UNITTEST.to_owned(),
    });
    let compiled = prepared(python, &unit, false);
    assert!(compiled.are_compiled());
    for code in ANSWERS {
        let [with, without] = [Some(&compiled), None].map(|prepared| {
            let plan = plan(&unit, code, Grading::Strict, NONCE, None, prepared);
            Transcript::read(&run_plan(python, &plan, 0).events, &NONCE)
        });
        assert!(with.ended, "{code}: {with:?}");
        assert_eq!(with, without, "{code}");
    }
}

#[test]
fn their_controls_are_controls() {
    let Some(python) = python() else { return };
    let unit = task(Tests::Unittest {
        source: UNITTEST.to_owned(),
    });
    let altered = prepared(python, &unit, true);
    for was_prepared in [true, false] {
        let plan = control_plan(
            &unit,
            ANSWERS[0],
            Grading::Strict,
            NONCE,
            &altered,
            was_prepared,
        );
        let transcript = Transcript::read(&run_plan(python, &plan, 0).events, &NONCE);
        assert!(transcript.ended && !transcript.altered.is_empty());
        let passed = |id: &String| {
            let result = transcript.result(id);
            format!("{result:?}").contains("Passed")
        };
        assert!(!transcript.altered.iter().any(passed), "{transcript:?}");
    }
}

#[test]
fn what_does_not_compile_is_left_to_the_driver() {
    let Some(python) = python() else { return };
    let broken = task(Tests::Unittest {
        source: "class TestCases(".to_owned(),
    });
    for alter in [false, true] {
        let prepared = prepared(python, &broken, alter);
        assert!(!prepared.are_compiled());
        let plan = plan(&broken, "", Grading::Strict, NONCE, None, Some(&prepared));
        let transcript = Transcript::read(&run_plan(python, &plan, 0).events, &NONCE);
        assert!(transcript.tests_error.is_some(), "{transcript:?}");
    }
}
