//! Sample files, right and wrong.

use std::fs;
use std::io::Write;

use fumehood::base::id::{SampleId, TaskId};
use fumehood::dataset::{Rejected, Sample, SampleOptions, Samples};

use crate::{gzip, two_tasks, write};

fn samples_with(bytes: impl AsRef<[u8]>, options: SampleOptions) -> Vec<Result<Sample, Rejected>> {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "samples.jsonl", bytes);
    Samples::open(&path, two_tasks(), options)
        .unwrap()
        .collect()
}

fn samples(bytes: impl AsRef<[u8]>) -> Vec<Result<Sample, Rejected>> {
    samples_with(bytes, SampleOptions::default())
}

fn rejection(bytes: impl AsRef<[u8]>) -> Rejected {
    let mut all = samples(bytes);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0).unwrap_err()
}

fn id(task: &str, index: u32) -> SampleId {
    SampleId {
        task: TaskId::from(task),
        index,
    }
}

#[test]
fn samples_are_numbered_by_task_in_file_order() {
    let all = samples(concat!(
        r#"{"task_id":"T/1","solution":"a","_identifier":"x","logprob":NaN}"#,
        "\n",
        r#"{"task_id":"T/0","completion":"    return x\n","sample_id":7,"rank":1,"model":"m","technique":"base"}"#,
        "\n",
        r#"{"task_id":"T/1","solution":"b","sample_id":"7","rank":2.0}"#,
        "\n",
        r#"{"task_id":"T/1","solution":"c","completion":"d","rank":NaN}"#,
        "\n",
    ));
    let all: Vec<Sample> = all.into_iter().map(Result::unwrap).collect();
    let ids: Vec<_> = all.iter().map(|sample| sample.id.clone()).collect();
    assert_eq!(
        ids,
        [id("T/1", 0), id("T/0", 0), id("T/1", 1), id("T/1", 2)]
    );
    assert_eq!(
        all[1].code,
        "def f(x):\n    \"\"\"One.\"\"\"\n    return x\n"
    );
    assert_eq!(all[1].name.as_deref(), Some("7"));
    assert_eq!(all[1].technique.as_deref(), Some("base"));
    assert_eq!(
        (all[1].rank, all[2].rank, all[3].rank),
        (Some(1), Some(2), None)
    );
    assert_eq!((all[3].code.as_str(), all[3].line), ("c", 4));
}

#[test]
fn a_rejected_line_keeps_its_number() {
    let all = samples(concat!(
        r#"{"task_id":"T/0","solution":"a"}"#,
        "\n",
        r#"{"task_id":"T/0"}"#,
        "\n",
        "{broken\n",
        r#"{"task_id":"T/0","solution":"b"}"#,
        "\n",
    ));
    let rejected = all[1].clone().unwrap_err();
    assert_eq!((rejected.sample, rejected.line), (Some(id("T/0", 1)), 2));
    assert_eq!(all[2].clone().unwrap_err().sample, None);
    assert_eq!(all[3].as_ref().unwrap().id, id("T/0", 2));
}

