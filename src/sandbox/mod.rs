//! The sandbox: a profile and what this kernel offers become a plan, the plan is enforced step by
//! step, and what was enforced is attested. Knows nothing of datasets, and never runs in a process
//! with more than one thread.

pub mod cgroup;
mod error;
pub mod host;
pub mod landlock;
mod layer;
pub mod mount_table;
pub mod own_devices;
pub mod own_inodes;
pub mod profile;
pub mod remedy;
pub mod root;
pub mod seccomp;
pub mod sys;

pub use error::StepError;
pub use host::Host;
pub use layer::{Attestation, Layer, LayerReport, LayerState};
pub use profile::Profile;
