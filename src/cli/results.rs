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
    if setup.inputs.kind == DatasetKind::SecCodePlt {
        return Ok(None);
    }
    let name = format!("{}_eval_results.json", setup.inputs.kind.name());
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
    let tasks = programs.places.iter().map_while(|(id, samples)| {
        match entries(setup, outcome, &programs, id, samples) {
            Ok(entries) => Some((id.clone(), entries)),
            Err(failure) => {
                trouble = Some(failure);
                None
            }
        }
    });
    match setup.inputs.kind {
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
    samples: &[Place],
) -> Result<Vec<Value>, Failure> {
    let Some(task) = setup.inputs.tasks.get(id) else {
        return Ok(Vec::new());
    };
    let mut graded: Vec<(String, VerdictRecord)> = Vec::new();
    for place in samples {
        let sample = SampleId {
            task: id.clone(),
            index: place.index,
        };
        if let Some(record) = outcome.index.verdict(&sample)? {
            let code = programs.code(place).map_err(|error| {
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
    Ok(match setup.inputs.kind {
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
    /// By task, its samples in order: a few bytes each, since there may be millions.
    places: BTreeMap<TaskId, Vec<Place>>,
}

/// Where a sample's program stands in the file.
struct Place {
    offset: u64,
    length: u32,
    /// The sample's, within its task.
    index: u32,
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
        let mut places = BTreeMap::<TaskId, Vec<Place>>::new();
        let mut offset = 0;
        let samples = setup.inputs.samples.open(
            &setup.inputs.tasks,
            &setup.inputs.selection,
            &setup.inputs.options,
        )?;
        for sample in samples.flatten() {
            let code = sample.code.as_bytes();
            let length = u32::try_from(code.len())
                .map_err(|_| failed(io::Error::other("a program of more than 4 GiB")))?;
            out.write_all(code).map_err(failed)?;
            let place = Place {
                offset,
                length,
                index: sample.id.index,
            };
            match places.get_mut(&sample.id.task) {
                Some(places) => places.push(place),
                None => _ = places.insert(sample.id.task, vec![place]),
            }
            offset += u64::from(length);
        }
        out.flush().map_err(failed)?;
        drop(out);
        for places in places.values_mut() {
            places.sort_by_key(|place| place.index);
        }
        Ok(Self { file, places })
    }

    fn code(&self, place: &Place) -> io::Result<String> {
        let mut bytes = vec![0; place.length as usize];
        self.file.read_exact_at(&mut bytes, place.offset)?;
        String::from_utf8(bytes).map_err(io::Error::other)
    }
}
