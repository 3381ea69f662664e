//! The seccomp policy: rules by name, compiled to one classic BPF program.
//!
//! seccompiler would give one action for all matches, a linear chain of five instructions a call,
//! and no guard against x32 numbers; this compiler gives each call its own action and finds it in
//! a logarithmic number of comparisons.

mod compile;
mod interpret;
mod policy;

pub use compile::{compile, compile_observed};
pub use interpret::interpret;
pub use policy::{Action, Comparison, Condition, LONGEST_PROGRAM, Policy, PolicyError};
