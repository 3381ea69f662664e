//! Label files, right and wrong.

use fumehood::base::id::SampleId;
use fumehood::dataset::{InputError, Labels, Unmatched, Which};

use crate::{gzip, write, zstd};

fn read(bytes: impl AsRef<[u8]>) -> Result<Labels, InputError> {
    let folder = tempfile::tempdir().unwrap();
    Labels::read(&write(&folder, "labels.jsonl", bytes))
}

fn id(task: &str, index: u32) -> SampleId {
    SampleId {
        task: task.into(),
        index,
    }
}

const LABELS: &str = concat!(
    r#"{"task_id":"T/0","sample":0,"insecure":true,"by":"a reader"}"#,
    "\n\n",
    r#"{"task_id":"T/0","sample_id":"b","insecure":false}"#,
    "\n",
    r#"{"task_id":"T/0","sample":2.0,"sample_id":null,"insecure":null}"#,
    "\n",
    r#"{"task_id":7,"sample":null,"sample_id":9,"insecure":true}"#,
    "\n",
    r#"{"task_id":"T/0","sample":0,"insecure":true}"#,
    "\n",
    r#"{"task_id":"T/1","sample":NaN,"sample_id":"b","insecure":NaN}"#,
    "\n",
);

#[test]
fn labels_name_samples_by_number_or_name() {
    for bytes in [
        LABELS.as_bytes().to_vec(),
        gzip(LABELS.as_bytes()),
        zstd(LABELS.as_bytes()),
    ] {
        let mut labels = read(bytes).unwrap();
        assert_eq!(
            (labels.count(), labels.nulls()),
            (3, 2),
            "a line twice is one label"
        );
        assert_eq!(labels.rejected().1, 0);
        let mut take = |task, index, name| labels.take(&id(task, index), name).unwrap();
        assert_eq!(take("T/0", 0, None), Some(true));
        assert_eq!(take("T/0", 1, Some("b")), Some(false));
        assert_eq!(take("T/0", 2, Some("c")), None);
        assert_eq!(
            take("T/1", 0, Some("b")),
            None,
            "another task's sample of that name"
        );
        assert_eq!(take("T/9", 0, None), None);
        let open = Unmatched {
            line: 5,
            task: "7".into(),
            which: Which::Name("9".to_owned()),
        };
        assert_eq!(labels.unmatched(), [open]);
    }
}

