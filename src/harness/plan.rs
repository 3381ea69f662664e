//! What a harness asks the sandbox to run.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::imports::leading;
use super::prepared::PreparedTests;
use super::reference::{Expected, Reference};
use crate::dataset::{Task, Tests};

/// Seconds of wall-clock time for one SecCodePLT+ case, as its authors' runner allows.
pub const CASE_SECONDS: f64 = 5.0;
/// Seconds of CPU time for one EvalPlus input; ten times as much by the clock, for busy hosts.
pub const PAIR_SECONDS: f64 = 1.0;
/// How many times longer than the ground truth an answer may take for an input, if that is more. Both are EvalPlus's own
/// figures, which it holds against the clock.
pub const PAIR_FACTOR: f64 = 4.0;
/// Seconds of CPU time that the ground truth itself may take for one input.
const TRUTH_SECONDS: f64 = 30.0;
/// Inputs of one answer that may run out of time; those after them are not run, and count as if they had. Four of 164
/// completions for HumanEval+ took one to two minutes each without this, more than all others together.
pub const PAIR_TIMEOUTS: usize = 3;

/// Which rules decide a case where a dataset's own scripts are known to be wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grading {
    /// Values by Python's equality on builtins, exceptions by class; a timeout never passes.
    #[default]
    Strict,
    /// As the seed's scripts do it: equal `repr`s, cases with equal arguments collapsed, a timeout
    /// equal to another timeout.
    Paper,
}

impl Grading {
    /// The name in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Paper => "paper",
        }
    }
}

/// A driver and its input, ready to be launched under any Python interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Source of the driver; it is handed to `python -c` through a bootstrap and never touches disk.
    pub driver: &'static str,
    /// The driver's input, a JSON document delivered on its own descriptor.
    pub payload: Vec<u8>,
    /// Key of the message authentication code that every event of this job carries.
    pub nonce: [u8; 32],
    /// What is imported before any code of the job could observe anything: an interpreter that has made
    /// some of these imports may run it. `None` when it must be a fresh one.
    pub imports: Option<Vec<String>>,
}

const UNITTEST: &str = concat!(
    include_str!("drivers/events.py"),
    include_str!("drivers/control.py"),
    include_str!("drivers/test_module.py"),
    include_str!("drivers/snapshot.py"),
    include_str!("drivers/looking.py"),
    include_str!("drivers/guard.py"),
    include_str!("drivers/harmless.py"),
    include_str!("drivers/watch.py"),
    include_str!("drivers/official.py"),
    include_str!("drivers/unittest.py"),
);
const CASES: &str = concat!(
    include_str!("drivers/events.py"),
    include_str!("drivers/encode.py"),
    include_str!("drivers/forked.py"),
    include_str!("drivers/cases.py"),
);
const PAIRS: &str = concat!(
    include_str!("drivers/events.py"),
    include_str!("drivers/encode.py"),
    include_str!("drivers/pairs.py"),
);
const ASSERTS: &str = concat!(
    include_str!("drivers/events.py"),
    include_str!("drivers/control.py"),
    include_str!("drivers/looking.py"),
    include_str!("drivers/guard.py"),
    include_str!("drivers/harmless.py"),
    include_str!("drivers/watch.py"),
    include_str!("drivers/asserts.py"),
);
const PREPARE: &str = concat!(
    include_str!("drivers/events.py"),
    include_str!("drivers/control.py"),
    include_str!("drivers/test_module.py"),
    include_str!("drivers/looking.py"),
    include_str!("drivers/alter.py"),
    include_str!("drivers/prepare.py"),
);

const SURVEY: &str = concat!(
    include_str!("drivers/events.py"),
    include_str!("drivers/survey.py"),
);

impl Plan {
    /// The bytes for descriptor 3: the driver's length as eight big-endian bytes, the driver, the
    /// key, the payload. The key stands apart so that the driver can wipe it once it is used.
    pub fn input(&self) -> Vec<u8> {
        let driver = self.driver.as_bytes();
        let room = 8 + driver.len() + self.nonce.len() + self.payload.len();
        let mut input = Vec::with_capacity(room);
        input.extend_from_slice(&(driver.len() as u64).to_be_bytes());
        input.extend_from_slice(driver);
        input.extend_from_slice(&self.nonce);
        input.extend_from_slice(&self.payload);
        input
    }
}

