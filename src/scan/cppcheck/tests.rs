use super::*;
use crate::scan::outcome::trial;
use crate::worker::End;

const CODES: [&str; 2] = ["int f(void) { return 1 / 0; }\n", "int a;\n"];

fn layout() -> Layout {
    trial::layout_of(Language::C, &CODES)
}

fn path(index: usize) -> String {
    let layout = layout();
    layout.path(&layout.files()[index].name)
}

fn hit_of(asked: &str, file: &str, id: &str, severity: &str, line: u32) -> String {
    format!(
        "<error id=\"{id}\" severity=\"{severity}\" msg=\"text &lt;&#9;\" verbose=\"more\" cwe=\"369\" file0=\"{asked}\">\n\
         <location file=\"{file}\" line=\"{line}\" column=\"3\" info=\"why\"/>\n<symbol>x</symbol>\n</error>\n"
    )
}

fn hit(file: &str, id: &str, line: u32) -> String {
    hit_of(file, file, id, "error", line)
}

fn report_of(errors: &[String]) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<results version=\"2\">\n<cppcheck version=\"2.10\"/>\n<errors>\n{}\
         </errors>\n</results>\n",
        errors.concat()
    )
}

/// Reports of which all went well: the canary's two hits, a finding and two marks.
fn errors() -> Vec<String> {
    let canary = layout().canary();
    vec![
        hit(&canary, "arrayIndexOutOfBounds", CANARY_INDEX),
        hit_of(&canary, &canary, "getsCalled", "warning", CANARY_GETS),
        hit(&path(0), "zerodiv", 1),
        hit(&path(0), "arrayIndexOutOfBounds", 2),
        hit(&path(1), "arrayIndexOutOfBounds", 2),
        "<error id=\"missingIncludeSystem\" severity=\"information\" msg=\"x\" verbose=\"x\"/>"
            .to_owned(),
    ]
}

fn parse_text(report: &str) -> Result<Vec<FileOutcome>, BatchFailure> {
    trial::parse_of(Language::C, &Cppcheck, &CODES, b"", report.as_bytes())
}

fn with(error: String) -> Result<Vec<FileOutcome>, BatchFailure> {
    let mut errors = errors();
    errors.push(error);
    parse_text(&report_of(&errors))
}

#[test]
fn a_finding_is_read_and_the_known_answers_are_taken_out() {
    let outcomes = parse_text(&report_of(&errors())).unwrap();
    assert_eq!(outcomes[1], FileOutcome::default());
    let [found] = &outcomes[0].findings[..] else {
        panic!("{outcomes:?}");
    };
    assert_eq!((found.rule.as_str(), found.line), ("zerodiv", 1));
    assert_eq!((found.native_cwe, found.cwe), (Some(369), Some(369)));
    assert_eq!(found.severity, Severity::High);
    assert_eq!(found.message, "text <");
}

#[test]
fn matters_of_quality_are_no_weaknesses_unless_the_table_says_so() {
    let quality = |id: &str, severity: &str| {
        let error =
            hit_of(&path(1), &path(1), id, severity, 1).replace("cwe=\"369\"", "cwe=\"398\"");
        let outcomes = with(error).unwrap();
        assert_eq!(outcomes[1].not_analysed, None);
        let found = outcomes[1].findings.first();
        found.map(|found| (found.native_cwe, found.cwe, found.severity))
    };
    assert_eq!(quality("suspiciousSemicolon", "warning"), None);
    let (own, high, medium) = (Some(398), Severity::High, Severity::Medium);
    assert_eq!(
        quality("uninitMemberVar", "warning"),
        Some((own, Some(457), medium))
    );
    assert_eq!(
        quality("containerOutOfBounds", "error"),
        Some((own, Some(788), high))
    );
    assert_eq!(quality("other", "error"), Some((own, own, high)));
}

#[test]
fn what_it_did_not_understand_is_unknown() {
    let mut unmarked = errors();
    unmarked.remove(4);
    let outcomes = parse_text(&report_of(&unmarked)).unwrap();
    assert_eq!(outcomes[0].not_analysed, None);
    assert!(
        outcomes[1]
            .not_analysed
            .as_deref()
            .unwrap()
            .contains("did not reach")
    );
    let problems = PROBLEMS.map(|id| (id, "error"));
    for (id, severity) in problems.into_iter().chain([("newer", "information")]) {
        let outcomes = with(hit_of(&path(1), &path(1), id, severity, 1)).unwrap();
        assert_eq!(outcomes[0].not_analysed, None, "{id}");
        assert!(outcomes[1].findings.is_empty(), "{id}");
        let why = outcomes[1].not_analysed.as_deref().unwrap();
        assert!(why.contains(id), "{why}");
        // Of a file, without a place in it.
        let placeless = format!(
            "<error id=\"{id}\" severity=\"{severity}\" msg=\"x\" file0=\"{}\"/>",
            path(1)
        );
        assert!(with(placeless).unwrap()[1].not_analysed.is_some());
        // Of no file at all.
        let lost = format!("<error id=\"{id}\" severity=\"{severity}\" msg=\"x\"/>");
        assert!(with(lost).unwrap_err().contains(id));
    }
}

