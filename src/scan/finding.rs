//! What a scanner says about one piece of code.

use serde::{Deserialize, Serialize};

/// What one scanner, or several together, hold of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Security {
    /// It was analysed and nothing that counts was found.
    Secure,
    /// Something that counts was found.
    Insecure,
    /// It was not, or not wholly, analysed. Never the same as secure.
    Unknown,
}

/// How grave a finding is, in the scanner's own judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The scanner does not say.
    Undefined,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
}

/// One hit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// The scanner's name for the rule.
    pub rule: String,
    /// The CWE number that the scanner itself reports.
    pub native_cwe: Option<u32>,
    /// The CWE number by fumehood's own table, else the scanner's own, for counts that compare scanners.
    pub cwe: Option<u32>,
    /// The scanner's severity.
    pub severity: Severity,
    /// The scanner's confidence.
    pub confidence: Severity,
    /// Line in the sample's code, from 1; 0 for what the whole program did.
    pub line: u32,
    /// The scanner's words, bounded.
    pub message: String,
}

/// What one scanner says about one piece of code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanResult {
    /// The scanner, such as `bandit` or `ruff-s`.
    pub scanner: String,
    /// The tool's version.
    pub version: String,
    /// Every hit, whether or not the policy counts it, sorted.
    pub findings: Vec<Finding>,
    /// Why the code was not analysed, or not wholly; `None` when it was.
    pub not_analysed: Option<String>,
}
