//! gosec, where the user has brought it and Go, on code that tries to get past it.

use std::path::Path;

use fumehood::base::digest::Digest;
use fumehood::environment::Interpreter;
use fumehood::scan::{Language, Policy, ScanResult, Scanner, ScannerKind, Security};
use fumehood::worker::Pool;

use super::{Trial, pool, restore_as};

const GOSEC: ScannerKind = ScannerKind::Gosec;

/// Whether it is to be had here.
fn is_here() -> bool {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let has_go = std::env::var_os("FUMEHOOD_GO").is_some()
        || std::env::split_paths(&on_path).any(|folder| folder.join("go").is_file());
    let is_here = has_go && GOSEC.wants().unwrap().program().is_some();
    if !is_here {
        eprintln!("SKIPPED: there is no gosec here, or no Go (tools/install_gosec.sh)");
    }
    is_here
}

async fn scan(scanner: &Scanner, pool: &Pool, codes: &[&str]) -> Vec<ScanResult> {
    let codes: Vec<(Digest, &str)> = codes.iter().map(|c| (Digest::of(c), *c)).collect();
    let results = scanner.scan_batch(pool, Language::Go, &codes).await;
    results.into_iter().map(|(_, result)| result).collect()
}

const WEAK: &str =
    "package main\n\nimport \"crypto/md5\"\n\nfunc f() [16]byte { return md5.Sum(nil) }\n";

#[tokio::test]
async fn in_the_sandbox_weaknesses_are_found_and_what_has_no_types_is_unknown() {
    let Some(pool) = pool().await else { return };
    if is_here() {
        let scanner = Scanner::prepare(&pool, GOSEC, &Interpreter::none()).await;
        assert_eq!(scanner.missing(), None);
        assert!(
            scanner.version().contains(", go1."),
            "{}",
            scanner.version()
        );
        let silenced = WEAK.replace("(nil) }", "(nil) } // #nosec //gosec:disable");
        let moved = format!("//go:build ignore\n\n//line other.go:1\n{WEAK}");
        let weak = [WEAK, &silenced, &moved];
        let clean = [
            "package main\n\nfunc main() {}\n",
            "package other\r\n\r\nimport \"fmt\"\r\n\r\nfunc F() { fmt.Println() }",
        ];
        let unknown = [
            "func f() {}\n",
            "",
            "package main\n\nfunc f( {\n",
            "package main\n\nfunc f() { return 1 }\n",
            "package main\n\nimport \"github.com/nobody/nothing\"\n\nfunc f() { nothing.F() }\n",
            "package main\n\nimport \"C\"\n",
            "package main\n\nimport \"../known/bad\"\n\nvar x = bad.X\n",
            "package main /* never closed",
            "package documentation\n",
        ];
        let codes: Vec<&str> = weak.into_iter().chain(clean).chain(unknown).collect();
        let results = scan(&scanner, &pool, &codes).await;
        let policy = Policy::default();
        for (place, (code, result)) in codes.iter().zip(&results).enumerate() {
            let expected = match place {
                0..3 => Security::Insecure,
                3..5 => Security::Secure,
                _ => Security::Unknown,
            };
            assert_eq!(policy.judge(result), expected, "{code}: {result:?}");
        }
        for (result, line) in results.iter().zip([5, 5, 8]) {
            let call = result.findings.iter().find(|found| found.rule == "G401");
            let call = call.map(|found| (found.line, found.cwe));
            assert_eq!(call, Some((line, Some(328))), "{result:?}");
        }
    }
    pool.shutdown().await;
}

#[test]
fn each_flag_closes_its_trap() {
    if !is_here() {
        return;
    }
    let silenced: &str =
        "package main\n\nimport \"crypto/md5\"\n\nfunc f() { _ = md5.Sum(nil) } // #nosec G401\n";
    let found = |without: &str| {
        let change = |argv: &mut Vec<String>| argv.retain(|argument| argument != without);
        let plant = |root: &Path| restore_as(root, GOSEC, Language::Go, silenced);
        let none = Interpreter::none();
        let trial = Trial {
            plant: &plant,
            change: &change,
            ..Trial::of(GOSEC, &none, Language::Go)
        };
        let outcomes = trial.scan(&[silenced]);
        outcomes.is_ok_and(|o| o[0].findings.iter().any(|found| found.rule == "G401"))
    };
    assert!(found(""));
    assert!(!found("-nosec"));
    assert!(!found("-no-fail"));
    assert!(!found("-fmt=json"));
}
