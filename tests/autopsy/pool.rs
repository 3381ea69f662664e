//! Pairs of real codes of one task: a base, and what a model answered. Nobody damaged them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use fumehood::autopsy::Patient;
use fumehood::dataset::{DatasetKind, TaskSet};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const BIGCODEBENCH: &str = "bigcodebench/BigCodeBench-v0.1.2.jsonl.gz";
const QWEN: &str = "bigcodebench/qwen2.5-coder-7b-instruct.complete.verdicts.jsonl.gz";
const SALLM: &str = "sallm/completions.jsonl.gz";
const PLUS: [(&str, DatasetKind, &str); 2] = [
    (
        "humaneval/HumanEvalPlus.jsonl.gz",
        DatasetKind::HumanEval,
        "humaneval/llama-3-8b-instruct.eval_results.json.gz",
    ),
    (
        "mbpp/MbppPlus.jsonl.gz",
        DatasetKind::Mbpp,
        "mbpp/llama-3-8b-instruct.eval_results.json.gz",
    ),
];
/// Pairs that one task of SALLM gives in one direction: ten samples of it are much alike.
const OF_ONE_TASK: usize = 2;

/// Where a code is from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// The file below `shared/data`.
    pub(crate) file: String,
    /// The task, or `line N` from 1.
    pub(crate) at: String,
}

impl Place {
    fn new(file: &str, at: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            at: at.into(),
        }
    }
}

/// Two codes of one task.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Pair {
    pub(crate) dataset: &'static str,
    pub(crate) task: String,
    pub(crate) base: Place,
    pub(crate) technique: Place,
    pub(crate) entry: String,
    pub(crate) prompt: String,
    /// The base, which works.
    pub(crate) before: String,
    /// What is compared with it.
    pub(crate) after: String,
}

impl Pair {
    pub(crate) fn patient(&self) -> Patient<'_> {
        Patient {
            before: &self.before,
            after: &self.after,
            entry: &self.entry,
            prompt: &self.prompt,
            flagged: &[],
        }
    }
}

/// All pairs, in the order of the files; `None` where the data are not.
pub(crate) fn pool() -> Option<Vec<Pair>> {
    let data = data()?;
    let mut pairs = answers(&data, false);
    pairs.extend(sallm(&data));
    pairs.retain(|pair| pair.before != pair.after);
    Some(pairs)
}

/// Pairs of two codes that both work.
pub(crate) fn working() -> Option<Vec<Pair>> {
    Some(answers(&data()?, true))
}

/// Answers of models with the ground truth, those that passed or those that did not.
fn answers(data: &Path, passed: bool) -> Vec<Pair> {
    let mut pairs = bigcodebench(data, passed);
    pairs.extend(PLUS.iter().flat_map(|files| evalplus(data, files, passed)));
    pairs
}

fn data() -> Option<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let files = [BIGCODEBENCH, QWEN, SALLM].into_iter();
    let mut files = files.chain(PLUS.iter().flat_map(|(tasks, _, codes)| [*tasks, *codes]));
    files.all(|file| data.join(file).is_file()).then_some(data)
}

/// The ground truth, and the one answer that the official evaluator judged.
fn bigcodebench(data: &Path, passed: bool) -> Vec<Pair> {
    let tasks = TaskSet::load(DatasetKind::BigCodeBench, &data.join(BIGCODEBENCH)).unwrap();
    let rows = records(&data.join(QWEN));
    let wanted = rows.iter().enumerate().filter(|(_, row)| {
        (row["status"] == "pass") == passed && row["gt_failed_in_that_env"].as_bool() != Some(true)
    });
    let pair = wanted.map(|(line, row)| {
        let task = tasks.get(&text(row, "task_id").into()).unwrap();
        // What the evaluator put before the answer is none of the model's.
        let after = text(row, "solution");
        let after = after.strip_prefix(task.preamble.as_str()).unwrap();
        Pair {
            dataset: "bigcodebench",
            task: task.id.to_string(),
            base: Place::new(BIGCODEBENCH, task.id.to_string()),
            technique: Place::new(QWEN, format!("line {}", line + 1)),
            entry: task.entry_point.clone(),
            prompt: task.prompt.clone(),
            before: task.ground_truth.clone().unwrap(),
            after: after.to_owned(),
        }
    });
    pair.collect()
}