/// What to run to grade `code` as an answer to `task`. For a reference run, `code` is the ground
/// truth and there is no `reference` yet. Expected values are never part of a plan; how long the ground truth took is.
///
/// Tests that were `prepared` need not be compiled again.
pub fn plan(
    task: &Task,
    code: &str,
    grading: Grading,
    nonce: [u8; 32],
    reference: Option<&Reference>,
    prepared: Option<&PreparedTests>,
) -> Plan {
    let (driver, mut payload) = driver_and_payload(task, code, grading, reference);
    if let Some(prepared) = prepared {
        prepared.put_into(&mut payload, false, true);
    }
    Plan {
        driver,
        payload: payload.to_string().into_bytes(),
        nonce,
        imports: Some(first_imports(task, code)),
    }
}

/// The same with tests that cannot be passed: a control of a pass that may not have been earned. All else is as
/// in [`plan`], so that a snippet cannot tell it from the run that counts, which had tests that were prepared or had not;
/// but that it is never forked from a warm interpreter.
///
/// Expected values in the tests are altered at random, and tests without any are made to fail at
/// their end. Only tests that share the snippet's process can be controlled; see [`is_controlled`].
pub fn control_plan(
    task: &Task,
    code: &str,
    grading: Grading,
    nonce: [u8; 32],
    altered: &PreparedTests,
    was_prepared: bool,
) -> Plan {
    // Tests that are controlled are not judged against a reference.
    let (driver, mut payload) = driver_and_payload(task, code, grading, None);
    altered.put_into(&mut payload, true, was_prepared);
    Plan {
        driver,
        payload: payload.to_string().into_bytes(),
        nonce,
        imports: None,
    }
}

/// What to run to have the tests of `task` compiled, and altered if that is wanted; [`PreparedTests::read`] reads what it
/// reports. No snippet has part in it.
pub fn prepare_plan(task: &Task, nonce: [u8; 32], alter: bool) -> Plan {
    let (_, payload) = driver_and_payload(task, "", Grading::Strict, None);
    let payload = json!({
        "tests": payload.get("tests"), "check": payload.get("check"),
        "asserts": payload.get("asserts").cloned().unwrap_or_else(|| json!([])),
        "entry_point": task.entry_point, "alter": alter,
    });
    Plan {
        driver: PREPARE,
        payload: payload.to_string().into_bytes(),
        nonce,
        imports: None,
    }
}

/// What to run to learn what comes with each of these imports; [`Closures::read`](super::Closures::read) reads what it
/// reports. No snippet has part in it.
pub fn survey_plan(imports: &[String], nonce: [u8; 32]) -> Plan {
    Plan {
        driver: SURVEY,
        payload: json!({ "imports": imports }).to_string().into_bytes(),
        nonce,
        imports: None,
    }
}

/// Whether passes of these tests are controlled: those that run in the process of the snippet.
pub fn is_controlled(tests: &Tests) -> bool {
    match tests {
        Tests::Unittest { .. } | Tests::Asserts { .. } | Tests::Check { .. } => true,
        Tests::Cases { .. } | Tests::Pairs { .. } => false,
    }
}

/// The inputs for which an answer has more time than for others, and how much, in seconds of CPU time.
fn slow_pairs(reference: &Reference) -> Map<String, Value> {
    let limit = |case: &Expected| f64::from(case.ms) / 1000.0 * PAIR_FACTOR;
    let slow = reference
        .cases
        .iter()
        .filter(|case| limit(case) > PAIR_SECONDS);
    slow.map(|case| (case.id.clone(), json!(limit(case))))
        .collect()
}

fn driver_and_payload(
    task: &Task,
    code: &str,
    grading: Grading,
    reference: Option<&Reference>,
) -> (&'static str, Value) {
    let (driver, mut payload) = match &task.tests {
        Tests::Unittest { source } => (
            UNITTEST,
            json!({
                "preamble": task.preamble, "code": code, "tests": source, "prepared": null,
                "entry_point": task.entry_point,
                "mocks": speaks_of_mocks(&task.preamble) || speaks_of_mocks(code) || speaks_of_mocks(source),
            }),
        ),
        Tests::Cases { setup, source } => (
            CASES,
            json!({
                "setup": setup, "source": source, "preamble": task.preamble, "code": code,
                "seconds": CASE_SECONDS, "repr": grading == Grading::Paper,
            }),
        ),
        Tests::Pairs {
            base, plus, shape, ..
        } => (
            PAIRS,
            json!({
                "base": base, "plus": plus, "shape": shape, "entry_point": task.entry_point,
                "code": format!("{}{code}", task.preamble), "patience": PAIR_TIMEOUTS,
                "seconds": reference.map_or(TRUTH_SECONDS, |_| PAIR_SECONDS),
                "slow": reference.map(slow_pairs).unwrap_or_default(),
            }),
        ),
        Tests::Asserts { setup, asserts } => (
            ASSERTS,
            json!({
                "setup": setup, "asserts": asserts, "check": null,
                "entry_point": task.entry_point, "code": format!("{}{code}", task.preamble),
            }),
        ),
        Tests::Check { source } => (
            ASSERTS,
            json!({
                "setup": "", "asserts": [], "check": source,
                "entry_point": task.entry_point, "code": format!("{}{code}", task.preamble),
            }),
        ),
    };
    payload["control"] = Value::Null;
    (driver, payload)
}

