//! Runs put together: shards of one sample file, or different files of the same tasks.
//!
//! A sample is known by its file, its task and its place there. Where all runs are of one file nothing changes. Where
//! they are of several, each task's samples are numbered anew, in the order of the files' digests: so it does not matter
//! in which order runs are named, nor whether some of them were merged before. A record says where its sample comes from.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;

use super::error::PipelineError;
use crate::base::digest::Digest;
use crate::base::id::TaskId;
use crate::journal::{
    LineOrigin, Manifest, Mode, Origin, Reader, Record, RejectedRecord, RunFolder, StateRecord,
    VerdictRecord,
};

/// Parts of two runs that must be alike and are not, named in an error.
const NAMED: usize = 10;

/// How the selection of a run begins that was put together from unlike ones.
pub const MERGED: &str = "merged";

/// A run to be put together with others.
#[derive(Debug)]
pub struct Part {
    /// Its folder.
    pub folder: RunFolder,
    /// What it was given.
    pub manifest: Manifest,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Runs that did not come to their end; the whole has not, either, then.
    pub unfinished: usize,
    /// Distinct sample files.
    pub sources: usize,
}

impl Part {
    /// Opens a run.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, PipelineError> {
        let folder = RunFolder::at(path);
        Ok(Self {
            manifest: folder.manifest()?,
            folder,
        })
    }

    fn each(&self, mut visit: impl FnMut(Record)) -> Result<(), PipelineError> {
        let reader = Reader::open(&self.folder.journal_path())?;
        reader.each(|_, record| visit(record))?;
        Ok(())
    }
}

/// Refuses runs whose results do not belong together.
///
/// # Errors
/// Names every part in which one differs from the first.
pub fn check<'m>(
    manifests: impl IntoIterator<Item = (String, &'m Manifest)>,
) -> Result<(), PipelineError> {
    let mut all = manifests.into_iter();
    let Some((first_name, first)) = all.next() else {
        return Ok(());
    };
    for (name, other) in all {
        let parts = first.identity.incomparable(&other.identity);
        if !parts.is_empty() {
            let mut told: Vec<String> = parts
                .iter()
                .take(NAMED)
                .map(|(part, was, is)| format!("{part} is {is}, there {was}"))
                .collect();
            if parts.len() > NAMED {
                told.push(format!("and {} more differences", parts.len() - NAMED));
            }
            return Err(PipelineError::Unlike(format!(
                "{name} does not belong with {first_name}: {}",
                told.join("; ")
            )));
        }
    }
    Ok(())
}

/// Puts runs together in a new run folder, which is there as a whole or not at all.
///
/// # Errors
/// When runs do not belong together, one cannot be read, or the new one cannot be written.
pub fn merge(parts: &[Part], into: &RunFolder) -> Result<Merged, PipelineError> {
    check(parts.iter().map(|part| {
        let name = part.folder.path().display().to_string();
        (name, &part.manifest)
    }))?;
    into.check(Mode::New)?;
    let numbering = Numbering::of(parts)?;
    let beside = beside(into);
    let outcome = write(parts, &numbering, &RunFolder::at(&beside));
    let moved = outcome.and_then(|merged| {
        // An empty folder may be there; one with something in it is refused by the system.
        std::fs::rename(&beside, into.path()).map_err(|source| PipelineError::Io {
            action: format!("move the merged run to {}", into.path().display()),
            source,
        })?;
        Ok(merged)
    });
    if moved.is_err() {
        // The attempt leaves nothing behind; that it failed is what matters.
        let _ = std::fs::remove_dir_all(&beside);
    }
    moved
}

fn beside(folder: &RunFolder) -> PathBuf {
    let mut name = folder.path().as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    PathBuf::from(name)
}

