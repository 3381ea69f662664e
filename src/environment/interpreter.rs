//! A Python interpreter and what a sandbox must show for it to run.

use std::path::PathBuf;

use crate::worker::Mount;

/// A Python interpreter, ready to be launched in a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// Its path, valid inside the sandbox (a virtual environment's own `bin/python` keeps its site-packages).
    pub executable: PathBuf,
    /// Its version, such as `3.10.13`.
    pub version: String,
    /// The host folders that it needs: its environment, its base installation, data folders.
    pub mounts: Vec<Mount>,
    /// Variables that it needs besides the harness's own, such as `NLTK_DATA`.
    pub env: Vec<(String, String)>,
    /// Identity of version and installed packages; part of a run's identity.
    pub digest: crate::base::digest::Digest,
}
