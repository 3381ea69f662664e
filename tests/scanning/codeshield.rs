//! CodeShield's detector on code that tries to get past it.

use std::path::Path;
use std::sync::Arc;

use fumehood::base::digest::Digest;
use fumehood::environment::Interpreter;
use fumehood::scan::cache::Cache;
use fumehood::scan::{FileOutcome, Language, Policy, Scanner, ScannerKind, Security};

use super::{Trial, home_of, pool, restore_as, rules};

const CODESHIELD: ScannerKind = ScannerKind::CodeShield;

fn scan(python: &Interpreter, language: Language, codes: &[&str]) -> Vec<FileOutcome> {
    Trial::of(CODESHIELD, python, language).scan(codes).unwrap()
}

#[test]
fn both_halves_find_every_match_in_its_line() {
    let Some(python) = home_of(CODESHIELD) else {
        return;
    };
    let c = "void f(char *a) {\n  gets(a);\n  gets(a);\n  system(a);\n}\n";
    for language in [Language::C, Language::Cpp] {
        let outcomes = scan(&python, language, &[c, "int a;", ""]);
        let found = outcomes[0].findings.iter();
        let found: Vec<_> = found.map(|f| (f.rule.as_str(), f.line, f.cwe)).collect();
        let expected = [
            ("bugprone-gets", 2, Some(242)),
            ("bugprone-gets", 3, Some(242)),
            ("potential-command-injection", 4, Some(78)),
        ];
        assert_eq!(found, expected, "{language}");
        assert_eq!(outcomes[0].not_analysed, None, "{language}");
        assert_eq!(
            outcomes[1..],
            [FileOutcome::default(), FileOutcome::default()]
        );
    }
    let code = "import hashlib\nx = hashlib.md5(b'')\r\ny = hashlib.md5(b'')\nassert True\neval(x)";
    let outcomes = scan(&python, Language::Python, &[code, "y = 1\n"]);
    let found = outcomes[0].findings.iter();
    let found: Vec<_> = found.map(|f| (f.rule.as_str(), f.line)).collect();
    let md5 = "insecure-md5-hash-usage";
    assert_eq!(found, [("insecure-eval-use", 5), (md5, 2), (md5, 3)]);
    assert_eq!(outcomes[1], FileOutcome::default());
    // Semgrep does not know where such a line ends.
    let outcomes = scan(&python, Language::Python, &["x = 1\ry = 2\r"]);
    assert!(outcomes[0].findings.is_empty() && outcomes[0].not_analysed.is_some());
}

#[test]
fn comments_do_not_silence_it_and_are_not_reported() {
    let Some(python) = home_of(CODESHIELD) else {
        return;
    };
    // CodeShield as it comes passes over all but the last two of these.
    let weak = [
        "void f(char *a) {\n/**/ gets(a); }\n",
        "void f(char *a) { /* gets(b) */ gets(a); }\n",
        "#define ASK(a) gets(a)\n",
        "char *s = \"/*\"; void f(char *a) { gets(a); } /* */\n",
        "int a = '\"'; void f(char *b) { gets(b); } int c = '\"';\n",
        "#include <\"/*>\nvoid f(char *a) { gets(a); }\n",
        "void f(char *a) { gets(a); } // nosemgrep\n",
        "void f(char *a) { gets(a); }\n",
    ];
    for (code, outcome) in weak.iter().zip(scan(&python, Language::C, &weak)) {
        assert_eq!(rules(&outcome), ["bugprone-gets"], "{code}");
    }
    let clean = [
        "// gets(a)\nint a;\n",
        "/* a\n gets(a)\n*/ int a;\n",
        "/* \"*/ int a; /* gets(a) \" */\n",
        "int a; // goes on \\\n gets(a)\nint b;\n",
    ];
    for (code, outcome) in clean.iter().zip(scan(&python, Language::C, &clean)) {
        assert_eq!(rules(&outcome), [""; 0], "{code}");
    }
    let weak = "import hashlib\nx = f'''\n# {hashlib.md5(b'')}'''\n";
    let clean = "# hashlib.md5(b'')\nx = 1  # hashlib.md5(b'')\n";
    let outcomes = scan(&python, Language::Python, &[weak, clean]);
    assert_eq!(rules(&outcomes[0]), ["insecure-md5-hash-usage"]);
    assert_eq!(outcomes[1], FileOutcome::default());
}

