//! What a run came to, for people and for other programs. Everything here renders; nothing runs.
//!
//! A [`Summary`] holds every number of a run; the other files write it, or single results, down.

pub mod bigcodebench;
pub mod evalplus;
pub mod failures;
pub mod format;
pub mod json;
pub mod markdown;
mod sheet;
pub mod summary;
pub mod suspects;
pub mod terminal;

pub use summary::{About, Inputs, Sandbox, Summary, Tool};
