//! The drivers under a real interpreter, without a sandbox: honest code gets its verdict, and no
//! trick of a snippet gets a pass.
//!
//! Needs `python3` and `sh` on PATH; every test says so and does nothing where they are absent.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // helpers outside #[test] functions

#[path = "harness/control.rs"]
mod control;
#[path = "harness/harmless.rs"]
mod harmless;
#[path = "harness/hostile.rs"]
mod hostile;
#[path = "harness/pairs.rs"]
mod pairs;
#[path = "harness/prepared.rs"]
mod prepared;
#[path = "harness/safety.rs"]
mod safety;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use fumehood::dataset::{Task, Tests};
use fumehood::harness::{
    CaseOutcome, Grading, Plan, PreparedTests, Reference, Transcript, control_plan, launch, plan,
    prepare_plan,
};
use fumehood::verdict::{Control, Step, Verdict, VerdictKind, judge};
use fumehood::worker::{Captured, End, Observation, Usage};

const NONCE: [u8; 32] = *b"0123456789abcdef0123456789abcdef";

fn task(tests: Tests) -> Task {
    Task::bare("T/1", "f", tests)
}

fn python() -> Option<&'static str> {
    let found = Command::new("python3")
        .args(["-c", "import sys; sys.exit(sys.version_info < (3, 8))"])
        .status()
        .is_ok_and(|status| status.success());
    if found {
        return Some("python3");
    }
    eprintln!("SKIPPED: there is no python3 of version 3.8 or later on PATH");
    None
}

/// Runs a plan as a worker would, but with nothing around it.
fn run(python: &str, task: &Task, code: &str, grading: Grading, seed: u32) -> Observation {
    run_plan(python, &plan(task, code, grading, NONCE, None, None), seed)
}

fn run_plan(python: &str, plan: &Plan, seed: u32) -> Observation {
    let folder = tempfile::tempdir().unwrap();
    let (input, events) = (folder.path().join("input"), folder.path().join("events"));
    std::fs::write(&input, plan.input()).unwrap();
    std::fs::write(&events, b"").unwrap();
    let work = folder.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let output = Command::new("sh")
        .args([
            "-c",
            r#"in=$1 out=$2; shift 2; exec "$@" 3<"$in" 4>>"$out""#,
            "sh",
        ])
        .args([&input, &events])
        .args(launch::command(python))
        .envs(launch::environment(Path::new("/usr/bin/python3"), seed))
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .current_dir(&work)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let captured = |bytes: Vec<u8>| Captured {
        total: bytes.len() as u64,
        bytes,
    };
    Observation {
        end: match output.status.code() {
            Some(code) => End::Exited(code),
            None => End::Signaled(9),
        },
        limit: None,
        usage: Usage {
            cpu: Duration::ZERO,
            wall: Duration::ZERO,
            peak_memory: None,
        },
        stdout: captured(output.stdout),
        stderr: captured(output.stderr),
        events: std::fs::read(&events).unwrap(),
        events_overflow: false,
        behaviour: None,
        course: Box::default(),
    }
}

fn prepared(python: &str, task: &Task, alter: bool) -> PreparedTests {
    let observation = run_plan(python, &prepare_plan(task, NONCE, alter), 0);
    PreparedTests::read(&observation.events, &NONCE).unwrap()
}

fn grade(python: &str, task: &Task, code: &str) -> Verdict {
    let observation = run(python, task, code, Grading::Strict, 0);
    let verdict = judge(task, code, Grading::Strict, None, &NONCE, &observation);
    if !Control::is_needed(task, &verdict) {
        return verdict;
    }
    let mut control = Control::new(verdict);
    loop {
        let altered = prepared(python, task, true);
        let plan = control_plan(task, code, Grading::Strict, NONCE, &altered, false);
        control = match control.take(&NONCE, &run_plan(python, &plan, 0)) {
            Step::Done(verdict) => return verdict,
            Step::Again(control) => control,
            Step::NotRun(_, reason) => panic!("{reason}"),
        };
    }
}

