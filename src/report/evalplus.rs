//! EvalPlus's own result file, `*_eval_results.json`:
//! `{"date", "hash", "eval": {task: [{"task_id", "solution", "base_status", "plus_status",
//! "base_fail_tests", "plus_fail_tests"}]}}`.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::bigcodebench::{Graded, write_with};
use crate::base::id::TaskId;
use crate::harness::{CaseOutcome, CaseReport};
use crate::verdict::{Verdict, VerdictKind};

/// Which of a task's two sets of tests a case belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// The original tests.
    Base,
    /// The tests that EvalPlus added.
    Plus,
}

/// The entries of one task, in the order given. `set` tells by a case's name where it belongs, and
/// `input` gives its arguments where they are known; as the official evaluator does by default, the
/// first case that did not hold is listed.
///
/// Samples without a verdict of their own (`infra`) are left out. `plus_status` is null for tasks
/// without added tests.
pub fn entries<'a>(
    task: &TaskId,
    samples: impl IntoIterator<Item = Graded<'a>>,
    set: impl Fn(&str) -> Set,
    input: impl Fn(&str) -> Option<Value>,
) -> Vec<Value> {
    samples
        .into_iter()
        .filter(|sample| sample.verdict.kind != VerdictKind::Infra)
        .map(|sample| {
            let of = |wanted| {
                let cases = sample.verdict.cases.iter();
                cases
                    .filter(|case| set(&case.id) == wanted)
                    .collect::<Vec<_>>()
            };
            let (base, plus) = (of(Set::Base), of(Set::Plus));
            let [base_status, plus_status] = statuses(sample.verdict, &base, &plus);
            let failed = |cases: &[&CaseReport]| -> Vec<Value> {
                let first = cases.iter().find(|case| !holds(case));
                first.and_then(|case| input(&case.id)).into_iter().collect()
            };
            json!({
                "task_id": task.as_str(),
                "solution": sample.solution,
                "base_status": base_status,
                "plus_status": plus_status,
                "base_fail_tests": failed(&base),
                "plus_fail_tests": failed(&plus),
            })
        })
        .collect()
}

/// Writes a whole file, one task at a time; `date` and the dataset's `hash` stand as given.
///
/// # Errors
/// When writing fails.
pub fn write(
    out: &mut impl Write,
    date: &str,
    hash: &str,
    tasks: impl IntoIterator<Item = (TaskId, Vec<Value>)>,
) -> io::Result<()> {
    write_with(out, &[("date", date), ("hash", hash)], tasks)
}

/// The status of the original and of the added tests. The scripts count a sample as passed when
/// both are `pass` (or the first, where the second is null), so at least one says otherwise for any
/// sample that did not pass, even when every case held before it cheated or died.
fn statuses(
    verdict: &Verdict,
    base: &[&CaseReport],
    plus: &[&CaseReport],
) -> [Option<&'static str>; 2] {
    let miss = if verdict.kind == VerdictKind::Timeout {
        "timeout"
    } else {
        "fail"
    };
    let passed = verdict.kind == VerdictKind::Passed;
    let trusted = !matches!(verdict.kind, VerdictKind::Tampered | VerdictKind::NoCode);
    let held = |cases: &[&CaseReport]| cases.iter().all(|case| holds(case));
    let word = |good: bool| Some(if good { "pass" } else { miss });
    let decided = |cases: &[&CaseReport]| {
        cases
            .iter()
            .any(|case| case.outcome != CaseOutcome::Undecided)
    };
    if !decided(plus) {
        let added = if plus.is_empty() { None } else { word(passed) };
        return [word(passed), added];
    }
    let base_good = passed || (trusted && decided(base) && held(base));
    [
        word(base_good),
        word(passed || (held(plus) && !base_good && trusted)),
    ]
}

fn holds(case: &CaseReport) -> bool {
    matches!(case.outcome, CaseOutcome::Passed | CaseOutcome::Undecided)
}
