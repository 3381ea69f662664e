//! JSON Schemas: the files are what the types say, and what is printed is valid by them.

use std::process::Command;

use fumehood::report::schema::Document;
use fumehood::report::{StudySummary, Summary, json};
use serde_json::{Value, json};

use super::{HOSTILE, about, run, study, summary_of};

fn parsed(document: Document) -> Value {
    serde_json::from_str(&document.schema().unwrap()).unwrap()
}

/// What is wrong with a document by its schema.
fn errors(document: Document, found: &Value) -> Vec<String> {
    let validator = jsonschema::draft202012::new(&parsed(document)).unwrap();
    let errors = validator.iter_errors(found);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn value(summary: &Summary) -> Value {
    serde_json::from_str(&json::render(summary).unwrap()).unwrap()
}

#[test]
fn schema_files_are_what_the_types_say() {
    for document in Document::ALL {
        let name = document.name();
        let schema = document.schema().unwrap();
        let place = format!("docs/schemas/{name}.json");
        let kept = std::fs::read_to_string(format!("{}/{place}", env!("CARGO_MANIFEST_DIR")));
        assert!(
            kept.is_ok_and(|kept| kept == schema),
            "{place} is out of date. If the change is meant, raise the version in src/base/version.rs where readers of the \
             old one would be misled, and run `cargo run -- schema {name} >{place}`"
        );
        let printed = Command::new(env!("CARGO_BIN_EXE_fumehood"))
            .args(["schema", name])
            .output()
            .unwrap();
        assert!(printed.status.success());
        assert_eq!(String::from_utf8(printed.stdout).unwrap(), schema);
    }
}

#[test]
fn every_field_of_a_schema_is_described() {
    for document in Document::ALL {
        let schema = parsed(document);
        assert!(
            jsonschema::draft202012::meta::is_valid(&schema),
            "{}",
            document.name()
        );
        let types = schema["$defs"].as_object().unwrap().iter();
        let root = "the document".to_owned();
        for (name, of) in types.chain([(&root, &schema)]) {
            assert!(of["description"].is_string(), "{name}");
            let Some(fields) = of["properties"].as_object() else {
                continue;
            };
            for (field, of) in fields {
                let text = of["description"].as_str().unwrap_or_default();
                assert!(!text.is_empty(), "{}: {name}.{field}", document.name());
                for code in ["::", "[`", "`None`", "  "] {
                    assert!(!text.contains(code), "{name}.{field}: {text}");
                }
            }
        }
    }
}

#[test]
fn summaries_are_valid_by_their_schema() {
    let mut grouped = run();
    for facts in &mut grouped {
        facts.group = Some(HOSTILE.to_owned());
    }
    let empty = summary_of(&[], about());
    let mut nothing = summary_of(&run(), about());
    for figure in &mut nothing.groups[0].figures {
        figure.value = None;
        figure.interval = None;
        figure.unknown = None;
    }
    for summary in [
        &summary_of(&run(), about()),
        &summary_of(&grouped, about()),
        &empty,
        &nothing,
    ] {
        assert_eq!(errors(Document::Summary, &value(summary)), [""; 0]);
    }
    assert!(empty.groups.is_empty(), "one of them holds nothing");
}

#[test]
fn studies_are_valid_by_their_schema() {
    let labels = study::labels();
    let rows = study::rows();
    for labels in [None, Some(&labels)] {
        for rows in [&rows[..], &rows[5..6], &[]] {
            let found: StudySummary = study::study_of(rows, labels);
            let found = serde_json::from_str(&json::render_study(&found).unwrap()).unwrap();
            assert_eq!(errors(Document::Scanners, &found), [""; 0]);
        }
    }
}

#[test]
fn what_is_no_summary_is_not_valid() {
    let whole = value(&summary_of(&run(), about()));
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 8] = [
        ("/version", |found| found["version"] = json!(1)),
        ("", |found| {
            _ = found.as_object_mut().unwrap().remove("groups")
        }),
        ("", |found| found["more"] = json!(1)),
        ("/groups/0/figures/0/metric", |found| {
            found["groups"][0]["figures"][0]["metric"] = json!("passes");
        }),
        ("/groups/0/figures/0/tasks", |found| {
            found["groups"][0]["figures"][0]["tasks"] = json!(-1);
        }),
        ("/groups/0/figures/0/tasks", |found| {
            found["groups"][0]["figures"][0]["tasks"] = Value::Null;
        }),
        ("/groups/0/excluded", |found| {
            found["groups"][0]["excluded"]["bad weather"] = json!(1);
        }),
        ("/about/limits/cpu/secs", |found| {
            found["about"]["limits"]["cpu"]["secs"] = json!("30");
        }),
    ];
    for (place, change) in changes {
        let mut found = whole.clone();
        change(&mut found);
        let errors = errors(Document::Summary, &found);
        assert!(!errors.is_empty(), "{place}");
        assert!(
            errors[0].starts_with(&format!("{place}: ")),
            "{place}: {errors:?}"
        );
    }
}