fn grade_against(python: &str, task: &Task, truth: &str, code: &str, grading: Grading) -> Verdict {
    let runs: Vec<Transcript> = [1, 2]
        .map(|seed| Transcript::read(&run(python, task, truth, grading, seed).events, &NONCE))
        .into();
    let reference = Reference::from_runs(&runs);
    let json = serde_json::to_string(&reference).unwrap();
    assert_eq!(serde_json::from_str::<Reference>(&json).unwrap(), reference);
    let plan = plan(task, code, grading, NONCE, Some(&reference), None);
    let observation = run_plan(python, &plan, 0);
    judge(task, code, grading, Some(&reference), &NONCE, &observation)
}

fn outcomes(verdict: &Verdict) -> Vec<CaseOutcome> {
    verdict.cases.iter().map(|case| case.outcome).collect()
}

const UNITTEST: &str = "
import unittest
from unittest.mock import patch, MagicMock

class TestCases(unittest.TestCase):
    def setUp(self):
        self.base = 1
    def test_one(self):
        self.assertEqual(f(1), 2)
    def test_three(self):
        with patch('builtins.print') as shown:
            value = f(3)
        assert value == 4
        self.assertAlmostEqual(value, 4.0)
    @patch('os.getcwd', return_value='x')
    def test_two(self, cwd):
        self.assertTrue(f(2) == 3)
        self.assertIn(f(2), [3])
        self.assertIsInstance(f(2), int)
";

fn unittest() -> Task {
    task(Tests::Unittest {
        source: UNITTEST.to_owned(),
    })
}

#[test]
fn unittest_grades_honest_code() {
    let Some(python) = python() else { return };
    use CaseOutcome::{Error, Failed, Passed, Skipped};
    let verdict = grade(
        python,
        &unittest(),
        "def f(x):\n    print(x)\n    return x + 1\n",
    );
    assert_eq!(
        (verdict.kind, verdict.declared),
        (VerdictKind::Passed, 3),
        "{verdict:?}"
    );
    let ids: Vec<&str> = verdict.cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids, ["test_one", "test_three", "test_two"]);

    let verdict = grade(
        python,
        &unittest(),
        "def f(x):\n    return x + 1 if x < 3 else 1 // 0",
    );
    assert_eq!(verdict.kind, VerdictKind::Failed);
    assert_eq!(outcomes(&verdict), [Passed, Error, Passed]);

    let verdict = grade(python, &unittest(), "def f(x):\n    return 2");
    assert_eq!(outcomes(&verdict), [Passed, Failed, Failed]);

    let skip = "import unittest\ndef f(x):\n    raise unittest.SkipTest('no')";
    let verdict = grade(python, &unittest(), skip);
    assert_eq!(
        (verdict.kind, outcomes(&verdict)),
        (VerdictKind::Failed, vec![Skipped; 3])
    );

    let leave = "def f(x):\n    if x == 1: raise KeyboardInterrupt\n    if x == 3: raise SystemExit\n    return 3";
    let verdict = grade(python, &unittest(), leave);
    assert_eq!(outcomes(&verdict), [Error, Error, Passed], "{verdict:?}");
}

#[test]
fn code_that_does_not_load_is_an_error() {
    let Some(python) = python() else { return };
    for code in [
        "def f(x:",
        "import sys\nsys.exit(0)",
        "1 // 0",
        "raise KeyboardInterrupt",
        "x = '''",
    ] {
        let verdict = grade(python, &unittest(), code);
        assert_eq!(
            (verdict.kind, verdict.declared),
            (VerdictKind::Error, 3),
            "{code}"
        );
    }
    let verdict = grade(python, &unittest(), "# nothing\n\n");
    assert_eq!(verdict.kind, VerdictKind::NoCode);
}

#[test]
fn fixtures_that_fail_fail_the_sample() {
    let Some(python) = python() else { return };
    let source = |what: &str| {
        let body = format!(
            "import unittest\nclass TestCases(unittest.TestCase):\n    @classmethod\n    def {what}(cls):\n        f(9)\n    def test_a(self):\n        pass\n"
        );
        task(Tests::Unittest { source: body })
    };
    for what in ["setUpClass", "tearDownClass"] {
        let good = grade(python, &source(what), "def f(x): pass");
        assert_eq!(good.kind, VerdictKind::Passed, "{what}: {good:?}");
        let bad = grade(python, &source(what), "def f(x): 1 // 0");
        assert_eq!(bad.kind, VerdictKind::Failed, "{what}: {bad:?}");
    }
}

