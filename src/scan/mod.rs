//! Vulnerability scanners: tool output becomes findings. Running a tool is apart from parsing it.

pub mod bandit;
pub mod behaviour;
pub mod cwe;
pub mod finding;
mod isolate;
pub mod neutral;
pub mod outcome;
pub mod policy;
pub mod ruff;
pub mod run;
pub mod staging;

pub use finding::{Finding, ScanResult, Security, Severity};
pub use outcome::{BatchFailure, FileOutcome, ToolOutput};
pub use policy::{Assessment, Combine, Policy, assess};
pub use run::{Scanner, ScannerKind};
pub use staging::{Batch, Layout};
