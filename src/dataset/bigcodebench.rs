//! BigCodeBench: one record a task, tested by a `unittest` class.

use std::collections::BTreeMap;

use super::error::Fault;
use super::record::Record;
use super::task::{Task, Tests};

/// The task of one record.
///
/// The preamble is what the official evaluator puts before a sample by default: the imports and the
/// signature with an empty body, so that a sample which forgot an import is not failed for it.
pub(super) fn task(record: &Record<'_>) -> Result<Task, Fault> {
    let prompt = record.required_text("complete_prompt")?;
    let preamble = record
        .text("code_prompt")?
        .map(|code| code + "\n    pass\n")
        .unwrap_or_default();
    let ground_truth = record
        .text("canonical_solution")?
        .map(|body| format!("{prompt}\n{body}"));
    let mut labels = BTreeMap::new();
    if let Some(libs) = record.text("libs")? {
        labels.insert("libs".to_owned(), library_names(&libs).join(","));
    }
    Ok(Task {
        id: record.required_text("task_id")?.into(),
        entry_point: record.required_text("entry_point")?,
        prompt,
        preamble,
        ground_truth,
        tests: Tests::Unittest {
            source: record.required_text("test")?,
        },
        labels,
        alternatives: BTreeMap::new(),
        safety: None,
    })
}

/// The names in a list that was written with Python's `repr`, such as `"['random', 'os']"`.
/// Anything that is no module name is passed over: the field only groups reports.
fn library_names(list: &str) -> Vec<&str> {
    list.split(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c)))
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn library_lists_are_read_leniently() {
        assert_eq!(
            library_names("['random', \"scikit-learn\"]"),
            ["random", "scikit-learn"]
        );
        assert!(library_names("[]").is_empty());
        assert_eq!(library_names("os"), ["os"]);
    }
}
