//! What an observation means: pure functions from what the kernel and the harness reported to a
//! verdict.

pub mod kind;

pub use kind::{Verdict, VerdictKind};
