//! Measures this host in one run: what the kernel can do, what fumehood leaves of it, and what others
//! leave of it. All contenders take turns, round after round, so that a host that grows slower or
//! faster meanwhile does so for all of them; what is reported are medians of ratios within a round.

pub mod contender;
mod crew;
pub mod error;
pub mod figures;
pub mod host;
mod latency;
pub mod member;
mod memory;
mod program;
pub mod python;
pub mod race;

pub use error::BenchError;
pub use figures::Outcome;
pub use member::{SUBCOMMAND, serve};
pub use race::{Bench, run};
