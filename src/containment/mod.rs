//! Whether hostile programs get anywhere on this host: a corpus of them, traps for them to walk into,
//! a runner that lets each one try, and the judgement on what it came to.
//!
//! Judging ([`judge`], [`fingerprint`]'s comparison, [`report`]) is pure; [`attack`] and [`traps`] act.

pub mod attack;
mod bouts;
pub mod corpus;
mod embedded;
pub mod error;
pub mod field;
pub mod fingerprint;
pub mod judge;
pub mod manifest;
pub mod mode;
pub mod report;
pub mod traps;

pub use attack::{AttackConfig, attack};
pub use corpus::{Corpus, Language, Program};
pub use error::ContainmentError;
pub use fingerprint::Fingerprint;
pub use manifest::{Family, Run};
pub use mode::Mode;
pub use report::{FamilyReport, Outcome, Report, Trial};
