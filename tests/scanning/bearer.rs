//! Bearer, where the user has brought it: `FUMEHOOD_BEARER` or PATH names it. Its own rules are not kept here; those of
//! `fixtures/bearer-rules/` are in its format.

use fumehood::base::digest::Digest;
use fumehood::scan::brought::Brought;
use fumehood::scan::{Language, Policy, ScanResult, Scanner, ScannerKind, Security};
use fumehood::worker::Pool;

use super::{home_of, pool};

const BEARER: ScannerKind = ScannerKind::Bearer;

/// Bearer with rules at `rules`, or nothing where it is not to be had.
async fn bearer(pool: &Pool, rules: &str) -> Option<Scanner> {
    let python = home_of(BEARER)?;
    let Some(program) = BEARER.wants().unwrap().program() else {
        eprintln!("SKIPPED: there is no bearer here (tools/install_bearer.sh)");
        return None;
    };
    let brought = Brought::at(&program, Some(rules.as_ref())).unwrap();
    let scanner = Scanner::prepare_with(pool, BEARER, &python, brought).await;
    assert_eq!(scanner.missing(), None);
    Some(scanner)
}

async fn scan(scanner: &Scanner, pool: &Pool, codes: &[&str]) -> Vec<ScanResult> {
    let codes: Vec<(Digest, &str)> = codes.iter().map(|c| (Digest::of(c), *c)).collect();
    let results = scanner.scan_batch(pool, Language::Python, &codes).await;
    results.into_iter().map(|(_, result)| result).collect()
}

#[tokio::test]
async fn bearer_finds_what_its_rules_say_and_comments_do_not_silence_it() {
    let Some(pool) = pool().await else { return };
    if let Some(scanner) = bearer(&pool, "fixtures/bearer-rules").await {
        let codes = [
            "def f(p):\n    return eval(p)\n",
            "# bearer:disable fixture_eval\neval(input())\n",
            "import os\ndef f(p):\n    # bearer:disable fixture_command\n    os.system(p)\n",
            "y = 1\n",
            "",
            "def f(:\n",
            "x = '''",
        ];
        let results = scan(&scanner, &pool, &codes).await;
        let rules = |place: usize| -> Vec<(&str, u32, Option<u32>)> {
            let found = results[place].findings.iter();
            found.map(|f| (f.rule.as_str(), f.line, f.cwe)).collect()
        };
        assert_eq!(rules(0), [("fixture_eval", 2, Some(95))]);
        assert_eq!(rules(1), [("fixture_eval", 2, Some(95))]);
        assert_eq!(rules(2), [("fixture_command", 4, Some(78))]);
        let policy = Policy::default();
        let rest: Vec<Security> = results[3..].iter().map(|r| policy.judge(r)).collect();
        let (secure, unknown) = (Security::Secure, Security::Unknown);
        assert_eq!(rest, [secure, secure, unknown, unknown], "{results:?}");
        assert!(
            results[0].version.contains("(program "),
            "{}",
            results[0].version
        );
    }
    pool.shutdown().await;
}

/// Without rules, Bearer says that all is well; so do rules that are none, with a word on its log.
#[tokio::test]
async fn bearer_without_rules_never_reads_as_secure() {
    let Some(pool) = pool().await else { return };
    let rules = tempfile::tempdir().unwrap();
    std::fs::write(rules.path().join("README"), "no rules").unwrap();
    if let Some(scanner) = bearer(&pool, rules.path().to_str().unwrap()).await {
        let results = scan(&scanner, &pool, &["eval(input())\n", "y = 1\n"]).await;
        for result in &results {
            let why = result.not_analysed.as_deref().unwrap();
            assert!(why.contains("known to be weak"), "{why}");
        }
        std::fs::write(rules.path().join("broken.yml"), "languages: [python\n").unwrap();
        if let Some(scanner) = bearer(&pool, rules.path().to_str().unwrap()).await {
            for result in scan(&scanner, &pool, &["y = 1\n"]).await {
                assert!(result.not_analysed.is_some(), "{result:?}");
            }
        }
    }
    pool.shutdown().await;
}
