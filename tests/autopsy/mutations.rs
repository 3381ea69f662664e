//! Real answers, damaged on purpose. Whoever wrote the rules wrote the damage, so that the shares are what the rules can
//! do at most, and no measure of how right they are on what models write.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fumehood::autopsy::{Class, Patient, examine_all};
use fumehood::dataset::{DatasetKind, TaskSet};

/// How many answers are damaged.
const ANSWERS: usize = 300;

fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let path = folder.join("bigcodebench/BigCodeBench-v0.1.4.jsonl.gz");
    path.is_file().then_some(path)
}

/// The lines of a program before its function's body, and the body.
fn parts(code: &str) -> Option<(Vec<&str>, Vec<&str>)> {
    let lines: Vec<&str> = code
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let start = lines
        .iter()
        .position(|line| line.starts_with("def task_func"))?;
    let mut body = start
        + lines[start..]
            .iter()
            .position(|line| line.trim_end().ends_with(':'))?
        + 1;
    // The docstring is no part of the answer.
    if lines.get(body)?.trim().starts_with("\"\"\"") {
        body += 1
            + lines[body + 1..]
                .iter()
                .position(|line| line.trim().ends_with("\"\"\""))?
            + 1;
    }
    (lines.len() > body + 5).then(|| (lines[..body].to_vec(), lines[body..].to_vec()))
}

/// The end of a body, from a statement of its own on.
fn last_quarter<'b, 'l>(body: &'b [&'l str]) -> &'b [&'l str] {
    let is_start = |line: &&str| {
        let statement = line.strip_prefix("    ").unwrap_or_default();
        let goes_on = ["else", "elif", "except", "finally", ")", "]", "}"];
        statement.starts_with(char::is_alphabetic)
            && !goes_on.iter().any(|word| statement.starts_with(word))
    };
    let wanted = body.len() * 3 / 4;
    let later = body[wanted..]
        .iter()
        .position(is_start)
        .map(|at| wanted + at);
    let start = later
        .or_else(|| body.iter().rposition(is_start))
        .unwrap_or(0);
    &body[start..]
}

#[test]
fn real_answers_damaged_in_known_ways() {
    let Some(path) = data() else {
        eprintln!("SKIPPED: ../shared/data has no BigCodeBench");
        return;
    };
    let tasks = TaskSet::load(DatasetKind::BigCodeBench, &path).unwrap();
    let mut answers = Vec::new();
    for task in tasks.iter() {
        if let Some(code) = &task.ground_truth
            && let Some(parts) = parts(code)
        {
            answers.push((task, code, parts));
        }
        if answers.len() == ANSWERS {
            break;
        }
    }
    assert_eq!(answers.len(), ANSWERS);
    let join = |head: &[&str], body: &[&str]| format!("{}\n{}\n", head.join("\n"), body.join("\n"));
    let mut damaged: Vec<(&str, Class, usize, String)> = Vec::new();
    for (at, (_, code, (head, body))) in answers.iter().enumerate() {
        let is_import = |line: &&str| line.starts_with("import ") || line.starts_with("from ");
        let rest: Vec<&str> = head
            .iter()
            .copied()
            .filter(|line| !is_import(line))
            .collect();
        let (_, other, _) = &answers[(at + 137) % ANSWERS];
        for (name, class, text) in [
            ("stub", Class::RemovedCode, join(head, &["    pass"])),
            (
                "last quarter",
                Class::RemovedCode,
                join(head, last_quarter(body)),
            ),
            (
                "renamed",
                Class::NotFollowing,
                code.replace("def task_func", "def process_data"),
            ),
            ("another's answer", Class::NotFollowing, (*other).clone()),
            ("no imports", Class::MissingImport, join(&rest, body)),
            (
                "prose",
                Class::Junk,
                format!(
                    "Sorry, but this code would be insecure, so I will not write number {at}.\n"
                ),
            ),
            (
                "repetition",
                Class::Junk,
                "the code the code the code\n".repeat(30),
            ),
            (
                "cut off",
                Class::Other,
                code[..code.trim_end().len() - 4].to_owned() + "((",
            ),
        ] {
            damaged.push((name, class, at, text));
        }
    }
    let patients: Vec<Patient<'_>> = damaged
        .iter()
        .map(|(_, _, at, after)| Patient {
            before: answers[*at].1,
            after,
            entry: "task_func",
            prompt: &answers[*at].0.prompt,
            flagged: &[],
        })
        .collect();
    let found = examine_all(&patients);
    let mut counts: BTreeMap<&str, (usize, BTreeMap<Class, usize>)> = BTreeMap::new();
    for ((name, class, ..), autopsy) in damaged.iter().zip(&found) {
        let (right, all) = counts.entry(name).or_default();
        *right += usize::from(autopsy.class == *class);
        *all.entry(autopsy.class).or_default() += 1;
    }
    for (name, least) in [
        ("stub", 1.0),
        ("last quarter", 0.85),
        ("renamed", 1.0),
        ("another's answer", 0.8),
        ("no imports", 0.9),
        ("prose", 0.99),
        ("repetition", 1.0),
        ("cut off", 0.99),
    ] {
        let (right, all) = &counts[name];
        let share = *right as f64 / ANSWERS as f64;
        eprintln!("{name}: {share:.2} {all:?}");
        assert!(share >= least, "{name}: {all:?}");
    }
}
