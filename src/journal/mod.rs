//! The run folder: what a run was given (`manifest.json`) and everything that came of it
//! (`journal.jsonl`, append-only).
//!
//! The journal is the only truth: every number can be rebuilt by replaying it, in any order, with
//! duplicates, after any crash. A record that is lost costs nothing but doing its work again.

pub mod error;
pub mod folder;
pub mod follow;
pub mod index;
pub mod line;
pub mod manifest;
pub mod reader;
pub mod record;
pub mod writer;

pub use error::JournalError;
pub use folder::{Mode, RunFolder};
pub use follow::Follow;
pub use index::Index;
pub use manifest::{Host, Identity, Manifest, ScannerIdentity};
pub use reader::{Place, Reader, Tail};
pub use record::{
    LineOrigin, Origin, Record, ReferenceRecord, ReferenceStatus, RejectedRecord, ScanRecord,
    StateRecord, VerdictRecord,
};
pub use writer::Writer;
