//! The report as a page: whole, by itself, and nobody else's markup.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use fumehood::base::digest::Digest;
use fumehood::journal::VerdictRecord;
use fumehood::report::html::{SampleView, render};
use fumehood::scan::{Finding, ScanResult, Security, Severity};
use fumehood::verdict::VerdictKind;

use super::{about, case, id, run, summary_of, verdict};
use fumehood::base::text::Excerpt;
use fumehood::harness::CaseOutcome;

const EVIL: &str = "</style></script></pre><script>alert(1)</script><img src=x onerror=\"a\" href='javascript:1'>&lt;\u{1b}[31m\u{202e}";

fn view(text: &str) -> SampleView {
    let mut verdict = verdict(
        VerdictKind::Failed,
        vec![case(text, CaseOutcome::Failed, text)],
        text,
    );
    verdict.stdout = Excerpt {
        head: text.to_owned(),
        tail: text.to_owned(),
        bytes: 9,
    };
    let finding = Finding {
        rule: text.to_owned(),
        native_cwe: None,
        cwe: Some(79),
        severity: Severity::High,
        confidence: Severity::High,
        line: 2,
        message: text.to_owned(),
    };
    let record = VerdictRecord {
        sample: id(text, 0),
        code: Digest::of(text),
        job: Digest::of(text),
        line: 1,
        name: Some(text.to_owned()),
        rank: None,
        model: Some(text.to_owned()),
        technique: None,
        fields: Default::default(),
        labels: BTreeMap::new(),
        origin: None,
        same_as: None,
        verdict,
    };
    SampleView {
        record: Box::new(record),
        results: vec![ScanResult {
            scanner: text.to_owned(),
            version: text.to_owned(),
            findings: vec![finding],
            not_analysed: Some(text.to_owned()),
        }],
        security: Security::Insecure,
        code: Some(format!("x = 1\n{text}\ny = 2\n")),
    }
}

/// Every tag of a page, without its attributes.
fn tags(page: &str) -> BTreeMap<String, usize> {
    let mut tags = BTreeMap::new();
    for part in page.split('<').skip(1) {
        let name: String = part
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        *tags.entry(name).or_default() += 1;
    }
    tags
}

#[test]
fn what_models_wrote_is_never_markup() {
    let mut evil = run();
    for facts in &mut evil {
        facts.group = Some(EVIL.to_owned());
    }
    let mut about_evil = about();
    about_evil.dataset = EVIL.to_owned();
    about_evil.policy = EVIL.to_owned();
    let mut summary = summary_of(&evil, about_evil);
    summary
        .weaknesses
        .iter_mut()
        .for_each(|found| found.scanner = EVIL.to_owned());
    let page = render(&summary, &[view(EVIL)]);
    let mut tame = run();
    for facts in &mut tame {
        facts.group = Some("tame".to_owned());
    }
    let mut about_tame = about();
    about_tame.policy = "tame".to_owned();
    let plain = render(&summary_of(&tame, about_tame), &[view("tame")]);
    // The same tags as often, whatever the words are.
    assert_eq!(tags(&page), tags(&plain));
    assert_eq!(tags(&page)["script"], 1);
    for raw in ["onerror=\"", "<img", "javascript:1'>", "\u{1b}", "\u{202e}"] {
        let markup = page.matches(raw).count();
        assert_eq!(markup, 0, "{raw}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)"));
}

