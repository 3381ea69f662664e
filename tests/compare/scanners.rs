//! Transitions and weaknesses by scanner, as the command shows them.

use std::path::Path;

use fumehood::base::digest::Digest;
use fumehood::harness::{CaseOutcome, CaseReport};
use fumehood::journal::Record;
use fumehood::scan::{Finding, Severity};
use fumehood::verdict::VerdictKind;
use serde_json::{Value, json};

use super::command::{BASE, compare, fumehood, records, refused, rows, text, verdicts, write_run};

const SCANNERS: [&str; 2] = ["bandit", "ruff-s"];

/// What a scanner says: the CWE numbers that it found, and whether it analysed the sample wholly.
type Said<'a> = (&'a [u32], bool);

/// A sample of the first index of a task: whether it works, and what each scanner says.
pub(crate) type Row<'a> = (&'a str, bool, [Said<'a>; 2]);

/// Journals of two scanners; `group` names the technique.
pub(crate) fn scanned(group: Option<&str>, rows: &[Row<'_>]) -> Vec<Record> {
    let mut all = Vec::new();
    for (place, (task, works, said)) in rows.iter().enumerate() {
        let code = Digest::of(format!("{group:?} {place}"));
        let (kind, outcome) = match works {
            true => (VerdictKind::Passed, CaseOutcome::Passed),
            false => (VerdictKind::Failed, CaseOutcome::Failed),
        };
        let mut verdict = verdicts::verdict(task, 0, code, kind);
        verdict.technique = group.map(str::to_owned);
        verdict.line = place as u64 + 1;
        verdict.verdict.cases = vec![CaseReport {
            id: "t".into(),
            outcome,
            detail: String::new(),
        }];
        all.push(Record::Verdict(Box::new(verdict)));
        for (scanner, (cwes, is_whole)) in SCANNERS.iter().zip(said) {
            let Record::Scan(mut scan) = records::scan(scanner) else {
                unreachable!("it is a scan");
            };
            scan.code = code;
            scan.result.not_analysed = (!is_whole).then(|| "it is cut".to_owned());
            scan.result.findings = cwes.iter().map(|cwe| finding(*cwe)).collect();
            all.push(Record::Scan(scan));
        }
    }
    all
}

/// A finding; 0 is a rule without a number.
fn finding(cwe: u32) -> Finding {
    Finding {
        rule: format!("R{cwe}"),
        native_cwe: None,
        cwe: (cwe > 0).then_some(cwe),
        severity: Severity::Low,
        confidence: Severity::Low,
        line: 1,
        message: String::new(),
    }
}

/// Writes a run that both scanners looked at.
pub(crate) fn write_scanned(home: &Path, name: &str, records: &[Record]) {
    write_run(home, name, records, |manifest| {
        manifest.identity.samples = Digest::of(name);
        let mut second = manifest.identity.scanners[0].clone();
        second.name = SCANNERS[1].to_owned();
        manifest.identity.scanners.push(second);
    });
}

/// Both find something in T/0 and T/1; what becomes of these the scanners do not agree on.
pub(crate) const BEFORE: [Row<'_>; 6] = [
    ("T/0", true, [(&[78], true), (&[78], true)]),
    ("T/1", true, [(&[78, 327], true), (&[], true)]),
    ("T/2", true, [(&[], true), (&[], true)]),
    ("T/3", true, [(&[], true), (&[], true)]),
    ("T/4", false, [(&[22], true), (&[22], true)]),
    ("T/5", true, [(&[78], true), (&[], true)]),
];
pub(crate) const AFTER: [Row<'_>; 6] = [
    ("T/0", false, [(&[], true), (&[78], true)]),
    ("T/1", true, [(&[327], true), (&[], true)]),
    ("T/2", true, [(&[0], true), (&[], true)]),
    ("T/3", true, [(&[], true), (&[], true)]),
    // It found something before it gave up: whether 22 is gone nobody knows.
    ("T/4", false, [(&[79], false), (&[], true)]),
    ("T/5", false, [(&[], false), (&[], true)]),
];

fn runs() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    write_scanned(home.path(), "base", &scanned(None, &BEFORE));
    write_scanned(home.path(), "after", &scanned(Some("SVEN"), &AFTER));
    home
}

#[test]
fn each_scanner_has_its_own_matrix() {
    let home = runs();
    let found = compare(home.path(), 0, &["base", "after"]);
    let technique = &found["techniques"][0];
    let all = technique["scanner_transitions"].as_array().unwrap();
    let names: Vec<&Value> = all.iter().map(|one| &one["scanner"]).collect();
    assert_eq!(names, SCANNERS);
    let matrix = |place: usize| &all[place]["transitions"]["matrix"];
    // Rows and columns: S&F, S&!F, I&F, I&!F, U&F, U&!F.
    assert_eq!(
        *matrix(0),
        json!([
            [1, 0, 1, 0, 0, 0],
            [0, 0, 0, 0, 0, 0],
            [0, 1, 1, 0, 0, 1],
            [0, 0, 0, 1, 0, 0],
            [0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0],
        ])
    );
    assert_eq!(
        *matrix(1),
        json!([
            [3, 1, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0],
            [0, 0, 0, 1, 0, 0],
            [0, 1, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0],
        ])
    );
    let combined = &technique["transitions"]["matrix"];
    assert_eq!(combined[2], json!([0, 0, 1, 1, 0, 1]), "bandit or ruff");

    let shown = fumehood(home.path(), &["compare", "base", "after"]);
    let shown = text(&shown.stdout);
    let table = between(&shown, "after: transitions by scanner", "after: samples by");
    for part in [
        "bandit   | 50.00 % (1/2)",
        "ruff-s   |  0.00 % (0/1) | 25.00 % (1/4)",
        "combined |  0.00 % (0/2)",
        "bandit: 1 of 2 that were secure are insecure now (--list 'bandit S*:I*')",
        "bandit: 1 pair of unknown security",
    ] {
        assert!(table.contains(part), "{part} in {table}");
    }
    let shown = fumehood(home.path(), &["compare", "base", "after", "--markdown"]);
    assert!(text(&shown.stdout).contains("## after: transitions by scanner, P(after"));
    // One scanner that says what all together say needs no table of its own.
    write_run(home.path(), "one", &rows(None, &BASE), |_| {});
    write_run(
        home.path(),
        "other",
        &rows(None, &super::command::AFTER),
        |_| {},
    );
    let shown = fumehood(home.path(), &["compare", "one", "other"]);
    assert!(!text(&shown.stdout).contains("transitions by scanner"));
    let found = compare(home.path(), 0, &["one", "other"]);
    let technique = &found["techniques"][0];
    assert_eq!(
        technique["scanner_transitions"][0]["transitions"],
        technique["transitions"]
    );
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let (_, rest) = text
        .split_once(start)
        .unwrap_or_else(|| panic!("{start} in {text}"));
    rest.split_once(end).map_or(rest, |(table, _)| table)
}

#[test]
fn weaknesses_are_set_side_by_side() {
    let home = runs();
    let found = compare(home.path(), 0, &["base", "after"]);
    let weaknesses = &found["techniques"][0]["weaknesses"];
    assert_eq!(
        weaknesses["scanners"],
        json!([
            {"scanner": "bandit", "pairs": 4, "unknown": 2},
            {"scanner": "ruff-s", "pairs": 6, "unknown": 0},
        ])
    );
    let changes: Vec<Value> = weaknesses["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            json!([
                one["scanner"],
                one["cwe"],
                one["base"],
                one["technique"],
                one["change"],
                one["appeared"],
                one["disappeared"],
                one["p"]
            ])
        })
        .collect();
    assert_eq!(
        changes,
        [
            json!(["bandit", 78, 2, 0, -2, 0, 2, 0.5]),
            json!(["bandit", null, 0, 1, 1, 1, 0, 1.0]),
            json!(["ruff-s", 22, 1, 0, -1, 0, 1, 1.0]),
            json!(["bandit", 327, 1, 1, 0, 0, 0, 1.0]),
            json!(["ruff-s", 78, 1, 1, 0, 0, 0, 1.0]),
        ]
    );
    let name = weaknesses["changes"][0]["name"].as_str().unwrap();
    assert!(name.contains("OS Command Injection"), "{name}");

    // Swapped, what went has come.
    let back = compare(home.path(), 0, &["after", "base"]);
    assert_eq!(
        back["techniques"][0]["weaknesses"]["changes"][0]["change"],
        2
    );

    for format in [&[][..], &["--markdown"]] {
        let shown = fumehood(
            home.path(),
            &[&["compare", "base", "after"], format].concat(),
        );
        let shown = text(&shown.stdout);
        for part in [
            "after: samples by weakness, before and after",
            "CWE-78",
            "(rules without a number)",
            "bandit: over 4 pairs of samples; 2 that it did not analyse wholly on both sides are left out",
            "ruff-s: over 6 pairs of samples",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
}

#[test]
fn many_weaknesses_are_cut_and_counted() {
    let home = tempfile::tempdir().unwrap();
    let numbers: Vec<u32> = (20..=39).collect();
    write_scanned(
        home.path(),
        "base",
        &scanned(None, &[("T/0", true, [(&numbers, true), (&[], true)])]),
    );
    write_scanned(
        home.path(),
        "after",
        &scanned(None, &[("T/0", true, [(&[], true); 2])]),
    );
    let found = compare(home.path(), 0, &["base", "after"]);
    let all = &found["techniques"][0]["weaknesses"]["changes"];
    assert_eq!(all.as_array().unwrap().len(), 20);
    let shown = fumehood(home.path(), &["compare", "base", "after", "--markdown"]);
    let shown = text(&shown.stdout);
    let table = between(&shown, "samples by weakness", "## ");
    assert_eq!(table.matches("| bandit | CWE-").count(), 15);
    assert!(table.contains("and 5 more; --json has them all"), "{table}");
}

#[test]
fn samples_are_listed_by_one_scanner() {
    let home = runs();
    let listing = |cell: &str| {
        let found = compare(home.path(), 0, &["base", "after", "--list", cell]);
        found["techniques"][0]["listing"].clone()
    };
    let tasks = |listing: &Value| -> Vec<String> {
        let pairs = listing["pairs"].as_array().unwrap().iter();
        pairs
            .map(|pair| pair["task"].as_str().unwrap().to_owned())
            .collect()
    };
    let bandit = listing("bandit IF:SN");
    assert_eq!(
        (&bandit["scanner"], &bandit["cell"]),
        (&json!("bandit"), &json!("IF:SN"))
    );
    assert_eq!(tasks(&bandit), ["T/0"]);
    assert_eq!(tasks(&listing("ruff-s IF:IN")), ["T/0"]);
    assert_eq!(tasks(&listing("(ruff-s) S&F -> S&!F")), ["T/5"]);
    assert_eq!(tasks(&listing("bandit S*:I*")), ["T/2"]);
    // All together take what either finds.
    let both = listing("IF:SN");
    assert_eq!(
        (&both["scanner"], &both["count"]),
        (&Value::Null, &json!(0))
    );
    let shown = fumehood(
        home.path(),
        &["compare", "base", "after", "--list", "bandit IF:SN"],
    );
    let shown = text(&shown.stdout);
    assert!(
        shown.contains("after: samples behind bandit IF:SN"),
        "{shown}"
    );

    let said = refused(
        home.path(),
        2,
        &["base", "after", "--list", "codeql\u{1b} IF:SN"],
    );
    assert!(
        said.contains("--list: base was not scanned by `codeql\\u{1b}`")
            && said.contains("scanned by bandit, ruff-s"),
        "{said}"
    );
    let said = refused(home.path(), 2, &["base", "after", "--list", "bandit IFSN"]);
    assert!(said.contains("such as 'bandit IF:SN'"), "{said}");
}

/// Groups of one run have other sample ids on each side.
#[test]
fn groups_of_one_run_have_their_weaknesses_told_apart() {
    let home = tempfile::tempdir().unwrap();
    let mut records = scanned(Some("plain"), &BEFORE);
    let mut others = scanned(Some("SVEN"), &AFTER);
    for record in &mut others {
        if let Record::Verdict(verdict) = record {
            verdict.sample.index = 1;
        }
    }
    records.extend(others);
    write_scanned(home.path(), "run", &records);
    let of = |found: &Value| found["techniques"][0]["weaknesses"].clone();
    let groups = compare(home.path(), 0, &["run", "--base", "plain"]);
    write_scanned(home.path(), "base", &scanned(None, &BEFORE));
    write_scanned(home.path(), "after", &scanned(None, &AFTER));
    let runs = compare(home.path(), 0, &["base", "after"]);
    assert_eq!(of(&groups), of(&runs));
    assert_eq!(
        groups["techniques"][0]["scanner_transitions"],
        runs["techniques"][0]["scanner_transitions"]
    );
}

#[test]
fn runs_without_scanners_have_neither() {
    let home = tempfile::tempdir().unwrap();
    for name in ["base", "after"] {
        write_run(home.path(), name, &scanned(None, &BEFORE), |manifest| {
            manifest.identity.scanners.clear();
        });
    }
    let found = compare(home.path(), 0, &["base", "after"]);
    let technique = &found["techniques"][0];
    assert_eq!(technique["scanner_transitions"], json!([]));
    assert_eq!(technique["weaknesses"], Value::Null);
    let shown = fumehood(home.path(), &["compare", "base", "after"]);
    assert!(!text(&shown.stdout).contains("by weakness"));
}
