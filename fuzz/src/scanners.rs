//! What scanners print, which holds parts of samples.

use fumehood::base::digest::Digest;
use fumehood::scan::judge::meaning;
use fumehood::scan::language::{
    CANARY_COMMAND, CANARY_COPY, CANARY_EVAL, CANARY_GETS, CANARY_INDEX, CANARY_MD5, CANARY_SHELL,
    CANARY_SYSTEM,
};
use fumehood::scan::sarif::Sarif;
use fumehood::scan::staged_report::StagedReport;
use fumehood::scan::{FileOutcome, Language, Layout, ScannerKind, ToolOutput};
use fumehood::worker::End;
use serde_json::{Value as Json, json};

use super::bytes::Bytes;

const CODES: [&str; 3] = ["eval(x)\n", "", "a\nb\nc"];

/// No output reads as secure but one in which every known answer was right; findings lie within their
/// sample and are bounded; nothing of one sample's report moves to another.
pub(crate) fn check(data: &[u8]) {
    let codes = CODES.map(|code| (Digest::of(code), code));
    let layout = Layout::new("/batch", Language::Python, &codes);
    raw(data);
    reports(data);

    let mut bytes = Bytes::new(data);
    let mut hits: Vec<Hit> = Vec::new();
    let canary = layout.canary();
    // Known answers, some of them missing or wrong now and then.
    let complete = bytes.byte() < 200;
    if complete {
        hits.extend(
            [CANARY_SHELL, CANARY_EVAL].map(|line| Hit::new(&canary, "B307", "S307", line)),
        );
    }
    let mut marked = [true; 3];
    for (index, file) in layout.files().iter().enumerate() {
        marked[index] = bytes.byte() < 220;
        if marked[index] {
            hits.push(Hit::new(
                &layout.path(&file.name),
                "B101",
                "S101",
                file.mark,
            ));
        }
    }
    let paths: Vec<String> = (layout.files().iter())
        .map(|file| layout.path(&file.name))
        .chain([
            canary,
            layout.clean(),
            "/etc/passwd".to_owned(),
            String::new(),
        ])
        .collect();
    let mut own = 0;
    while !bytes.is_empty() && hits.len() < 60 {
        let place = match bytes.byte() {
            250.. => 3 + bytes.below(4),
            choice => usize::from(choice) % 3,
        };
        let rules = [
            ("B307", "S307"),
            ("B101", "S101"),
            ("B\u{1b}[2J", "E999"),
            ("", "S"),
        ];
        let (b, s) = rules[bytes.below(4)];
        hits.push(Hit {
            text: bytes.text(),
            ..Hit::new(&paths[place], b, s, bytes.number() as u32)
        });
        own += 1;
    }
    let seen = paths[..3]
        .iter()
        .map(|path| (path.clone(), json!({})))
        .collect();
    let seen = Json::Object(seen);
    let report = json!({"errors": [], "metrics": seen, "results": hits.iter().map(Hit::bandit).collect::<Vec<_>>()});
    let list = Json::Array(hits.iter().map(Hit::ruff).collect());
    for outcome in [
        ScannerKind::Bandit.parse(&output(report.to_string().as_bytes()), &layout),
        ScannerKind::RuffS.parse(&output(list.to_string().as_bytes()), &layout),
    ] {
        let Ok(outcome) = outcome else {
            assert!(!complete || own > 0, "an honest report was refused");
            continue;
        };
        assert!(complete, "weak code was not flagged");
        for (index, outcome) in outcome.iter().enumerate() {
            // A hit on the mark's line by the mark's rule is the mark.
            if !marked[index] && own == 0 {
                assert!(outcome.not_analysed.is_some());
            }
        }
        judge(&outcome, &layout);
    }
}

/// Bytes that are no report say nothing.
fn raw(data: &[u8]) {
    if let Ok(sarif) = Sarif::parse(data) {
        assert!(
            sarif.scanner.starts_with("sarif:") && !sarif.scanner.chars().any(char::is_control)
        );
        for finding in sarif.result(&["s/a.py", "a.py"]).findings {
            let shown = format!("{}{}", finding.rule, finding.message);
            assert!(finding.line >= 1 && !shown.chars().any(char::is_control));
        }
    }
    if let Ok(report) = StagedReport::parse(data) {
        let outcome = report.outcome(&Digest::of("x = 1\n"), "x = 1\n");
        assert!(outcome.findings.is_empty() && outcome.not_analysed.is_some());
    }
    answer(data);
    for kind in ScannerKind::ALL {
        for language in kind.languages() {
            let layout = layout_of(*language);
            let failed = ToolOutput {
                end: End::Signaled(9),
                ..output(data)
            };
            assert!(kind.parse(&failed, &layout).is_err());
            let noisy = ToolOutput {
                stdout: b"",
                stderr: data,
                end: End::Exited(0),
            };
            // Where the one or the other is the report.
            for said in [output(data), noisy] {
                match kind.parse(&said, &layout) {
                    Ok(outcome) => judge(&outcome, &layout),
                    Err(why) => assert!(why.len() < 2000, "{why}"),
                }
            }
        }
    }
}

fn layout_of(language: Language) -> Layout {
    let codes = CODES.map(|code| (Digest::of(code), code));
    Layout::new("/batch", language, &codes)
}