#[test]
fn no_hostile_snippet_passes_unittest() {
    let Some(python) = python() else { return };
    for (what, code) in hostile::HOSTILE {
        let verdict = grade(python, &unittest(), code);
        assert_ne!(verdict.kind, VerdictKind::Passed, "{what}");
        assert_ne!(verdict.kind, VerdictKind::Infra, "{what}: {verdict:?}");
        if verdict.kind == VerdictKind::Tampered {
            assert!(!outcomes(&verdict).contains(&CaseOutcome::Passed), "{what}");
        }
        eprintln!("{what}: {} ({})", verdict.kind, verdict.detail);
    }
}

fn cases(source: &str) -> Task {
    task(Tests::Cases {
        setup: "import os\nLIMIT = 10\n_hidden = 1\n".to_owned(),
        source: source.to_owned(),
    })
}

const CASES: &str = "function = 'f'\ntest_cases = [{'x': 1}, {'x': 2}, {'x': -1}, {'x': 1}]\n";
const TRUTH: &str = "
def f(x):
    if x < 0:
        raise ValueError('negative')
    return {'n': [x, LIMIT], 's': {x, x + 1}}
";

#[test]
fn cases_compare_outside_the_process() {
    let Some(python) = python() else { return };
    let grade = |code: &str, grading| grade_against(python, &cases(CASES), TRUTH, code, grading);
    let verdict = grade(TRUTH, Grading::Strict);
    assert_eq!(
        (verdict.kind, verdict.declared),
        (VerdictKind::Passed, 4),
        "{verdict:?}"
    );

    // Equal values of other types are equal; an exception counts by its class.
    let other = "def f(x):\n    if x < 0: raise ValueError('another text')\n    return {'s': frozenset([x + 1.0, x]), 'n': [float(x), 10]}\n";
    assert_eq!(grade(other, Grading::Strict).kind, VerdictKind::Passed);
    // By `repr` they are not. Of the two cases with equal arguments only the last counts.
    let paper = grade(other, Grading::Paper);
    assert_eq!(
        (paper.kind, paper.declared),
        (VerdictKind::Failed, 3),
        "{paper:?}"
    );
    assert_eq!(grade(TRUTH, Grading::Paper).kind, VerdictKind::Passed);

    for (what, code) in [
        (
            "a liar",
            "class E(dict):\n    def __eq__(s, o): return True\n    def __repr__(s): return \"{'n': [1, 10], 's': {1, 2}}\"\ndef f(x): return E()",
        ),
        ("leaving", "import os\ndef f(x): os._exit(0)"),
        ("a huge value", "def f(x): return 'x' * 50_000_000"),
        (
            "a cycle",
            "def f(x):\n    l = []\n    l.append(l)\n    return l",
        ),
        (
            "depth",
            "def f(x):\n    l = []\n    for _ in range(100000): l = [l]\n    return l",
        ),
        (
            "a raising repr",
            "class E:\n    def __repr__(s): raise BaseException\ndef f(x): return E()",
        ),
        (
            "an endless exception",
            "class E(ValueError):\n    def __str__(s): return 'x' * 10_000_000\ndef f(x): raise E",
        ),
        ("a lone surrogate", "def f(x): return '\\ud800'"),
        ("a huge int", "def f(x): return 10 ** 100_000"),
        ("nothing", "def f(x): pass"),
        (
            "garbage on all descriptors",
            "import os\ndef f(x):\n    for n in range(3, 4096):\n        try: os.write(n, b'x' * 20)\n        except OSError: pass\n    os._exit(0)",
        ),
        ("a renamed function", "def g(x): return 1"),
        (
            "pickle",
            "import os\nclass E:\n    def __reduce__(s): return (os._exit, (0,))\ndef f(x): return E()",
        ),
    ] {
        let verdict = grade(code, Grading::Strict);
        assert!(
            !matches!(verdict.kind, VerdictKind::Passed | VerdictKind::Infra),
            "{what}: {verdict:?}"
        );
        eprintln!("{what}: {} ({})", verdict.kind, verdict.detail);
    }
}

