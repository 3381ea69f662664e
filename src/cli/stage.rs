//! `fumehood stage`: every program of the samples as a file, for tools that run elsewhere.

use std::collections::HashSet;
use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::Global;
use super::exit_code::Exit;
use super::failure::Failure;
use super::inputs::{InputArgs, Inputs};
use super::output::{print_json, say};
use crate::base::digest::Digest;
use crate::dataset::{Rejected, Sample};
use crate::scan::Language;
use crate::scan::neutral::neutralised;
use crate::scan::staging::{KNOWN, name_of};

/// Write every program of the samples as a file of its own, for a tool that runs elsewhere.
///
///   fumehood stage bigcodebench --data tasks.jsonl.gz --samples samples.jsonl -o tree
///
/// Files are named by digests of what they hold, each once, with comments that silence scanners made inert;
/// two files beside them, `known/bad.py` and `known/good.py`, show whether the tool knows its trade. Give its SARIF
/// report to `fumehood eval ... --scanner sarif:REPORT`. `samples.jsonl` says which sample is in which file.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct StageArgs {
    #[command(flatten)]
    inputs: InputArgs,
    /// The folder to write; it must not be there, or be empty.
    #[arg(long, short, value_name = "FOLDER")]
    output: PathBuf,
}

/// A sample and its file.
#[derive(Serialize)]
struct Line<'a> {
    task_id: &'a str,
    index: u32,
    sample_id: Option<&'a str>,
    file: String,
}

/// What was written.
#[derive(Debug, Default, Serialize)]
struct Told {
    samples: u64,
    files: u64,
    rejected: u64,
}

/// Runs it.
pub(super) fn run(args: &StageArgs, global: Global) -> Result<Exit, Failure> {
    let inputs = Inputs::resolve(&args.inputs)?;
    let mut tree = Tree::new(&args.output)?;
    let mut told = Told::default();
    for sample in inputs.open()? {
        match sample {
            Ok(sample) => {
                told.samples += 1;
                tree.add(&sample)?;
            }
            Err(rejected) => {
                told.rejected += 1;
                say_rejected(&args.inputs.samples, &rejected, told.rejected);
            }
        }
    }
    told.files = tree.close()?;
    if global.json {
        print_json(&told)?;
    } else if !global.quiet {
        say(&format!(
            "wrote {} programs of {} samples to {}",
            told.files,
            told.samples,
            args.output.display()
        ));
    }
    Ok(if told.rejected == 0 {
        Exit::Success
    } else {
        Exit::Incomplete
    })
}

/// Lines that are no samples, shown one by one.
const SHOWN: u64 = 10;

fn say_rejected(samples: &str, rejected: &Rejected, number: u64) {
    match number {
        1..=SHOWN => say(&format!(
            "warning: {samples}:{}: {}",
            rejected.line, rejected.reason
        )),
        // How many there were is said at the end.
        11 => say("warning: more lines are no samples"),
        _ => {}
    }
}

/// The folder, as far as it is written.
struct Tree<'a> {
    folder: &'a Path,
    index: BufWriter<fs::File>,
    written: HashSet<Digest>,
}

impl<'a> Tree<'a> {
    fn new(folder: &'a Path) -> Result<Self, Failure> {
        let failed = |error| unwritable(folder, error);
        fs::create_dir_all(folder).map_err(failed)?;
        if fs::read_dir(folder).map_err(failed)?.next().is_some() {
            return Err(Failure::new(
                Exit::Usage,
                anyhow::anyhow!("{} is not empty", folder.display()),
            )
            .hint("name a new folder: what else lies in it would be scanned, too"));
        }
        let index = folder.join("samples.jsonl");
        let file = fs::File::create_new(&index).map_err(|error| unwritable(&index, error))?;
        let tree = Self {
            folder,
            index: BufWriter::new(file),
            written: HashSet::new(),
        };
        for (name, text) in KNOWN {
            tree.write(name, text)?;
        }
        Ok(tree)
    }

    fn add(&mut self, sample: &Sample) -> Result<(), Failure> {
        let digest = sample.code_digest();
        let file = name_of(Language::Python, &digest);
        if self.written.insert(digest) {
            self.write(&file, &neutralised(Language::Python, &sample.code))?;
        }
        let line = Line {
            task_id: sample.id.task.as_str(),
            index: sample.id.index,
            sample_id: sample.name.as_deref(),
            file,
        };
        let written = serde_json::to_writer(&mut self.index, &line).map_err(Into::into);
        let written = written.and_then(|()| self.index.write_all(b"\n"));
        written.map_err(|error| unwritable(&self.folder.join("samples.jsonl"), error))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.folder.join(name);
        let folder = path.parent().unwrap_or(self.folder);
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, error))?;
        fs::write(&path, text).map_err(|error| unwritable(&path, error))
    }

    /// How many programs were written.
    fn close(mut self) -> Result<u64, Failure> {
        let index = self.folder.join("samples.jsonl");
        self.index
            .flush()
            .map_err(|error| unwritable(&index, error))?;
        Ok(self.written.len() as u64)
    }
}

fn unwritable(path: &Path, error: std::io::Error) -> Failure {
    let what = format!("cannot write {}", path.display());
    Failure::new(Exit::RunFolder, anyhow::Error::new(error).context(what))
}