/// The laws of `check` for scanners of other languages: reports in which known answers are now and then missing, or
/// wrong, with anything else between them.
fn reports(data: &[u8]) {
    for (kind, language, known, mark) in [
        (
            ScannerKind::Flawfinder,
            Language::C,
            [CANARY_COPY, CANARY_SYSTEM],
            "FF1014",
        ),
        (
            ScannerKind::Cppcheck,
            Language::Cpp,
            [CANARY_INDEX, CANARY_GETS],
            "arrayIndexOutOfBounds",
        ),
        (
            ScannerKind::Gosec,
            Language::Go,
            [CANARY_MD5, CANARY_COMMAND],
            "G101",
        ),
    ] {
        let mut bytes = Bytes::new(data);
        let layout = layout_of(language);
        let canary = layout.canary();
        let mut hits: Vec<(String, String, u32)> = Vec::new();
        let complete = bytes.byte() < 200;
        if complete {
            hits.extend(known.map(|line| (canary.clone(), "other".to_owned(), line)));
        }
        let marked: Vec<bool> = layout.files().iter().map(|_| bytes.byte() < 220).collect();
        for (file, marked) in layout.files().iter().zip(&marked) {
            if *marked {
                hits.push((layout.path(&file.name), mark.to_owned(), file.mark));
            }
        }
        let files = layout.files().iter().map(|file| layout.path(&file.name));
        let others = [canary, layout.clean(), "/etc/passwd".to_owned()];
        let paths: Vec<String> = files.chain(others).collect();
        let mut own = 0;
        while !bytes.is_empty() && hits.len() < 60 {
            let place = match bytes.byte() {
                250.. => 3 + bytes.below(3),
                choice => usize::from(choice) % 3,
            };
            let rules = [mark, "syntaxError", "other", ""];
            let rule = rules[bytes.below(4)];
            hits.push((paths[place].clone(), rule.to_owned(), bytes.number() as u32));
            own += 1;
        }
        let report = match kind {
            ScannerKind::Flawfinder => flawfinder(&hits),
            ScannerKind::Cppcheck => cppcheck(&hits),
            _ => gosec(&hits),
        };
        let said = ToolOutput {
            stdout: report.as_bytes(),
            stderr: report.as_bytes(),
            end: End::Exited(0),
        };
        let Ok(outcomes) = kind.parse(&said, &layout) else {
            assert!(!complete || own > 0, "an honest report was refused");
            continue;
        };
        assert!(complete || own > 0, "weak code was not flagged");
        for (outcome, marked) in outcomes.iter().zip(&marked) {
            assert!(*marked || own > 0 || outcome.not_analysed.is_some());
        }
        judge(&outcomes, &layout);
    }
}

fn flawfinder(hits: &[(String, String, u32)]) -> String {
    let result = |(path, rule, line): &(String, String, u32)| {
        json!({"ruleId": rule, "rank": 0.8, "message": {"text": "(CWE-120)"}, "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": path}, "region": {"startLine": line}}}]})
    };
    let results: Vec<Json> = hits.iter().map(result).collect();
    json!({"runs": [{"results": results}]}).to_string()
}

fn cppcheck(hits: &[(String, String, u32)]) -> String {
    let error = |(path, rule, line): &(String, String, u32)| {
        format!(
            "<error id=\"{rule}\" severity=\"error\" msg=\"m\" file0=\"{path}\"><location file=\"{path}\" line=\"{line}\"/></error>"
        )
    };
    let errors: String = hits.iter().map(error).collect();
    format!("<results version=\"2\"><errors>{errors}</errors></results>")
}

fn gosec(hits: &[(String, String, u32)]) -> String {
    let issue = |(path, rule, line): &(String, String, u32)| {
        json!({"severity": "LOW", "confidence": "LOW", "rule_id": rule, "details": "d", "file": path,
            "line": line.to_string()})
    };
    let issues: Vec<Json> = hits.iter().map(issue).collect();
    json!({"Golang errors": {}, "Issues": issues}).to_string()
}

/// Words that do not hold the question's id are no answer, and nobody can know it.
fn answer(data: &[u8]) {
    let words = String::from_utf8_lossy(data);
    let code = format!("x = 1\n{words}");
    let outcome = meaning(&words, &code);
    let why = outcome.not_analysed.unwrap_or_default();
    assert!(outcome.findings.is_empty() && !why.is_empty() && why.len() < 2000);
    assert!(!why.chars().any(char::is_control), "{why:?}");
}

fn judge(outcomes: &[FileOutcome], layout: &Layout) {
    assert_eq!(outcomes.len(), layout.files().len());
    for (outcome, file) in outcomes.iter().zip(layout.files()) {
        assert!(outcome.findings.len() <= 1000);
        for finding in &outcome.findings {
            assert!(finding.line >= 1 && finding.line < file.mark.max(2));
            let shown = format!("{}{}", finding.rule, finding.message);
            assert!(shown.chars().count() <= 260);
            assert!(!shown.chars().any(char::is_control));
        }
    }
}

fn output(stdout: &[u8]) -> ToolOutput<'_> {
    ToolOutput {
        stdout,
        stderr: b"",
        end: End::Exited(0),
    }
}

struct Hit {
    path: String,
    bandit: String,
    ruff: String,
    line: u32,
    text: String,
}

impl Hit {
    fn new(path: &str, bandit: &str, ruff: &str, line: u32) -> Self {
        Self {
            path: path.to_owned(),
            bandit: bandit.to_owned(),
            ruff: ruff.to_owned(),
            line,
            text: String::new(),
        }
    }

    fn bandit(&self) -> Json {
        json!({
            "filename": self.path, "test_id": self.bandit, "issue_text": self.text,
            "issue_severity": "LOW", "issue_confidence": self.text, "line_number": self.line,
            "issue_cwe": {"id": self.line},
        })
    }

    fn ruff(&self) -> Json {
        json!({
            "filename": self.path, "code": self.ruff, "message": self.text,
            "location": {"row": self.line},
        })
    }
}
