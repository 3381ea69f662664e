//! Vulnerability scanners: tool output becomes findings. Running a tool is apart from parsing it.

pub mod adapter;
pub mod bandit;
pub mod bearer;
pub mod behaviour;
pub mod brought;
pub mod cache;
pub mod codeql;
pub mod codeshield;
pub mod command;
pub mod cppcheck;
pub mod cwe;
pub mod finding;
pub mod flawfinder;
pub mod gosec;
mod isolate;
pub mod judge;
mod kind;
pub mod language;
pub mod neutral;
pub mod outcome;
pub mod policy;
mod quotes;
pub mod ruff;
pub mod run;
pub mod safety_cases;
pub mod sarif;
mod sarif_batch;
pub mod scanner;
pub mod semgrep;
pub mod staged_report;
pub mod staging;
mod syntax;

pub use adapter::Adapter;
pub use finding::{Finding, ScanResult, Security, Severity};
pub use kind::ScannerKind;
pub use language::Language;
pub use outcome::{BatchFailure, FileOutcome, ToolOutput};
pub(crate) use policy::combined;
pub use policy::{Assessment, Combine, Policy, assess};
pub use scanner::{Scanner, how_to_get};
pub use staging::{Batch, Layout};

/// Scanners that read no code: what they say comes from what was seen of a sample while it ran.
pub const DYNAMIC: [&str; 2] = [behaviour::NAME, safety_cases::NAME];
