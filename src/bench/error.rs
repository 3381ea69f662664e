//! Why nothing was measured.

use std::io;

use thiserror::Error;

use crate::pipeline::PipelineError;
use crate::worker::WorkerError;

/// Why nothing was measured.
#[derive(Debug, Error)]
pub enum BenchError {
    /// The system refused something.
    #[error("cannot {action}: {source}")]
    Io {
        /// What we were doing.
        action: String,
        /// The cause.
        source: io::Error,
    },
    /// A contender did not do what it was to do, so that its pace says nothing.
    #[error("{who}: {what}")]
    Contender {
        /// Which one.
        who: &'static str,
        /// What happened.
        what: String,
    },
    /// The sandbox cannot be built, or failed.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// A graded job failed.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
}

impl BenchError {
    pub(super) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}
