//! Datasets and samples, read through the public interface.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fumehood::base::id::{SampleId, TaskId};
use fumehood::dataset::lines::Lines;
use fumehood::dataset::{
    DatasetKind, InputError, Rejected, Sample, SampleOptions, Samples, Task, TaskSet, Tests, open,
};

fn write(folder: &tempfile::TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// A HumanEval dataset of two tasks, `T/0` with entry point `f` and `T/1` with `g`.
fn two_tasks() -> Arc<TaskSet> {
    let folder = tempfile::tempdir().unwrap();
    let text = concat!(
        r#"{"task_id":"T/0","prompt":"def f(x):\n    \"\"\"One.\"\"\"\n","entry_point":"f","canonical_solution":"    return x\n","test":"def check(candidate):\n    assert candidate(1) == 1\n"}"#,
        "\n",
        r#"{"task_id":"T/1","prompt":"def g(x):\n","entry_point":"g","canonical_solution":"    return -x\n","test":"def check(candidate):\n    pass\n"}"#,
        "\n",
    );
    let path = write(&folder, "tasks.jsonl", text);
    Arc::new(TaskSet::load(DatasetKind::HumanEval, &path).unwrap())
}

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

// Lines

fn lines(bytes: &[u8], limit: usize) -> Vec<Result<(u64, String), (u64, String)>> {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "x", bytes);
    Lines::open(&path, limit)
        .unwrap()
        .map(|line| match line {
            Ok(line) => Ok((line.number, line.text)),
            Err(error) => Err((error.line.unwrap(), error.what)),
        })
        .collect()
}

#[test]
fn lines_are_numbered_as_an_editor_does() {
    let all = lines(b"\xef\xbb\xbfone\r\n\n  \r\ntwo\n\nthree", 100);
    let expected = [(1, "one"), (4, "two"), (6, "three")];
    assert_eq!(all, expected.map(|(n, text)| Ok((n, text.to_owned()))));
    assert!(lines(b"", 100).is_empty());
}

#[test]
fn compression_is_told_by_the_bytes_and_may_come_in_pieces() {
    let mut gz = gzip(b"one\ntw");
    gz.extend(gzip(b"o\nthree\n"));
    let mut zst = zstd(b"one\ntw");
    zst.extend([0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9]);
    zst.extend(zstd(b"o\nthree\n"));
    for bytes in [b"one\ntwo\nthree\n".to_vec(), gz, zst] {
        let texts: Vec<String> = lines(&bytes, 100)
            .into_iter()
            .map(|line| line.unwrap().1)
            .collect();
        assert_eq!(texts, ["one", "two", "three"]);
    }
}

#[test]
fn a_truncated_file_gives_its_whole_lines_and_says_so() {
    let text: String = (0..20_000)
        .map(|n| format!("line {} {n}\n", n * 7919 % 10_007))
        .collect();
    for whole in [gzip(text.as_bytes()), zstd(text.as_bytes())] {
        let mut all = lines(&whole[..whole.len() / 2], 100);
        let (line, what) = all.pop().unwrap().unwrap_err();
        assert!(what.contains("compressed file"), "{what}");
        assert_eq!(line, all.len() as u64 + 1);
        assert!(all.iter().all(Result::is_ok));
        if whole[0] == 0x1f {
            assert!(what.contains("ends early"), "{what}");
            assert!(all.len() > 1000);
        }
    }
}

#[test]
fn damaged_compression_is_named() {
    let mut bytes = gzip(b"one\ntwo\n");
    let crc = bytes.len() - 8;
    bytes[crc] ^= 1;
    let (_, what) = lines(&bytes, 100).pop().unwrap().unwrap_err();
    assert!(what.contains("damaged"), "{what}");
}

#[test]
fn unusable_lines_do_not_end_the_file() {
    let all = lines(b"ok\n\xff\xfeno\nn\0ul\n0123456789\nlast\n", 8);
    let numbers: Vec<u64> = all
        .iter()
        .map(|line| line.as_ref().map_or_else(|e| e.0, |l| l.0))
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let error = |n: usize| all[n].as_ref().unwrap_err().1.clone();
    assert!(error(1).contains("UTF-8"));
    assert!(error(2).contains("byte 2 of the line is NUL"));
    assert!(error(3).contains("longer than 8 bytes"));
    assert_eq!(all[4], Ok((5, "last".to_owned())));
}

