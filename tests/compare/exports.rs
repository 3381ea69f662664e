//! Comparisons as LaTeX, as CSV, and by their JSON Schema.

#[path = "../support/latex.rs"]
mod tex;

use std::fs;

use fumehood::autopsy::{Class, Patient, examine_all};
use fumehood::base::digest::Digest;
use fumehood::report::csv::CHANGES;
use fumehood::report::listing::Diff;
use fumehood::report::listing::{ClassCount, Failures};
use fumehood::report::schema::Document;
use fumehood::report::{CompareSummary, json, latex};
use serde_json::{Value, json};

use super::command::{AFTER, BASE, compare, fumehood, refused, rows, text, write_run};

/// A base and two techniques in one folder; the names of the techniques are hostile.
fn runs() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    write_run(home.path(), "base", &rows(None, &BASE), |_| {});
    let other = |manifest: &mut fumehood::journal::Manifest| {
        manifest.identity.samples = Digest::of("other samples");
    };
    write_run(
        home.path(),
        "=1+a_b&{",
        &rows(Some("@x\u{1b}"), &AFTER),
        other,
    );
    write_run(home.path(), "same", &rows(None, &BASE), other);
    home
}

fn printed(home: &tempfile::TempDir, code: i32, arguments: &[&str]) -> String {
    let output = fumehood(home.path(), &[&["compare", "--quiet"], arguments].concat());
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn changes_are_set_in_latex() {
    let home = runs();
    let tex = printed(&home, 0, &["base", "=1+a_b&{", "--latex"]);
    for line in [
        "% bigcodebench: =1+a_b&{ against base",
        "    Figure & Before & After & Change & 95\\,\\% interval & $p$ \\\\",
        "  \\label{tab:bigcodebench-changes}",
        "    =1+a\\_b\\&\\{ & 50.00 (1/2) & 0.00 (0/1) & 100.00 (1/1) & 0.00 (0/1) & - & - \\\\",
        "    1 pair of samples of unknown security in no share.\\par",
        "    1 task left out: they do not count in both.\\par",
    ] {
        assert!(tex.lines().any(|found| found == line), "{line} in {tex}");
    }
    let pass = tex.lines().find(|line| line.contains("Pass@1 &")).unwrap();
    assert!(
        pass.contains("& 80.00 & 60.00 & $-$20.00 & [$-$60.00, 0.00] &"),
        "{pass}"
    );
    assert!(
        !tex.contains("stopped working"),
        "no samples were given: {tex}"
    );

    let both = printed(&home, 0, &["base", "=1+a_b&{", "same", "--latex"]);
    assert!(both.contains("$p$ (Holm)") && both.contains("\\label{tab:bigcodebench-changes-2}"));
    // One task a side, so that McNemar's counts are there.
    assert!(both.contains("& Lost & Gained \\\\"), "{both}");
}

#[test]
fn failure_classes_are_set_where_they_are_known() {
    let home = runs();
    let json = compare(home.path(), 0, &["base", "=1+a_b&{", "same"]);
    let mut summary: CompareSummary = serde_json::from_value(json).unwrap();
    let mut samples = 0;
    let classes = Class::ALL.map(|class| {
        samples += 10;
        ClassCount {
            class,
            samples,
            fn_suspect: 2,
        }
    });
    summary.techniques[0].failures = Some(Failures {
        samples: 150,
        classes: classes.into(),
        examined: Vec::new(),
    });
    let tex = latex::render_compare(&summary);
    let (_, table) = tex
        .split_once("\\label{tab:bigcodebench-failures}")
        .unwrap();
    let long = "\\begin{tabular}[b]{@{}r@{}}Not following\\\\the instruction\\end{tabular}";
    assert!(table.contains(long), "{table}");
    let row = "    =1+a\\_b\\&\\{ & 150 & 10 & 20 & 30 & 40 & 50 & 10 \\\\";
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| line.contains(" & 150 & "))
        .collect();
    assert_eq!(rows, [row], "{table}");
    assert!(!table.contains("same"), "nothing is known of it: {table}");
}

#[test]
fn what_cannot_be_compared_is_said_in_every_export() {
    let home = runs();
    write_run(home.path(), "odd", &rows(None, &AFTER), |manifest| {
        manifest.identity.limits.memory += 1;
    });
    let tex = printed(&home, 0, &["base", "odd", "--force", "--latex"]);
    assert_eq!(
        tex.matches("Not comparable: limits of odd").count(),
        2,
        "{tex}"
    );
    let long = "long".repeat(50);
    write_run(home.path(), &long, &rows(None, &AFTER), |manifest| {
        manifest.identity.grading = "paper".to_owned();
    });
    let sides = ["base", "odd", "same", &long, "--force", "--csv"];
    let csv = printed(&home, 0, &sides);
    for (side, told) in [("odd", "limits"), ("same", ""), (long.as_str(), "grading")] {
        let start = format!("base,{side},");
        let rows: Vec<&str> = csv
            .lines()
            .filter(|line| line.starts_with(&start))
            .collect();
        assert!(rows.len() > 3, "{side}: {csv}");
        for row in rows {
            let row = ::csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(row.as_bytes())
                .into_records()
                .next();
            let row = row.unwrap().unwrap();
            let place = CHANGES.iter().position(|name| *name == "not_comparable");
            assert_eq!(&row[place.unwrap()], told, "{side}");
        }
    }
}

