//! BigCodeBench's own result file, `*_eval_results.json`, so that scripts written for it go on
//! working: `{"date": …, "eval": {task: [{"task_id", "solution", "status", "details"}]}}`.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::base::id::TaskId;
use crate::harness::CaseOutcome;
use crate::verdict::official::bigcodebench_status;
use crate::verdict::{Verdict, VerdictKind};

/// One sample of a task.
#[derive(Clone, Copy, Debug)]
pub struct Graded<'a> {
    /// The program that was run, with what the evaluator puts before it.
    pub solution: &'a str,
    /// Its verdict.
    pub verdict: &'a Verdict,
}

/// The entries of one task, in the order given.
///
/// The format has no word for a failure of the evaluator itself, so samples without a verdict of
/// their own (`infra`) are left out rather than counted as the model's failures. `details` holds
/// the cases that ran and did not hold; where there are none, `ALL` says why the sample failed.
pub fn entries<'a>(task: &TaskId, samples: impl IntoIterator<Item = Graded<'a>>) -> Vec<Value> {
    samples
        .into_iter()
        .filter(|sample| sample.verdict.kind != VerdictKind::Infra)
        .map(|sample| {
            json!({
                "task_id": task.as_str(),
                "solution": sample.solution,
                "status": bigcodebench_status(sample.verdict),
                "details": details(sample.verdict),
            })
        })
        .collect()
}

/// Writes a whole file, one task at a time. `date` stands as it is given (the official evaluator
/// writes `2026-11-22 12:30`).
///
/// # Errors
/// When writing fails.
pub fn write(
    out: &mut impl Write,
    date: &str,
    tasks: impl IntoIterator<Item = (TaskId, Vec<Value>)>,
) -> io::Result<()> {
    write_with(out, &[("date", date)], tasks)
}

/// Writes `{…head, "eval": {task: entries}}`. Tasks without entries are left out: the official
/// scripts divide by their number.
pub(super) fn write_with(
    out: &mut impl Write,
    head: &[(&str, &str)],
    tasks: impl IntoIterator<Item = (TaskId, Vec<Value>)>,
) -> io::Result<()> {
    out.write_all(b"{")?;
    for (key, value) in head {
        write!(out, "{}: {}, ", Value::from(*key), Value::from(*value))?;
    }
    out.write_all(b"\"eval\": {")?;
    let mut separator = "\n";
    for (task, entries) in tasks {
        if entries.is_empty() {
            continue;
        }
        write!(out, "{separator}{}: ", Value::from(task.as_str()))?;
        serde_json::to_writer(&mut *out, &entries)?;
        separator = ",\n";
    }
    out.write_all(b"\n}}\n")
}

fn details(verdict: &Verdict) -> Value {
    let mut details = Map::new();
    if verdict.kind == VerdictKind::Passed {
        return Value::Object(details);
    }
    for case in &verdict.cases {
        if matches!(
            case.outcome,
            CaseOutcome::Failed | CaseOutcome::Error | CaseOutcome::Skipped | CaseOutcome::Timeout
        ) {
            let name = case.id.rsplit('.').next().unwrap_or(&case.id);
            details.insert(name.to_owned(), case.detail.clone().into());
        }
    }
    if details.is_empty() && verdict.kind != VerdictKind::Timeout {
        let why = if verdict.detail.is_empty() {
            verdict.kind.name()
        } else {
            &verdict.detail
        };
        details.insert("ALL".to_owned(), why.into());
    }
    Value::Object(details)
}
