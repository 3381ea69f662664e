//! Versions of everything that is written to disk or spoken between processes.
//!
//! A reader refuses a version that it does not know, naming both; it never guesses.

/// Records of `journal.jsonl`.
pub const JOURNAL: u32 = 1;
/// `manifest.json` of a run.
pub const MANIFEST: u32 = 1;
/// `summary.json` of a run.
pub const SUMMARY: u32 = 3;
/// Counters that `fumehood report --state` writes.
pub const STATE: u32 = 1;
/// What `fumehood report --scanners --json` prints.
pub const STUDY: u32 = 1;
/// What `fumehood compare --json` prints.
pub const COMPARE: u32 = 1;
/// The columns of what `fumehood report --parquet` writes.
pub const SAMPLES: u32 = 1;
/// Results of `fumehood exec`.
pub const EXEC: u32 = 1;
/// Cached reference outcomes of ground truths.
pub const REFERENCE: u32 = 2;
/// The harness drivers and the meaning of their events; a change regrades everything.
pub const HARNESS: u32 = 9;
/// What comes with the imports of an interpreter, as it is kept from run to run.
pub const SURVEY: u32 = 1;
/// `profile.json`: where an evaluation's time went.
pub const PROFILE: u32 = 2;
