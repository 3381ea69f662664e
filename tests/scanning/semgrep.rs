//! Semgrep and the rules of our own.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fumehood::scan::semgrep::RULES;
use fumehood::scan::{Language, ScannerKind};

use super::{Trial, beside, git, home_of, restore, rules, scan, scan_without};

const SEMGREP: ScannerKind = ScannerKind::Semgrep;

/// Every rule has a file of snippets in `fixtures/rules/`. Lines that end in `# weak` are reported by it, and no other
/// line by any rule but for other weak lines.
#[test]
fn each_rule_finds_what_it_is_for_and_nothing_else() {
    let Some(python) = home_of(SEMGREP) else {
        return;
    };
    let names: Vec<&str> = RULES
        .lines()
        .filter_map(|line| line.strip_prefix("  - id: "))
        .filter(|name| *name != "mark")
        .collect();
    let texts: Vec<String> = names
        .iter()
        .map(|name| {
            let path = Path::new("fixtures/rules").join(name).with_extension("py");
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        })
        .collect();
    let codes: Vec<&str> = texts.iter().map(String::as_str).collect();
    for ((name, text), outcome) in names.iter().zip(&texts).zip(scan(SEMGREP, &python, &codes)) {
        assert_eq!(outcome.not_analysed, None, "{name}");
        let weak: BTreeSet<u32> = (1..)
            .zip(text.lines())
            .filter(|(_, line)| line.ends_with("  # weak"))
            .map(|(number, _)| number)
            .collect();
        assert!(!weak.is_empty(), "{name}");
        let found: BTreeSet<u32> = outcome
            .findings
            .iter()
            .filter(|finding| finding.rule == *name)
            .map(|finding| finding.line)
            .collect();
        assert_eq!(found, weak, "{name}");
        let others: Vec<_> = outcome
            .findings
            .iter()
            .filter(|finding| finding.rule != *name)
            .collect();
        assert!(others.is_empty(), "{name}: {others:?}");
    }
}

#[test]
fn each_flag_closes_its_trap() {
    let Some(python) = home_of(SEMGREP) else {
        return;
    };
    let plain = "def f(p):\n    return open(p)\n";
    let silenced = "def f(p):\n    return open(p)  # nosemgrep\n";
    let large: &str =
        Box::leak(format!("{plain}x = '{}'\n", "y".repeat(1_000_100)).into_boxed_str());
    type Plant = Box<dyn Fn(&Path)>;
    let repository = |root: &Path| {
        let tree = root.join("s");
        fs::write(tree.join(".gitignore"), "*.py\n").unwrap();
        git(&tree, &["init", "-q", "."]);
    };
    let traps: [(&str, &str, Plant); 5] = [
        ("--no-git-ignore", plain, Box::new(repository)),
        ("--no-rewrite-rule-ids", plain, Box::new(|_| {})),
        ("--disable-nosem", silenced, Box::new(restore(silenced))),
        ("--max-target-bytes=0", large, Box::new(|_| {})),
        (
            "--x-ignore-semgrepignore-files",
            plain,
            Box::new(beside(".semgrepignore", "*.py\n")),
        ),
    ];
    for (flag, code, plant) in &traps {
        let found = |without| {
            let outcome = scan_without(SEMGREP, &python, &[code], plant, without);
            outcome.is_ok_and(|o| {
                rules(&o[0]) == ["path-from-parameter"] && o[0].not_analysed.is_none()
            })
        };
        assert!(found(""), "with {flag}");
        assert!(!found(flag), "without {flag}");
    }
}

#[test]
fn comments_do_not_silence_it_and_odd_code_is_read_or_unknown() {
    let Some(python) = home_of(SEMGREP) else {
        return;
    };
    let deep = format!(
        "def f(p):\n    x = {}1\n    return open(p)\n",
        "-".repeat(20_000)
    );
    let codes = [
        "def f(p):\n    return open(p)  # nosem # nosemgrep: path-from-parameter\n",
        "def f(p):\r    return open(p)\r",
        "# coding: utf-7\ndef f(p):\n    return open(p)  # +AAo-pass\n",
        &deep,
        "y = 1\n",
    ];
    let outcomes = scan(SEMGREP, &python, &codes);
    for outcome in &outcomes[..1] {
        assert_eq!(rules(outcome), ["path-from-parameter"], "{outcome:?}");
        assert_eq!(outcome.not_analysed, None);
    }
    for (outcome, code) in outcomes[1..4].iter().zip(&codes[1..4]) {
        let found = rules(outcome) == ["path-from-parameter"];
        assert!(
            found || outcome.not_analysed.is_some(),
            "{code:.60}: {outcome:?}"
        );
    }
    assert_eq!(outcomes[4].not_analysed, None);
}

/// A rule that ran out of time is told, and the file is unknown, whatever else was found in it. With the time that rules
/// really have it would take long to show that.
#[test]
fn a_rule_that_runs_out_of_time_makes_its_file_unknown() {
    let Some(python) = home_of(SEMGREP) else {
        return;
    };
    let mut long = "def f(p):\n    x0 = p\n".to_owned();
    for number in 1..30_000 {
        long.push_str(&format!("    x{number} = p + x{}\n", number - 1));
    }
    let shortened = |argv: &mut Vec<String>| {
        let time = argv.iter_mut().find(|a| a.as_str() == "--timeout=10");
        "--timeout=1".clone_into(time.expect("it has a time"));
    };
    let codes = [long.as_str(), "def f(p):\n    return open(p)\n"];
    let trial = Trial {
        change: &shortened,
        ..Trial::of(SEMGREP, &python, Language::Python)
    };
    let outcomes = trial.scan(&codes).unwrap();
    let why = outcomes[0].not_analysed.as_deref().unwrap_or_default();
    assert!(why.contains("Timeout"), "{why}");
    assert_eq!(rules(&outcomes[1]), ["path-from-parameter"]);
    assert_eq!(outcomes[1].not_analysed, None);
}
