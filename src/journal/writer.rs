//! Appending to the journal.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::Flock;

use super::error::JournalError;
use super::line;
use super::reader::{Place, Tail};
use super::record::Record;

/// How often records are forced to the disk. Between two such moments a crash of the machine, not
/// of the process, can lose records; their work is then done again.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// The journal of a run, open for appending and locked against other processes.
#[derive(Debug)]
pub struct Writer {
    file: Flock<File>,
    path: PathBuf,
    /// Bytes of whole records.
    length: u64,
    /// Lines of whole records.
    lines: u64,
    synced: Instant,
    unsynced: bool,
    closed: bool,
}

impl Writer {
    /// Takes over a locked journal that ends in whole records.
    pub(super) fn new(file: Flock<File>, path: PathBuf, tail: &Tail) -> Self {
        Self {
            file,
            path,
            length: tail.whole,
            lines: tail.lines,
            synced: Instant::now(),
            unsynced: false,
            closed: false,
        }
    }

    /// The journal's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a record as one line, in one write; see [`Writer::append_lines`].
    ///
    /// # Errors
    /// When the record cannot be written, or an earlier one could not.
    pub fn append(&mut self, record: &Record) -> Result<Place, JournalError> {
        let line = line::encode(record).map_err(|error| self.failed("append to", error.into()))?;
        self.append_lines(&line)
    }

    /// Appends whole lines as [`line::encode`] gives them, in one write: whatever ends this process
    /// afterwards, they are kept. When the disk is full what was written of them is taken back, and
    /// nothing more is taken. Gives the place of the first.
    ///
    /// # Errors
    /// When they cannot be written, or earlier ones could not.
    pub fn append_lines(&mut self, lines: &[u8]) -> Result<Place, JournalError> {
        if self.closed {
            return Err(JournalError::Closed {
                path: self.path.clone(),
            });
        }
        if let Err(error) = self.file.write_all(lines) {
            self.closed = true;
            // Should this fail too, the torn line is recognized as such when the journal is read.
            let _ = self.file.set_len(self.length);
            return Err(self.failed("append to", error));
        }
        let mut ends = lines.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let first = Place {
            offset: self.length,
            length: ends.next().map_or(0, |(end, _)| end as u32),
            line: self.lines + 1,
        };
        self.lines += 1 + ends.count() as u64;
        self.length += lines.len() as u64;
        self.unsynced = true;
        if self.synced.elapsed() >= SYNC_EVERY {
            self.sync()?;
        }
        Ok(first)
    }

    /// Forces every record to the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.synced = Instant::now();
        // Records of a deleted journal go nowhere; better to say so now than at the end.
        let data = self.file.metadata();
        if data.is_ok_and(|data| data.nlink() == 0) {
            self.closed = true;
            let gone = io::Error::new(io::ErrorKind::NotFound, "it was deleted during the run");
            return Err(self.failed("save", gone));
        }
        if self.unsynced {
            self.unsynced = false;
            self.file
                .sync_data()
                .map_err(|error| self.failed("save", error))?;
        }
        Ok(())
    }

    fn failed(&self, action: &'static str, source: io::Error) -> JournalError {
        JournalError::Io {
            action,
            path: self.path.clone(),
            source,
        }
    }
}
