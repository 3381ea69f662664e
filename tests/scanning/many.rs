//! Many files: in batches that follow each other, whatever the umask says, with every answer at its own file.

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::Command;

use fumehood::scan::ScannerKind;
use serde_json::Value;

use super::command::text;
use super::{home_of, pool};

/// Files of `n` lines with a call to `eval` in line `n % 5 + 1` of each third, among them equal ones and files that cannot
/// be read.
fn code(number: usize) -> Vec<u8> {
    match number % 7 {
        // All of them the same.
        3 => b"def f(x):\n    return eval(x)\n".to_vec(),
        5 => b"x = '\xe9'\n".to_vec(),
        _ => {
            let weak = if number.is_multiple_of(3) {
                "eval(x)"
            } else {
                "len(x)"
            };
            format!("{}y = {weak}  # {number}\n", "z = 1\n".repeat(number % 5)).into_bytes()
        }
    }
}

fn is_flagged(number: usize) -> bool {
    number % 7 == 3 || number % 7 != 5 && number.is_multiple_of(3)
}

#[tokio::test]
async fn every_answer_is_at_its_own_file() {
    let Some(pool) = pool().await else { return };
    pool.shutdown().await;
    if home_of(ScannerKind::RuffS).is_none() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let count = 4100;
    for number in 0..count {
        let path = home.path().join(format!("{number:05}.py"));
        fs::write(path, code(number)).unwrap();
    }
    // A file that fills a batch by itself, in the middle of the others.
    let long = format!("x = 1\n{}", "# long\n".repeat(140_000));
    fs::write(home.path().join("02000-a.py"), &long).unwrap();
    fs::write(home.path().join("02000-b.py"), "y = 1\n".repeat(200_000)).unwrap();
    // What is in no folder walk, and is named: a socket cannot be opened, and a device has no end.
    let socket = home.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    for (umask, workers) in [("000", "1"), ("077", "3")] {
        let script = format!(
            "umask {umask}; exec \"$0\" scan --json --scanners ruff-s --workers {workers} . ./socket /dev/zero"
        );
        let output = Command::new("/bin/sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_fumehood")])
            .current_dir(home.path())
            .output()
            .unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let told: Vec<Value> = text(&output.stdout)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(told.len(), count + 4);
        let paths: Vec<&str> = told.iter().map(|t| t["path"].as_str().unwrap()).collect();
        let (found, named) = paths.split_at(count + 2);
        assert!(found.is_sorted());
        assert_eq!(named, ["./socket", "/dev/zero"]);
        for one in &told {
            let name = one["path"].as_str().unwrap();
            let number: Option<usize> = name.get(2..7).and_then(|digits| digits.parse().ok());
            let result = &one["results"][0];
            let why = result["not_analysed"].as_str().unwrap_or_default();
            match (name, number) {
                ("./socket" | "/dev/zero", _) => assert_eq!(why, "it is no file"),
                ("./02000-b.py", _) => assert!(why.contains("longer than"), "{why}"),
                ("./02000-a.py", _) => assert_eq!(one["security"], "secure", "{why}"),
                (_, Some(number)) if number % 7 == 5 => assert_eq!(why, "it is not UTF-8"),
                (_, number) => {
                    let number = number.unwrap();
                    assert_eq!(why, "", "{name}");
                    let lines: Vec<u64> = result["findings"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|finding| finding["line"].as_u64().unwrap())
                        .collect();
                    let line = if number % 7 == 3 {
                        2
                    } else {
                        number as u64 % 5 + 1
                    };
                    let expected = if is_flagged(number) {
                        vec![line]
                    } else {
                        vec![]
                    };
                    assert_eq!(lines, expected, "{name} (umask {umask})");
                }
            }
        }
    }
}
