//! MBPP and MBPP+.

use std::collections::BTreeMap;

use super::error::Fault;
use super::humaneval::inputs;
use super::record::Record;
use super::task::{Task, Tests};

/// The task of one record: input/output pairs where EvalPlus's inputs are present, else the
/// original `assert` statements.
pub(super) fn task(record: &Record<'_>) -> Result<Task, Fault> {
    if record.has("base_input") {
        plus_task(record)
    } else {
        plain_task(record)
    }
}

fn plus_task(record: &Record<'_>) -> Result<Task, Fault> {
    let id = record.required_text("task_id")?;
    let prompt = record.required_text("prompt")?;
    let entry_point = record.required_text("entry_point")?;
    let number = id
        .rsplit('/')
        .next()
        .and_then(|number| number.parse::<u32>().ok());
    Ok(Task {
        tests: Tests::Pairs {
            base: inputs(record, "base_input")?,
            plus: inputs(record, "plus_input")?,
            atol: record.number("atol")?.unwrap_or(0.0),
            shape: number.map_or("plain", shape).to_owned(),
            oracle: oracle(&entry_point).to_owned(),
        },
        id: id.into(),
        entry_point,
        preamble: String::new(),
        ground_truth: record
            .text("canonical_solution")?
            .map(|body| format!("{prompt}{body}")),
        prompt,
        labels: BTreeMap::new(),
        alternatives: BTreeMap::new(),
        safety: None,
    })
}

fn plain_task(record: &Record<'_>) -> Result<Task, Fault> {
    let id = record
        .name("task_id")?
        .ok_or_else(|| record.missing("task_id"))?;
    let text = match record.text("text")? {
        Some(text) => text,
        None => record.required_text("prompt")?,
    };
    let asserts = record
        .texts("test_list")?
        .ok_or_else(|| record.missing("test_list"))?;
    let mut setup = record.text("test_setup_code")?.unwrap_or_default();
    for import in record.texts("test_imports")?.unwrap_or_default() {
        setup.push_str(&import);
        setup.push('\n');
    }
    let ground_truth = record.text("code")?;
    let entry_point = entry_point(ground_truth.as_deref().unwrap_or_default(), &asserts)
        .ok_or_else(|| {
            Fault::new(
                "no function of `code` is called in `test_list`",
                "check that both fields belong to one task",
            )
        })?;
    let example = asserts.first().map(String::as_str).unwrap_or_default();
    Ok(Task {
        id: id.into(),
        entry_point,
        prompt: format!("\"\"\"\n{text}\n{example}\n\"\"\"\n"),
        preamble: String::new(),
        ground_truth,
        tests: Tests::Asserts { setup, asserts },
        labels: BTreeMap::new(),
        alternatives: BTreeMap::new(),
        safety: None,
    })
}

/// The function under test: of those that `code` defines, the one that the first assert which
/// calls any calls first.
fn entry_point(code: &str, asserts: &[String]) -> Option<String> {
    let defined: Vec<&str> = code.lines().filter_map(defined_name).collect();
    asserts.iter().find_map(|assert| {
        defined
            .iter()
            .filter_map(|name| call_place(assert, name).map(|place| (place, *name)))
            .min()
            .map(|(_, name)| name.to_owned())
    })
}

fn defined_name(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("def ")?.trim_start();
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    Some(&rest[..end]).filter(|name| !name.is_empty())
}

fn call_place(text: &str, name: &str) -> Option<usize> {
    text.match_indices(name)
        .map(|(place, _)| place)
        .find(|place| {
            let before = text[..*place].chars().next_back();
            let after = text[place + name.len()..].trim_start();
            after.starts_with('(') && !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
}

/// The rule by which a task's JSON arguments become the Python values that its tests mean. JSON
/// has no tuple, set or complex number, so EvalPlus restores them by task number.
fn shape(number: u32) -> &'static str {
    match number {
        2 | 116 | 132 | 143 | 222 | 261 | 273 | 394 | 399 | 421 | 424 | 429 | 470 | 560 | 579
        | 596 | 616 | 630 | 726 | 740 | 744 | 809 => "tuple_args",
        63 | 64 | 70 | 94 | 120 | 237 | 272 | 299 | 400 | 409 | 417 | 438 | 473 | 614 | 780 => {
            "tuple_items"
        }
        75 | 413 | 444 | 753 => "tuple_items_first",
        106 | 750 => "tuple_second",
        115 => "set_items",
        124 => "float_complex",
        250 | 405 | 446 | 617 | 720 | 763 | 808 => "tuple_first",
        252 => "complex_first",
        259 | 401 | 445 => "tuple_deep2",
        278 => "tuple_nested_first",
        307 => "tuple_first_of_three",
        580 | 615 | 791 => "tuple_all",
        722 => "dict_tuple_values",
        _ => "plain",
    }
}

/// The rule that compares results, for the functions whose right answer is not one value.
fn oracle(entry_point: &str) -> &'static str {
    match entry_point {
        "are_equivalent" => "always",
        "sum_div" => "or_zero",
        "surface_Area" => "surface_area",
        "digit_distance_nums" => "digit_distance",
        "similar_elements"
        | "find_char_long"
        | "common_in_nested_lists"
        | "extract_singly"
        | "larg_nnum"
        | "intersection_array"
        | "find_dissimilar"
        | "Diff" => "set_equal",
        "check_str" | "text_match_three" | "text_starta_endb" => "not_none",
        _ => "equal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_under_test_is_the_one_that_is_called() {
        let code = "import re\ndef helper(a):\n    return a\ndef solve(x):\n    return helper(x)\n";
        let asserts = ["assert set(solve(helper_2(1))) == 2".to_owned()];
        assert_eq!(entry_point(code, &asserts).as_deref(), Some("solve"));
        assert_eq!(entry_point("x = 1", &asserts), None);
        assert_eq!(
            entry_point("def é(\ndef (", &["assert é(1)".to_owned()]).as_deref(),
            Some("é")
        );
    }
}
