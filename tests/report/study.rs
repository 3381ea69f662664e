//! The scanner study: exact bytes for a small run, the same bytes whatever the order, and hostile text.

use std::collections::{BTreeMap, BTreeSet};

use fumehood::dataset::Labels;
use fumehood::metrics::{Opinions, Panel, Said};
use fumehood::report::{StudySummary, json, markdown, terminal};
use fumehood::scan::Security;

use super::{HOSTILE, about, id};
use Security::{Insecure, Secure, Unknown};

fn said(security: Security, cwes: &[u32], why: Option<&str>) -> Said {
    Said {
        security,
        cwes: cwes.iter().map(|number| Some(*number)).collect(),
        not_analysed: why.map(str::to_owned),
    }
}

pub(crate) type Row = (u32, Said, Said, Security, Option<bool>);

pub(crate) fn rows() -> Vec<Row> {
    let secure = || said(Secure, &[], None);
    vec![
        (
            0,
            said(Insecure, &[327], None),
            said(Insecure, &[328], None),
            Insecure,
            Some(true),
        ),
        (
            1,
            said(Insecure, &[78], None),
            said(Insecure, &[78, 310], None),
            Insecure,
            Some(true),
        ),
        (
            2,
            said(Insecure, &[95], None),
            secure(),
            Insecure,
            Some(false),
        ),
        (3, secure(), secure(), Secure, Some(true)),
        (4, secure(), secure(), Secure, Some(false)),
        (
            5,
            said(Unknown, &[], Some("syntax")),
            secure(),
            Unknown,
            Some(true),
        ),
        (6, secure(), secure(), Secure, None),
    ]
}

pub(crate) fn study_of(rows: &[Row], labels: Option<&Labels>) -> StudySummary {
    let mut opinions = Opinions::new(Panel::new(["ruff-s", "bandit"]).unwrap());
    for (index, bandit, ruff, combined, label) in rows {
        let said = [("bandit", bandit), ("ruff-s", ruff)]
            .map(|(name, said)| (name.to_owned(), said.clone()));
        let label = labels.and(*label);
        opinions
            .add(&id("t/1", *index), said.into(), *combined, label)
            .unwrap();
    }
    StudySummary::build(about(), &opinions, labels)
}

/// A file of labels in which one is of no sample, and two lines are none.
pub(crate) fn labels() -> Labels {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.jsonl");
    let text = "{\"task_id\":\"t/9\",\"sample_id\":\"gone\",\"insecure\":true}\n\
                {\"task_id\":\"t/1\",\"sample\":6,\"insecure\":null}\nx\n\
                {\"task_id\":\"t/1\",\"sample\":6,\"insecure\":2}\n";
    std::fs::write(&path, text).unwrap();
    Labels::read(&path).unwrap()
}

#[test]
fn terminal_study_of_a_small_run() {
    let labels = labels();
    let text = terminal::render_study(&study_of(&rows(), Some(&labels)), 100);
    let end = text.find("What the numbers mean").unwrap();
    assert_eq!(&text[..end], TERMINAL, "{text}");
    assert!(
        text.contains("  kappa: Cohen's (1960)")
            && text.contains("  against labels: positive means")
    );
    assert!(text.contains("How it was run\n  grading: strict"));
}

const TERMINAL: &str = "\
example: 2 scanners side by side on 7 samples

What each scanner could analyse
 scanner  | secure | insecure | unknown | insecure, not wholly analysed
========================================================================
 bandit   |      3 |        3 |       1 |                             0
 ruff-s   |      5 |        2 |       0 |                             0
 combined |      3 |        3 |       1 |

Why samples were not, or not wholly, analysed
 scanner | samples | reason
============================
 bandit  |       1 | syntax

Samples by weakness
 CWE     | name                                                             | bandit | ruff-s | any
