//! Parquet: what is written is read back by the crate's own reader, and says what the journal says.

#[path = "../support/records.rs"]
mod records;
#[path = "../support/verdicts.rs"]
mod verdicts;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::{Field, Row};
use fumehood::base::digest::Digest;
use fumehood::base::limits::LimitKind;
use fumehood::harness::{CaseOutcome, Suspicion};
use fumehood::journal::{
    Manifest, Mode, Origin, Record, ReferenceRecord, ReferenceStatus, RunFolder, ScannerIdentity,
};
use fumehood::metrics::Facts;
use fumehood::pipeline::judged::Judged;
use fumehood::report::parquet::{BYTES, ROWS, write};
use fumehood::scan::{Finding, ScanResult, Security, Severity};
use fumehood::verdict::VerdictKind;
use fumehood::worker::{Act, Behaviour};
use serde_json::{Map, Value, json};

use super::{cases, id};

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => json!(value),
        Field::UInt(number) => json!(number),
        Field::Long(number) => json!(number),
        Field::Double(number) => json!(number),
        Field::Str(text) => json!(text),
        Field::Group(row) => Value::Object(object(row)),
        Field::ListInternal(list) => list.elements().iter().map(value).collect(),
        Field::MapInternal(map) => {
            let entries = map.entries().iter();
            let entries = entries.map(|(key, entry)| (value(key), value(entry)));
            Value::Object(
                entries
                    .map(|(key, entry)| (key.as_str().unwrap().to_owned(), entry))
                    .collect(),
            )
        }
        other => panic!("{other:?} is of no type that is documented"),
    }
}

fn object(row: &Row) -> Map<String, Value> {
    let columns = row.get_column_iter();
    columns
        .map(|(name, field)| (name.clone(), value(field)))
        .collect()
}

pub(crate) fn read(path: &Path) -> (SerializedFileReader<File>, Vec<Value>) {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    let rows = rows
        .map(|row| Value::Object(object(&row.unwrap())))
        .collect();
    (reader, rows)
}

pub(crate) fn report(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fumehood"))
        .args([&["report", "run"], arguments].concat())
        .current_dir(home)
        .output()
        .unwrap()
}

fn finding(cwe: Option<u32>, severity: Severity) -> Finding {
    Finding {
        rule: "B602".to_owned(),
        native_cwe: None,
        cwe,
        severity,
        confidence: Severity::High,
        line: 3,
        message: String::new(),
    }
}

fn manifest() -> Manifest {
    let mut manifest = records::manifest();
    manifest.identity.scanners.push(ScannerIdentity {
        name: "judge:qwen2.5".to_owned(),
        version: "1".to_owned(),
        digest: Digest::of("prompt"),
    });
    let least = ("bandit".to_owned(), Severity::Medium);
    manifest.identity.policy.min_severity.extend([least]);
    manifest
}

