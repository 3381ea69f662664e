//! Records of every dataset, right and wrong.

use std::fs;
use std::sync::Arc;

use fumehood::base::id::TaskId;
use fumehood::dataset::{
    DatasetKind, InputError, SampleOptions, Samples, Task, TaskSet, Tests, open,
};

use crate::{two_tasks, write};

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
fn safety_cases_of_seccodeplt() {
    assert_eq!(one(DatasetKind::SecCodePlt, SEC).safety, None);
    let with = |more: &str| {
        let text = SEC.replace(r#""ground_truth""#, &format!(r#"{more},"ground_truth""#));
        one(DatasetKind::SecCodePlt, &text).safety
    };
    for without in [
        r#""unittest":null"#,
        r#""unittest":"text""#,
        r#""unittest":{"setup":"import os"}"#,
        r#""unittest":{"setup":"import os","testcases":" \n"}"#,
        r#""unittest":{"testcases":1}"#,
    ] {
        assert_eq!(with(without), None, "{without}");
    }
    let tests = with(r#""unittest":{"setup":"import os\n","testcases":"testcases = 1"}"#).unwrap();
    assert_eq!(tests.source, "testcases = 1");
    // The record's own setup holds it already.
    assert_eq!(tests.setup, "import os");
    assert_eq!(tests.functions, ["run"]);
    let asked = r#""task_description":{"function_name":"asked"},"unittest":{"setup":"import re","testcases":"t"}"#;
    let tests = with(asked).unwrap();
    assert_eq!(tests.setup, "import os\nimport re");
    assert_eq!(tests.functions, ["asked", "run"]);
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