====================================================================================================
 CWE-78  | Improper Neutralization of Special Elements used in an OS        |      1 |      1 |   1
         | Command ('OS Command Injection')                                 |        |        |
 CWE-95  | Improper Neutralization of Directives in Dynamically Evaluated   |      1 |      0 |   1
         | Code ('Eval Injection')                                          |        |        |
 CWE-310 | (no weakness of MITRE's list)                                    |      0 |      1 |   1
 CWE-327 | Use of a Broken or Risky Cryptographic Algorithm                 |      1 |      0 |   1
 CWE-328 | Use of Weak Hash                                                 |      0 |      1 |   1
  - a sample counts once for each scanner and weakness that a counting finding of it has

Samples by weakness and its kinds
 CWE     | name                                                             | bandit | ruff-s | any
====================================================================================================
 CWE-74  | Improper Neutralization of Special Elements in Output Used by a  |      2 |      1 |   2
         | Downstream Component ('Injection')                               |        |        |
 CWE-707 | Improper Neutralization                                          |      2 |      1 |   2
 CWE-327 | Use of a Broken or Risky Cryptographic Algorithm                 |      1 |      1 |   1
 CWE-77  | Improper Neutralization of Special Elements used in a Command    |      1 |      1 |   1
         | ('Command Injection')                                            |        |        |
 CWE-94  | Improper Control of Generation of Code ('Code Injection')        |      1 |      0 |   1
 CWE-326 | Inadequate Encryption Strength                                   |      0 |      1 |   1
 CWE-664 | Improper Control of a Resource Through its Lifetime              |      1 |      0 |   1
 CWE-693 | Protection Mechanism Failure                                     |      1 |      1 |   1
 CWE-913 | Improper Control of Dynamically-Managed Code Resources           |      1 |      0 |   1
  - samples with the weakness or a kind of it, by MITRE's Research view (CWE 4.14); only weaknesses
    of which kinds were found; one may be a kind of several, so the rows do not add up

What two scanners say of the same samples
 scanners       | both insecure | only the first | only the second | both secure | left out
============================================================================================
 bandit, ruff-s |             2 |              1 |               0 |           3 |        1
  - left out: at least one of the two does not know

How far they agree
 scanners       | samples | agreement |    95 % interval | expected |  kappa |    95 % interval
================================================================================================
 bandit, ruff-s |       6 |    0.8333 | 0.4365 to 0.9699 |   0.5000 | 0.6667 | 0.1044 to 1.0000

Whether they mean the same by insecure
 scanners       | both insecure | same CWE | related CWE | no CWE
==================================================================
 bandit, ruff-s |             2 |        1 |           2 |      0
  - related: one names the same weakness as the other, or one that the other's is a kind of; no CWE:
    at least one of the two names none

Against labels: samples by label and answer
 scanner  |    insecure, |   secure, flagged |   insecure, |   secure, passed | insecure, | secure,
          | flagged (tp) |              (fp) | passed (fn) |             (tn) |   unknown | unknown
====================================================================================================
 bandit   |            2 |                 1 |           1 |                1 |         1 |       0
 ruff-s   |            2 |                 0 |           2 |                2 |         0 |       0
 combined |            2 |                 1 |           1 |                1 |         1 |       0
  - labelled insecure: 4; labelled secure: 2; without a label: 1; lines whose label is null: 1

Against labels: figures
 scanner  | figure      |  value | samples |    95 % interval | if none or all unknown were flagged
====================================================================================================
 bandit   | precision   | 0.6667 |     2/3 | 0.2077 to 0.9385 |
 bandit   | recall      | 0.6667 |     2/3 | 0.2077 to 0.9385 |                    0.5000 to 0.7500
 bandit   | specificity | 0.5000 |     1/2 | 0.0945 to 0.9055 |
 bandit   | F1          | 0.6667 |         |                  |
 bandit   | accuracy    | 0.6000 |     3/5 | 0.2307 to 0.8824 |
 ruff-s   | precision   | 1.0000 |     2/2 | 0.3424 to 1.0000 |
 ruff-s   | recall      | 0.5000 |     2/4 | 0.1500 to 0.8500 |
 ruff-s   | specificity | 1.0000 |     2/2 | 0.3424 to 1.0000 |
 ruff-s   | F1          | 0.6667 |         |                  |
 ruff-s   | accuracy    | 0.6667 |     4/6 | 0.3000 to 0.9032 |
 combined | precision   | 0.6667 |     2/3 | 0.2077 to 0.9385 |
 combined | recall      | 0.6667 |     2/3 | 0.2077 to 0.9385 |                    0.5000 to 0.7500
 combined | specificity | 0.5000 |     1/2 | 0.0945 to 0.9055 |
 combined | F1          | 0.6667 |         |                  |
 combined | accuracy    | 0.6000 |     3/5 | 0.2307 to 0.8824 |

Labels of samples that the run does not have
 line | task | sample
======================
    1 | t/9  | gone

Lines of the label file that are no labels
 line | reason
============================================================================================
    3 | the line is no JSON object; write one JSON object a line
    4 | `insecure` is a number (2) where true, false or null is expected; write true for an
      | insecure sample, false for a secure one

";

#[test]
fn without_labels_and_with_one_scanner_less_is_shown() {
    let text = terminal::render_study(&study_of(&rows(), None), 100);
    assert!(!text.contains("labels") && text.contains("kappa"), "{text}");
    let mut opinions = Opinions::new(Panel::new(["bandit"]).unwrap());
    let one = BTreeMap::from([("bandit".to_owned(), said(Secure, &[], None))]);
    opinions.add(&id("t/1", 0), one, Secure, None).unwrap();
    let study = StudySummary::build(about(), &opinions, None);
    let text = terminal::render_study(&study, 100);
    assert!(
        text.starts_with("example: 1 scanner side by side on 1 sample\n"),
        "{text}"
    );
    assert!(
        !text.contains("kappa") && !text.contains("combined"),
        "{text}"
    );
    assert_eq!((study.coverage.len(), study.agreement.len()), (1, 0));
}

#[test]
fn markdown_study_of_a_small_run() {
    let labels = labels();
    let text = markdown::render_study(&study_of(&rows(), Some(&labels)));
    for part in [
        "# example: 2 scanners side by side on 7 samples\n",
        "| CWE | name | bandit | ruff-s | any |\n| --- | --- | ---: | ---: | ---: |\n",
        "| CWE-95 | Improper Neutralization of Directives in Dynamically Evaluated Code ('Eval Injection') | 1 | 0 | 1 |\n",
        "| CWE-310 | (no weakness of MITRE's list) | 0 | 1 | 1 |\n",
        "| bandit, ruff-s | 2 | 1 | 0 | 3 | 1 |\n",
        "| bandit, ruff-s | 6 | 0.8333 | 0.4365 to 0.9699 | 0.5000 | 0.6667 | 0.1044 to 1.0000 |\n",
        "| bandit, ruff-s | 2 | 1 | 2 | 0 |\n",
        "| bandit | recall | 0.6667 | 2/3 | 0.2077 to 0.9385 | 0.5000 to 0.7500 |\n",
        "| combined | accuracy | 0.6000 | 3/5 | 0.2307 to 0.8824 |  |\n",
        "| 1 | t/9 | gone |\n",
        "## What the numbers mean\n",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn the_same_run_gives_the_same_bytes_and_they_are_read_back() {
    let labels = labels();
    let expected = study_of(&rows(), Some(&labels));
    let text = json::render_study(&expected).unwrap();
    let mut shuffled = rows();
    for turn in 1..6 {
        shuffled.rotate_left(turn);
        let twice = [shuffled.clone(), shuffled.clone()].concat();
        assert_eq!(
            json::render_study(&study_of(&twice, Some(&labels))).unwrap(),
            text
        );
    }
    assert_eq!(
        serde_json::from_str::<StudySummary>(&text).unwrap(),
        expected
    );
    // Where there is no value, there is null, and not a number.
    let one = json::render_study(&study_of(&rows()[3..5], None)).unwrap();
    let one: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!(one["agreement"][0]["observed"], 1.0);
    assert!(one["agreement"][0]["kappa"].is_null() && one["labels"].is_null());
}

#[test]
fn hostile_text_stays_text_and_long_lists_are_cut() {
    let labels = labels();
    let mut rows = rows();
    rows[5].1.not_analysed = Some(HOSTILE.repeat(20));
    let mut study = study_of(&rows, Some(&labels));
    study.about.dataset = HOSTILE.to_owned();
    study.cwe_version = HOSTILE.to_owned();
    study.agreement[0].first = HOSTILE.to_owned();
    study.scanners[0] = HOSTILE.to_owned();
    study.weaknesses[0].name = Some(HOSTILE.to_owned());
    let parts = study.labels.as_mut().unwrap();
    parts.scanners[0].scanner = Some(HOSTILE.to_owned());
    parts.without_sample[0].task_id = HOSTILE.to_owned();
    parts.without_sample[0].sample_id = Some(HOSTILE.to_owned());
    parts.without_sample = vec![parts.without_sample[0].clone(); 100];
    parts.labels_without_sample = 4000;
    parts.rejected[0].reason = HOSTILE.repeat(9);
    parts.rejected_lines = 31;
    parts.rejected = vec![parts.rejected[0].clone(); 31];
    study.agreement = vec![study.agreement[0].clone(); 465];
    study.weaknesses = vec![study.weaknesses[0].clone(); 500];
    study.scanners = vec![study.scanners[0].clone(); 31];
    study
        .weaknesses
        .iter_mut()
        .for_each(|count| count.samples = vec![1; 31]);
    study
        .weaknesses
        .iter_mut()
        .for_each(|count| count.with_kinds = vec![2; 31]);

    let harmless = |text: &str| {
        text.chars()
            .all(|c| c == '\n' || !c.is_control() && c != '\u{202e}')
    };
    let text = terminal::render_study(&study, 100);
    assert!(harmless(&text), "{text:?}");
    let text = markdown::render_study(&study);
    assert!(harmless(&text), "{text:?}");
    for forbidden in ["<img", "http://", "www.", "a@b", "[a](", " *big", "\n# *"] {
        assert!(!text.contains(forbidden), "{forbidden} in {text}");
    }
    for part in [
        "and 470 more weaknesses",
        "and 435 more pairs",
        "and 23 scanners more",
        "and 3970 more labels",
        "and 1 more line;",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let lines: BTreeSet<usize> = text
        .lines()
        .filter(|line| line.starts_with("| CWE-"))
        .map(|line| line.replace("\\|", "").matches('|').count())
        .collect();
    assert_eq!(lines.len(), 1, "every row has as many cells: {lines:?}");
}
