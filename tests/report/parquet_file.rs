//! The Parquet file as a file: documented, and there as a whole or not at all.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use ::parquet::basic::{ConvertedType, Type as Physical};
use ::parquet::file::reader::FileReader as _;
use ::parquet::schema::types::Type;

use super::parquet::{journal, read, report, write_run};

#[test]
fn every_column_is_documented_with_its_type() {
    let home = tempfile::tempdir().unwrap();
    write_run(home.path(), &journal());
    report(home.path(), &["--parquet", "out.parquet"]);
    let (reader, _) = read(&home.path().join("out.parquet"));
    let docs = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/exports.md")).unwrap();
    let (_, docs) = docs.split_once("## Parquet").unwrap();
    let documented: Vec<(String, String)> = docs
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            Some((
                cells.next()?.trim_end_matches('`').to_owned(),
                cells.next()?.to_owned(),
            ))
        })
        .collect();
    let schema = reader.metadata().file_metadata().schema();
    let mut found: Vec<(String, String)> = schema
        .get_fields()
        .iter()
        .map(|field| (field.name().to_owned(), type_of(field)))
        .collect();
    let scanner = |name: &str| name.strip_prefix("security_").is_some();
    found.retain(|(name, _)| name != "security_bandit");
    for (name, _) in found.iter_mut().filter(|(name, _)| scanner(name)) {
        "security_SCANNER".clone_into(name);
    }
    assert_eq!(found, documented);
}

/// A type in the words of the documentation.
fn type_of(field: &Type) -> String {
    let or_null = |text: String, comma: &str| match field.is_optional() {
        true => format!("{text}{comma} or null"),
        false => text,
    };
    if field.is_primitive() {
        let name = match (
            field.get_physical_type(),
            field.get_basic_info().converted_type(),
        ) {
            (Physical::BYTE_ARRAY, ConvertedType::UTF8) => "string",
            (Physical::INT32, ConvertedType::UINT_32) => "uint32",
            (Physical::INT64, ConvertedType::NONE) => "int64",
            (Physical::DOUBLE, _) => "double",
            (Physical::BOOLEAN, _) => "bool",
            other => panic!("{other:?}"),
        };
        return or_null(name.to_owned(), "");
    }
    let element = &field.get_fields()[0].get_fields();
    match field.get_basic_info().converted_type() {
        ConvertedType::MAP => "map of string to string".to_owned(),
        ConvertedType::LIST if element[0].is_primitive() => {
            format!("list of {}", type_of(&element[0]))
        }
        ConvertedType::LIST => {
            let fields = element[0].get_fields().iter();
            let fields = fields.map(|field| format!("`{}` {}", field.name(), type_of(field)));
            let fields = fields.collect::<Vec<_>>().join(", ");
            or_null(format!("list of {{{fields}}}"), ",")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_parquet_file_is_there_as_a_whole_or_not_at_all() {
    let home = tempfile::tempdir().unwrap();
    write_run(home.path(), &journal());
    let said = |output: &Output| String::from_utf8(output.stderr.clone()).unwrap();
    for place in ["nowhere/out.parquet", "run", "/"] {
        let output = report(home.path(), &["--parquet", place]);
        assert_eq!(output.status.code(), Some(7), "{place}");
        let said = said(&output);
        assert!(
            said.contains("cannot write") && said.contains("hint: name a file"),
            "{said}"
        );
    }
    let path = home.path().join("out.parquet");
    fs::write(&path, "old").unwrap();
    // A disk that is full: the limit of the shell stands for it.
    let script = "ulimit -f 1; trap '' XFSZ; exec \"$0\" report run --parquet out.parquet";
    let output = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_fumehood")])
        .current_dir(home.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", said(&output));
    assert!(said(&output).contains("cannot write"), "{}", said(&output));
    assert_eq!(fs::read(&path).unwrap(), b"old");
    let names = || {
        let names = fs::read_dir(home.path()).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(
        names(),
        ["out.parquet", "run"],
        "nothing is left of the attempt"
    );
    assert_eq!(
        report(home.path(), &["--parquet", "out.parquet"])
            .status
            .code(),
        Some(1)
    );
    assert_eq!(names(), ["out.parquet", "run"]);
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    let usual = fs::metadata(home.path().join("run/manifest.json")).unwrap();
    assert_eq!(
        mode,
        usual.permissions().mode() & 0o777,
        "as every other file"
    );
    for other in ["--json", "--latex", "--csv", "--markdown", "--scanners"] {
        let output = report(home.path(), &["--parquet", "out.parquet", other]);
        assert_eq!(output.status.code(), Some(2), "{other}");
    }
}
