//! flawfinder on C and C++ that tries to get past it.

use std::path::Path;

use fumehood::base::digest::Digest;
use fumehood::environment::Interpreter;
use fumehood::scan::{FileOutcome, Language, Policy, Scanner, ScannerKind, Security};

use super::{Trial, home_of, pool, restore_as, rules};

const FLAWFINDER: ScannerKind = ScannerKind::Flawfinder;

fn scan(python: &Interpreter, language: Language, codes: &[&str]) -> Vec<FileOutcome> {
    Trial::of(FLAWFINDER, python, language).scan(codes).unwrap()
}

#[test]
fn weaknesses_are_found_in_their_lines_and_clean_code_is_secure() {
    let Some(python) = home_of(FLAWFINDER) else {
        return;
    };
    let weak = "#include <string.h>\n\nvoid f(char *a, char *b) { strcpy(a, b); }";
    for language in [Language::C, Language::Cpp] {
        let codes = [
            weak,
            "int f(int x) { return x; }",
            "",
            "// none\r\n",
            "int a; // on \\",
        ];
        let outcomes = scan(&python, language, &codes);
        assert_eq!(rules(&outcomes[0]), ["FF1001"], "{language}");
        let found = &outcomes[0].findings[0];
        assert_eq!((found.line, found.cwe), (3, Some(120)));
        for clean in &outcomes[1..] {
            assert_eq!(*clean, FileOutcome::default(), "{language}");
        }
    }
}

#[test]
fn comments_do_not_silence_it() {
    let Some(python) = home_of(FLAWFINDER) else {
        return;
    };
    let codes = [
        "void f(char *a) { gets(a); } // Flawfinder: ignore",
        "/* ITS4: ignore */\nvoid f(char *a) { gets(a); }",
        "/*\n\n RATS: ignore */ void f(char *a) { gets(a); }",
        "char *s = \"/*\"; /*/ flawfinder: ignore */ void f(char *a) { gets(a); }",
    ];
    for (code, outcome) in codes.iter().zip(scan(&python, Language::C, &codes)) {
        assert_eq!(rules(&outcome), ["FF1014"], "{code}");
        assert_eq!(outcome.not_analysed, None, "{code}");
    }
}

#[test]
fn each_flag_closes_its_trap() {
    let Some(python) = home_of(FLAWFINDER) else {
        return;
    };
    let silenced = "void f(char *a) { gets(a); } // Flawfinder: ignore\n";
    let found = |without: &str| {
        let change = |argv: &mut Vec<String>| argv.retain(|argument| argument != without);
        let plant = |root: &Path| restore_as(root, FLAWFINDER, Language::C, silenced);
        let trial = Trial {
            plant: &plant,
            change: &change,
            ..Trial::of(FLAWFINDER, &python, Language::C)
        };
        trial
            .scan(&[silenced])
            .is_ok_and(|outcomes| rules(&outcomes[0]) == ["FF1014"])
    };
    assert!(found(""));
    assert!(!found("--neverignore"));
    assert!(!found("--sarif"));
}

/// What hides the end of a file from it.
const HIDING: [&str; 4] = [
    "/* never closed",
    "char *s = \"never closed",
    "int a __attribute__((never closed",
    "int a; /* \" */ char *b = \"*/",
];

#[test]
fn what_it_does_not_read_to_its_end_is_unknown() {
    let Some(python) = home_of(FLAWFINDER) else {
        return;
    };
    let codes: Vec<&str> = HIDING.into_iter().chain(["int a;\n"]).collect();
    let outcomes = scan(&python, Language::C, &codes);
    for (code, outcome) in HIDING.iter().zip(&outcomes) {
        assert!(outcome.not_analysed.is_some(), "{code}: {outcome:?}");
    }
    assert_eq!(outcomes[HIDING.len()], FileOutcome::default());
}

#[tokio::test]
async fn in_the_sandbox_every_code_gets_its_own_answer() {
    let Some(pool) = pool().await else { return };
    if let Some(python) = home_of(FLAWFINDER) {
        let scanner = Scanner::prepare(&pool, FLAWFINDER, &python).await;
        assert_eq!(scanner.missing(), None);
        let codes = ["int a;\n", HIDING[0], "void f(char *a) { gets(a); }\n"];
        let codes = codes.map(|code| (Digest::of(code), code));
        let policy = Policy::default();
        for language in [Language::C, Language::Cpp] {
            let results = scanner.scan_batch(&pool, language, &codes).await;
            let values = results.iter().map(|(_, result)| policy.judge(result));
            let expected = [Security::Secure, Security::Unknown, Security::Insecure];
            assert_eq!(values.collect::<Vec<_>>(), expected, "{results:?}");
        }
        // It is asked about nothing else.
        let results = scanner.scan_batch(&pool, Language::Go, &codes).await;
        for (_, result) in results {
            assert_eq!(result.not_analysed.as_deref(), Some("it does not read go"));
        }
    }
    pool.shutdown().await;
}

/// What opens a string for it and for no compiler hides what stands between: such code is not given to it.
#[tokio::test]
async fn quotes_that_hide_code_make_it_unknown() {
    let Some(pool) = pool().await else { return };
    if let Some(python) = home_of(FLAWFINDER) {
        let scanner = Scanner::prepare(&pool, FLAWFINDER, &python).await;
        let policy = Policy::default();
        for (language, code) in [
            (
                Language::C,
                "#if 0\n'\n#endif\nvoid f(char *x) { gets(x); }\n#if 0\n'\n#endif\n",
            ),
            (
                Language::Cpp,
                "const char *a = R\"(\")\";\nvoid f(char *x) { gets(x); }\nconst char *b = R\"(\")\";\n",
            ),
        ] {
            // The trap is real.
            let outcomes = scan(&python, language, &[code]);
            assert_eq!(
                (outcomes[0].findings.len(), &outcomes[0].not_analysed),
                (0, &None),
                "{outcomes:?}"
            );
            let results = scanner
                .scan_batch(&pool, language, &[(Digest::of(code), code)])
                .await;
            assert_eq!(
                policy.judge(&results[0].1),
                Security::Unknown,
                "{results:?}"
            );
        }
    }
    pool.shutdown().await;
}
