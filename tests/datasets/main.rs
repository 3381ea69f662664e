//! Datasets and samples, read through the public interface.
#![allow(clippy::unwrap_used, reason = "a test that fails here should stop")]

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use fumehood::dataset::{DatasetKind, TaskSet};

mod demo;
mod labels;
mod lines;
mod real;
mod samples;
mod tasks;

pub(crate) fn write(folder: &tempfile::TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// A HumanEval dataset of two tasks, `T/0` with entry point `f` and `T/1` with `g`.
pub(crate) fn two_tasks() -> Arc<TaskSet> {
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
