//! cppcheck, where the user has brought it, on C and C++ that tries to get past it.

use std::path::Path;

use fumehood::base::digest::Digest;
use fumehood::environment::Interpreter;
use fumehood::scan::{
    BatchFailure, FileOutcome, Language, Policy, ScanResult, Scanner, ScannerKind, Security,
};
use fumehood::worker::Pool;

use super::{Trial, pool, restore_as};

const CPPCHECK: ScannerKind = ScannerKind::Cppcheck;
const BEYOND: &str = "int f(void) { int a[2]; a[0] = 1; return a[2]; }\n";

/// cppcheck in the sandbox, or nothing where it is not to be had.
async fn cppcheck(pool: &Pool) -> Option<Scanner> {
    if CPPCHECK.wants().unwrap().program().is_none() {
        eprintln!("SKIPPED: there is no cppcheck here (apt-get install cppcheck)");
        return None;
    }
    let scanner = Scanner::prepare(pool, CPPCHECK, &Interpreter::none()).await;
    assert_eq!(scanner.missing(), None);
    Some(scanner)
}

async fn scan(
    scanner: &Scanner,
    pool: &Pool,
    language: Language,
    codes: &[&str],
) -> Vec<ScanResult> {
    let codes: Vec<(Digest, &str)> = codes.iter().map(|c| (Digest::of(c), *c)).collect();
    let results = scanner.scan_batch(pool, language, &codes).await;
    results.into_iter().map(|(_, result)| result).collect()
}

fn rules(result: &ScanResult) -> Vec<(&str, u32)> {
    let found = result.findings.iter();
    found.map(|f| (f.rule.as_str(), f.line)).collect()
}

#[tokio::test]
async fn weaknesses_are_found_in_their_lines_and_clean_code_is_secure() {
    let Some(pool) = pool().await else { return };
    if let Some(scanner) = cppcheck(&pool).await {
        for language in [Language::C, Language::Cpp] {
            let weak = format!("#include <stdlib.h>\r\nint a;\n{BEYOND}");
            let codes = [
                weak.as_str(),
                "int f(int x) { return x; }",
                "",
                "int b;\r",
                "int c; // on \\",
            ];
            let results = scan(&scanner, &pool, language, &codes).await;
            assert_eq!(
                rules(&results[0]),
                [("arrayIndexOutOfBounds", 3)],
                "{language}"
            );
            assert_eq!(results[0].findings[0].cwe, Some(788));
            for clean in &results[1..] {
                assert!(
                    clean.findings.is_empty() && clean.not_analysed.is_none(),
                    "{clean:?}"
                );
            }
        }
        assert!(
            scanner.version().contains(", library "),
            "{}",
            scanner.version()
        );
    }
    pool.shutdown().await;
}

/// What it did not, or not wholly, read.
const ODD: [&str; 6] = [
    "int f( {",
    "int f(void) { return 0; ",
    "/* never closed",
    "#if 0",
    "#define mark gone[\nint a;",
    "FOO(int a) BAR { return }; if",
];

#[tokio::test]
async fn what_it_does_not_understand_is_unknown_and_never_secure() {
    let Some(pool) = pool().await else { return };
    if let Some(scanner) = cppcheck(&pool).await {
        let deep = format!("int f(void) {{ return {}1; }}\n", "-".repeat(20_000));
        let mut codes = ODD.to_vec();
        codes.extend([deep.as_str(), "int a;\n"]);
        let results = scan(&scanner, &pool, Language::C, &codes).await;
        let policy = Policy::default();
        let last = results.len() - 1;
        for (code, result) in codes.iter().zip(&results[..last]) {
            assert_eq!(
                policy.judge(result),
                Security::Unknown,
                "{code:.60}: {result:?}"
            );
        }
        assert_eq!(
            policy.judge(&results[last]),
            Security::Secure,
            "{:?}",
            results[last]
        );
    }
    pool.shutdown().await;
}

