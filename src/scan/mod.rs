//! Vulnerability scanners: tool output becomes findings. Running a tool is apart from parsing it.

pub mod finding;

pub use finding::{Finding, ScanResult, Security, Severity};
