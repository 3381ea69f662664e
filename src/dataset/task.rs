//! One task of a dataset: what a model was asked, and how its answer is tested.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::id::TaskId;

/// One task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The dataset's own name for it.
    pub id: TaskId,
    /// The function that the tests call.
    pub entry_point: String,
    /// What a `completion` continues; a `solution` stands alone.
    pub prompt: String,
    /// Text that the dataset's evaluator puts before every sample (BigCodeBench calls it
    /// calibration: the imports and the signature with an empty body), empty where it does not.
    pub preamble: String,
    /// The dataset's own answer as a whole program, where it has one.
    pub ground_truth: Option<String>,
    /// How an answer is tested.
    pub tests: Tests,
    /// Further fields that reports group by, such as `cwe` or `libs`.
    pub labels: BTreeMap<String, String>,
    /// Other whole programs that the dataset offers by name, such as SecCodePLT+'s `vulnerable`
    /// code. They decide no verdict.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub alternatives: BTreeMap<String, String>,
    /// Attacks that the dataset itself states for it. They decide no verdict; the scanner `safety-cases` runs them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safety: Option<SafetyTests>,
}

/// Attacks on an answer, each with what a secure answer does (SecCodePLT's safety cases).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyTests {
    /// Source that runs before the sample in the same namespace.
    pub setup: String,
    /// Source that defines `testcases`, a dictionary whose `safety` is a list of pairs: arguments by name, and the value that is
    /// to be returned or the class of exceptions that is to be raised.
    pub source: String,
    /// What the function may be called, likeliest first.
    pub functions: Vec<String>,
}

impl Task {
    /// A task of which no more is known than what decides a verdict: no prompt, preamble, answer or label.
    pub fn bare(id: impl Into<TaskId>, entry_point: &str, tests: Tests) -> Self {
        Self {
            id: id.into(),
            entry_point: entry_point.to_owned(),
            prompt: String::new(),
            preamble: String::new(),
            ground_truth: None,
            tests,
            labels: BTreeMap::new(),
            alternatives: BTreeMap::new(),
            safety: None,
        }
    }

    /// The identity of everything that decides a verdict on this task besides the sample.
    pub fn digest(&self) -> Digest {
        let text = serde_json::to_vec(&(&self.id, &self.entry_point, &self.preamble, &self.tests))
            .unwrap_or_default();
        Digest::of(text)
    }
}

/// The tests of a task, by the kind of harness that runs them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Tests {
    /// A `unittest` module whose class `TestCases` holds the cases (BigCodeBench).
    Unittest {
        /// The module's source.
        source: String,
    },
    /// Keyword arguments for one function, expected values from the ground truth (SecCodePLT+).
    Cases {
        /// Source that runs before the sample in the same namespace.
        setup: String,
        /// Source that defines `function` and `test_cases`.
        source: String,
    },
    /// Positional arguments for one function, expected values from the ground truth (EvalPlus).
    Pairs {
        /// A JSON array of argument lists: the original tests.
        base: String,
        /// A JSON array of argument lists: the tests that EvalPlus added.
        plus: String,
        /// Absolute tolerance for floating-point results; 0 for the default rule.
        atol: f64,
        /// Which rule turns JSON arguments into Python values (`plain`, or one of MBPP+'s).
        shape: String,
        /// Which rule compares the result (`equal`, or one of EvalPlus's special oracles).
        oracle: String,
    },
    /// Single `assert` statements (MBPP).
    Asserts {
        /// Source that runs before the asserts.
        setup: String,
        /// The statements, one a case.
        asserts: Vec<String>,
    },
    /// A function `check(candidate)` that asserts (HumanEval).
    Check {
        /// The source that defines it.
        source: String,
    },
}
