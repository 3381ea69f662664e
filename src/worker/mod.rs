//! Workers: single-threaded processes that own sandboxes, and the wire by which the supervisor
//! speaks to them.

pub mod observation;
pub mod pool;
pub mod request;

pub use observation::{Captured, End, Observation, Usage};
pub use pool::{Pool, PoolConfig, WorkerError};
pub use request::{Mount, Request};
