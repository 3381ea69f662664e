//! Replaying the journal.
//!
//! Records are written whole or torn, and a torn one can only be the last: what follows the last
//! whole record is a torn tail, ignored and cut off on resume. (After a crash of the machine the tail
//! can be longer than a line.) A damaged line with a whole record behind it is something else, a
//! disk fault or an editor: there we stop, because a number must not quietly rest on less than what
//! was recorded.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::error::JournalError;
use super::line::{self, Unreadable};
use super::record::{Record, VerdictRecord};
use crate::base::version::JOURNAL;

/// The longest line that is read; records are bounded far below it.
pub(super) const LONGEST_LINE: u64 = 256 << 20;

/// What stands behind the last whole record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// Bytes of whole records.
    pub whole: u64,
    /// Lines of whole records.
    pub lines: u64,
    /// Bytes behind them.
    pub torn: u64,
}

/// A record's place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its first byte.
    pub offset: u64,
    /// Its bytes, without the line feed.
    pub length: u32,
    /// Its line, from 1.
    pub line: u64,
}

/// A journal open for reading.
#[derive(Debug)]
pub struct Reader {
    file: File,
    path: PathBuf,
}

impl Reader {
    /// Opens a journal.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let file = File::open(path).map_err(|source| JournalError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Hands every record to `visit`, in the order of the file, and tells where the whole ones end.
    ///
    /// # Errors
    /// When the journal cannot be read, is damaged before its end, or of another version.
    pub fn each(&self, mut visit: impl FnMut(Place, Record)) -> Result<Tail, JournalError> {
        let failed = |source| JournalError::Io {
            action: "read",
            path: self.path.clone(),
            source,
        };
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut input = BufReader::with_capacity(1 << 18, file);
        let mut buffer = Vec::new();
        let (mut offset, mut number, mut whole, mut lines) = (0, 0, 0, 0);
        let mut damage: Option<(u64, String)> = None;
        loop {
            buffer.clear();
            let read = (&mut input)
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut buffer)
                .map_err(failed)? as u64;
            if read == 0 {
                break;
            }
            number += 1;
            let place = Place {
                offset,
                length: buffer.len().saturating_sub(1) as u32,
                line: number,
            };
            offset += read;
            if buffer.pop() != Some(b'\n') {
                damage.get_or_insert((number, "it is cut short".to_owned()));
                continue;
            }
            match line::decode(&buffer) {
                Ok(record) => {
                    if let Some((line, reason)) = damage {
                        return Err(self.damaged(line, reason));
                    }
                    (whole, lines) = (offset, number);
                    visit(place, record);
                }
                Err(Unreadable::Version(found)) => return Err(self.version(number, found)),
                Err(Unreadable::Damaged(reason)) => {
                    damage.get_or_insert((number, reason));
                }
            }
        }
        match damage {
            // Not one whole record, yet whole lines: this is no journal, and nothing to cut off.
            Some((line, reason)) if whole == 0 && number > 1 => Err(self.damaged(line, reason)),
            _ => Ok(Tail {
                whole,
                lines,
                torn: offset - whole,
            }),
        }
    }

    /// The record at a place that [`Reader::each`] gave.
    ///
    /// # Errors
    /// When it cannot be read any more.
    pub fn at(&self, place: Place) -> Result<Record, JournalError> {
        let mut buffer = vec![0; place.length as usize];
        self.file
            .read_exact_at(&mut buffer, place.offset)
            .map_err(|source| JournalError::Io {
                action: "read",
                path: self.path.clone(),
                source,
            })?;
        line::decode(&buffer).map_err(|error| match error {
            Unreadable::Damaged(reason) => self.damaged(place.line, reason),
            Unreadable::Version(found) => self.version(place.line, found),
        })
    }

    /// The verdict at a place where [`Reader::each`] found one.
    pub(super) fn verdict_at(&self, place: Place) -> Result<VerdictRecord, JournalError> {
        match self.at(place)? {
            Record::Verdict(record) => Ok(*record),
            _ => Err(self.damaged(
                place.line,
                "it was a verdict when it was first read".to_owned(),
            )),
        }
    }

    /// The same journal once more.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub(super) fn try_clone(&self) -> Result<Self, JournalError> {
        Self::open(&self.path)
    }

    fn damaged(&self, line: u64, reason: String) -> JournalError {
        JournalError::Damaged {
            path: self.path.clone(),
            line,
            reason,
        }
    }

    fn version(&self, line: u64, found: u32) -> JournalError {
        JournalError::Version {
            place: format!("{}:{line}", self.path.display()),
            found,
            known: JOURNAL,
        }
    }
}
