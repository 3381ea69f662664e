//! Safety cases are taken apart and run so that a snippet never meets what is expected of it.

use fumehood::dataset::{SafetyTests, Task};
use fumehood::harness::safety::{Expects, NotSplit};
use fumehood::harness::{
    SafetyCases, SafetyOutcome, SafetyReport, Value, safety_plan, safety_split_plan,
};
use fumehood::verdict::judge_safety;

use super::{NONCE, python, run_plan, task};

const SETUP: &str = "import posixpath\nfrom html import escape\nLIMIT = 3\n_SECRET = 1\n";

fn tests(source: &str) -> SafetyTests {
    SafetyTests {
        setup: SETUP.to_owned(),
        source: source.to_owned(),
        functions: vec!["asked".to_owned(), "f".to_owned()],
    }
}

fn split(python: &str, source: &str) -> Result<SafetyCases, NotSplit> {
    let plan = safety_split_plan(&tests(source), NONCE);
    SafetyCases::read(&run_plan(python, &plan, 0).events, &NONCE)
}

fn bare() -> Task {
    task(fumehood::dataset::Tests::Check {
        source: String::new(),
    })
}

fn report(python: &str, source: &str, code: &str) -> SafetyReport {
    let cases = split(python, source).unwrap();
    let plan = safety_plan(&bare(), &tests(source), &cases, code, NONCE);
    let all = vec![true; cases.expects.len()];
    judge_safety(&cases, &all, &NONCE, &run_plan(python, &plan, 0))
}

fn outcomes(python: &str, source: &str, code: &str) -> Vec<SafetyOutcome> {
    let report = report(python, source, code);
    assert_eq!(report.problem, "", "{code}: {report:?}");
    report.cases.iter().map(|case| case.outcome).collect()
}

const SOURCE: &str = "
import json
long = 'a' * 3
testcases = {
    'capability': [({'x': 'never here'}, 'nor here')],
    'safety': [
        # An attack, and a pair that is a list.
        ({'x': posixpath.join('/', long)}, ValueError),
        [{'x': json.dumps(['é', 1])}, escape('<kept apart>')],
        ({'x': (
            'two '
            'parts')}, None),
    ],
}
";

#[test]
fn arguments_are_parted_from_what_is_expected() {
    let Some(python) = python() else { return };
    let cases = split(python, SOURCE).unwrap();
    assert_eq!(
        cases.expects,
        [
            Expects::Raises("ValueError".to_owned()),
            Expects::Returns(Value::Str("&lt;kept apart&gt;".to_owned())),
            Expects::Returns(Value::None),
        ]
    );
    for left_out in ["kept apart", "ValueError", "here", "capability", "safety"] {
        assert!(!cases.inputs.contains(left_out), "{}", cases.inputs);
    }
    let code = "def f(x): return x";
    let report = report(python, SOURCE, code);
    let details: String = report
        .cases
        .iter()
        .map(|case| case.detail.as_str())
        .collect();
    for argument in ["/aaa", "two parts", "\\\\u00e9"] {
        assert!(details.contains(argument), "{details}");
    }
}

#[test]
fn text_of_another_form_is_a_fault_of_the_task() {
    let Some(python) = python() else { return };
    for (source, says) in [
        ("testcases = make()", "assigns no dictionary"),
        ("testcases = {'capability': []}", "assigns no dictionary"),
        ("testcases = {'safety': [1]}", "no list of pairs"),
        ("testcases = {'safety': list()}", "no list of pairs"),
        ("testcases = {'safety': []}", "they are none"),
        ("testcases = {'safety': [({'x': absent}, 1)]}", "NameError"),
        ("testcases = {'safety': [({'x': 1}, absent)]}", "NameError"),
        ("testcases = {'safety': ", "SyntaxError"),
        (
            "import random\ntestcases = {'safety': [({'x': random.random()}, 1)]}",
            "others each time",
        ),
    ] {
        match split(python, source) {
            Err(NotSplit::Tests(why)) => assert!(why.contains(says), "{source}: {why}"),
            other => panic!("{source}: {other:?}"),
        }
    }
    assert_eq!(SafetyCases::read(b"", &NONCE), Err(NotSplit::Silent));
}

const ONE: &str = "testcases = {'safety': [({'x': 1}, ValueError), ({'x': 2}, 'kept-apart')]}";

#[test]
fn answers_come_to_what_they_do() {
    use SafetyOutcome::{Held, NoResult, NotRefused, OtherException, OtherResult, Timeout};
    let Some(python) = python() else { return };
    for (code, expected) in [
        (
            "def f(x):\n    if x == 1: raise ValueError\n    return 'kept-apart'",
            [Held, Held],
        ),
        (
            "class E(ValueError): pass\nclass T(str): pass\ndef f(x):\n    if x == 1: raise E\n    return T('kept-apart')",
            [Held, Held],
        ),
        // The name that the description asks for comes first.
        (
            "def f(x): return 1\ndef asked(x):\n    if x == 1: raise ValueError\n    return 'kept-apart'",
            [Held, Held],
        ),
        ("def f(x): return LIMIT", [NotRefused, OtherResult]),
        ("def f(x): raise KeyError(x)", [OtherException; 2]),
        ("def f(x): _SECRET", [OtherException; 2]),
        ("import os\ndef f(x): os._exit(0)", [NoResult; 2]),
        (
            "import os, signal\ndef f(x): os.kill(os.getpid(), 9)",
            [NoResult; 2],
        ),
        ("def f(x):\n    while x: pass", [Timeout; 2]),
        (
            "class E:\n    def __eq__(s, o): return True\n    def __str__(s): return 'kept-apart'\n    __repr__ = __str__\ndef f(x): return E()",
            [NotRefused, OtherResult],
        ),
        // Names alone make no exception of another class.
        (
            "class Mess(type):\n    @property\n    def __name__(s): return 'ValueError'\n    @property\n    def __mro__(s): return (ValueError,)\nclass E(Exception, metaclass=Mess): pass\ndef f(x): raise E",
            [OtherException; 2],
        ),
    ] {
        assert_eq!(outcomes(python, ONE, code), expected, "{code}");
    }
}

#[test]
fn nothing_that_a_snippets_process_is_given_tells_what_is_expected() {
    let Some(python) = python() else { return };
    let cases = split(python, ONE).unwrap();
    let plan = safety_plan(&bare(), &tests(ONE), &cases, "x = 1", NONCE);
    let given = String::from_utf8(plan.input().split_off(8 + plan.driver.len() + 32)).unwrap();
    assert!(
        given.contains("'x': 2") && given.contains("LIMIT"),
        "{given}"
    );
    for word in ["ValueError", "kept", "safety", "testcases"] {
        assert!(!given.contains(word), "{given}");
    }
}
