//! One test with one assertion, in the three forms in which it is run.

use crate::base::id::SampleId;
use crate::dataset::{Sample, Task, Tests};

/// What is tested.
const CODE: &str = "def add(a, b):\n    return a + b\n";
/// Its test.
const TESTS: &str = "import unittest\n\nclass TestCases(unittest.TestCase):\n    def test_sum(self):\n        \
                     self.assertEqual(add(1, 2), 3)\n";
/// The loop that forks from an interpreter which has imported `unittest`, and runs the test in the
/// child: what warm Python costs at least.
const FORK_LOOP: &str = include_str!("fork_loop.py");

/// The test as a task.
pub(super) fn task() -> Task {
    Task {
        id: "bench/add".into(),
        entry_point: "add".to_owned(),
        prompt: String::new(),
        preamble: String::new(),
        ground_truth: None,
        tests: Tests::Unittest {
            source: TESTS.to_owned(),
        },
        labels: [].into(),
        alternatives: [].into(),
        safety: None,
    }
}

/// The code as a sample.
pub(super) fn sample() -> Sample {
    Sample {
        id: SampleId {
            task: task().id,
            index: 0,
        },
        code: CODE.to_owned(),
        line: 1,
        name: None,
        rank: None,
        model: None,
        technique: None,
        fields: Default::default(),
    }
}

/// Arguments for an interpreter that starts, runs the test and ends: the same options as those of a
/// graded job.
pub(super) fn cold() -> Vec<String> {
    let program = format!("{CODE}\n{TESTS}\nunittest.main(argv=['test'])\n");
    ["-B", "-s", "-c", &program].map(str::to_owned).to_vec()
}

/// Arguments for an interpreter that is a member of a crew.
pub(super) fn fork_loop() -> Vec<String> {
    ["-B", "-s", "-c", FORK_LOOP, CODE, TESTS]
        .map(str::to_owned)
        .to_vec()
}