/// One sample may include another, or our own files, whose weaknesses are then reported once, of the wrong one.
#[test]
fn files_that_are_read_within_others_fail_the_batch() {
    for (asked, file) in [
        (path(0), path(1)),
        (path(0), layout().clean()),
        (path(0), layout().canary()),
        (path(0), "/usr/include/stdio.h".to_owned()),
        ("/etc/passwd".to_owned(), "/etc/passwd".to_owned()),
        (String::new(), path(0)),
    ] {
        for id in ["zerodiv", "missingInclude", "syntaxError"] {
            let result = with(hit_of(&asked, &file, id, "error", 1));
            let is_lost =
                asked.is_empty() && id != "zerodiv" || id == "missingInclude" && asked == file;
            assert_eq!(result.is_err(), !is_lost, "{asked} {file} {id}: {result:?}");
        }
    }
}

#[test]
fn a_report_without_the_known_answers_says_nothing() {
    for index in [0, 1] {
        let mut without = errors();
        without.remove(index);
        let why = parse_text(&report_of(&without)).unwrap_err();
        assert!(why.contains("known to be weak"), "{why}");
    }
    for (error, reason) in [
        (hit(&layout().clean(), "zerodiv", 1), "known to be clean"),
        (hit(&layout().clean(), "syntaxError", 1), "file of ours"),
        (hit(&path(0), "zerodiv", 4), "line 4 of a file"),
        (
            hit(&path(0), "zerodiv", 1).replace("line=\"1\"", "line=\"-1\""),
            "without name or place",
        ),
        (
            "<error severity=\"error\" msg=\"x\"/>".to_owned(),
            "without name or place",
        ),
        ("<other/>".to_owned(), "without name or place"),
    ] {
        let why = with(error).unwrap_err();
        assert!(why.contains(reason), "{why}");
    }
}

#[test]
fn crashes_and_garbage_say_nothing() {
    let good = report_of(&errors());
    for (stderr, end) in [
        (good.as_str(), End::Exited(1)),
        (&good, End::Signaled(11)),
        (&good[..good.len() - 2], End::Exited(0)),
        (
            &good.replace("version=\"2\"", "version=\"1\""),
            End::Exited(0),
        ),
        (&good.replace("results", "other"), End::Exited(0)),
        (&good.replace("errors", "other"), End::Exited(0)),
        (&format!("cppcheck: error\n{good}"), End::Exited(0)),
        // No entities of a report's own making.
        (
            &good.replace("<results", "<!DOCTYPE a [<!ENTITY b \"c\">]><results"),
            End::Exited(0),
        ),
        ("", End::Exited(0)),
        ("<results version=\"2\"/>", End::Exited(0)),
    ] {
        let stdout = good.as_bytes();
        let stderr = stderr.as_bytes();
        let output = ToolOutput {
            stdout,
            stderr,
            end,
        };
        assert!(Cppcheck.parse(&output, &layout()).is_err(), "{end:?}");
    }
}

#[test]
fn versions_are_read() {
    assert_eq!(Cppcheck.version("Cppcheck 2.10").as_deref(), Some("2.10"));
    assert_eq!(Cppcheck.version("something else"), None);
}

#[test]
fn what_it_knows_of_libraries_is_looked_for_where_it_may_be() {
    let home = tempfile::tempdir().unwrap();
    let program = home.path().join("bin/cppcheck");
    std::fs::create_dir_all(home.path().join("bin")).unwrap();
    assert!(library(&program).unwrap_err().contains("std.cfg"));
    for place in ["lib/x-linux/cppcheck/cfg", "share/cppcheck/cfg", "bin/cfg"] {
        let place = home.path().join(place);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("std.cfg"), place.to_str().unwrap()).unwrap();
        let also = library(&program).unwrap();
        // What lies nearest.
        assert_eq!(
            also.mounts[0].source,
            std::fs::canonicalize(&place).unwrap()
        );
        assert!(also.identity.starts_with("library "));
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(stderr: Vec<u8>, line: u32, id in "[a-z&<\"]{0,8}", text: String) {
        let _ = trial::parse_of(Language::C, &Cppcheck, &CODES, b"", &stderr);
        let _ = with(hit(&path(0), &id, line));
        let _ = with(text);
    }
}
