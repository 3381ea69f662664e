//! What a job may use before it is ended.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One mebibyte in bytes.
pub const MIB: u64 = 1 << 20;

/// The limits of one job. Every one is always set: there is no "unlimited".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// CPU time of all processes of the job together.
    pub cpu: Duration,
    /// Wall-clock time, the backstop for jobs that sleep or wait.
    pub wall: Duration,
    /// Memory of all processes of the job together, in bytes, its tmpfs files included.
    pub memory: u64,
    /// Processes and threads alive at one time.
    pub processes: u32,
    /// Bytes written to standard output and standard error together.
    pub output: u64,
    /// Bytes in any one file that the job writes.
    pub file_size: u64,
    /// Bytes in all files that the job writes (the size of each of its writable file systems).
    pub disk: u64,
    /// Files and folders that the job may create in each of its writable file systems.
    pub inodes: u64,
    /// Descriptors open at one time in one process.
    pub open_files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_secs(30),
            wall: Duration::from_secs(60),
            memory: 1024 * MIB,
            processes: 64,
            output: 4 * MIB,
            file_size: 64 * MIB,
            disk: 256 * MIB,
            inodes: 16_384,
            open_files: 1024,
        }
    }
}

impl Limits {
    /// The same with every time this many times longer, for hosts that are as many times slower.
    pub fn slower(&self, factor: u32) -> Self {
        Self {
            cpu: self.cpu.saturating_mul(factor),
            wall: self.wall.saturating_mul(factor),
            ..self.clone()
        }
    }
}

/// A limit that ended a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitKind {
    /// [`Limits::cpu`].
    Cpu,
    /// [`Limits::wall`].
    Wall,
    /// [`Limits::memory`].
    Memory,
    /// [`Limits::processes`].
    Processes,
    /// [`Limits::output`].
    Output,
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Wall => "wall",
            Self::Memory => "memory",
            Self::Processes => "processes",
            Self::Output => "output",
        })
    }
}
