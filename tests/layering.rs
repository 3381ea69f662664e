//! The folders of `src/` stand in reading order in `lib.rs`; each imports only from those above it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn folders_import_only_from_those_above_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let order = declared_order(&fs::read_to_string(source.join("lib.rs")).unwrap());
    assert!(order.len() > 5, "lib.rs declares its folders: {order:?}");

    let mut problems = Vec::new();
    for (place, folder) in order.iter().enumerate() {
        let later = &order[place + 1..];
        for file in rust_files(&source.join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            for (line, name) in imports(&text, later) {
                problems.push(format!(
                    "{}:{line}: `{folder}` imports from `{name}`, which comes after it in lib.rs",
                    file.display()
                ));
            }
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_folder_is_declared() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let order = declared_order(&fs::read_to_string(source.join("lib.rs")).unwrap());
    for entry in fs::read_dir(&source).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            let name = entry.file_name().into_string().unwrap();
            assert!(order.contains(&name), "lib.rs does not declare `{name}`");
        }
    }
}

#[test]
fn the_check_sees_every_form_of_import() {
    let later = ["worker".to_owned(), "cli".to_owned()];
    let seen = |text: &str| -> Vec<String> {
        imports(text, &later)
            .into_iter()
            .map(|(line, name)| format!("{line}:{name}"))
            .collect()
    };
    assert_eq!(seen("use crate::worker::Pool;"), ["1:worker"]);
    assert_eq!(seen("\nlet x = crate::cli::main();"), ["2:cli"]);
    assert_eq!(
        seen("use crate::{\n    base::id, // fine\n    worker::{Pool, Usage},\n    cli,\n};"),
        ["3:worker", "4:cli"]
    );
    assert_eq!(seen("pub(in crate::worker) fn f() {}"), ["1:worker"]);
    assert_eq!(seen("use super::super::worker::Pool;"), ["1:worker"]);
    assert!(seen("use crate::base::worker::X; // crate::cli\n/// crate::cli").is_empty());
    assert!(seen("let worker = super::pool();").is_empty());
}

/// The modules of `lib.rs`, in order.
fn declared_order(lib: &str) -> Vec<String> {
    lib.lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .map(str::to_owned)
        .collect()
}

/// Lines of `text` that name a module of `later` by a path from the crate's root.
fn imports(text: &str, later: &[String]) -> Vec<(usize, String)> {
    let code = without_comments(text);
    let mut found = Vec::new();
    for root in ["crate::", "super::super::"] {
        for (start, _) in code.match_indices(root) {
            let rest = start + root.len();
            for (offset, name) in first_segments(&code[rest..]) {
                if later.iter().any(|folder| folder == name) {
                    let line = code[..rest + offset].matches('\n').count() + 1;
                    found.push((line, name.to_owned()));
                }
            }
        }
    }
    found
}

/// The first segment of a path, or of each path in a group such as `{a::b, c::{d, e}}`.
fn first_segments(path: &str) -> Vec<(usize, &str)> {
    let Some(group) = path.strip_prefix('{') else {
        return vec![(0, identifier(path))];
    };
    let mut segments = Vec::new();
    let mut depth = 0;
    let mut expects = true;
    for (offset, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expects = true,
            c if expects && (c.is_alphanumeric() || c == '_') => {
                segments.push((offset + 1, identifier(&group[offset..])));
                expects = false;
            }
            _ => {}
        }
    }
    segments
}

fn identifier(text: &str) -> &str {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    &text[..end]
}

/// `text` with its line comments blanked, every line kept. A `//` inside a string is blanked too,
/// which can only hide text that is no import.
fn without_comments(text: &str) -> String {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