/// What the driver imports first of all where tests or snippets speak of it; see `drivers/snapshot.py`.
const MOCKS: &str = "unittest.mock";

/// Whether mocks are wanted, or modules that came with them: a program may name a package and count on its parts
/// having been imported by somebody.
fn speaks_of_mocks(text: &str) -> bool {
    text.contains("mock") || text.contains("concurrent")
}

/// The imports at the head of the texts that a driver executes, in the order in which it does.
pub(super) fn first_imports(task: &Task, code: &str) -> Vec<String> {
    let text = format!("{}{code}", task.preamble);
    match &task.tests {
        Tests::Unittest { source } => {
            let mut imports = leading(&[&text, source]);
            if speaks_of_mocks(&text) || speaks_of_mocks(source) {
                // The driver itself imports them first of all.
                imports.retain(|import| import != MOCKS);
                imports.insert(0, MOCKS.to_owned());
            }
            imports
        }
        Tests::Cases { setup, source } => leading(&[source, setup, &text]),
        Tests::Asserts { setup, .. } => leading(&[&text, setup]),
        Tests::Pairs { .. } | Tests::Check { .. } => leading(&[&text]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::launch::waiting;

    #[test]
    fn every_driver_can_wait() {
        for driver in [
            UNITTEST,
            CASES,
            PAIRS,
            ASSERTS,
            PREPARE,
            super::super::safety::SAFETY,
            super::super::safety::SPLIT,
        ] {
            let waiting = waiting(driver).unwrap();
            let definitions = driver.strip_suffix("main()\n").unwrap();
            assert!(waiting.starts_with(definitions));
            assert!(waiting.ends_with("\ndel keep\nmain()\n"));
        }
        assert!(waiting("main()").is_none());
    }

    #[test]
    fn imports_are_those_that_run_before_anything_can_look() {
        let task = |tests: Tests| -> Task {
            serde_json::from_value(serde_json::json!({
                "id": "T/1", "entry_point": "f", "prompt": "", "preamble": "import a\n",
                "ground_truth": null, "alternatives": {}, "tests": tests, "labels": {},
            }))
            .unwrap()
        };
        let imports = |tests: Tests, code: &str| {
            plan(&task(tests), code, Grading::Strict, [0; 32], None, None)
                .imports
                .unwrap()
        };
        let unittest = Tests::Unittest {
            source: "import t\n".to_owned(),
        };
        assert_eq!(
            imports(unittest.clone(), "import b\ndef f(): pass"),
            ["a", "b", "t"]
        );
        assert_eq!(imports(unittest.clone(), "import b\nf()"), ["a", "b"]);
        let speaks = "import b\nimport unittest.mock\nx = 'mock'";
        assert_eq!(
            imports(unittest.clone(), speaks),
            ["unittest.mock", "a", "b", "t"]
        );
        assert_eq!(
            imports(unittest.clone(), "x = f()\nconcurrent = 1"),
            ["unittest.mock", "a"]
        );
        let cases = Tests::Cases {
            setup: "import s".to_owned(),
            source: "import t\ntest_cases = [{'x': 1}]".to_owned(),
        };
        assert_eq!(imports(cases, "import b"), ["t", "s", "a", "b"]);
        let check = Tests::Check {
            source: "import t".to_owned(),
        };
        assert_eq!(imports(check, "import b"), ["a", "b"]);
        let task = task(unittest);
        // Controls, and what prepares tests, have an interpreter of their own.
        let altered = PreparedTests::default();
        let control = control_plan(&task, "import b", Grading::Strict, [0; 32], &altered, true);
        assert_eq!(control.imports, None);
        assert_eq!(prepare_plan(&task, [0; 32], true).imports, None);
    }
}
