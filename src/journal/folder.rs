//! A run folder on disk.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::error::JournalError;
use super::index::Index;
use super::manifest::{Identity, Manifest, write_whole};
use super::reader::Reader;
use super::writer::Writer;

/// How often the lock is tried again, and how long after.
const ATTEMPTS: u32 = 5;
const BETWEEN: Duration = Duration::from_millis(20);

/// What may be in the folder when a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// No run yet.
    New,
    /// A run of the same inputs, or none yet.
    Resume,
}

/// A run folder: `manifest.json`, `journal.jsonl`, `summary.json` and the dataset's own results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The folder at `path`, which need not exist yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the run was given.
    pub fn manifest_path(&self) -> PathBuf {
        self.path.join("manifest.json")
    }

    /// What came of it.
    pub fn journal_path(&self) -> PathBuf {
        self.path.join("journal.jsonl")
    }

    /// What it comes to.
    pub fn summary_path(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    /// Whether a run could begin here, or go on, as far as the folder tells; nothing is changed.
    ///
    /// # Errors
    /// When the folder holds something else: files that are no run, or a run while `mode` is
    /// [`Mode::New`].
    pub fn check(&self, mode: Mode) -> Result<(), JournalError> {
        let is_absent = !self.path.exists();
        if is_absent || !self.manifest_path().exists() {
            // A process that was killed right at the start leaves an empty journal.
            let is_begun = self
                .journal_path()
                .metadata()
                .is_ok_and(|data| data.len() == 0);
            if is_absent || is_begun || !self.holds_files()? {
                return Ok(());
            }
            return Err(JournalError::NotARun {
                path: self.path.clone(),
            });
        }
        if mode == Mode::New {
            return Err(JournalError::Exists {
                path: self.path.clone(),
            });
        }
        Ok(())
    }

    fn compare(&self, identity: &Identity) -> Result<(), JournalError> {
        let known = Manifest::read(&self.manifest_path())?;
        let differences = known.identity.differences(identity);
        if differences.is_empty() {
            return Ok(());
        }
        Err(JournalError::OtherInputs {
            path: self.path.clone(),
            differences,
        })
    }

    /// Begins a run, or goes on with it: takes the lock, compares the identity, cuts off a torn
    /// tail, and gives what is recorded already.
    ///
    /// # Errors
    /// When another process works on the run, or the folder holds something else: another run, a run
    /// while `mode` is [`Mode::New`], or files that are no run.
    pub fn begin(&self, manifest: &Manifest, mode: Mode) -> Result<(Writer, Index), JournalError> {
        fs::create_dir_all(&self.path).map_err(|e| io_error("create", &self.path, e))?;
        self.check(mode)?;
        let path = self.journal_path();
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|e| io_error("open", &path, e))?;
        let file = lock(file, &path)?;

        // Once more, now that nobody else can change it.
        self.check(mode)?;
        let manifest_path = self.manifest_path();
        if manifest_path.exists() {
            self.compare(&manifest.identity)?;
        } else {
            manifest.write(&manifest_path)?;
        }

        let index = Index::read(Reader::open(&path)?)?;
        if index.tail().torn > 0 {
            file.set_len(index.tail().whole)
                .map_err(|e| io_error("cut the torn end off", &path, e))?;
        }
        let writer = Writer::new(file, path, index.tail());
        Ok((writer, index))
    }

    /// Reads a run, whether or not it came to its end.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn read(&self) -> Result<(Manifest, Index), JournalError> {
        let manifest = self.manifest()?;
        let index = Index::read(Reader::open(&self.journal_path())?)?;
        Ok((manifest, index))
    }

    /// What the run was given.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn manifest(&self) -> Result<Manifest, JournalError> {
        if !self.manifest_path().is_file() {
            return Err(JournalError::Missing {
                path: self.path.clone(),
            });
        }
        Manifest::read(&self.manifest_path())
    }

    /// Writes a file of the folder as a whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), JournalError> {
        write_whole(&self.path.join(name), content)
    }

    fn holds_files(&self) -> Result<bool, JournalError> {
        let mut entries = fs::read_dir(&self.path).map_err(|e| io_error("read", &self.path, e))?;
        Ok(entries.next().is_some())
    }
}

fn lock(mut file: File, path: &Path) -> Result<Flock<File>, JournalError> {
    for attempt in 0.. {
        let (back, errno) = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(locked),
            Err(refused) => refused,
        };
        match errno {
            // Somebody who watches the run tries the lock for an instant.
            Errno::EWOULDBLOCK if attempt < ATTEMPTS => std::thread::sleep(BETWEEN),
            Errno::EWOULDBLOCK => break,
            other => return Err(io_error("lock", path, other.into())),
        }
        file = back;
    }
    Err(JournalError::Locked {
        path: path.to_owned(),
    })
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> JournalError {
    JournalError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