#[test]
fn foreign_files_are_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    for (bytes, what, remedy) in [
        (b"PAR1...".as_slice(), "Parquet", "to_json"),
        (b" \n[{\"a\": 1}]", "JSON array", "jq"),
        (b"\xff\xfe{\0", "UTF-16", "UTF-8"),
        (b"PK\x03\x04", "zip", "unpack"),
        (b"\xfd7zXZ\0", "xz", "gzip"),
        (b"BZh9", "bzip2", "gzip"),
    ] {
        let path = write(&folder, "x", bytes);
        let error = Lines::open(&path, 100).unwrap_err();
        assert!(error.what.contains(what), "{error}");
        assert!(error.remedy.contains(remedy), "{error}");
    }
    let missing = Lines::open(&folder.path().join("absent"), 100).unwrap_err();
    assert!(
        missing.to_string().contains("absent: cannot open"),
        "{missing}"
    );
    assert!(
        Lines::open(folder.path(), 100)
            .unwrap_err()
            .what
            .contains("folder")
    );
}

// Datasets

const BCB: &str = r#"{"task_id":"B/0","complete_prompt":"import os\ndef task_func():\n    \"\"\"Doc.\"\"\"","canonical_solution":"    return 1","code_prompt":"import os\ndef task_func():","test":"import unittest","entry_point":"task_func","libs":"['os', 'random']"}"#;
const SEC: &str = r#"{"id":"ab12","CWE_ID":"078","function":"wrong","setup_py":"import os","test_case_py":"function = 'run'\ntest_cases = []","ground_truth":{"code_before":"def run(","patched_code":"a):\n","vulnerable_code":"b):\n","code_after":"    pass"}}"#;
const MBPP_PLUS: &str = r#"{"task_id":"Mbpp/2","prompt":"\"\"\"Doc.\"\"\"\n","entry_point":"similar_elements","canonical_solution":"def similar_elements(a, b): ...","base_input":[[[1], [-Infinity, NaN, "NaN", 1.50]]],"atol":0,"plus_input":{ },"assertion":""}"#;
const MBPP: &str = r#"{"task_id":11,"text":"Do it.","code":"import re\ndef h(x): ...\ndef solve(x): ...","test_list":["assert solve(h(1)) == 1"],"test_setup_code":"import math"}"#;
const HUMANEVAL: &str = r#"{"task_id":"HumanEval/32","prompt":"def find_zero(xs):\n","entry_point":"find_zero","canonical_solution":"    return 0\n","test":"def check(c): ...","base_input":[[[1, 2]]],"plus_input":[[[123456789012345678901234567890]]],"atol":0.0001}"#;

fn one(kind: DatasetKind, text: &str) -> Task {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "x.jsonl", text);
    assert_eq!(DatasetKind::detect(&path).unwrap(), kind);
    open(kind, &path).unwrap().next().unwrap().unwrap()
}

#[test]
fn bigcodebench_records() {
    let task = one(DatasetKind::BigCodeBench, BCB);
    assert_eq!(task.id.as_str(), "B/0");
    assert_eq!(task.entry_point, "task_func");
    assert_eq!(task.preamble, "import os\ndef task_func():\n    pass\n");
    let expected = "import os\ndef task_func():\n    \"\"\"Doc.\"\"\"\n    return 1";
    assert_eq!(task.ground_truth.as_deref(), Some(expected));
    assert_eq!(task.labels["libs"], "os,random");
    assert!(matches!(task.tests, Tests::Unittest { source } if source == "import unittest"));
}

#[test]
fn seccodeplt_records() {
    let task = one(DatasetKind::SecCodePlt, SEC);
    assert_eq!(task.entry_point, "run");
    assert_eq!(task.ground_truth.as_deref(), Some("def run(a):\n    pass"));
    assert_eq!(task.alternatives["vulnerable"], "def run(b):\n    pass");
    assert_eq!(task.labels["cwe"], "CWE-78");
    assert_eq!(task.prompt, "");
    assert!(matches!(task.tests, Tests::Cases { setup, .. } if setup == "import os"));
}

