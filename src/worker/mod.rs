//! Workers: single-threaded processes that own sandboxes, and the wire by which the supervisor
//! speaks to them.

mod act;
pub mod behaviour;
mod child;
mod filter;
mod init;
mod listener;
pub mod observation;
pub mod pool;
pub mod probe;
pub mod request;
mod run;
mod serve;
mod slot;
mod tree;
mod waiting;
pub mod wire;

pub use behaviour::{Act, Behaviour};
pub use observation::{Captured, End, Observation, Usage};
pub use pool::{Pool, PoolConfig, WorkerError};
pub use request::{Mount, Request};
pub use serve::serve;

/// The hidden subcommand under which the program becomes a worker.
pub const SUBCOMMAND: &str = "__worker";

/// The host's users as which jobs of a privileged fumehood run: one a worker, far from any user that
/// is assigned. A worker takes the one with its process id, so that no two of a host share one,
/// and neither do two runs.
pub const JOB_USERS: std::ops::Range<u32> = 1_900_000_000..1_900_000_000 + (1 << 22) + 1;