#[test]
fn each_kind_of_bad_line_has_its_reason_and_remedy() {
    for (line, reason, remedy) in [
        (r#"{"task_id":"T/0","solution":"a""#, "broken JSON", "again"),
        (
            r#"{"task_id":"T/0","solution":"a"} x"#,
            "trailing characters",
            "again",
        ),
        (r#""text""#, "no JSON object", "one JSON object"),
        (
            r#"{"task_id":"T/9","solution":"a"}"#,
            "no task `T/9`",
            "look like `T/0`",
        ),
        (r#"{"solution":"a"}"#, "`task_id` is missing", "with it"),
        (
            r#"{"id":"T/0","solution":"a"}"#,
            "`task_id` is missing",
            "instead of `id`",
        ),
        (
            r#"{"task_id":["T/0"],"solution":"a"}"#,
            "`task_id` is a list",
            "again",
        ),
        (
            r#"{"task_id":"T/0","completion":null}"#,
            "neither",
            "empty text",
        ),
        (
            r#"{"task_id":"T/0","solution":5}"#,
            "`solution` is a number (5)",
            "again",
        ),
        (
            r#"{"task_id":"T/0","solution":"\ud800x"}"#,
            "surrogate",
            "without it",
        ),
        (
            r#"{"task_id":"T/0","solution":"\udc00"}"#,
            "surrogate",
            "without it",
        ),
        (
            r#"{"task_id":"T/0","solution":"a","rank":0}"#,
            "`rank`",
            "best sample",
        ),
        (
            r#"{"task_id":"T/0","solution":"a","rank":-Infinity}"#,
            "`rank`",
            "again",
        ),
        (
            r#"{"task_id":"T/0","solution":"a","model":{}}"#,
            "`model` is an object",
            "again",
        ),
    ] {
        let rejected = rejection(line);
        assert!(rejected.reason.contains(reason), "{line}: {rejected}");
        assert!(rejected.remedy.contains(remedy), "{line}: {rejected}");
        assert!(
            rejected.to_string().contains("samples.jsonl:1: "),
            "{rejected}"
        );
    }
}

#[test]
fn a_sample_name_is_used_once_a_task() {
    let all = samples(concat!(
        r#"{"task_id":"T/0","solution":"a","sample_id":"s"}"#,
        "\n",
        r#"{"task_id":"T/1","solution":"a","sample_id":"s"}"#,
        "\n",
        r#"{"task_id":"T/0","solution":"b","sample_id":"s"}"#,
        "\n",
    ));
    assert!(all[0].is_ok() && all[1].is_ok());
    assert!(all[2].clone().unwrap_err().reason.contains("used before"));
}

#[test]
fn no_code_is_a_sample_without_code() {
    for line in [
        r#"{"task_id":"T/0","solution":""}"#,
        r#"{"task_id":"T/0","completion":" \n\t"}"#,
        r#"{"task_id":"T/0","solution":"Sorry.\n```\n```\n"}"#,
    ] {
        assert_eq!(samples(line)[0].as_ref().unwrap().code, "", "{line}");
    }
    // A NUL inside the text is the model's own, and Python's business.
    let all = samples(r#"{"task_id":"T/0","solution":"a\u0000b"}"#);
    assert_eq!(all[0].as_ref().unwrap().code, "a\0b");
}

#[test]
fn a_line_of_200_mb_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big.jsonl");
    let mut file = std::io::BufWriter::new(fs::File::create(&path).unwrap());
    let chunk = [b'x'; 1 << 16];
    writeln!(file, r#"{{"task_id":"T/0","solution":"a"}}"#).unwrap();
    write!(file, r#"{{"task_id":"T/0","solution":""#).unwrap();
    for _ in 0..3200 {
        file.write_all(&chunk).unwrap();
    }
    writeln!(file, "\"}}\n{{\"task_id\":\"T/0\",\"solution\":\"b\"}}").unwrap();
    file.into_inner().unwrap();
    let all: Vec<_> = Samples::open(&path, two_tasks(), SampleOptions::default())
        .unwrap()
        .collect();
    assert_eq!(all.len(), 3);
    let rejected = all[1].clone().unwrap_err();
    assert!(
        rejected.reason.contains("longer than 67108864 bytes"),
        "{rejected}"
    );
    assert_eq!((rejected.line, rejected.sample), (2, None));
    assert_eq!(all[2].as_ref().unwrap().id, id("T/0", 1));
}

#[test]
fn a_truncated_sample_file_says_that_it_ends() {
    let line = r#"{"task_id":"T/0","solution":"a"}"#;
    let bytes = gzip(format!("{line}\n{line}\n").as_bytes());
    let all = samples(&bytes[..bytes.len() - 9]);
    let last = all.last().unwrap().clone().unwrap_err();
    assert!(
        last.ends_file && last.reason.contains("ends early"),
        "{last}"
    );
}

#[test]
fn fences_can_be_kept() {
    let line = r#"{"task_id":"T/0","solution":"```\nx\n```"}"#;
    assert_eq!(samples(line)[0].as_ref().unwrap().code, "x\n");
    let options = SampleOptions {
        keep_fences: true,
        ..SampleOptions::default()
    };
    assert_eq!(
        samples_with(line, options)[0].as_ref().unwrap().code,
        "```\nx\n```"
    );
}