#[test]
fn cases_without_a_stable_answer_are_undecided() {
    let Some(python) = python() else { return };
    let truth = "import os\ndef f(x):\n    return os.urandom(8) if x == 1 else (object() if x == 2 else 3)\n";
    let verdict = grade_against(python, &cases(CASES), truth, truth, Grading::Strict);
    // The two random cases count nowhere; an object compares by its class.
    assert_eq!(
        (verdict.kind, verdict.declared),
        (VerdictKind::Passed, 2),
        "{verdict:?}"
    );

    let broken = "def f(x:";
    let verdict = grade_against(python, &cases(CASES), broken, TRUTH, Grading::Strict);
    assert_eq!((verdict.kind, verdict.declared), (VerdictKind::Error, 0));
    assert!(
        verdict.detail.contains("does not load"),
        "{}",
        verdict.detail
    );
}

#[test]
fn subclasses_count_by_their_payload() {
    let Some(python) = python() else { return };
    let truth = "
import collections
def f(x):
    P = collections.namedtuple('P', 'a b')
    class S(str):
        def __str__(self): return 'lie'
        def __eq__(self, other): return True
        __hash__ = None
    return [collections.Counter('aab'), collections.OrderedDict(k=1), P(1, 2), S('s'), bytearray(b'x')]
";
    let plain = "def f(x): return [{'a': 2, 'b': 1}, {'k': 1}, (1, 2), 's', b'x']";
    let verdict = grade_against(python, &cases(CASES), truth, plain, Grading::Strict);
    assert_eq!(verdict.kind, VerdictKind::Passed, "{verdict:?}");
    let wrong = "def f(x): return [{'a': 2, 'b': 1}, {'k': 1}, (1, 2), 'lie', b'x']";
    let verdict = grade_against(python, &cases(CASES), truth, wrong, Grading::Strict);
    assert_eq!(verdict.kind, VerdictKind::Failed);
}

#[test]
fn asserts_are_single_cases() {
    let Some(python) = python() else { return };
    let asserts = [
        "assert f(1) == 2",
        "assert f(2) == 3",
        "assert isinstance(f(3), int)",
    ];
    let mbpp = task(Tests::Asserts {
        setup: "import math".to_owned(),
        asserts: asserts.map(str::to_owned).to_vec(),
    });
    assert_eq!(
        grade(python, &mbpp, "def f(x): return x + 1").kind,
        VerdictKind::Passed
    );
    let verdict = grade(python, &mbpp, "def f(x): return 2");
    use CaseOutcome::{Failed, Passed};
    assert_eq!(outcomes(&verdict), [Passed, Failed, Passed]);
    let liar = "class E(int):\n    def __eq__(s, o): return True\ndef f(x): return E(5)";
    assert_eq!(grade(python, &mbpp, liar).kind, VerdictKind::Tampered);

    let check = task(Tests::Check {
        source: "def check(candidate):\n    assert candidate(1) == 2\n    assert abs(candidate(0.1) - 1.1) < 1e-6\n".to_owned(),
    });
    assert_eq!(
        grade(python, &check, "def f(x): return x + 1").kind,
        VerdictKind::Passed
    );
    assert_eq!(
        grade(python, &check, "def f(x): return x").kind,
        VerdictKind::Failed
    );
    assert_eq!(
        grade(python, &check, "def check(c): pass").kind,
        VerdictKind::Error
    );
}

#[test]
fn a_broken_interpreter_is_not_the_samples_fault() {
    let Some(_) = python() else { return };
    let verdict = grade("false", &unittest(), "def f(x): return x + 1");
    assert_eq!(verdict.kind, VerdictKind::Infra, "{verdict:?}");
}

#[test]
fn tests_that_do_not_parse_are_not_the_samples_fault() {
    let Some(python) = python() else { return };
    let broken = task(Tests::Unittest {
        source: "class TestCases(:".to_owned(),
    });
    assert_eq!(grade(python, &broken, "x = 1").kind, VerdictKind::Infra);
    let empty = task(Tests::Unittest {
        source: "import unittest\nclass TestCases(unittest.TestCase): pass\n".to_owned(),
    });
    let verdict = grade(python, &empty, "x = 1");
    assert_eq!(
        (verdict.kind, verdict.declared),
        (VerdictKind::Error, 0),
        "{verdict:?}"
    );
}