#[test]
fn each_flag_closes_its_trap() {
    let Some(python) = home_of(CODESHIELD) else {
        return;
    };
    let silenced = "void f(char *a) { system(a); } // nosemgrep\n";
    let found = |without: &str| {
        let change = |argv: &mut Vec<String>| argv.retain(|argument| argument != without);
        let plant = |root: &Path| restore_as(root, CODESHIELD, Language::C, silenced);
        let trial = Trial {
            plant: &plant,
            change: &change,
            ..Trial::of(CODESHIELD, &python, Language::C)
        };
        trial
            .scan(&[silenced])
            .is_ok_and(|outcomes| rules(&outcomes[0]) == ["potential-command-injection"])
    };
    assert!(found(""));
    assert!(!found("--disable-nosem"));
}

#[test]
fn what_a_half_does_not_read_to_its_end_is_unknown() {
    let Some(python) = home_of(CODESHIELD) else {
        return;
    };
    let odd = [
        "/* never closed",
        "int f( {",
        "#if 0",
        "int a = \"never closed;",
    ];
    let codes: Vec<&str> = odd.into_iter().chain(["int a;\n"]).collect();
    let outcomes = scan(&python, Language::C, &codes);
    for (code, outcome) in odd.iter().zip(&outcomes) {
        assert!(outcome.not_analysed.is_some(), "{code}: {outcome:?}");
    }
    assert_eq!(outcomes[odd.len()], FileOutcome::default());
}

#[tokio::test]
async fn in_the_sandbox_it_reads_each_of_its_languages() {
    let Some(pool) = pool().await else { return };
    if let Some(python) = home_of(CODESHIELD) {
        let scanner = Scanner::prepare(&pool, CODESHIELD, &python).await;
        assert_eq!(scanner.missing(), None);
        assert!(scanner.version().starts_with("1.0.1 with Semgrep 1."));
        let policy = Policy::default();
        for (language, codes) in [
            (Language::Python, ["y = 1\n", "def f(:", "eval(x)\n"]),
            (
                Language::C,
                ["int a;\n", "int f( {", "void f(char *a) { gets(a); }\n"],
            ),
            (
                Language::Cpp,
                ["class A {};\n", "int f( {", "std::auto_ptr<int> a;\n"],
            ),
        ] {
            let codes = codes.map(|code| (Digest::of(code), code));
            let results = scanner.scan_batch(&pool, language, &codes).await;
            let values = results.iter().map(|(_, result)| policy.judge(result));
            let expected = [Security::Secure, Security::Unknown, Security::Insecure];
            assert_eq!(values.collect::<Vec<_>>(), expected, "{results:?}");
        }
    }
    pool.shutdown().await;
}

/// The same text is weak in one language and not in another, whatever was kept of the one.
#[tokio::test]
async fn what_is_kept_is_kept_for_one_language() {
    let Some(pool) = pool().await else { return };
    if let Some(python) = home_of(CODESHIELD) {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::open(home.path()).unwrap();
        let scanner = Scanner::prepare(&pool, CODESHIELD, &python).await;
        let scanner = scanner.with_cache(Some(Arc::new(cache)));
        let code = "char *f(void) { return \"std::auto_ptr<int>\"; }\n";
        let codes = [(Digest::of(code), code)];
        let policy = Policy::default();
        for (language, expected) in [
            (Language::C, Security::Secure),
            (Language::Cpp, Security::Insecure),
            (Language::C, Security::Secure),
        ] {
            let results = scanner.scan_batch(&pool, language, &codes).await;
            assert_eq!(policy.judge(&results[0].1), expected, "{results:?}");
        }
    }
    pool.shutdown().await;
}
