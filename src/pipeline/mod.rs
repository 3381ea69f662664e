//! Wires the stages of an evaluation: bounded queues between them, one writer of the journal, a way
//! to stop, and a way to go on.

mod batching;
pub mod cancel;
pub mod error;
pub mod evaluate;
mod executed;
pub(crate) mod grading;
pub mod grouping;
pub mod history;
pub mod judged;
pub mod merge;
pub mod nonce;
mod preparations;
pub mod recorder;
pub mod references;
pub mod replay;
pub mod runner;
pub mod safety;
pub mod scanning;
mod schedule;
mod seen;
pub mod source;
pub mod state_file;
pub mod study;
pub mod survey;
pub mod tally;
mod window;

pub use cancel::Cancel;
pub use error::PipelineError;
pub use evaluate::Evaluation;
pub use grouping::Grouping;
pub use history::{Durations, History};
pub use preparations::Preparations;
pub use references::References;
pub use replay::Replay;
pub use runner::Runner;
pub use safety::Safety;
pub use scanning::Scanning;
pub use source::{SampleSource, Selection};
pub use state_file::Counted;
pub use study::Study;
pub use tally::{Snapshot, Tally};
