//! What each scanner finds in each kind of weak code: a table that is kept, in `fixtures/weaknesses/found.json` and in
//! `docs/scanners.md`. Each language has a table of its own. To renew all after a change of a scanner, its rules or a snippet:
//!
//!     FUMEHOOD_RENEW=1 cargo test --test scanning the_table
//!
//! and read the difference.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Trial, home_of};
use fumehood::environment::Interpreter;
use fumehood::scan::{FileOutcome, Language, ScannerKind};

const FOLDER: &str = "fixtures/weaknesses";
const KEPT: &str = "fixtures/weaknesses/found.json";
const PAGE: &str = "docs/scanners.md";
const BEGIN: &str = "<!-- the table of tests/scanning/table.rs -->\n";
const END: &str = "<!-- its end -->\n";

/// The languages with snippets: each has a folder of its name. C++ is read as C is by all that read both.
const LANGUAGES: [(Language, &str); 3] = [
    (Language::Python, "Python"),
    (Language::C, "C"),
    (Language::Go, "Go"),
];
/// What the user brings without rules, with what it says of its version where the table was made.
const BROUGHT: [(ScannerKind, &str); 2] = [
    (ScannerKind::Cppcheck, "Cppcheck 2.10"),
    (ScannerKind::Gosec, "Version: v2.30.0"),
];

/// By snippet and scanner: the rules, with line and CWE number.
type Table = BTreeMap<String, BTreeMap<String, Vec<String>>>;

#[test]
fn the_table_of_what_is_found_is_as_it_was() {
    let mut table = Table::new();
    let mut all_names = Vec::new();
    for (language, _) in LANGUAGES {
        let folders = ["clean", "weak"].map(|folder| format!("{language}/{folder}"));
        let names: Vec<String> = folders.iter().flat_map(|folder| snippets(folder)).collect();
        let texts: Vec<String> = names
            .iter()
            .map(|name| fs::read_to_string(Path::new(FOLDER).join(name)).unwrap())
            .collect();
        let codes: Vec<&str> = texts.iter().map(String::as_str).collect();
        for kind in columns(language) {
            let Some(outcomes) = scan(kind, language, &codes) else {
                continue;
            };
            for (name, outcome) in names.iter().zip(outcomes) {
                assert_eq!(outcome.not_analysed, None, "{kind:?}: {name}");
                let found = outcome.findings.iter().map(|finding| {
                    let cwe = finding.cwe.unwrap_or_default();
                    format!("{} in {}: {cwe}", finding.rule, finding.line)
                });
                let row = table.entry(name.clone()).or_default();
                row.insert(kind.name().to_owned(), found.collect());
            }
        }
        all_names.extend(names);
    }
    all_names.sort();
    if std::env::var_os("FUMEHOOD_RENEW").is_some() {
        for (language, _) in LANGUAGES {
            let of_language = format!("{language}/");
            let rows = table
                .iter()
                .filter(|(name, _)| name.starts_with(&of_language));
            for (name, row) in rows {
                assert_eq!(
                    row.len(),
                    columns(language).count(),
                    "{name}: get every scanner first"
                );
            }
        }
        // A language that nobody reads yet has snippets all the same.
        for name in &all_names {
            table.entry(name.clone()).or_default();
        }
        let text = serde_json::to_string_pretty(&table).unwrap() + "\n";
        fs::write(KEPT, text).unwrap();
        let page = fs::read_to_string(PAGE).unwrap();
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        fs::write(
            PAGE,
            format!("{before}{BEGIN}{}{END}{after}", drawn(&table)),
        )
        .unwrap();
    }
    let kept: Table = serde_json::from_str(&fs::read_to_string(KEPT).unwrap()).unwrap();
    assert_eq!(
        all_names,
        kept.keys().cloned().collect::<Vec<_>>(),
        "other snippets"
    );
    for (name, row) in &table {
        for (scanner, found) in row {
            assert_eq!(found, &kept[name][scanner], "{scanner}: {name}");
        }
    }
    check(&kept);
    let page = fs::read_to_string(PAGE).unwrap();
    assert!(page.contains(&drawn(&kept)), "{PAGE} shows another table");
}

