use serde_json::{Value, json};

use super::*;
use crate::base::digest::Digest;
use crate::scan::language::WEAK;
use crate::scan::outcome::trial;

const CODES: [&str; 2] = ["import os\nos.system(x)\n", "y = 1\n"];

fn command(text: &str) -> SarifCommand {
    SarifCommand::parse(text).unwrap()
}

fn hit(uri: &str, line: u32) -> Value {
    json!({"ruleId": "weak", "message": {"text": "m"}, "locations": [{"physicalLocation": {
        "artifactLocation": {"uri": uri}, "region": {"startLine": line}}}]})
}

fn report(hits: &[Value]) -> Value {
    json!({"runs": [{"tool": {"driver": {"name": "Mine", "version": "7"}}, "results": hits}]})
}

fn parse(report: &str, end: End) -> Result<Vec<FileOutcome>, BatchFailure> {
    let stdout = format!("{{\"not_python\": {{}}}}\n{report}");
    let output = ToolOutput {
        stdout: stdout.as_bytes(),
        stderr: b"",
        end,
    };
    command("mine=/bin/true {tree}").parse(&output, &trial::layout(&CODES))
}

/// All that an honest tool reports: the known weakness, a finding, and something in each mark.
fn honest() -> Vec<Value> {
    let mark = 3;
    vec![
        hit("known/bad.py", CANARY_SHELL),
        hit(&format!("file://{}", trial::path(&CODES, 0)), 2),
        hit(&trial::path(&CODES, 0), mark),
        hit(&trial::path(&CODES, 1), 2 + 3),
    ]
}

#[test]
fn the_marks_prove_what_was_read() {
    assert_eq!(Language::Python.lines(WEAK), 4);
    for code in [0, 1] {
        let outcomes = parse(&report(&honest()).to_string(), End::Exited(code)).unwrap();
        assert_eq!(outcomes[0].findings.len(), 1);
        assert_eq!(
            (&*outcomes[0].findings[0].rule, outcomes[0].findings[0].line),
            ("weak", 2)
        );
        assert_eq!(outcomes[1], FileOutcome::default());
    }
    // Without its mark a file may not have been read at all.
    let outcomes = parse(&report(&honest()[..3]).to_string(), End::Exited(0)).unwrap();
    let why = outcomes[1].not_analysed.as_deref().unwrap();
    assert!(why.contains("did not reach its end"), "{why}");
}

#[test]
fn what_a_report_shows_to_be_analysed_needs_no_mark() {
    let mut shown = report(&honest()[..1]);
    let target = |index| json!({"location": {"uri": trial::path(&CODES, index)}, "roles": ["analysisTarget"]});
    shown["runs"][0]["artifacts"] = json!([target(0), target(1)]);
    let outcomes = parse(&shown.to_string(), End::Exited(0)).unwrap();
    assert_eq!(outcomes, [FileOutcome::default(), FileOutcome::default()]);
}

#[test]
fn a_report_that_lies_or_fails_says_nothing() {
    let whole = report(&honest()).to_string();
    let mut failed = report(&honest());
    failed["runs"][0]["invocations"] = json!([{"executionSuccessful": false}]);
    let with = |more: Value| {
        let mut hits = honest();
        hits.push(more);
        report(&hits).to_string()
    };
    for (text, end, says) in [
        (whole.clone(), End::Exited(2), "exit code 2"),
        (whole.clone(), End::Signaled(11), "signal 11"),
        (
            whole[..whole.len() - 9].to_owned(),
            End::Exited(0),
            "no SARIF",
        ),
        (String::new(), End::Exited(0), "no SARIF"),
        (report(&[]).to_string(), End::Exited(0), "known to be weak"),
        (
            report(&honest()[1..]).to_string(),
            End::Exited(0),
            "known to be weak",
        ),
        (failed.to_string(), End::Exited(0), "says that it failed"),
        (
            with(hit("known/good.py", 1)),
            End::Exited(0),
            "known to be clean",
        ),
        (with(hit("/etc/passwd", 1)), End::Exited(0), "was not given"),
        (
            with(hit(&trial::path(&CODES, 1), 9)),
            End::Exited(0),
            "reported line 9",
        ),
    ] {
        let why = parse(&text, end).unwrap_err();
        assert!(why.contains(says), "{why}");
    }
}

#[test]
fn commands_are_read_as_a_shell_would_and_none_is_asked() {
    let own = command("my-tool=/bin/echo 'a  b' $HOME --in={tree}");
    assert_eq!(own.name(), "sarif-cmd:my-tool");
    let program = own.program.path.to_string_lossy().into_owned();
    let python = Interpreter {
        executable: "/usr/bin/python3".into(),
        version: String::new(),
        mounts: Vec::new(),
        env: Vec::new(),
        digest: Digest::of(""),
    };
    let argv = own.command(&python, "/batch", Language::Python);
    assert!(argv.ends_with(&[&program, "a  b", "$HOME", "--in=/batch/s"].map(str::to_owned)));
    assert!(!argv.iter().any(|word| word.ends_with("sh")), "{argv:?}");
    let argv =
        command("x=/bin/echo -o {output} {tree}").command(&python, "/batch", Language::Python);
    assert!(argv.ends_with(&["sh", &program, "-o", OUTPUT, "/batch/s"].map(str::to_owned)));
    for (text, says) in [
        ("/bin/true {tree}", "NAME=PROGRAM"),
        ("Big=/bin/true {tree}", "a-z, 0-9"),
        ("=/bin/true {tree}", "a-z, 0-9"),
        ("x=", "names no program"),
        ("x='/bin/true {tree}", "not closed"),
        ("x=/bin/true", "{tree}"),
        ("x=/none/tool {tree}", "/none/tool cannot be read"),
    ] {
        let why = SarifCommand::parse(text).unwrap_err();
        assert!(why.contains(says), "{text}: {why}");
    }
}
