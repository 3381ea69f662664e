//! Why a run did not come to its end.

use thiserror::Error;

use crate::base::id::TaskId;
use crate::dataset::InputError;
use crate::journal::JournalError;
use crate::worker::WorkerError;

/// Why a run did not come to its end. Everything recorded before is kept.
#[derive(Debug, Error)]
pub enum PipelineError {
    /// An input file cannot be used.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A task was chosen that the dataset does not have.
    #[error("the dataset has no task `{0}`")]
    NoSuchTask(TaskId),
    /// Nothing is left to evaluate.
    #[error("{0}")]
    NothingToDo(String),
    /// The run folder cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The sandbox cannot be built.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// A scanner cannot be used.
    #[error("{0}")]
    Scanner(String),
    /// The metrics refuse what the journal holds.
    #[error(transparent)]
    Metrics(#[from] crate::metrics::MetricsError),
    /// Runs that do not belong together.
    #[error("{0}")]
    Unlike(String),
    /// A file of counters cannot be used.
    #[error("{0}")]
    State(String),
    /// The system refused something.
    #[error("cannot {action}: {source}")]
    Io {
        /// What we were doing.
        action: String,
        /// The cause.
        source: std::io::Error,
    },
    /// Somebody asked to stop.
    #[error("interrupted")]
    Interrupted,
}
