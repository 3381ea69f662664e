//! Rules of the house that no compiler checks.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::fs;
use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 500;
const LONGEST_MAIN: usize = 40;
const FOLDERS: [&str; 5] = ["src", "tests", "benches", "fuzz/src", "fuzz/fuzz_targets"];

#[test]
fn files_stay_short() {
    let mut problems = Vec::new();
    for file in FOLDERS.iter().flat_map(|f| files(f)) {
        if file.extension().is_none_or(|e| e != "rs" && e != "py") {
            continue;
        }
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        if lines > LONGEST_FILE {
            problems.push(format!("{}: {lines} lines", file.display()));
        }
    }
    assert!(
        problems.is_empty(),
        "over {LONGEST_FILE} lines; split them by noun:\n{}",
        problems.join("\n")
    );
    let main = fs::read_to_string(root().join("src/main.rs")).unwrap();
    assert!(main.lines().count() < LONGEST_MAIN, "main.rs only starts");
}

#[test]
fn unsafe_stays_in_one_folder_and_gives_its_reason() {
    let home = root().join("src/sandbox/sys");
    let mut problems = Vec::new();
    for file in FOLDERS.iter().flat_map(|f| files(f)) {
        if file.extension().is_none_or(|e| e != "rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for line in unsafe_without_reason(&text, file.starts_with(&home)) {
            problems.push(format!("{}:{line}", file.display()));
        }
    }
    assert!(
        problems.is_empty(),
        "`unsafe` belongs into src/sandbox/sys, below a comment that starts with SAFETY:\n{}",
        problems.join("\n")
    );
}

#[test]
fn the_unsafe_check_sees_what_it_should() {
    let block = concat!("let x = uns", "afe { call() };");
    let with_reason = format!("// SAFETY: it takes no pointer.\n{block}");
    assert_eq!(unsafe_without_reason(block, true), [1]);
    assert_eq!(unsafe_without_reason(&with_reason, false), [2]);
    assert!(unsafe_without_reason(&with_reason, true).is_empty());
    let word = concat!("// uns", "afe { in a comment }\n#![allow(unsafe_code)]");
    assert!(unsafe_without_reason(word, false).is_empty());
}

#[test]
fn dependencies_are_pinned_to_a_full_version() {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&text).unwrap();
    let mut seen = 0;
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let Some(section) = manifest.get(section) else {
            continue;
        };
        for (name, value) in section.as_table().unwrap() {
            let version = match value {
                toml::Value::String(version) => version.as_str(),
                other => other.get("version").and_then(|v| v.as_str()).unwrap_or(""),
            };
            let parts: Vec<_> = version.split('.').collect();
            assert!(
                parts.len() == 3 && parts.iter().all(|p| p.parse::<u32>().is_ok()),
                "Cargo.toml: `{name}` needs a full version x.y.z, not `{version}`"
            );
            seen += 1;
        }
    }
    assert!(seen > 10);
}

#[test]
fn fixtures_name_no_machine() {
    let mut forbidden = vec![root().to_string_lossy().into_owned()];
    forbidden.extend(["/Users/", "/home/runner/"].map(str::to_owned));
    if let Ok(user) = std::env::var("USER")
        && user != "root"
    {
        forbidden.push(format!("/home/{user}/"));
    }
    for file in ["fixtures", "sandbox-profiles"]
        .iter()
        .flat_map(|f| files(f))
    {
        let bytes = fs::read(&file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for path in &forbidden {
            assert!(!text.contains(path), "{} contains {path}", file.display());
        }
    }
}

/// Lines with the keyword `unsafe` (comments and longer words aside) that stand where they must not,
/// or have no `SAFETY` comment shortly above.
fn unsafe_without_reason(text: &str, allowed: bool) -> Vec<usize> {
    const KEYWORD: &str = concat!("uns", "afe");
    const REACH: usize = 8;
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let is_used = code.match_indices(KEYWORD).any(|(start, _)| {
            let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '"' || c == '`';
            !code[..start].ends_with(is_word) && !code[start + KEYWORD.len()..].starts_with(is_word)
        });
        let has_reason = lines[index.saturating_sub(REACH)..index]
            .iter()
            .any(|above| above.contains("SAFETY") || above.contains("# Safety"));
        if is_used && !(allowed && has_reason) {
            found.push(index + 1);
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder`, none when it is absent.
fn files(folder: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        for entry in entries {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), found);
            } else if entry.file_type().unwrap().is_file() {
                found.push(entry.path());
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.sort();
    found
}
