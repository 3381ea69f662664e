use serde_json::{Value, json};

use super::*;
use crate::scan::outcome::trial;

const CODES: [&str; 2] = ["void f(char *a) { gets(a); }\n", "int a;\n"];

fn layout(language: Language) -> Layout {
    trial::layout_of(language, &CODES)
}

fn path(language: Language, index: usize) -> String {
    let layout = layout(language);
    layout.path(&layout.files()[index].name)
}

/// What the driver and Semgrep print.
struct Said {
    language: Language,
    driver: Value,
    semgrep: Value,
}

fn expression(rule: &str, line: u32) -> Value {
    json!({"rule": rule, "line": line, "cwe": "CWE-7", "severity": "Error", "message": "text\u{1b}[31m"})
}

fn hit(path: &str, rule: &str, line: u32) -> Value {
    json!({
        "check_id": rule, "path": path, "start": {"line": line},
        "extra": {"message": "text", "severity": "WARNING", "metadata": {"cwe": ["CWE-9: nine"], "cwe_id": "CWE-9"}},
    })
}

impl Said {
    /// All went well: the canary's two hits, a mark for each, one finding of each half.
    fn well(language: Language) -> Self {
        let canary = layout(language).canary();
        let (one, two) = (path(language, 0), path(language, 1));
        let (expression_line, rule_line) = match language {
            Language::Python => (CANARY_HASH, CANARY_EVAL),
            _ => (CANARY_GETS, CANARY_SYSTEM),
        };
        let mark = match language {
            Language::Python => "fumehood-mark",
            Language::C => "fumehood-mark-c",
            _ => "fumehood-mark-cpp",
        };
        let lines = match language {
            Language::Python => 2,
            _ => 3,
        };
        Self {
            language,
            driver: json!({"expressions": {
                &canary: {"lines": 40, "hits": [expression("bugprone-gets", expression_line)]},
                &one: {"lines": lines, "hits": [expression("bugprone-gets", 1)]},
                &two: {"lines": lines, "hits": []},
            }}),
            semgrep: json!({
                "errors": [],
                "paths": {"scanned": [&canary, &one, &two]},
                "results": [
                    hit(&canary, "potential-command-injection", rule_line), hit(&one, "other-rule", 1),
                    hit(&one, mark, 2), hit(&two, mark, 2),
                ],
            }),
        }
    }

    fn parse(&self) -> Result<Vec<FileOutcome>, BatchFailure> {
        let check = match self.language {
            Language::Python => "{\"not_python\": {}}\n",
            _ => "",
        };
        let stdout = format!("{check}{}\n{}", self.driver, self.semgrep);
        trial::parse_of(self.language, &CodeShield, &CODES, stdout.as_bytes(), b"")
    }
}

#[test]
fn findings_of_both_halves_are_read() {
    for language in CodeShield.languages() {
        let outcomes = Said::well(*language).parse().unwrap();
        assert_eq!(outcomes[1], FileOutcome::default(), "{language}");
        let found: Vec<_> = outcomes[0]
            .findings
            .iter()
            .map(|f| (f.rule.as_str(), f.line, f.native_cwe, f.cwe, f.severity))
            .collect();
        let expected = [
            ("bugprone-gets", 1, Some(7), Some(242), Severity::High),
            ("other-rule", 1, Some(9), Some(9), Severity::Medium),
        ];
        assert_eq!(found, expected, "{language}");
        assert_eq!(outcomes[0].findings[0].message, "text\\u{1b}[31m");
    }
}

