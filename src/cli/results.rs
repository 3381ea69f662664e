//! The dataset's own results file, so that scripts written for its evaluator go on working.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;

use serde_json::Value;

use super::exit_code::Exit;
use super::failure::Failure;
use super::render::Outcome;
use super::setup::Setup;
use crate::base::id::{SampleId, TaskId};
use crate::dataset::{DatasetKind, Task, Tests};
use crate::journal::VerdictRecord;
use crate::report::{bigcodebench, evalplus};

/// Writes the dataset's own results file, if it has such a format; gives the file's name.
pub(super) fn write(setup: &Setup, outcome: &Outcome) -> Result<Option<String>, Failure> {
    if setup.kind == DatasetKind::SecCodePlt {
        return Ok(None);
    }
    let name = format!("{}_eval_results.json", setup.kind.name());
    let failed = |error: io::Error| {
        Failure::new(
            Exit::RunFolder,
            anyhow::Error::new(error).context(format!("cannot write {name}")),
        )
    };
    let programs = Programs::read(setup)?;
    let part = tempfile::NamedTempFile::new_in(setup.folder.path()).map_err(failed)?;
    let mut out = BufWriter::new(part.as_file());
    let date = minutes(&outcome.manifest.created);
    let mut trouble = None;
    let tasks = programs.tasks().map_while(|(id, samples)| {
        match entries(setup, outcome, &programs, id, &samples) {
            Ok(entries) => Some((id.clone(), entries)),
            Err(failure) => {
                trouble = Some(failure);
                None
            }
        }
    });
    match setup.kind {
        DatasetKind::BigCodeBench => bigcodebench::write(&mut out, &date, tasks),
        _ => {
            let hash = outcome.manifest.identity.tasks.short(32);
            evalplus::write(&mut out, &date, &hash, tasks)
        }
    }
    .and_then(|()| out.flush())
    .map_err(failed)?;
    if let Some(failure) = trouble {
        return Err(failure);
    }
    drop(out);
    part.persist(setup.folder.path().join(&name))
        .map_err(|error| failed(error.error))?;
    Ok(Some(name))
}

fn entries(
    setup: &Setup,
    outcome: &Outcome,
    programs: &Programs,
    id: &TaskId,
    samples: &[&SampleId],
) -> Result<Vec<Value>, Failure> {
    let Some(task) = setup.tasks.get(id) else {
        return Ok(Vec::new());
    };
    let mut graded: Vec<(String, VerdictRecord)> = Vec::new();
    for sample in samples {
        let record = outcome.index.verdict(sample)?;
        if let Some(record) = record {
            let code = programs.code(sample).map_err(|error| {
                Failure::new(
                    Exit::RunFolder,
                    anyhow::Error::new(error).context("cannot read back a temporary file"),
                )
            })?;
            graded.push((format!("{}{code}", task.preamble), record));
        }
    }
    let graded = graded
        .iter()
        .map(|(solution, record)| bigcodebench::Graded {
            solution,
            verdict: &record.verdict,
        });
    Ok(match setup.kind {
        DatasetKind::BigCodeBench => bigcodebench::entries(id, graded),
        _ => {
            let set = |case: &str| {
                if case.starts_with("plus/") {
                    evalplus::Set::Plus
                } else {
                    evalplus::Set::Base
                }
            };
            evalplus::entries(id, graded, set, |case| input(task, case))
        }
    })
}

/// The arguments of a case such as `plus/3`.
fn input(task: &Task, case: &str) -> Option<Value> {
    let Tests::Pairs { base, plus, .. } = &task.tests else {
        return None;
    };
    let (set, place) = case.split_once('/')?;
    let list = if set == "plus" { plus } else { base };
    let inputs: Vec<Value> = serde_json::from_str(list).ok()?;
    inputs.into_iter().nth(place.parse().ok()?)
}

/// `2026-11-22 12:30` from `2026-11-22T12:30:05Z`, as the official evaluators write it.
fn minutes(created: &str) -> String {
    created
        .chars()
        .take(16)
        .collect::<String>()
        .replace('T', " ")
}

/// The programs of all samples, in a temporary file: the format lists them by task, whatever their
/// order in the sample file.
struct Programs {
    file: File,
    places: BTreeMap<SampleId, (u64, usize)>,
}

impl Programs {
    fn read(setup: &Setup) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            Failure::new(
                Exit::RunFolder,
                anyhow::Error::new(error).context("cannot write a temporary file"),
            )
        };
        let file = tempfile::tempfile_in(setup.folder.path()).map_err(failed)?;
        let mut out = BufWriter::new(&file);
        let mut places = BTreeMap::new();
        let mut offset = 0;
        let samples = setup
            .samples
            .open(&setup.tasks, &setup.selection, &setup.options)?;
        for sample in samples.flatten() {
            out.write_all(sample.code.as_bytes()).map_err(failed)?;
            places.insert(sample.id, (offset, sample.code.len()));
            offset += sample.code.len() as u64;
        }
        out.flush().map_err(failed)?;
        drop(out);
        Ok(Self { file, places })
    }

    fn code(&self, sample: &SampleId) -> io::Result<String> {
        let Some((offset, length)) = self.places.get(sample) else {
            return Ok(String::new());
        };
        let mut bytes = vec![0; *length];
        self.file.read_exact_at(&mut bytes, *offset)?;
        String::from_utf8(bytes).map_err(io::Error::other)
    }

    /// Every task with its samples, both in order.
    fn tasks(&self) -> impl Iterator<Item = (&TaskId, Vec<&SampleId>)> {
        let mut ids = self.places.keys().peekable();
        std::iter::from_fn(move || {
            let first = ids.next()?;
            let mut samples = vec![first];
            while let Some(next) = ids.next_if(|id| id.task == first.task) {
                samples.push(next);
            }
            Some((&first.task, samples))
        })
    }
}
