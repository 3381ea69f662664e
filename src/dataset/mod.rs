//! Tasks and samples, streamed from the files that evaluators already write.
//!
//! Nothing here runs anything: a dataset is text until a harness makes a program of it.

pub mod sample;
pub mod task;

pub use sample::Sample;
pub use task::{Task, Tests};