fn scan(kind: ScannerKind, language: Language, codes: &[&str]) -> Option<Vec<FileOutcome>> {
    if let Some((_, version)) = BROUGHT.iter().find(|(brought, _)| *brought == kind)
        && said_version(kind).as_deref() != Some(version)
    {
        eprintln!("SKIPPED: the table was made with {version}, which is not here");
        return None;
    }
    let interpreter = home_of(kind)?;
    let trial = Trial::of(kind, &interpreter, language);
    Some(trial.scan(codes).unwrap())
}

/// The first line that a program says of its version.
fn said_version(kind: ScannerKind) -> Option<String> {
    let program = kind.wants()?.program()?;
    let command = kind.version_command(&Interpreter::none())?;
    let output = Command::new(program).args(&command[1..]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(str::to_owned)
}

/// Nothing is found in clean code, and each weakness by somebody, under its own number.
fn check(kept: &Table) {
    for (name, row) in kept {
        let found: Vec<&String> = row.values().flatten().collect();
        let (_, name) = name.split_once('/').unwrap();
        match name.split_once('/').unwrap() {
            ("clean", _) => assert!(found.is_empty(), "{name}: {found:?}"),
            (_, file) => {
                let number: u32 = file.split_once('-').unwrap().0.parse().unwrap();
                let own = format!(": {number}");
                assert!(
                    found.iter().any(|found| found.ends_with(&own)),
                    "{name}: {found:?}"
                );
            }
        }
    }
}

/// The scanners of a language. What one finds that runs the user's rules depends on those.
fn columns(language: Language) -> impl Iterator<Item = ScannerKind> {
    let kinds = ScannerKind::ALL.into_iter();
    kinds.filter(move |kind| {
        let is_ours = kind.wants().is_none() || BROUGHT.iter().any(|(brought, _)| brought == kind);
        is_ours && kind.languages().contains(&language)
    })
}

fn snippets(folder: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(Path::new(FOLDER).join(folder))
        .unwrap()
        .map(|entry| {
            format!(
                "{folder}/{}",
                entry.unwrap().file_name().into_string().unwrap()
            )
        })
        .collect();
    names.sort();
    names
}

/// The tables as Markdown: for each scanner its rules, the ones with the snippet's own CWE number in bold.
fn drawn(table: &Table) -> String {
    let mut text = String::new();
    for (language, name) in LANGUAGES {
        let rows = table.iter().filter_map(|(snippet, row)| {
            let (of, snippet) = snippet.split_once('/')?;
            (of == language.name()).then_some((snippet, row))
        });
        let _ = writeln!(text, "{name}:\n");
        text.push_str(&drawn_language(language, rows));
        text.push('\n');
    }
    text
}

fn drawn_language<'a>(
    language: Language,
    rows: impl Iterator<Item = (&'a str, &'a BTreeMap<String, Vec<String>>)>,
) -> String {
    let names: Vec<&str> = columns(language).map(|kind| kind.name()).collect();
    let mut text = format!("| snippet | {} |\n", names.join(" | "));
    let _ = writeln!(text, "|{}", "---|".repeat(names.len() + 1));
    let mut flagged = vec![0; names.len()];
    let mut weak = 0;
    for (name, row) in rows {
        let (folder, file) = name.split_once('/').unwrap();
        let number = file
            .split_once('-')
            .and_then(|(number, _)| number.parse::<u32>().ok());
        weak += usize::from(folder == "weak");
        let cells = names.iter().zip(&mut flagged).map(|(scanner, flagged)| {
            let found = row.get(*scanner).map(Vec::as_slice).unwrap_or_default();
            *flagged += usize::from(!found.is_empty());
            let rules = found.iter().map(|found| {
                let (rule, rest) = found.split_once(" in ").unwrap();
                let cwe = rest
                    .split_once(": ")
                    .and_then(|(_, cwe)| cwe.parse::<u32>().ok());
                if cwe == number {
                    format!("**{rule}**")
                } else {
                    rule.to_owned()
                }
            });
            let mut rules: Vec<String> = rules.collect();
            rules.dedup();
            rules.join(", ")
        });
        let cells: Vec<String> = cells.collect();
        let _ = writeln!(
            text,
            "| {folder}: {} | {} |",
            file.split_once('.').map_or(file, |(name, _)| name),
            cells.join(" | ")
        );
    }
    let totals: Vec<String> = flagged
        .iter()
        .map(|count| format!("{count} of {weak}"))
        .collect();
    let _ = writeln!(text, "| flagged | {} |", totals.join(" | "));
    text
}
