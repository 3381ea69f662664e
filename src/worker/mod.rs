//! Workers: single-threaded processes that own sandboxes, and the wire by which the supervisor
//! speaks to them.

pub mod accounts;
mod act;
mod activity;
mod attempt;
pub mod behaviour;
mod builder;
mod bytes;
mod child;
mod confine;
mod filter;
mod gate;
mod headroom;
mod init;
mod keeper;
mod listener;
mod locks;
pub mod observation;
mod order;
mod peaks;
pub mod pool;
mod precedence;
pub mod probe;
pub mod request;
mod residents;
mod run;
mod serve;
mod slot;
mod streams;
mod traces;
mod tree;
mod waiting;
pub mod wire;
mod zygote;

pub use crate::sandbox::host::JOB_USERS;
pub use accounts::Account;
pub use behaviour::{Act, Behaviour};
pub use observation::{Captured, Course, End, Observation, Origin, Usage};
pub use pool::{Outlook, Pool, PoolConfig, WorkerError};
pub use request::{Mount, Request, Reuse};
pub use serve::serve;

/// The hidden subcommand under which the program becomes a worker.
pub const SUBCOMMAND: &str = "__worker";