/// A journal of five samples: one of which all is known, one of which nothing is, one that passed, one for a task whose
/// ground truth fails, and one that could not be judged.
pub(crate) fn journal() -> Vec<Record> {
    let mut full = verdicts::verdict("T/0", 1, Digest::of("full"), VerdictKind::Timeout);
    full.line = 7;
    full.name = Some("s\u{1b}[2J".to_owned());
    full.rank = Some(2);
    full.model = Some("m".to_owned());
    full.technique = Some("t".to_owned());
    full.labels
        .extend([("cwe", "78"), ("lib", "os")].map(|(k, v)| (k.to_owned(), v.to_owned())));
    full.fields
        .insert("temperature".to_owned(), "0.2".to_owned());
    full.origin = Some(Origin {
        samples: Digest::of("file"),
        index: 3,
    });
    full.same_as = Some(id("T/0", 0));
    let verdict = &mut full.verdict;
    verdict.cases = cases(&[
        CaseOutcome::Passed,
        CaseOutcome::Missing,
        CaseOutcome::Failed,
    ]);
    verdict.declared = 4;
    verdict.limit = Some(LimitKind::Cpu);
    verdict.detail = "too slow".to_owned();
    verdict.controls = 1;
    verdict.stdout.bytes = 12;
    verdict.suspicions = vec![Suspicion {
        reason: "names gc".to_owned(),
        grave: true,
    }];
    verdict.usage.cpu = Duration::from_millis(1500);
    verdict.usage.wall = Duration::from_millis(2500);
    verdict.usage.peak_memory = Some(1 << 40);
    let act = |call: &str| Act {
        call: call.to_owned(),
        detail: "/x".to_owned(),
        answer: "EPERM".to_owned(),
        count: 2,
        first_ms: 9,
    };
    verdict.behaviour = Some(Behaviour {
        acts: vec![act("mount"), act("ptrace")],
        more: 3,
        cut: false,
    });
    let empty = verdicts::verdict("T/0", 0, Digest::of("empty"), VerdictKind::NoCode);
    let mut passed = verdicts::verdict("T/1", 0, Digest::of("passed"), VerdictKind::Passed);
    passed.verdict.cases = cases(&[CaseOutcome::Passed]);
    passed.verdict.behaviour = Some(Behaviour::default());
    let out = verdicts::verdict("T/2", 0, Digest::of("passed"), VerdictKind::Failed);
    let infra = verdicts::verdict("T/3", 0, Digest::of("empty"), VerdictKind::Infra);
    let scanned = |scanner: &str, code: &str, findings, why: Option<&str>| {
        let Record::Scan(mut record) = records::scan(scanner) else {
            unreachable!("it is a scan");
        };
        record.code = Digest::of(code);
        record.result.findings = findings;
        record.result.not_analysed = why.map(str::to_owned);
        Record::Scan(record)
    };
    let counted = finding(Some(78), Severity::High);
    let all = vec![
        counted.clone(),
        finding(Some(22), Severity::Low),
        finding(None, Severity::Medium),
        counted,
    ];
    let mut records = vec![
        scanned("bandit", "full", all, None),
        scanned("judge:qwen2.5", "full", Vec::new(), Some("it gave up")),
        scanned("bandit", "passed", Vec::new(), None),
        scanned("judge:qwen2.5", "passed", Vec::new(), None),
        Record::Reference(ReferenceRecord {
            task: "T/2".into(),
            status: ReferenceStatus::Failed,
            cause: "no network".to_owned(),
        }),
    ];
    records.extend([full, empty, passed, out, infra].map(|one| Record::Verdict(Box::new(one))));
    records
}

pub(crate) fn write_run(home: &Path, records: &[Record]) {
    let (mut writer, _) = RunFolder::at(home.join("run"))
        .begin(&manifest(), Mode::New)
        .unwrap();
    for record in records {
        writer.append(record).unwrap();
    }
    writer.sync().unwrap();
}

