//! HumanEval and HumanEval+.

use std::collections::BTreeMap;

use super::error::Fault;
use super::record::{Record, wrong_type};
use super::task::{Task, Tests};

/// The task of one record: input/output pairs where EvalPlus's inputs are present, else the
/// original `check` function.
pub(super) fn task(record: &Record<'_>) -> Result<Task, Fault> {
    let prompt = record.required_text("prompt")?;
    let entry_point = record.required_text("entry_point")?;
    let tests = if record.has("base_input") {
        // Any root of the polynomial is right, so the returned value is put into it.
        let oracle = match entry_point.as_str() {
            "find_zero" => "poly_zero",
            _ => "equal",
        };
        Tests::Pairs {
            base: inputs(record, "base_input")?,
            plus: inputs(record, "plus_input")?,
            atol: record.number("atol")?.unwrap_or(0.0),
            shape: "plain".to_owned(),
            oracle: oracle.to_owned(),
        }
    } else {
        Tests::Check {
            source: record.required_text("test")?,
        }
    };
    Ok(Task {
        id: record.required_text("task_id")?.into(),
        entry_point,
        preamble: String::new(),
        ground_truth: record
            .text("canonical_solution")?
            .map(|body| format!("{prompt}{body}")),
        prompt,
        tests,
        labels: BTreeMap::new(),
        alternatives: BTreeMap::new(),
        safety: None,
    })
}

/// A list of argument lists, as it is written in the file. EvalPlus writes `{}` for none.
pub(super) fn inputs(record: &Record<'_>, name: &str) -> Result<String, Fault> {
    match record.raw(name) {
        Some(list) if list.starts_with('[') => Ok(list.to_owned()),
        Some(none) if none.split_ascii_whitespace().collect::<String>() == "{}" => {
            Ok("[]".to_owned())
        }
        None => Ok("[]".to_owned()),
        Some(other) => Err(wrong_type(name, other, "a list of argument lists")),
    }
}