/// A sample that includes another takes its findings away from it (cppcheck reports the same once), and could say with a macro
/// that the mark stays.
#[tokio::test]
async fn a_sample_that_includes_another_harms_nobody_else() {
    let Some(pool) = pool().await else { return };
    if let Some(scanner) = cppcheck(&pool).await {
        let hash = Digest::of(BEYOND).to_string();
        let include = |name: &str| {
            format!(
                "#define fumehood_mark(a) other(a) {{ }} void x(void); void y(a)\n#include \"{name}\"\nint b;\n"
            )
        };
        let thief = include(&format!("../{}/{hash}.c", &hash[..2]));
        let known = include("../known/bad.c");
        let moves = format!("#line 1 \"/batch/s/{}/{hash}.c\"\n{BEYOND}", &hash[..2]);
        let codes = [BEYOND, &thief, &known, &moves, "int a;\n"];
        let results = scan(&scanner, &pool, Language::C, &codes).await;
        let found = ("arrayIndexOutOfBounds", 1);
        assert_eq!(rules(&results[0]), [found], "{results:?}");
        assert_eq!(
            rules(&results[3]),
            [("arrayIndexOutOfBounds", 2)],
            "{results:?}"
        );
        let policy = Policy::default();
        for result in &results[1..3] {
            assert_ne!(policy.judge(result), Security::Insecure, "{result:?}");
        }
        assert_eq!(policy.judge(&results[4]), Security::Secure);
    }
    pool.shutdown().await;
}

/// Outside of the sandbox, with a changed command line.
fn changed(
    codes: &[&str],
    language: Language,
    plant: &dyn Fn(&Path),
    change: &dyn Fn(&mut Vec<String>),
) -> Option<Result<Vec<FileOutcome>, BatchFailure>> {
    CPPCHECK.wants().unwrap().program()?;
    let none = Interpreter::none();
    let trial = Trial {
        plant,
        change,
        ..Trial::of(CPPCHECK, &none, language)
    };
    Some(trial.scan(codes))
}

#[test]
fn each_flag_closes_its_trap() {
    let one = "class A { public: A() : x(0) {} int get() { return x; } private: int x; };\n";
    let other = "class A { public: A() : y(0), z(0) {} int get() { return y + z; } private: int y; int z; };\n";
    let clean = |without: &str| {
        let change = |argv: &mut Vec<String>| argv.retain(|argument| argument != without);
        let result = changed(&[one, other], Language::Cpp, &|_| {}, &change)?;
        Some(result.is_ok_and(|outcomes| outcomes.iter().all(|o| *o == FileOutcome::default())))
    };
    let Some(with) = clean("") else {
        eprintln!("SKIPPED: there is no cppcheck here (apt-get install cppcheck)");
        return;
    };
    assert!(with);
    for flag in ["-j2", "--enable=warning,information", "--xml"] {
        assert!(clean(flag) == Some(false), "without {flag}");
    }
    // Twelve is what it reads without being asked for more.
    let branches: String = (0..30)
        .map(|n| format!("#ifdef A{n}\nint a{n};\n#endif\n"))
        .collect();
    let many = |without: &str| {
        let change = |argv: &mut Vec<String>| argv.retain(|argument| argument != without);
        changed(&[&branches], Language::C, &|_| {}, &change)
            .unwrap()
            .unwrap()
    };
    assert_eq!(many("")[0].not_analysed, None);
    let why = many("--max-configs=64")[0].not_analysed.clone().unwrap();
    assert!(why.contains("toomanyconfigs"), "{why}");
}

#[test]
fn comments_do_not_silence_it() {
    let code: &str = "int f(void) { int a[2]; a[0] = 1; return a[2]; } // cppcheck-suppress arrayIndexOutOfBounds\n";
    let found = |plant: &dyn Fn(&Path), asked_to: bool| {
        let change = |argv: &mut Vec<String>| {
            argv.extend(asked_to.then(|| "--inline-suppr".to_owned()));
        };
        let outcomes = changed(&[code], Language::C, plant, &change)?;
        Some(outcomes.unwrap()[0].findings.len())
    };
    let as_it_was = |root: &Path| restore_as(root, CPPCHECK, Language::C, code);
    let Some(count) = found(&as_it_was, false) else {
        eprintln!("SKIPPED: there is no cppcheck here (apt-get install cppcheck)");
        return;
    };
    assert_eq!(count, 1, "it is not asked to obey");
    assert_eq!(
        found(&|_| {}, true),
        Some(1),
        "and there is nothing to be obeyed"
    );
    assert_eq!(found(&as_it_was, true), Some(0), "the trap works");
}