#[test]
fn a_file_is_analysed_only_if_both_halves_read_it() {
    let language = Language::C;
    let two = path(language, 1);
    let mut failed = Said::well(language);
    failed.driver["expressions"][&two] = json!({"problem": "UnicodeDecodeError: why"});
    let mut absent = Said::well(language);
    absent.driver["expressions"]
        .as_object_mut()
        .unwrap()
        .remove(&two);
    let mut part = Said::well(language);
    part.driver["expressions"][&two]["lines"] = json!(1);
    let mut unmarked = Said::well(language);
    unmarked.semgrep["results"].as_array_mut().unwrap().pop();
    // Its own rules, or an expression, in the mark's line are no mark.
    let mut other = Said::well(language);
    other.semgrep["results"][3] = hit(&two, "bugprone-gets", 2);
    let mut passed_over = Said::well(language);
    passed_over.semgrep["paths"]["scanned"]
        .as_array_mut()
        .unwrap()
        .pop();
    let mut in_part = Said::well(language);
    in_part.semgrep["errors"] =
        json!([{"type": ["PartialParsing", []], "level": "warn", "message": "why", "path": two}]);
    for (said, reason) in [
        (failed, "UnicodeDecodeError"),
        (absent, "were not applied to it"),
        (part, "not applied to all"),
        (unmarked, "did not reach"),
        (other, "did not reach"),
        (passed_over, "passed over"),
        (in_part, "PartialParsing"),
    ] {
        let outcomes = said.parse().unwrap();
        assert_eq!(outcomes[0].not_analysed, None, "{reason}");
        let why = outcomes[1].not_analysed.as_deref().unwrap();
        assert!(why.contains(reason), "{why}");
    }
}

#[test]
fn a_report_without_the_known_answers_says_nothing() {
    for language in CodeShield.languages() {
        let with = |change: &dyn Fn(&mut Said)| {
            let mut said = Said::well(*language);
            change(&mut said);
            said
        };
        let clean = layout(*language).clean();
        let canary = layout(*language).canary();
        for (what, said) in [
            (
                "no expressions",
                with(&|said| said.driver["expressions"][&canary]["hits"] = json!([])),
            ),
            (
                "no rules",
                with(&|said| drop(said.semgrep["results"].as_array_mut().unwrap().remove(0))),
            ),
            (
                "too keen",
                with(&|said| {
                    said.driver["expressions"][&clean] =
                        json!({"lines": 1, "hits": [expression("x", 1)]})
                }),
            ),
            (
                "failed on ours",
                with(&|said| said.driver["expressions"][&clean] = json!({"problem": "x"})),
            ),
            (
                "a stranger",
                with(&|said| {
                    said.driver["expressions"]["/etc/passwd"] =
                        json!({"lines": 1, "hits": [expression("x", 1)]})
                }),
            ),
            (
                "beyond the end",
                with(&|said| {
                    said.driver["expressions"][path(*language, 0)]["hits"][0]["line"] = json!(9)
                }),
            ),
            ("no driver", with(&|said| said.driver = json!({}))),
            ("no Semgrep", with(&|said| said.semgrep = json!({}))),
            (
                "a broken rule",
                with(&|said| said.semgrep["errors"] = json!([{"type": "Rule parse error"}])),
            ),
        ] {
            assert!(said.parse().is_err(), "{what} in {language}");
        }
        let good = Said::well(*language);
        let whole = format!("{}\n{}", good.driver, good.semgrep);
        for cut in [whole.len() - 1, good.driver.to_string().len(), 3, 0] {
            let text = &whole.as_bytes()[..cut];
            assert!(trial::parse_of(*language, &CodeShield, &CODES, text, b"").is_err());
        }
    }
}

#[test]
fn versions_are_read() {
    let line = "1.0.1 with Semgrep 1.172.0";
    assert_eq!(CodeShield.version(line).as_deref(), Some(line));
    assert_eq!(
        CodeShield.version("Traceback (most recent call last):"),
        None
    );
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(stdout: Vec<u8>, line: u32, rule: String) {
        for language in CodeShield.languages() {
            let _ = trial::parse_of(*language, &CodeShield, &CODES, &stdout, b"");
            let mut said = Said::well(*language);
            said.driver["expressions"][path(*language, 1)]["hits"] = json!([expression(&rule, line)]);
            said.semgrep["results"].as_array_mut().unwrap().push(hit(&path(*language, 0), &rule, line));
            let _ = said.parse();
        }
    }
}
