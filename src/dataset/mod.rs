//! Tasks and samples, streamed from the files that evaluators already write.
//!
//! Nothing here runs anything: a dataset is text until a harness makes a program of it.

pub mod error;
pub mod extract;
pub mod kind;
pub mod label_file;
pub mod lines;
pub mod sample;
pub mod sample_file;
pub mod task;
pub mod task_set;
pub mod tasks;

mod bigcodebench;
mod humaneval;
mod mbpp;
mod record;
mod seccodeplt;
mod zstd;

pub use error::InputError;
pub use kind::DatasetKind;
pub use label_file::{Labels, Unmatched, Which};
pub use sample::Sample;
pub use sample_file::{Rejected, SampleOptions, Samples};
pub use task::{SafetyTests, Task, Tests};
pub use task_set::TaskSet;
pub use tasks::{Tasks, open};
