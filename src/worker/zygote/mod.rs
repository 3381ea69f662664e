//! Warm interpreters: processes that wait in a slot, have run a driver's definitions and perhaps made
//! imports, and fork one child a job.

mod forest;
mod tree;
mod wire;

pub(super) use forest::{Doubt, Forest, Zygote, split};
