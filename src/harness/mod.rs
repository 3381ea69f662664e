//! How a dataset's tests run inside the sandbox: a driver in Python for each kind of test, what it is
//! given, and what it reports. Nothing here touches the kernel.

pub mod plan;
pub mod transcript;

pub use plan::Plan;
pub use transcript::{CaseOutcome, CaseReport, Transcript};
