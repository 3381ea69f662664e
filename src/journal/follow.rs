//! Following a journal that is still being written.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::error::JournalError;
use super::line::{self, Unreadable};
use super::reader::LONGEST_LINE;
use super::record::Record;
use crate::base::version::JOURNAL;

/// A journal that is read as far as it has come, again and again.
///
/// What follows the last whole record may be one that is just being written, or what a crash left and the next
/// process cuts off: it is read again each time. Damage before a whole record is an error, as for everybody who reads
/// a journal.
#[derive(Debug)]
pub struct Follow {
    path: PathBuf,
    file: File,
    /// Bytes and lines of records that were handed on.
    offset: u64,
    lines: u64,
}

impl Follow {
    /// Begins at the beginning.
    ///
    /// # Errors
    /// When the journal cannot be opened.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let file = File::open(path).map_err(|source| failed(path, source))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            offset: 0,
            lines: 0,
        })
    }

    /// Hands what has come since the last time to `visit`, at most `most` records; how many it were.
    ///
    /// # Errors
    /// When the journal cannot be read, is damaged before its end, or of another version, and what `visit` refuses.
    pub fn poll<E: From<JournalError>>(
        &mut self,
        most: usize,
        mut visit: impl FnMut(Record) -> Result<(), E>,
    ) -> Result<usize, E> {
        let failed = |source| E::from(failed(&self.path, source));
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.offset)).map_err(failed)?;
        let mut input = BufReader::with_capacity(1 << 18, file);
        let mut buffer = Vec::new();
        let (mut offset, mut number, mut records) = (self.offset, self.lines, 0);
        let mut damage: Option<(u64, String)> = None;
        while records < most {
            buffer.clear();
            let read = (&mut input)
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut buffer)
                .map_err(failed)?;
            if buffer.pop() != Some(b'\n') {
                break;
            }
            offset += read as u64;
            number += 1;
            match line::decode(&buffer) {
                Ok(record) => {
                    if let Some((line, reason)) = damage {
                        return Err(E::from(JournalError::Damaged {
                            path: self.path.clone(),
                            line,
                            reason,
                        }));
                    }
                    (self.offset, self.lines) = (offset, number);
                    records += 1;
                    visit(record)?;
                }
                Err(Unreadable::Version(found)) => {
                    return Err(E::from(JournalError::Version {
                        place: format!("{}:{number}", self.path.display()),
                        found,
                        known: JOURNAL,
                    }));
                }
                Err(Unreadable::Damaged(reason)) => {
                    damage.get_or_insert((number, reason));
                }
            }
        }
        Ok(records)
    }

    /// Whether some process works on the run: it holds the journal's lock. `None` where the file system does not tell.
    ///
    /// The lock is tried for an instant, in which a process that is about to begin finds it taken; it tries again
    /// ([`super::RunFolder::begin`]).
    pub fn is_written(&self) -> Option<bool> {
        // A descriptor of its own: locks belong to open files.
        let file = File::open(&self.path).ok()?;
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(_) => Some(false),
            Err((_, Errno::EWOULDBLOCK)) => Some(true),
            Err(_) => None,
        }
    }
}

fn failed(path: &Path, source: std::io::Error) -> JournalError {
    JournalError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    }
}