fn write(parts: &[Part], numbering: &Numbering, into: &RunFolder) -> Result<Merged, PipelineError> {
    let manifest = manifest(parts, numbering);
    let (mut writer, _) = into.begin(&manifest, Mode::New)?;
    // What several runs say alike, such as what became of a ground truth, is written once.
    let mut written: HashSet<[u8; 16]> = HashSet::new();
    let mut unfinished = 0;
    let mut last = None;
    for part in parts {
        let mut finished = None;
        let mut failure = None;
        part.each(|record| {
            if let Record::State(StateRecord::Finished { at }) = record {
                finished = finished.take().max(Some(at));
                return;
            }
            let record = numbering.renumbered(part, record);
            if failure.is_none()
                && is_new(&mut written, &record)
                && let Err(error) = writer.append(&record)
            {
                failure = Some(error);
            }
        })?;
        if let Some(error) = failure {
            return Err(error.into());
        }
        unfinished += usize::from(finished.is_none());
        last = last.max(finished);
    }
    if let (0, Some(at)) = (unfinished, last) {
        writer.append(&Record::State(StateRecord::Finished { at }))?;
    }
    writer.sync()?;
    Ok(Merged {
        unfinished,
        sources: numbering.sources.len(),
    })
}

fn is_new(written: &mut HashSet<[u8; 16]>, record: &Record) -> bool {
    // A verdict has its own key, and whoever reads the journal counts it once.
    if matches!(record, Record::Verdict(_)) {
        return true;
    }
    let digest = Digest::of(serde_json::to_vec(record).unwrap_or_default());
    let mut key = [0; 16];
    key.copy_from_slice(&digest.as_bytes()[..16]);
    written.insert(key)
}

/// What the whole was given: what all were given, all their files, and what was chosen of them.
fn manifest(parts: &[Part], numbering: &Numbering) -> Manifest {
    let mut whole = parts[0].manifest.clone();
    let created = parts.iter().map(|part| &part.manifest.created);
    whole.created = created.min().cloned().unwrap_or_default();
    let selections = parts.iter().map(|part| {
        let own = part.manifest.identity.selection.as_str();
        if own.is_empty() { "all" } else { own }
    });
    let selections: BTreeSet<&str> = selections.collect();
    if selections.len() > 1 {
        let all: Vec<&str> = selections.into_iter().collect();
        whole.identity.selection = format!("{MERGED}: {}", all.join(" | "));
        // Those that were chosen and have neither sample nor ground truth are not told by the journals.
        let most = parts.iter().map(|part| part.manifest.tasks).max();
        whole.tasks = most.unwrap_or(0).max(numbering.seen.len() as u64);
    }
    match numbering.sources.as_slice() {
        [one] => {
            whole.identity.samples = *one;
            whole.sources = Vec::new();
            whole.is_mixed = false;
        }
        several => {
            let bytes = several.iter().map(|digest| digest.as_bytes().as_slice());
            whole.identity.samples = Digest::of_parts(bytes);
            whole.sources = several.to_vec();
            whole.is_mixed = numbering.tasks.keys().any(|task| numbering.is_mixed(task));
        }
    }
    whole
}

/// Where a sample of a run comes from.
pub fn origin_of(manifest: &Manifest, record: &VerdictRecord) -> Origin {
    record.origin.unwrap_or(Origin {
        samples: manifest.identity.samples,
        index: record.sample.index,
    })
}

/// Where a line that is no sample comes from.
pub(super) fn line_of(manifest: &Manifest, record: &RejectedRecord) -> LineOrigin {
    record.origin.unwrap_or(LineOrigin {
        samples: manifest.identity.samples,
        line: record.line,
    })
}

/// The sample files of a run, sorted.
pub fn sources_of(manifest: &Manifest) -> Vec<Digest> {
    match manifest.sources.is_empty() {
        true => vec![manifest.identity.samples],
        false => manifest.sources.clone(),
    }
}

