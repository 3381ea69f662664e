//! Why the corpus could not be tried. Never that a program got somewhere: that is a result.

use std::io;

use thiserror::Error;

use crate::worker::WorkerError;

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ContainmentError {
    /// The embedded corpus contradicts itself; its own test finds that first.
    #[error("the corpus of hostile programs is damaged: {file}: {message}")]
    Corpus {
        /// Which file.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// No program of the corpus has this name.
    #[error("no hostile program is named `{0}`")]
    NoSuchProgram(String),
    /// The sandbox cannot be built here at all.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The traps could not be set, or the host not be looked at.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was being done.
        action: String,
        /// What the system said.
        source: io::Error,
    },
}

impl ContainmentError {
    /// What the system said while `action` was being done.
    pub(super) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}