/// The ground truth, and the one answer that EvalPlus judged by all tests, its own and those it added.
fn evalplus(
    data: &Path,
    files: &(&'static str, DatasetKind, &'static str),
    passed: bool,
) -> Vec<Pair> {
    let (tasks_file, kind, answers_file) = *files;
    let tasks = TaskSet::load(kind, &data.join(tasks_file)).unwrap();
    let answers: Value = serde_json::from_str(&unpacked(&data.join(answers_file))).unwrap();
    let pair = tasks.iter().filter_map(|task| {
        let answer = &answers["eval"][task.id.to_string()][0];
        let has_passed = ["base_status", "plus_status"].map(|key| answer[key] == "pass");
        ((has_passed == [true; 2]) == passed).then(|| Pair {
            dataset: kind.name(),
            task: task.id.to_string(),
            base: Place::new(tasks_file, task.id.to_string()),
            technique: Place::new(answers_file, task.id.to_string()),
            entry: task.entry_point.clone(),
            prompt: task.prompt.clone(),
            before: task.ground_truth.clone().unwrap(),
            after: text(answer, "solution").to_owned(),
        })
    });
    pair.collect()
}

/// A sample of one model that succeeded in SALLM's tests, and one of the other model that does not compile, failed, or
/// ended in an error; both models once as the base.
fn sallm(data: &Path) -> Vec<Pair> {
    let rows = records(&data.join(SALLM));
    let mut groups: BTreeMap<(String, String), BTreeMap<&str, Vec<usize>>> = BTreeMap::new();
    for (line, row) in rows.iter().enumerate() {
        // Several tasks have one id: the first function and its docstring tell them apart.
        let (id, _) = text(row, "id").rsplit_once('_').unwrap();
        let code = text(row, "code");
        let start = code.find("def ").unwrap_or(0);
        let end = code.find("'''").unwrap_or(code.len());
        let end = code
            .get(end + 3..)
            .and_then(|rest| rest.find("'''"))
            .map_or(end, |length| end + 3 + length);
        let key = (
            id.to_owned(),
            code.get(start..end).unwrap_or(code).to_owned(),
        );
        let runs = groups.entry(key).or_default();
        runs.entry(text(row, "run")).or_default().push(line);
    }
    let mut pairs = Vec::new();
    for ((id, _), runs) in &groups {
        let runs: Vec<&Vec<usize>> = runs.values().collect();
        let [one, other] = runs[..] else { continue };
        let all = one.iter().chain(other);
        let prompt = common_prefix(all.map(|line| text(&rows[*line], "code")));
        // A method of a class is none that this could name.
        let Some(entry) = entry_of(prompt) else {
            continue;
        };
        for (base, technique) in [(one, other), (other, one)] {
            let worked = base.iter().filter(|line| {
                rows[**line]["compilable"] == true && rows[**line]["test_success"] == "success"
            });
            let stopped = technique.iter().filter(|line| {
                let row = &rows[**line];
                row["compilable"] == false
                    || row["test_success"] == "failure"
                    || row["test_success"] == "error"
            });
            pairs.extend(
                worked
                    .zip(stopped)
                    .take(OF_ONE_TASK)
                    .map(|(base, technique)| Pair {
                        dataset: "sallm",
                        task: format!("{id} {entry}"),
                        base: Place::new(SALLM, format!("line {}", base + 1)),
                        technique: Place::new(SALLM, format!("line {}", technique + 1)),
                        entry: entry.to_owned(),
                        prompt: prompt.to_owned(),
                        before: text(&rows[*base], "code").to_owned(),
                        after: text(&rows[*technique], "code").to_owned(),
                    }),
            );
        }
    }
    pairs
}

/// What all of them begin with, up to the end of its last whole line.
fn common_prefix<'t>(texts: impl Iterator<Item = &'t str>) -> &'t str {
    let shared = texts.reduce(|one, other| {
        let ends = one.char_indices().zip(other.chars());
        let end = ends
            .clone()
            .find(|((_, a), b)| a != b)
            .map_or(one.len().min(other.len()), |((end, _), _)| end);
        &one[..end]
    });
    let shared = shared.unwrap_or_default();
    &shared[..shared.rfind('\n').map_or(0, |end| end + 1)]
}

/// The last function that a prompt begins, which is the one to be written.
fn entry_of(prompt: &str) -> Option<&str> {
    let mut heads = prompt.lines().filter_map(|line| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("def ")?.split('(').next()
    });
    heads.next_back().map(str::trim)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap()
}

fn records(path: &PathBuf) -> Vec<Value> {
    let lines = unpacked(path);
    let records = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    records.collect()
}

fn unpacked(path: &PathBuf) -> String {
    let mut text = String::new();
    let packed = GzDecoder::new(fs::File::open(path).unwrap());
    { packed }.read_to_string(&mut text).unwrap();
    text
}
