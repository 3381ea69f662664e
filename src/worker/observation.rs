//! What the kernel reported about one program.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::behaviour::Behaviour;
use crate::base::limits::LimitKind;

/// What happened to one program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// How its first process ended.
    pub end: End,
    /// The limit for which it was ended, if any.
    pub limit: Option<LimitKind>,
    /// What it used.
    pub usage: Usage,
    /// Its standard output.
    pub stdout: Captured,
    /// Its standard error.
    pub stderr: Captured,
    /// What it wrote to descriptor 4.
    pub events: Vec<u8>,
    /// Whether it wrote more events than allowed (the surplus is not in `events`).
    pub events_overflow: bool,
    /// The forbidden acts that it attempted; `None` where nobody could tell.
    pub behaviour: Option<Behaviour>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It returned this exit code, 0 to 255.
    Exited(i32),
    /// It was ended by this signal.
    Signaled(i32),
}

/// What a job used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time of all its processes.
    pub cpu: Duration,
    /// Time from its start to its end.
    pub wall: Duration,
    /// The most memory that all its processes held together, in bytes; `None` where the host
    /// cannot tell.
    pub peak_memory: Option<u64>,
}

/// What was kept of an output stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// The first bytes, as many as the output limit allows.
    pub bytes: Vec<u8>,
    /// Bytes seen in all, up to the moment when the limit ended the job.
    pub total: u64,
}