/// Which number each sample gets.
struct Numbering {
    /// The files, sorted.
    sources: Vec<Digest>,
    /// Of each task, its samples: the file's place, and their place in it; sorted.
    tasks: BTreeMap<TaskId, Vec<(u32, u32)>>,
    /// Every task that a journal names.
    seen: BTreeSet<TaskId>,
    /// By file, how many lines the files before it have.
    lines: Vec<u64>,
}

impl Numbering {
    fn of(parts: &[Part]) -> Result<Self, PipelineError> {
        let sources = parts.iter().flat_map(|part| sources_of(&part.manifest));
        let sources: Vec<Digest> = sources.collect::<BTreeSet<_>>().into_iter().collect();
        let mut all = Self {
            lines: vec![0; sources.len()],
            sources,
            tasks: BTreeMap::new(),
            seen: BTreeSet::new(),
        };
        let mut longest = vec![0; all.sources.len()];
        for part in parts {
            part.each(|record| match record {
                Record::Verdict(record) => {
                    let origin = origin_of(&part.manifest, &record);
                    let Some(source) = all.place(&origin.samples) else {
                        return;
                    };
                    longest[source] = record.line.max(longest[source]);
                    let sample = (source as u32, origin.index);
                    match all.tasks.get_mut(&record.sample.task) {
                        Some(known) => known.push(sample),
                        None => _ = all.tasks.insert(record.sample.task, vec![sample]),
                    }
                }
                Record::Reference(record) => _ = all.seen.insert(record.task),
                Record::Rejected(record) => {
                    let origin = line_of(&part.manifest, &record);
                    if let Some(source) = all.place(&origin.samples) {
                        longest[source] = origin.line.max(longest[source]);
                    }
                }
                Record::Scan(_) | Record::State(_) => {}
            })?;
        }
        for samples in all.tasks.values_mut() {
            samples.sort_unstable();
            samples.dedup();
            samples.shrink_to_fit();
        }
        all.seen.extend(all.tasks.keys().cloned());
        for source in 1..all.sources.len() {
            all.lines[source] = all.lines[source - 1].saturating_add(longest[source - 1]);
        }
        Ok(all)
    }

    fn place(&self, source: &Digest) -> Option<usize> {
        self.sources.binary_search(source).ok()
    }

    fn renumbered(&self, part: &Part, record: Record) -> Record {
        if self.sources.len() < 2 {
            return record;
        }
        match record {
            Record::Verdict(mut record) => {
                let origin = origin_of(&part.manifest, &record);
                if let Some(number) = self.number(&record.sample.task, &origin) {
                    record.sample.index = number;
                    if self.is_mixed(&record.sample.task) {
                        // A rank among the samples of one file says nothing of those of another.
                        record.rank = None;
                    }
                    record.origin = Some(origin);
                    // It names a sample by its number in its own file, and is for people only.
                    record.same_as = None;
                }
                Record::Verdict(record)
            }
            Record::Rejected(mut record) => {
                let origin = line_of(&part.manifest, &record);
                if record.origin.is_none() {
                    record.reason = format!(
                        "line {} of samples {}: {}",
                        origin.line,
                        origin.samples.short(12),
                        record.reason
                    );
                }
                record.origin = Some(origin);
                if let Some(source) = self.place(&origin.samples) {
                    record.line = origin.line.saturating_add(self.lines[source]);
                }
                Record::Rejected(record)
            }
            other => other,
        }
    }

    /// Whether a task has samples of several files.
    fn is_mixed(&self, task: &TaskId) -> bool {
        let samples = self.tasks.get(task).map_or(&[][..], Vec::as_slice);
        matches!((samples.first(), samples.last()), (Some(first), Some(last)) if first.0 != last.0)
    }

    fn number(&self, task: &TaskId, origin: &Origin) -> Option<u32> {
        let source = self.place(&origin.samples)? as u32;
        let samples = self.tasks.get(task)?;
        let place = samples.binary_search(&(source, origin.index)).ok()?;
        u32::try_from(place).ok()
    }
}