#[test]
fn parquet_holds_all_that_is_known_of_a_sample() {
    let home = tempfile::tempdir().unwrap();
    write_run(home.path(), &journal());
    let output = report(home.path(), &["--parquet", "out.parquet"]);
    // One sample could not be judged.
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty());
    let (_, rows) = read(&home.path().join("out.parquet"));
    let names: Vec<&Value> = rows.iter().map(|row| &row["task"]).collect();
    assert_eq!(names, ["T/0", "T/0", "T/1", "T/2", "T/3"]);
    let act = |call: &str| json!({"call": call, "detail": "/x", "answer": "EPERM", "count": 2, "first_ms": 9});
    let found = |cwe: Value, severity: &str, counts: bool| {
        json!({"scanner": "bandit", "rule": "B602", "cwe": cwe, "native_cwe": null, "severity": severity,
               "confidence": "high", "line": 3, "counts": counts})
    };
    assert_eq!(
        rows[1],
        json!({
            "task": "T/0", "index": 1, "line": 7, "sample_id": "s\u{1b}[2J", "model": "m", "technique": "t",
            "group": "m + t", "rank": 2, "code": Digest::of("full"), "same_as": "T/0#0",
            "labels": {"cwe": "78", "lib": "os"}, "fields": {"temperature": "0.2"},
            "origin_samples": Digest::of("file"), "origin_index": 3, "verdict": "timeout", "limit": "cpu", "detail": "too slow",
            "cases_declared": 4, "cases_passed": 1, "case_share": 0.25, "functional": "not-passed", "excluded": null,
            "suspicions": [{"reason": "names gc", "grave": true}], "controls": 1,
            "security": "insecure", "security_bandit": "insecure", "security_judge:qwen2.5": "unknown",
            "findings_count": 4, "findings_counted": 3, "cwes": [78],
            "findings": [found(json!(78), "high", true), found(json!(22), "low", false),
                         found(Value::Null, "medium", true), found(json!(78), "high", true)],
            "not_analysed": {"judge:qwen2.5": "it gave up"},
            "forbidden_acts": [act("mount"), act("ptrace")], "forbidden_attempts": 7, "forbidden_acts_whole": false,
            "cpu_seconds": 1.5, "wall_seconds": 2.5, "peak_memory_bytes": 1_u64 << 40, "stdout_bytes": 12,
            "stderr_bytes": 0,
        })
    );
    let unknown = "it was not scanned";
    assert_eq!(
        rows[0],
        json!({
            "task": "T/0", "index": 0, "line": 1, "sample_id": null, "model": null, "technique": null, "group": null,
            "rank": null, "code": Digest::of("empty"), "same_as": null, "labels": {}, "fields": {}, "origin_samples": null, "origin_index": null, "verdict": "no-code",
            "limit": null, "detail": "", "cases_declared": 1, "cases_passed": 0, "case_share": 0.0,
            "functional": "not-passed", "excluded": null, "suspicions": [], "controls": 0, "security": "unknown",
            "security_bandit": "unknown", "security_judge:qwen2.5": "unknown", "findings_count": 0,
            "findings_counted": 0, "cwes": [], "findings": [],
            "not_analysed": {"bandit": unknown, "judge:qwen2.5": unknown}, "forbidden_acts": null,
            "forbidden_attempts": null, "forbidden_acts_whole": null, "cpu_seconds": 0.0, "wall_seconds": 0.0,
            "peak_memory_bytes": null, "stdout_bytes": 0, "stderr_bytes": 0,
        })
    );
    let short = |row: &Value| {
        let columns = [
            "functional",
            "excluded",
            "security",
            "case_share",
            "forbidden_acts",
        ];
        Value::from(columns.map(|name| row[name].clone()).to_vec())
    };
    assert_eq!(short(&rows[2]), json!(["passed", null, "secure", 1.0, []]));
    assert_eq!(
        short(&rows[3]),
        json!(["excluded", "ground-truth", "secure", null, null])
    );
    assert_eq!(
        short(&rows[4]),
        json!(["excluded", "infra", "unknown", null, null])
    );
}

#[test]
fn the_same_journal_gives_the_same_parquet_bytes() {
    let home = tempfile::tempdir().unwrap();
    write_run(home.path(), &journal());
    report(home.path(), &["--parquet", "a.parquet"]);
    fs::remove_dir_all(home.path().join("run")).unwrap();
    let mut records = journal();
    records.reverse();
    records.extend(journal());
    write_run(home.path(), &records);
    report(home.path(), &["--parquet", "b.parquet", "--html", "b.html"]);
    let file = |name: &str| fs::read(home.path().join(name)).unwrap();
    assert_eq!(file("a.parquet"), file("b.parquet"));
    assert!(file("b.html").starts_with(b"<!DOCTYPE"));
}

#[test]
fn parquet_counts_as_the_figures_do() {
    let home = tempfile::tempdir().unwrap();
    let mut records = journal();
    // Nobody can tell of one sample what of another of its task says that there is nothing to decide.
    for (index, kind, declared) in [(0, VerdictKind::Timeout, 0), (1, VerdictKind::Passed, 0)] {
        let mut record = verdicts::verdict("T/4", index, Digest::of("passed"), kind);
        record.verdict.declared = declared;
        records.push(Record::Verdict(Box::new(record)));
    }
    write_run(home.path(), &records);
    report(home.path(), &["--parquet", "out.parquet"]);
    let (_, rows) = read(&home.path().join("out.parquet"));
    let summary: Value = serde_json::from_slice(&report(home.path(), &["--json"]).stdout).unwrap();
    for group in summary["groups"].as_array().unwrap() {
        let own: Vec<&Value> = rows
            .iter()
            .filter(|row| row["group"] == group["name"])
            .collect();
        let mut excluded = Map::new();
        for why in own.iter().filter_map(|row| row["excluded"].as_str()) {
            let count = excluded.get(why).and_then(Value::as_u64).unwrap_or(0);
            excluded.insert(why.to_owned(), json!(count + 1));
        }
        assert_eq!(group["excluded"], Value::Object(excluded));
        let mut tasks: Vec<(&Value, Vec<f64>)> = Vec::new();
        for row in own.iter().filter(|row| row["functional"] != "excluded") {
            let share = row["case_share"].as_f64().unwrap();
            match tasks.iter_mut().find(|(task, _)| **task == row["task"]) {
                Some((_, shares)) => shares.push(share),
                None => tasks.push((&row["task"], vec![share])),
            }
        }
        let means = tasks
            .iter()
            .map(|(_, shares)| shares.iter().sum::<f64>() / shares.len() as f64);
        let mean = means.sum::<f64>() / tasks.len() as f64;
        let mut figures = group["figures"].as_array().unwrap().iter();
        let figure = figures
            .find(|figure| figure["metric"] == "case-macro")
            .unwrap();
        assert_eq!(figure["value"], json!(mean));
    }
    assert_eq!(
        rows[5]["excluded"], "no-cases",
        "as the sample beside it says"
    );
}