#[test]
fn bad_lines_are_set_aside_and_the_rest_counts() {
    let lines = [
        (r#"{"task_id":"T/0","sample":0,"insecure":true}"#, ""),
        (
            r#"{"task_id":"T/0","sample":1,"insecure":tru"#,
            "broken JSON",
        ),
        ("[1]", "no JSON object"),
        (r#"{"sample":1,"insecure":true}"#, "`task_id` is missing"),
        (
            r#"{"task_id":"T/0","insecure":true}"#,
            "neither `sample` nor `sample_id`",
        ),
        (
            r#"{"task_id":"T/0","sample":1,"sample_id":"x","insecure":true}"#,
            "both `sample` and `sample_id`",
        ),
        (
            r#"{"task_id":"T/0","sample":-1,"insecure":true}"#,
            "`sample` is a number (-1)",
        ),
        (
            r#"{"task_id":"T/0","sample":1.5,"insecure":true}"#,
            "where a whole number from 0 is expected",
        ),
        (
            r#"{"task_id":"T/0","sample":4294967296,"insecure":true}"#,
            "whole number from 0",
        ),
        (
            r#"{"task_id":"T/0","sample":"1","insecure":true}"#,
            "name one by `sample_id`",
        ),
        (r#"{"task_id":"T/0","sample":1}"#, "`insecure` is missing"),
        (
            r#"{"task_id":"T/0","sample":1,"insecure":1}"#,
            "where true, false or null is expected",
        ),
        (
            r#"{"task_id":"T/0","sample":1,"insecure":"yes"}"#,
            "write true for an insecure sample",
        ),
        ("\u{0}", "NUL"),
        (r#"{"task_id":"T/0","sample":1,"insecure":false}"#, ""),
    ];
    let text: Vec<&str> = lines.iter().map(|(line, _)| *line).collect();
    let mut labels = read(text.join("\n")).unwrap();
    let (rejected, count) = labels.rejected();
    assert_eq!((rejected.len(), count), (13, 13), "{rejected:?}");
    for (place, (line, says)) in lines
        .iter()
        .enumerate()
        .filter(|(_, (_, says))| !says.is_empty())
    {
        let error = rejected
            .iter()
            .find(|error| error.line == Some(place as u64 + 1))
            .unwrap();
        let shown = error.to_string();
        assert!(shown.contains(says), "{line}: {shown}");
        assert!(
            shown.contains(&format!("labels.jsonl:{}: ", place + 1)) && shown.contains("; "),
            "{shown}"
        );
    }
    assert_eq!(labels.take(&id("T/0", 1), None).unwrap(), Some(false));
    assert_eq!(labels.count(), 2);
}

#[test]
fn contradictions_are_errors_that_name_both_lines() {
    let by_number = concat!(
        r#"{"task_id":"T/0","sample":1,"insecure":true}"#,
        "\n",
        r#"{"task_id":"T/0","sample":1,"insecure":null}"#,
        "\n",
        r#"{"task_id":"T/0","sample":1,"insecure":false}"#,
        "\n",
        r#"{"task_id":"T/0","sample":1,"insecure":false}"#,
    );
    let error = read(by_number).unwrap_err().to_string();
    for part in [
        "labels.jsonl:3: task T/0: sample 1",
        "in line 1",
        "1 more lines",
        "correct one of the two",
    ] {
        assert!(error.contains(part), "{error}");
    }
    // One line by its number, one by its name: only the run knows that they mean the same sample.
    let mixed = concat!(
        r#"{"task_id":"T/0","sample_id":"x","insecure":true}"#,
        "\n",
        r#"{"task_id":"T/0","sample":3,"insecure":false}"#,
    );
    let mut labels = read(mixed).unwrap();
    assert_eq!(labels.take(&id("T/0", 2), Some("y")).unwrap(), None);
    let error = labels
        .take(&id("T/0", 3), Some("x"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("labels.jsonl:2: task T/0: sample 3") && error.contains("in line 1"),
        "{error}"
    );
    // The same said twice is no contradiction.
    let mut labels = read(mixed.replace("false", "true")).unwrap();
    assert_eq!(labels.take(&id("T/0", 3), Some("x")).unwrap(), Some(true));
    assert!(labels.unmatched().is_empty());
}

#[test]
fn files_without_labels_are_refused() {
    let error = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    assert!(error(b"").contains("holds no label"), "{}", error(b""));
    assert!(error(b"\n \n").contains(r#"{"task_id": "T/1", "sample": 0"#));
    let samples = br#"{"task_id":"T/0","solution":"x = 1"}"#;
    assert!(
        error(samples).contains("labels.jsonl:1: neither `sample`"),
        "{}",
        error(samples)
    );
    assert!(error(b"[{}]").contains("is a JSON array"));
    let missing = Labels::read(std::path::Path::new("/nonexistent/labels.jsonl")).unwrap_err();
    assert!(missing.to_string().contains("check the path"));
    // Nothing but nulls says that nothing is known.
    let nulls = read(br#"{"task_id":"T/0","sample":0,"insecure":null}"#).unwrap();
    assert_eq!((nulls.count(), nulls.nulls()), (0, 1));
}

#[test]
fn hostile_files_are_bounded() {
    // Many bad lines: all are counted, a hundred kept.
    let mut text = String::from("{\"task_id\":\"T/0\",\"sample\":0,\"insecure\":true}\n");
    text.push_str(&"x\n".repeat(5000));
    let labels = read(&text).unwrap();
    assert_eq!(
        (labels.rejected().0.len(), labels.rejected().1),
        (100, 5000)
    );
    // A line longer than any label is one bad line.
    let long = format!("{{\"task_id\":\"{}\"}}\n{text}", "y".repeat(2 << 20));
    assert_eq!(read(long).unwrap().rejected().1, 5001);
    // A file that was cut gives what stands before the cut, and says so.
    let whole = gzip(LABELS.repeat(50).as_bytes());
    let cut = read(&whole[..whole.len() - 12]);
    if let Ok(labels) = cut {
        assert!(
            labels.rejected().0[0].what.contains("ends early"),
            "{:?}",
            labels.rejected()
        );
    }
}