#[test]
fn a_page_needs_nothing_and_lets_nothing_run_but_its_own() {
    let page = render(&summary_of(&run(), about()), &[]);
    for outside in [
        "http://", "https://", "src=", "url(", "@import", "<link", "<iframe",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    let inner = |tag: &str| {
        let (_, rest) = page.split_once(&format!("<{tag}>")).unwrap();
        rest.split_once(&format!("</{tag}>")).unwrap().0
    };
    // The policy names exactly what is in the page.
    for tag in ["style", "script"] {
        let allowed = page.split_once(&format!("{tag}-src 'sha256-")).unwrap().1;
        let allowed = allowed.split_once('\'').unwrap().0;
        assert_eq!(allowed, sha256(inner(tag)), "{tag}");
    }
    assert!(page.contains("default-src 'none'"));
    assert!(!page.contains(" style=\"") && !page.contains("onclick"));
    assert_eq!(page, render(&summary_of(&run(), about()), &[]));
}

/// By another program than ours.
fn sha256(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("text");
    fs::write(&file, text).unwrap();
    let script = "import base64, hashlib, sys; print(base64.b64encode(hashlib.sha256(open(sys.argv[1], 'rb').read()).digest()).decode())";
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(&file)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn findings_stand_below_their_lines() {
    let page = render(&summary_of(&run(), about()), &[view("eval(x)")]);
    let (_, code) = page.split_once("<h3>Code</h3>").unwrap();
    let lines: Vec<&str> = code.lines().collect();
    assert!(
        lines[0].contains("x = 1") && !lines[0].contains("mark"),
        "{}",
        lines[0]
    );
    assert!(lines[1].contains("<span class=\"mark\">eval(x)</span>"));
    assert!(lines[2].contains("^ eval(x): eval(x) (CWE-79) eval(x)"));
    assert!(lines[3].contains("   3  </span>y = 2"));
}

fn fumehood(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fumehood"))
        .args(arguments)
        .current_dir(home)
        .env("FUMEHOOD_NO_CACHE", "true")
        .output()
        .unwrap()
}

#[test]
fn a_real_run_is_shown_with_the_codes_that_it_judged() {
    let doctor = fumehood(Path::new("/"), &["doctor"]);
    if !doctor.status.success() {
        println!("SKIPPED: this host cannot enforce the sandbox");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo");
    let data = demo.join("bigcodebench.jsonl").display().to_string();
    let samples = demo
        .join("bigcodebench.samples.jsonl")
        .display()
        .to_string();
    let other = demo.join("seccodeplt.jsonl").display().to_string();
    let inputs = ["--data", &data, "--samples", &samples];
    let eval = [
        "eval",
        "bigcodebench",
        "--limit",
        "4",
        "--scanners",
        "none",
        "-o",
        "run",
        "--quiet",
    ];
    let output = fumehood(home.path(), &[&eval[..], &inputs].concat());
    assert!(
        output.status.code().is_some_and(|code| code < 2),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report = ["report", "run", "--html", "report.html"];
    let page = |more: &[&str]| {
        let output = fumehood(home.path(), &[&report[..], more].concat());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.stdout.is_empty(), "the page is a file");
        (
            output.status.code(),
            stderr,
            fs::read_to_string(home.path().join("report.html")).unwrap(),
        )
    };
    let (_, _, without) = page(&[]);
    assert_eq!(without.matches("<details>").count(), 4);
    assert!(!without.contains("<h3>Code</h3>"));
    let (_, stderr, with) = page(&inputs);
    assert_eq!(with.matches("<h3>Code</h3>").count(), 4, "{stderr}");
    assert!(with.contains("def task_func("));
    let (_, _, two) = page(&["--show", "2"]);
    assert_eq!(two.matches("<details>").count(), 2);
    assert!(two.contains("The 2 most telling of 4"));
    let (code, stderr, _) = page(&["--data", &other, "--samples", &samples]);
    assert!(
        code == Some(3) && stderr.contains("seccodeplt.jsonl"),
        "{stderr}"
    );
    // Of a run cut short, codes that it never judged are not shown as if it had.
    fs::write(
        home.path().join("changed.jsonl"),
        fs::read_to_string(&samples)
            .unwrap()
            .replace("def task_func", "def  task_func"),
    )
    .unwrap();
    let (_, stderr, changed) = page(&["--data", &data, "--samples", "changed.jsonl"]);
    assert!(
        changed.matches("<h3>Code</h3>").count() == 2
            && stderr.contains("2 samples are not in changed.jsonl"),
        "{stderr}"
    );
}

#[test]
fn of_many_groups_those_with_most_samples_are_drawn() {
    let mut summary = summary_of(&run(), about());
    let group = summary.groups[0].clone();
    summary.groups = (0..20)
        .map(|place| {
            let mut group = group.clone();
            group.name = Some(format!("group {place:02}"));
            group.samples = if place % 2 == 1 { 100 + place } else { place };
            group
        })
        .collect();
    let page = render(&summary, &[]);
    let charts = page.split("<table").next().unwrap();
    let drawn: Vec<bool> = (0..20)
        .map(|place| charts.contains(&format!("group {place:02}")))
        .collect();
    let largest: Vec<bool> = (0..20).map(|place| place % 2 == 1 && place >= 5).collect();
    assert_eq!(drawn, largest);
    assert!(charts.contains("12 more are in the tables"));
    summary.groups.truncate(8);
    assert!(!render(&summary, &[]).contains("more are in the tables"));
}