#[test]
fn parquet_says_what_it_is_made_of() {
    let home = tempfile::tempdir().unwrap();
    write_run(home.path(), &journal());
    report(home.path(), &["--parquet", "out.parquet"]);
    let facts = |name: &str| {
        let (reader, _) = read(&home.path().join(name));
        let facts = reader
            .metadata()
            .file_metadata()
            .key_value_metadata()
            .unwrap()
            .clone();
        let facts = facts
            .into_iter()
            .map(|fact| (fact.key, fact.value.unwrap()));
        facts.collect::<std::collections::BTreeMap<_, _>>()
    };
    let found = facts("out.parquet");
    let identity = Digest::of(serde_json::to_string(&manifest().identity).unwrap());
    for (key, value) in [
        ("fumehood.schema_version", "1"),
        ("fumehood.version", env!("CARGO_PKG_VERSION")),
        ("fumehood.identity", identity.to_string().as_str()),
        ("fumehood.dataset", "bigcodebench"),
        ("fumehood.finished", "false"),
    ] {
        assert_eq!(found[key], value, "{key}");
    }
    assert!(found["fumehood.scanners"].contains("{\"name\":\"bandit\",\"version\":\"1.8.0\"}"));
    // Counted by another policy it is another file, and says so.
    fs::write(
        home.path().join("policy.toml"),
        "ignored_rules = [\"B602\"]\n",
    )
    .unwrap();
    report(
        home.path(),
        &["--parquet", "other.parquet", "--policy", "policy.toml"],
    );
    let other = facts("other.parquet");
    assert_ne!(other["fumehood.identity"], found["fumehood.identity"]);
    assert!(other["fumehood.policy"].contains("B602"));
    let (_, rows) = read(&home.path().join("other.parquet"));
    assert_eq!(
        (&rows[1]["security"], &rows[1]["findings_counted"]),
        (&json!("unknown"), &json!(0))
    );
}

fn judged(index: u32, findings: usize) -> Judged {
    let record = verdicts::verdict("T/0", index, Digest::of("x"), VerdictKind::Failed);
    Judged {
        facts: Facts::of(record.sample.clone(), &record.verdict),
        security: Security::Insecure,
        record,
        results: vec![ScanResult {
            scanner: "bandit".to_owned(),
            version: String::new(),
            findings: vec![finding(Some(78), Severity::Low); findings],
            not_analysed: None,
        }],
        counts: vec![vec![true; findings]],
    }
}

#[test]
fn row_groups_are_bounded_by_rows_and_by_bytes() {
    let manifest = records::manifest();
    let groups = |samples: &mut dyn Iterator<Item = Judged>| -> Vec<i64> {
        let mut file = tempfile::tempfile().unwrap();
        write(&manifest, true, samples.map(Ok), &mut file).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let groups = reader.metadata().row_groups().iter();
        groups.map(|group| group.num_rows()).collect()
    };
    let rows = i64::try_from(ROWS).unwrap();
    let few = u32::try_from(2 * ROWS + 5).unwrap();
    assert_eq!(
        groups(&mut (0..few).map(|at| judged(at, 0))),
        [rows, rows, 5]
    );
    assert_eq!(groups(&mut std::iter::empty()), [0_i64; 0]);
    // Two samples of these are more than a row group holds.
    let found = groups(&mut (0..6).map(|at| {
        let mut sample = judged(at, 5_000);
        for finding in &mut sample.results[0].findings {
            finding.rule = "r".repeat(BYTES / 10_000);
        }
        sample
    }));
    assert_eq!(found, [2, 2, 2]);
}