#[test]
fn changes_are_rows_of_csv() {
    let home = runs();
    let arguments = ["base", "=1+a_b&{", "same"];
    let csv = printed(&home, 0, &[&arguments[..], &["--csv"]].concat());
    let json = compare(home.path(), 0, &arguments);
    let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(reader.headers().unwrap(), CHANGES.as_slice());
    let rows: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let mut rows = rows.iter();
    for technique in json["techniques"].as_array().unwrap() {
        for delta in technique["deltas"].as_array().unwrap() {
            let row = rows.next().unwrap();
            let strict = &delta["strict"];
            let unknown = &delta["unknown"];
            let wanted = [
                ("technique", &technique["side"]["name"]),
                ("group", &technique["side"]["group"]),
                ("metric", &delta["metric"]),
                ("scanner", &delta["scanner"]),
                ("before", &strict["base"]),
                ("after", &strict["technique"]),
                ("change", &strict["delta"]),
                ("low", &strict["interval"]["low"]),
                ("high", &strict["interval"]["high"]),
                ("p", &strict["p"]),
                ("p_holm", &delta["p_holm"]),
                ("lost", &strict["mcnemar"]["lost"]),
                ("gained", &strict["mcnemar"]["gained"]),
                ("tasks", &strict["tasks"]),
                ("unknown_before", &unknown["base_samples"]),
                ("unknown_after", &unknown["technique_samples"]),
                ("unknown_low", &unknown["low"]),
                ("unknown_high", &unknown["high"]),
                ("available_change", &unknown["available"]["delta"]),
                ("available_tasks", &unknown["available"]["tasks"]),
                ("note", &delta["note"]),
            ];
            for (column, wanted) in wanted {
                let place = CHANGES.iter().position(|name| *name == column).unwrap();
                let cell = &row[place];
                let is_same = match wanted {
                    Value::Null => cell.is_empty(),
                    Value::String(text) => cell.trim_start_matches('\'') == text,
                    number => cell.parse::<f64>().unwrap() == number.as_f64().unwrap(),
                };
                assert!(is_same, "{column}: {cell:?}, but {wanted}");
            }
        }
    }
    assert!(rows.next().is_none());
    assert!(csv.contains("\nbase,'=1+a_b&{,'@x\\u{1b},pass,"), "{csv}");
    assert!(!csv.contains('\u{1b}'));
}

#[test]
fn broken_rules_are_told_beside_an_export() {
    let home = runs();
    let arguments = [
        "compare",
        "base",
        "=1+a_b&{",
        "--csv",
        "--fail-if",
        "pass drops 0.1",
    ];
    let output = fumehood(home.path(), &arguments);
    assert_eq!(output.status.code(), Some(9));
    let said = text(&output.stderr);
    assert!(
        said.contains("failed: --fail-if 'pass@1 drops 0.1': =1+a_b&{"),
        "{said}"
    );
    for more in [
        &["--latex"][..],
        &["--json"],
        &["--markdown"],
        &["--list", "IF:SN"],
    ] {
        let arguments = [&["base", "same", "--csv"], more].concat();
        let said = refused(home.path(), 2, &arguments);
        assert!(said.contains("cannot be used with"), "{said}");
    }
}

#[test]
fn pdflatex_sets_a_comparison() {
    if tex::is_missing() {
        return;
    }
    let home = runs();
    let tex = printed(&home, 0, &["base", "=1+a_b&{", "same", "--latex"]);
    let document = format!(
        "\\documentclass{{article}}\\usepackage[T1]{{fontenc}}\\usepackage{{booktabs}}\\begin{{document}}\n{tex}\n\
         \\end{{document}}\n"
    );
    fs::write(home.path().join("paper.tex"), document).unwrap();
    tex::set(home.path());
    assert!(home.path().join("paper.pdf").exists());
}

#[test]
fn comparisons_are_valid_by_their_schema() {
    let home = runs();
    let schema = serde_json::from_str(&Document::Compare.schema().unwrap()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let check = |found: &Value| {
        let errors = validator.iter_errors(found);
        errors
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect::<Vec<_>>()
    };
    write_run(home.path(), "odd", &rows(None, &AFTER), |manifest| {
        manifest.identity.limits.memory += 1;
    });
    let other = rows(None, &[("T/other", 0, true, None)]);
    write_run(home.path(), "other", &other, |_| {});
    let plain = compare(home.path(), 0, &["base", "=1+a_b&{", "same"]);
    let rule = [
        "base",
        "odd",
        "other",
        "--force",
        "--fail-if",
        "safe@9 drops 0",
        "--list",
        "S*:I*",
    ];
    let full = compare(home.path(), 9, &rule);
    for found in [&plain, &full] {
        assert_eq!(check(found), [""; 0]);
    }
    // Differences and classes are there only if samples are given.
    let mut summary: CompareSummary = serde_json::from_value(full.clone()).unwrap();
    let technique = &mut summary.techniques[0];
    let patient = Patient {
        before: "import os\ndef f(x):\n    return os.system(x)\n",
        after: "def f(x):\n    return subprocess.run(x)\n",
        entry: "f",
        prompt: "",
        flagged: &[3],
    };
    let pair = &mut technique.listing.as_mut().unwrap().pairs[0];
    pair.diff = Some(Diff::of(patient.before, patient.after));
    technique.failures = Some(Failures::of(&[], examine_all(&[patient])));
    let mut examined = serde_json::to_value(&summary).unwrap();
    examined["techniques"][0]["failures"]["examined"] = json!([{
        "task": "T/0", "base": 0, "technique": 0, "autopsy": examine_all(&[patient])[0],
    }]);
    assert_eq!(check(&examined), [""; 0]);
    let text = json::render_compare(&serde_json::from_value(examined).unwrap()).unwrap();
    assert_eq!(check(&serde_json::from_str(&text).unwrap()), [""; 0]);

    let mut wrong = full;
    wrong["techniques"][0]["transitions"]["pairs"] = Value::Null;
    wrong["techniques"][0]["rulings"][0]["verdict"] = json!("perhaps");
    assert_eq!(check(&wrong).len(), 2);
}
