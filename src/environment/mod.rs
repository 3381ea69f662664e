//! Python environments: found on the host, or made by `fumehood env create` from pinned lists.

pub mod create;
pub mod error;
mod find;
pub mod interpreter;
mod mounts;
mod nltk;
mod probe;
mod process;
pub mod program;
pub mod spec;
pub mod store;

pub use create::{CreateOptions, Progress};
pub use error::EnvError;
pub use interpreter::Interpreter;
pub use program::Program;
pub use spec::{EnvSpec, PinnedList, SPECS, spec};
pub use store::{EnvChoice, EnvInfo, EnvState, Store};
