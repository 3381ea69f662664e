//! What a run comes to, in a file: small enough to be sent from every machine to one, and put together there.
//!
//! A line of JSON says what was evaluated; behind it stand the counters of each sample file, and the digest of all that.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::PipelineError;
use super::grouping::Grouping;
use super::merge::{MERGED, line_of, origin_of, sources_of};
use super::replay::Replay;
use crate::base::digest::Digest;
use crate::base::version::STATE;
use crate::journal::manifest::write_whole;
use crate::journal::{Manifest, Reader, Record, RunFolder};
use crate::metrics::{State, Stream};

/// What a run, or a part of one, comes to, by sample file.
#[derive(Clone, Debug)]
pub struct Counted {
    /// What was evaluated; of the first part.
    pub manifest: Manifest,
    /// What samples are grouped by.
    pub grouping: String,
    /// Whether every part came to its end.
    pub is_finished: bool,
    sources: BTreeMap<Digest, Stream>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    /// Format of the file.
    fumehood_state: u32,
    grouping: String,
    is_finished: bool,
    manifest: Manifest,
}

impl Counted {
    /// Counts a run folder.
    ///
    /// # Errors
    /// When it cannot be read, or its samples fall into too many groups.
    pub fn of(
        folder: &RunFolder,
        manifest: Manifest,
        grouping: &Grouping,
    ) -> Result<Self, PipelineError> {
        let mut replays = BTreeMap::new();
        for source in sources_of(&manifest) {
            replays.insert(source, Replay::new(&manifest, grouping, None)?);
        }
        let reader = Reader::open(&folder.journal_path())?;
        let mut is_finished = false;
        let mut refused = None;
        reader.each(|_, record| {
            if refused.is_none() {
                is_finished |= matches!(
                    record,
                    Record::State(crate::journal::StateRecord::Finished { .. })
                );
                refused = add(&manifest, &mut replays, record).err();
            }
        })?;
        if let Some(error) = refused {
            return Err(error);
        }
        let streams = replays.into_iter();
        let mut counted = Self {
            manifest,
            grouping: grouping.to_string(),
            is_finished,
            sources: streams
                .map(|(source, replay)| (source, replay.stream))
                .collect(),
        };
        counted.forget_codes();
        Ok(counted)
    }

    /// Scanners speak of codes and not of files, so that each file was told of all. What is said of a code stays where a sample
    /// has it; if none has it yet, in the first file.
    fn forget_codes(&mut self) {
        if self.sources.len() < 2 {
            return;
        }
        let known: HashSet<_> = self.sources.values().flat_map(Stream::codes).collect();
        let mut is_first = true;
        for stream in self.sources.values_mut() {
            stream.forget_codes(|code| is_first && !known.contains(code));
            is_first = false;
        }
    }

    /// Adds another part. What both have counts once.
    ///
    /// # Errors
    /// When they are grouped differently, or not counted alike.
    pub fn merge(&mut self, other: Self) -> Result<(), PipelineError> {
        if self.grouping != other.grouping {
            return Err(PipelineError::Unlike(format!(
                "one is grouped by {}, the other by {}",
                self.grouping, other.grouping
            )));
        }
        self.is_finished &= other.is_finished;
        self.manifest.tasks = self.manifest.tasks.max(other.manifest.tasks);
        let selection = &mut self.manifest.identity.selection;
        if *selection != other.manifest.identity.selection {
            *selection = MERGED.to_owned();
        }
        for (source, stream) in other.sources {
            match self.sources.get_mut(&source) {
                Some(known) => known.merge(&stream)?,
                None => _ = self.sources.insert(source, stream),
            }
        }
        Ok(())
    }

    /// Everything together; samples of different files are different samples.
    ///
    /// # Errors
    /// When there are too many groups.
    pub fn whole(&self) -> Result<Stream, PipelineError> {
        let several = self.sources.len() > 1;
        let mut files = self.sources.iter().map(|(source, stream)| {
            let mut stream = stream.clone();
            if several {
                stream.name_lines(&source.short(12));
            }
            stream
        });
        let mut whole = files
            .next()
            .unwrap_or_else(|| Stream::new(Default::default()));
        for file in files {
            whole.append(&file)?;
        }
        Ok(whole)
    }

