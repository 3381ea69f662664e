//! What an observation means: pure functions from what the kernel and the harness reported to a
//! verdict.

pub mod control;
pub mod judge;
pub mod kind;
pub mod official;
mod rules;
mod safety;
#[cfg(test)]
mod staged;

pub use control::{Control, Step};
pub use judge::{is_without_code, judge};
pub use kind::{Verdict, VerdictKind};
pub use safety::judge_safety;
