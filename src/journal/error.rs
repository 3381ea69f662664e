//! What can be wrong with a run folder.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a run folder cannot be used.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What we were doing, such as `append to`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder holds something that is no run.
    #[error("{} is not empty and holds no run", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// There is no run.
    #[error("{} holds no run", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds a run already and nobody asked to resume it.
    #[error("{} holds a run already", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// Another process writes to the run.
    #[error("another process is writing to {}", path.display())]
    Locked {
        /// The journal.
        path: PathBuf,
    },
    /// The run belongs to other inputs.
    #[error("{} belongs to other inputs: {}", path.display(), differences.join("; "))]
    OtherInputs {
        /// The folder.
        path: PathBuf,
        /// Each part of the identity that differs, with both values.
        differences: Vec<String>,
    },
    /// `manifest.json` cannot be read.
    #[error("{}: not a manifest: {reason}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A file was written by another version of fumehood.
    #[error("{place}: version {found}, but this fumehood reads version {known}")]
    Version {
        /// The file, and the line if it has lines.
        place: String,
        /// What the file says.
        found: u32,
        /// What we know.
        known: u32,
    },
    /// A line in the middle of the journal is damaged.
    #[error("{}:{line}: damaged record: {reason}", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// An earlier append failed, so nothing more is written.
    #[error("{} takes no more records after a failed write", path.display())]
    Closed {
        /// The journal.
        path: PathBuf,
    },
}

impl JournalError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Io { source, .. } if is_disk_full(source) => {
                "make room on the disk, then run the same command again, `fumehood eval` with --resume; \
                 every record written so far is kept"
            }
            Self::Io { .. } => return None,
            Self::NotARun { .. } => "give a new or empty folder with -o",
            Self::Missing { .. } => "give the folder that an earlier `fumehood eval -o` wrote",
            Self::Exists { .. } => {
                "give another folder with -o; `fumehood eval` goes on with it with --resume"
            }
            Self::Locked { .. } => "wait for it to end, or give another folder with -o",
            Self::OtherInputs { .. } => {
                "resume with the same inputs and options, or give another folder with -o"
            }
            Self::Manifest { .. } => {
                "without its manifest a run cannot be resumed; give another folder with -o"
            }
            Self::Version { .. } => {
                "use the fumehood that wrote it, or give another folder with -o"
            }
            Self::Damaged { .. } => {
                "delete that line and use --resume: whatever it held is evaluated again"
            }
            Self::Closed { .. } => return None,
        };
        Some(text.to_owned())
    }
}

/// Whether the disk, or the user's share of it, is full.
pub fn is_disk_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
