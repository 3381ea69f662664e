//! CSV: every figure as a row that reads back as it is, and no text that a spreadsheet would compute.

use fumehood::report::csv::{FIGURES, guard, render};
use fumehood::report::json;
use proptest::prelude::*;
use serde_json::Value;

use super::parquet::{journal, report, write_run};
use super::{HOSTILE, about, run, summary_of};

fn rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.headers().unwrap(), FIGURES.as_slice());
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        row.iter().map(str::to_owned).collect()
    });
    rows.collect()
}

#[test]
fn csv_has_every_figure_of_the_summary() {
    let mut facts = run();
    for (at, one) in run().into_iter().enumerate() {
        let mut one = one.in_group(Some(["x", "y, \"z\""][at % 2].to_owned()));
        one.sample.index = 1;
        facts.push(one);
    }
    let summary = summary_of(&facts, about());
    let rows = rows(&render(&summary).unwrap());
    let summary: Value = serde_json::from_str(&json::render(&summary).unwrap()).unwrap();
    let mut rows = rows.into_iter();
    for group in summary["groups"].as_array().unwrap() {
        for figure in group["figures"].as_array().unwrap() {
            let row = rows.next().unwrap();
            let wanted = [
                &group["name"],
                &figure["metric"],
                &figure["k"],
                &figure["scanner"],
                &figure["name"],
                &figure["value"],
                &figure["numerator"],
                &figure["denominator"],
                &figure["tasks"],
                &figure["tasks_short"],
                &figure["coverage"]["known"],
                &figure["coverage"]["total"],
                &figure["excluded"],
                &figure["interval"]["low"],
                &figure["interval"]["high"],
                &figure["method"],
                &figure["unknown"]["samples"],
                &figure["unknown"]["strict"],
                &figure["unknown"]["available"],
                &figure["unknown"]["lenient"],
                &figure["note"],
            ];
            for ((cell, wanted), column) in row.iter().zip(wanted).zip(FIGURES) {
                let is_same = match wanted {
                    Value::Null => cell.is_empty(),
                    Value::String(text) => cell == text,
                    number => cell.parse::<f64>().unwrap() == number.as_f64().unwrap(),
                };
                assert!(is_same, "{column}: {cell:?}, but {wanted}");
            }
        }
    }
    assert_eq!(rows.next(), None);
}

#[test]
fn csv_of_a_small_run() {
    let text = render(&summary_of(&run(), about())).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "group,metric,k,scanner,name,value,numerator,denominator,tasks,tasks_short,known,total,excluded,low,high,method,\
         unknown_samples,unknown_strict,unknown_available,unknown_lenient,note"
    );
    assert_eq!(lines.len(), 9);
    assert!(
        lines[5].starts_with(
            ",secure-any,1,ruff-s,Secure@1 (ruff-s),0.6666666666666666,2,3,3,0,2,4,1,0.2076"
        ),
        "{text}"
    );
    assert!(lines[5].ends_with(",1,0.6666666666666666,1,1,"), "{text}");
    assert!(lines[2].contains(",0,3,4,1,,,,,,,,"), "{text}");
}

#[test]
fn no_cell_of_csv_is_a_formula() {
    for (text, cell) in [
        ("SVEN", "SVEN"),
        ("a=b - c@d+e", "a=b - c@d+e"),
        ("=HYPERLINK(\"http://e.x\")", "'=HYPERLINK(\"http://e.x\")"),
        ("+1", "'+1"),
        ("-1+2", "'-1+2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'  =1"),
        ("＝1", "'＝1"),
        ("\t=1", "'\\u{9}=1"),
        ("\r=1", "'\\u{d}=1"),
        ("a\nb\u{1b}[2J\u{202e}", "a\\u{a}b\\u{1b}[2J\\u{202e}"),
        ("", ""),
    ] {
        assert_eq!(guard(text), cell);
    }
    let texts = ["=1+1", "@x", "-2", "+3,\"\r\n=cmd|' /C calc'!A0", HOSTILE];
    let mut facts = Vec::new();
    for (at, name) in texts.iter().enumerate() {
        facts.extend(run().into_iter().map(|mut facts| {
            facts.sample.index = u32::try_from(at).unwrap();
            facts.in_group(Some((*name).to_owned()))
        }));
    }
    let mut summary = summary_of(&facts, about());
    for group in &mut summary.groups {
        for (figure, text) in group.figures.iter_mut().zip(texts) {
            text.clone_into(&mut figure.note);
            text.clone_into(&mut figure.name);
            figure.scanner = Some(text.to_owned());
        }
    }
    let text = render(&summary).unwrap();
    assert!(
        text.chars()
            .all(|c| c == '\n' || !c.is_control() && c != '\u{202e}')
    );
    for cell in rows(&text).iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
    }
    // A line for each row, since no cell holds the end of one.
    assert_eq!(text.lines().count(), 1 + rows(&text).len());
}

proptest! {
    #[test]
    fn a_guarded_text_is_the_same_but_for_what_is_dangerous(text in "[-=+@ ]{0,2}\\PC{0,20}") {
        let guarded = guard(&text);
        let visible = fumehood::base::text::for_terminal(&text);
        let bare = guarded.strip_prefix('\'').unwrap_or(&guarded);
        prop_assert!(bare == visible || *guarded == visible);
        prop_assert!(!guarded.trim_start().starts_with(['=', '+', '-', '@']));
    }
}

#[test]
fn the_command_prints_one_export_at_a_time() {
    let home = tempfile::tempdir().unwrap();
    write_run(home.path(), &journal());
    let printed = |arguments: &[&str], code: i32| {
        let output = report(home.path(), arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {output:?}"
        );
        String::from_utf8(output.stdout).unwrap()
    };
    // One sample could not be judged.
    let csv = printed(&["--csv", "--k", "1,2"], 1);
    let rows = rows(&csv);
    let shown = |row: &Vec<String>| (row[0].clone(), row[4].clone(), row[3].clone());
    let judge = (
        String::new(),
        "Secure@1 (judge:qwen2.5)".to_owned(),
        "judge:qwen2.5".to_owned(),
    );
    assert!(rows.iter().any(|row| shown(row) == judge), "{csv}");
    assert!(rows.iter().any(|row| row[0] == "m + t"), "{csv}");
    let tex = printed(&["--latex"], 1);
    assert!(
        tex.starts_with("% bigcodebench: 2 tasks, 5 samples\n"),
        "{tex}"
    );
    assert!(
        tex.contains("    Figure & (no group) & m + t \\\\\n"),
        "{tex}"
    );
    for one in ["--csv", "--latex"] {
        for other in [
            "--csv",
            "--latex",
            "--json",
            "--markdown",
            "--scanners",
            "--html=x",
            "--parquet=x",
        ] {
            if one != other {
                assert_eq!(printed(&[one, other], 2), "", "{one} {other}");
            }
        }
    }
    assert!(!home.path().join("x").exists());
}