    /// Writes it: as a whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), PipelineError> {
        let failed = |source: io::Error| PipelineError::Io {
            action: format!("write {}", path.display()),
            source,
        };
        let bytes = self.to_bytes().map_err(failed)?;
        // Only a path with a folder says where the file beside it is to be.
        let path = std::path::absolute(path).map_err(failed)?;
        Ok(write_whole(&path, &bytes)?)
    }

    /// The bytes of the file. The same events give the same bytes.
    ///
    /// # Errors
    /// When a text is too long for JSON to be made of it, which none is.
    pub fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let header = Header {
            fumehood_state: STATE,
            grouping: self.grouping.clone(),
            is_finished: self.is_finished,
            manifest: self.manifest.clone(),
        };
        let mut bytes = serde_json::to_vec(&header)?;
        bytes.push(b'\n');
        let streams = self.sources.iter();
        let states: Vec<(Digest, State)> = streams
            .map(|(source, stream)| (*source, State::of(stream)))
            .collect();
        bytes.extend(postcard::to_stdvec(&states).map_err(io::Error::other)?);
        let digest = Digest::of(&bytes);
        bytes.extend(digest.as_bytes());
        Ok(bytes)
    }

    /// Reads what [`Counted::write`] wrote.
    ///
    /// # Errors
    /// When it cannot be read, is damaged or no such file, or of another version.
    pub fn read(path: &Path) -> Result<Self, PipelineError> {
        let bytes = std::fs::read(path).map_err(|source| PipelineError::Io {
            action: format!("read {}", path.display()),
            source,
        })?;
        Self::parse(&bytes)
            .map_err(|why| PipelineError::State(format!("{}: {why}", path.display())))
    }

    /// As [`Counted::read`], from bytes.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            fumehood_state: u32,
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (line, _) = bytes.split_at(end.unwrap_or(bytes.len()));
        let known: Version = serde_json::from_slice(line)
            .map_err(|_| "is neither a run folder nor the state of one".to_owned())?;
        if known.fumehood_state != STATE {
            return Err(format!(
                "has format {}, this fumehood reads {STATE}; write it again with `fumehood report --state`",
                known.fumehood_state
            ));
        }
        let Some((content, digest)) = bytes.split_last_chunk::<32>() else {
            return Err("is cut short".to_owned());
        };
        if Digest::of(content).as_bytes() != digest {
            return Err("is damaged: its digest is another; copy it again".to_owned());
        }
        let header: Header = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let states = content.get(line.len() + 1..).unwrap_or_default();
        let states: Vec<(Digest, State)> =
            postcard::from_bytes(states).map_err(|error| format!("cannot be read: {error}"))?;
        let mut sources = BTreeMap::new();
        for (source, state) in states {
            if !state.panel().is_sound() {
                return Err("cannot be read: its scanners make no sense".to_owned());
            }
            let stream = state.stream().map_err(|error| error.to_string())?;
            sources.insert(source, stream);
        }
        Ok(Self {
            manifest: header.manifest,
            grouping: header.grouping,
            is_finished: header.is_finished,
            sources,
        })
    }
}

/// Adds a record to the file that it belongs to; what is said of codes and tasks holds for all files.
fn add(
    manifest: &Manifest,
    replays: &mut BTreeMap<Digest, Replay>,
    record: Record,
) -> Result<(), PipelineError> {
    match record {
        Record::Verdict(mut record) => {
            let origin = origin_of(manifest, &record);
            record.sample.index = origin.index;
            if let Some(replay) = replays.get_mut(&origin.samples) {
                replay.add(&Record::Verdict(record))?;
            }
        }
        Record::Rejected(mut record) => {
            let origin = line_of(manifest, &record);
            record.line = origin.line;
            if let Some(replay) = replays.get_mut(&origin.samples) {
                replay.add(&Record::Rejected(record))?;
            }
        }
        other => {
            for replay in replays.values_mut() {
                replay.add(&other)?;
            }
        }
    }
    Ok(())
}