#[test]
fn plus_records_keep_inputs_as_written() {
    let Tests::Pairs {
        base,
        plus,
        shape,
        oracle,
        ..
    } = one(DatasetKind::Mbpp, MBPP_PLUS).tests
    else {
        panic!("no pairs")
    };
    assert_eq!(base, r#"[[[1], [-Infinity, NaN, "NaN", 1.50]]]"#);
    assert_eq!(
        (plus.as_str(), shape.as_str(), oracle.as_str()),
        ("[]", "tuple_args", "set_equal")
    );

    let Tests::Pairs {
        plus, oracle, atol, ..
    } = one(DatasetKind::HumanEval, HUMANEVAL).tests
    else {
        panic!("no pairs")
    };
    assert_eq!(plus, "[[[123456789012345678901234567890]]]");
    assert_eq!((oracle.as_str(), atol), ("poly_zero", 0.0001));
}

#[test]
fn plain_mbpp_records() {
    let task = one(DatasetKind::Mbpp, MBPP);
    assert_eq!(
        (task.id.as_str(), task.entry_point.as_str()),
        ("11", "solve")
    );
    assert!(task.prompt.contains("Do it.\nassert solve(h(1)) == 1"));
    let Tests::Asserts { setup, asserts } = task.tests else {
        panic!("no asserts")
    };
    assert_eq!((setup.as_str(), asserts.len()), ("import math", 1));
}

#[test]
fn the_wrong_dataset_is_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let records = [
        (DatasetKind::BigCodeBench, BCB),
        (DatasetKind::SecCodePlt, SEC),
        (DatasetKind::Mbpp, MBPP_PLUS),
        (DatasetKind::HumanEval, HUMANEVAL),
    ];
    for (actual, text) in records {
        let path = write(&folder, "x.jsonl", text);
        for kind in DatasetKind::ALL.into_iter().filter(|kind| *kind != actual) {
            let error = open(kind, &path).unwrap_err();
            assert!(
                error
                    .what
                    .contains(&format!("looks like the dataset {actual}")),
                "{error}"
            );
            assert!(error.remedy.contains(actual.name()), "{error}");
        }
        let error = Samples::open(&path, two_tasks(), SampleOptions::default()).unwrap_err();
        assert!(error.what.contains("holds no samples"), "{error}");
    }
    let path = write(&folder, "s.jsonl", r#"{"task_id":"T/0","solution":""}"#);
    let error = open(DatasetKind::Mbpp, &path).unwrap_err();
    assert!(error.what.contains("a file of samples"), "{error}");
    let path = write(&folder, "u.jsonl", r#"{"a":1}"#);
    assert!(
        DatasetKind::detect(&path)
            .unwrap_err()
            .what
            .contains("no format")
    );
    let path = write(&folder, "e.jsonl", "\n\n");
    assert!(
        DatasetKind::detect(&path)
            .unwrap_err()
            .what
            .contains("no record")
    );
}

#[test]
fn unusable_tasks_leave_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let no_cases = SEC
        .replace("ab12", "cd34")
        .replace(r#""function = 'run'\ntest_cases = []""#, "null");
    let text = format!("{{broken\n{SEC}\n{no_cases}\n{SEC}\n");
    let path = write(&folder, "x.jsonl", text);
    let set = TaskSet::load(DatasetKind::SecCodePlt, &path).unwrap();
    assert_eq!(set.len(), 1);
    let errors: Vec<String> = set.errors().iter().map(InputError::to_string).collect();
    assert_eq!(errors.len(), 3);
    assert!(
        errors[0].contains("x.jsonl:1: broken JSON"),
        "{}",
        errors[0]
    );
    assert!(
        errors[1].contains("x.jsonl:3: task cd34: `test_case_py` is null"),
        "{}",
        errors[1]
    );
    assert!(
        errors[2].contains("x.jsonl:4: task ab12 is there for the second time"),
        "{}",
        errors[2]
    );
    assert!(set.error_of(&TaskId::from("cd34")).is_some());

    let path = write(&folder, "s.jsonl", r#"{"task_id":"cd34","solution":"x"}"#);
    let rejected = Samples::open(&path, Arc::new(set), SampleOptions::default())
        .unwrap()
        .next()
        .unwrap()
        .unwrap_err();
    assert!(
        rejected.reason.contains("cannot be used: `test_case_py`"),
        "{rejected}"
    );
}

#[test]
fn the_folder_layout_of_seccodeplt() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let put = |task: &str, file: &str, text: &str| {
        fs::create_dir_all(root.join(task)).unwrap();
        fs::write(root.join(task).join(file), text).unwrap();
    };
    put("b", "setup.py", "import os");
    put("b", "test_case.py", "function = 'f'\ntest_cases = []");
    put("a", "setup.py", "");
    put("a", "test_case.py", "function = \"g\"\ntest_cases = []");
    put("a", "ground_truth.py", "def g(): ...");
    put("c", "setup.py", "");
    assert_eq!(DatasetKind::detect(root).unwrap(), DatasetKind::SecCodePlt);
    let set = TaskSet::load(DatasetKind::SecCodePlt, root).unwrap();
    let tasks: Vec<_> = set
        .iter()
        .map(|task| (task.id.as_str(), task.entry_point.as_str()))
        .collect();
    assert_eq!(tasks, [("a", "g"), ("b", "f")]);
    assert_eq!(
        set.get(&"a".into()).unwrap().ground_truth.as_deref(),
        Some("def g(): ...")
    );
    assert_eq!(set.get(&"b".into()).unwrap().ground_truth, None);
    assert!(
        set.errors()[0]
            .to_string()
            .contains("test_case.py: task c: the file is missing")
    );
    assert!(
        open(DatasetKind::Mbpp, root)
            .unwrap_err()
            .what
            .contains("seccodeplt")
    );
    assert!(
        DatasetKind::detect(&root.join("c"))
            .unwrap_err()
            .what
            .contains("test_case.py")
    );
}

#[test]
fn dataset_names() {
    for kind in DatasetKind::ALL {
        assert_eq!(kind.name().parse::<DatasetKind>().unwrap(), kind);
        assert!(kind.limits().cpu < kind.limits().wall);
    }
    let error = "apps".parse::<DatasetKind>().unwrap_err().to_string();
    assert!(
        error.contains("`apps`") && error.contains("bigcodebench"),
        "{error}"
    );
}

// Samples

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

// Real data

fn real(file: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(file);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is absent", path.display());
    None
}

#[test]
fn real_datasets_are_read_whole() {
    for (kind, file, usable, faulty) in [
        (
            DatasetKind::BigCodeBench,
            "bigcodebench/BigCodeBench-v0.1.4.jsonl.gz",
            1140,
            0,
        ),
        (
            DatasetKind::BigCodeBench,
            "bigcodebench/BigCodeBench-v0.1.2.jsonl.gz",
            1140,
            0,
        ),
        (
            DatasetKind::SecCodePlt,
            "seccodeplt/SecCodePLTplus-1201.jsonl.gz",
            1199,
            2,
        ),
        (
            DatasetKind::HumanEval,
            "humaneval/HumanEvalPlus.jsonl.gz",
            164,
            0,
        ),
        (DatasetKind::Mbpp, "mbpp/MbppPlus.jsonl.gz", 378, 0),
    ] {
        let Some(path) = real(file) else { continue };
        assert_eq!(DatasetKind::detect(&path).unwrap(), kind);
        let set = TaskSet::load(kind, &path).unwrap();
        assert_eq!((set.len(), set.errors().len()), (usable, faulty), "{file}");
        assert!(set.iter().all(|task| task.ground_truth.is_some()), "{file}");
        if kind == DatasetKind::SecCodePlt {
            let bad: Vec<_> = set
                .errors()
                .iter()
                .map(|e| (e.line, e.task.clone().unwrap()))
                .collect();
            assert_eq!(
                bad,
                [
                    (Some(751), "32dab65a".into()),
                    (Some(752), "26e66401".into())
                ]
            );
            assert!(
                set.iter()
                    .all(|task| task.alternatives.contains_key("vulnerable"))
            );
        }
        if kind == DatasetKind::Mbpp {
            let Tests::Pairs { plus, .. } = &set.get(&"Mbpp/793".into()).unwrap().tests else {
                panic!("no pairs")
            };
            assert_eq!(plus, "[]");
            let infinite = |task: &&Arc<Task>| matches!(&task.tests, Tests::Pairs { plus, .. } if plus.contains("-Infinity"));
            assert_eq!(set.iter().filter(infinite).count(), 1);
        }
    }
}

#[test]
fn real_samples_are_read_whole() {
    let dataset = real("bigcodebench/BigCodeBench-v0.1.2.jsonl.gz");
    let file = real("bigcodebench/qwen2.5-coder-7b-instruct.complete.verdicts.jsonl.gz");
    let (Some(dataset), Some(file)) = (dataset, file) else {
        return;
    };
    let tasks = Arc::new(TaskSet::load(DatasetKind::BigCodeBench, &dataset).unwrap());
    let all: Vec<_> = Samples::open(&file, tasks, SampleOptions::default())
        .unwrap()
        .collect();
    assert_eq!(all.len(), 1140);
    assert!(all.iter().all(Result::is_ok));
}
