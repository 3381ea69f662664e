//! `fumehood merge`: shards put together.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Global;
use super::exit_code::Exit;
use super::failure::Failure;
use super::output::{print, say};
use super::render::{Asked, Format, exit, summary, width};
use crate::journal::RunFolder;
use crate::metrics::figures;
use crate::pipeline::merge::{MERGED, Part, check, merge};
use crate::pipeline::{Counted, Grouping};
use crate::report::{json, markdown, terminal};

/// Put runs together: shards of one sample file, or different sample files of the same tasks.
///
///   fumehood merge SHARD... -o RUN            run folders into a new one, for every other command
///   fumehood merge A.state B.state            counters that `fumehood report --state` wrote, into a report
///
/// What several of them have counts once. Samples of different files are different samples: each task's are numbered anew.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct MergeArgs {
    /// Run folders, or files that `fumehood report --state` wrote.
    #[arg(required = true, value_name = "RUN")]
    inputs: Vec<PathBuf>,
    /// Write a new run folder; of run folders only.
    #[arg(long, short, value_name = "RUN")]
    output: Option<PathBuf>,
    /// Write the counters of all to this file, to be merged further.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// The k of Pass@k and its kin.
    #[arg(long, value_name = "K,...", value_delimiter = ',', default_value = "1,5,10",
          value_parser = clap::value_parser!(u32).range(1..))]
    k: Vec<u32>,
    /// Group samples by these; see `fumehood report --help`. Files are grouped as they were written.
    #[arg(long, value_name = "NAME,...")]
    group_by: Option<Grouping>,
    /// Replicates of the bootstrap behind intervals that are not Wilson's; 0 for none.
    #[arg(long, value_name = "N", default_value_t = figures::DEFAULT_REPLICATES,
          value_parser = clap::value_parser!(u32).range(0..=100_000))]
    replicates: u32,
    /// Print Markdown instead of tables.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

/// Runs it.
pub(super) fn run(args: &MergeArgs, global: Global) -> Result<Exit, Failure> {
    if let Some(output) = &args.output {
        folders(&args.inputs, output, global)?;
    }
    let grouping = args.group_by.clone().unwrap_or_default();
    let inputs = match &args.output {
        Some(output) => std::slice::from_ref(output),
        None => &args.inputs,
    };
    let mut whole = counted(inputs, &grouping, args.group_by.is_some())?;
    if let Some(path) = &args.state {
        whole.write(path)?;
    }
    if !whole.is_finished && !global.quiet {
        say("note: not every run came to its end; what follows is what they have so far");
    }
    let stream = whole.whole()?;
    // Those that were chosen and have no sample are not told by counters.
    if whole.manifest.identity.selection.starts_with(MERGED) {
        let seen = stream.tasks().len() as u64;
        whole.manifest.tasks = whole.manifest.tasks.max(seen);
    }
    let asked = Asked {
        ks: args.k.clone(),
        replicates: args.replicates,
        grouping: whole.grouping.clone(),
    };
    let summary = summary(&whole.manifest, &stream, &asked);
    print(&match Format::asked(global, args.markdown) {
        Format::Terminal => terminal::render(&summary, width()),
        Format::Markdown => markdown::render(&summary),
        Format::Json => json::render(&summary).map_err(|e| Failure::new(Exit::RunFolder, e))?,
    })?;
    Ok(exit(&stream))
}

fn folders(inputs: &[PathBuf], output: &Path, global: Global) -> Result<(), Failure> {
    let parts = inputs.iter().map(|path| {
        if path.is_file() {
            let error = anyhow::anyhow!("{} is no run folder", path.display());
            return Err(Failure::new(Exit::Usage, error).hint(
                "counters cannot be made a run folder again: merge the folders, or leave out --output",
            ));
        }
        Ok(Part::open(path)?)
    });
    let parts: Vec<Part> = parts.collect::<Result<_, Failure>>()?;
    let merged = merge(&parts, &RunFolder::at(output))?;
    if !global.quiet {
        let files = match merged.sources {
            1 => "one sample file".to_owned(),
            many => format!("{many} sample files, whose samples are numbered anew"),
        };
        say(&format!(
            "merged {} runs of {files} into {}",
            parts.len(),
            output.display()
        ));
    }
    Ok(())
}

fn counted(inputs: &[PathBuf], grouping: &Grouping, is_asked: bool) -> Result<Counted, Failure> {
    let mut all = Vec::new();
    for path in inputs {
        let counted = match path.is_file() {
            true => {
                let counted = Counted::read(path)?;
                if is_asked && counted.grouping != grouping.to_string() {
                    let error = anyhow::anyhow!(
                        "{} is grouped by {}, and cannot be grouped by {grouping} any more",
                        path.display(),
                        counted.grouping
                    );
                    return Err(Failure::new(Exit::RunFolder, error).hint(
                        "write it again with `fumehood report --state FILE --group-by NAME`",
                    ));
                }
                counted
            }
            false => {
                let folder = RunFolder::at(path);
                let manifest = folder.manifest()?;
                Counted::of(&folder, manifest, grouping)?
            }
        };
        all.push((path.display().to_string(), counted));
    }
    check(
        all.iter()
            .map(|(name, counted)| (name.clone(), &counted.manifest)),
    )?;
    let mut all = all.into_iter();
    let Some((_, mut whole)) = all.next() else {
        return Err(Failure::new(
            Exit::Usage,
            anyhow::anyhow!("no run is named"),
        ));
    };
    for (_, other) in all {
        whole.merge(other)?;
    }
    Ok(whole)
}
