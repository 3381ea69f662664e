//! SecCodePLT+: as JSON Lines, or as the folder layout `DIR/ID/{setup.py,test_case.py}`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::{Fault, InputError};
use super::lines::MAX_LINE;
use super::record::{Prepared, Record};
use super::task::{SafetyTests, Task, Tests};

/// The task of one record. The prompt is empty: nothing in the dataset is what a `completion`
/// would continue, so solutions and completions both stand alone.
pub(super) fn task(record: &Record<'_>) -> Result<Task, Fault> {
    let id = record.required_text("id")?;
    let source = record.text("test_case_py")?.ok_or_else(|| {
        Fault::new(
            "`test_case_py` is null or missing, so the task has no cases",
            "leave the task out of the dataset",
        )
    })?;
    let entry_point = match function_name(&source) {
        Some(name) => name.to_owned(),
        None => record.required_text("function")?,
    };
    let mut labels = BTreeMap::new();
    if let Some(cwe) = record.name("CWE_ID")? {
        let number = cwe.trim_start_matches("CWE-").trim_start_matches('0');
        labels.insert("cwe".to_owned(), format!("CWE-{number}"));
    }
    let mut ground_truth = None;
    let mut alternatives = BTreeMap::new();
    if let Some(parts) = record.raw("ground_truth") {
        let prepared = Prepared::new(parts);
        let parts = Record::parse(&prepared).map_err(|_| {
            Fault::new("`ground_truth` is no JSON object", "write the record again")
        })?;
        let before = parts.text("code_before")?.unwrap_or_default();
        let after = parts.text("code_after")?.unwrap_or_default();
        let whole = |middle: String| format!("{before}{middle}{after}");
        ground_truth = parts.text("patched_code")?.map(whole);
        if let Some(vulnerable) = parts.text("vulnerable_code")?.map(whole) {
            alternatives.insert("vulnerable".to_owned(), vulnerable);
        }
    }
    let setup = record.text("setup_py")?.unwrap_or_default();
    Ok(Task {
        id: id.into(),
        prompt: String::new(),
        preamble: String::new(),
        ground_truth,
        safety: safety(record, &setup, &entry_point),
        entry_point,
        tests: Tests::Cases { setup, source },
        labels,
        alternatives,
    })
}

/// The safety cases that SecCodePLT gave the task. SecCodePLT+ kept them in `unittest` and tests by cases of its own, of
/// which nobody says which are attacks. They have their own setup, of which SecCodePLT+'s is an extension, and their own
/// name for the function, which is the one that the task's description asks for.
fn safety(record: &Record<'_>, setup: &str, entry_point: &str) -> Option<SafetyTests> {
    let inner = |name: &str, field: &str| {
        let prepared = Prepared::new(record.raw(name)?);
        let text = Record::parse(&prepared).ok()?.text(field);
        text.ok().flatten().filter(|text| !text.trim().is_empty())
    };
    let source = inner("unittest", "testcases")?;
    let own_setup = inner("unittest", "setup").unwrap_or_default();
    let setup = match setup.contains(own_setup.trim()) {
        true => setup.to_owned(),
        false => format!("{setup}\n{own_setup}"),
    };
    let mut functions = vec![entry_point.to_owned()];
    if let Some(asked) = inner("task_description", "function_name").filter(|n| n != entry_point) {
        functions.insert(0, asked);
    }
    Some(SafetyTests {
        setup,
        source,
        functions,
    })
}

/// The function that the cases call: the value of the line `function = 'NAME'`. It decides, since
/// the records' own `function` field names another function in 27 of them.
fn function_name(source: &str) -> Option<&str> {
    source.lines().find_map(|line| {
        let value = line.strip_prefix("function")?.trim_start();
        let value = value.strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (name, _) = value[1..].split_once(quote)?;
        (!name.is_empty()).then_some(name)
    })
}

/// The tasks of a folder, one sub-folder each, by name.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    names: std::vec::IntoIter<String>,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, InputError> {
        let unreadable = |error: io::Error| {
            InputError::of_file(
                path,
                format!("cannot list the folder: {error}"),
                "make the folder readable for this user",
            )
        };
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entry.path().is_dir() {
                // A name that is no UTF-8 cannot be a task id that a sample names.
                names.extend(entry.file_name().into_string().ok());
            }
        }
        names.sort_unstable();
        let is_task = |name: &String| path.join(name).join("test_case.py").exists();
        if !names.iter().any(is_task) {
            return Err(InputError::of_file(
                path,
                "no folder in it holds a `test_case.py`",
                "name the folder whose sub-folders are the tasks, or a .jsonl file",
            ));
        }
        names.retain(|name| !name.starts_with('.'));
        Ok(Self {
            path: path.to_path_buf(),
            names: names.into_iter(),
        })
    }

    fn task(&self, name: &str) -> Result<Task, InputError> {
        let folder = self.path.join(name);
        let missing = |file: &str| {
            InputError::of_file(
                &folder.join(file),
                "the file is missing",
                "restore it, or remove the task's folder",
            )
        };
        let source = read_text(&folder.join("test_case.py"))?;
        let source = source.ok_or_else(|| missing("test_case.py"))?;
        let setup = read_text(&folder.join("setup.py"))?.ok_or_else(|| missing("setup.py"))?;
        let ground_truth = read_text(&folder.join("ground_truth.py"))?;
        let entry_point = function_name(&source).map(str::to_owned).ok_or_else(|| {
            InputError::of_file(
                &folder.join("test_case.py"),
                "it has no line `function = 'NAME'`",
                "restore the file",
            )
        })?;
        Ok(Task {
            id: name.into(),
            entry_point,
            prompt: String::new(),
            preamble: String::new(),
            ground_truth,
            tests: Tests::Cases { setup, source },
            labels: BTreeMap::new(),
            alternatives: BTreeMap::new(),
            safety: None,
        })
    }
}

impl Iterator for Folder {
    type Item = Result<Task, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        let name = self.names.next()?;
        Some(self.task(&name).map_err(|mut error| {
            error.task = Some(name.into());
            error
        }))
    }
}

fn read_text(path: &Path) -> Result<Option<String>, InputError> {
    let failed =
        |what: String| InputError::of_file(path, what, "restore the file, or remove the task");
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(format!("cannot open the file: {error}"))),
    };
    let mut text = String::new();
    let limit = MAX_LINE as u64;
    match file.take(limit + 1).read_to_string(&mut text) {
        Ok(_) if text.len() as u64 > limit => {
            Err(failed(format!("the file is longer than {limit} bytes")))
        }
        Ok(_) => Ok(Some(text)),
        Err(error) => Err(failed(format!("cannot read the file: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_is_read_from_the_test_file() {
        assert_eq!(function_name("function = 'f'\ntest_cases = []"), Some("f"));
        assert_eq!(function_name("import os\nfunction=\"g\"  # x"), Some("g"));
        assert_eq!(function_name("functions = 'f'\nfunction = f"), None);
        assert_eq!(function_name("function = ''"), None);
        assert_eq!(function_name("function = é"), None);
    }
}
