//! What a run came to, for people and for other programs. Everything here renders; nothing runs.
//!
//! A [`Summary`] holds every number of a run, a [`StudySummary`] what its scanners say side by side, a [`CompareSummary`]
//! two or more groups of samples; the other files write them, or single results, down.

pub mod bigcodebench;
pub mod by_scanner;
mod by_scanner_sheet;
pub mod compare;
mod compare_sheet;
pub mod csv;
pub mod evalplus;
pub mod failures;
pub mod format;
pub mod html;
pub mod json;
pub mod latex;
pub mod listing;
mod listing_sheet;
pub mod markdown;
pub mod overview;
mod page;
pub mod parquet;
pub mod schema;
mod sheet;
pub mod study;
mod study_sheet;
pub mod summary;
pub mod suspects;
pub mod terminal;

pub use compare::CompareSummary;
pub use study::StudySummary;
pub use summary::{About, Inputs, Sandbox, Summary, Tool};
