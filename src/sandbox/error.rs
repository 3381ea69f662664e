//! What went wrong while a sandbox was built.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A step that the kernel refused: which, why, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{step}{}: {} ({errno_name})", on(.path.as_deref()), Errno::from_raw(*.errno).desc())]
pub struct StepError {
    /// What was being done, as in "cannot STEP".
    pub step: String,
    /// The path that it concerned.
    pub path: Option<PathBuf>,
    /// The kernel's error number.
    pub errno: i32,
    /// The kernel's error name.
    pub errno_name: String,
}

fn on(path: Option<&Path>) -> String {
    path.map(|path| format!(" {}", path.display()))
        .unwrap_or_default()
}

impl StepError {
    /// A failed step that concerns no path.
    pub fn new(step: &str, errno: Errno) -> Self {
        Self {
            step: step.to_owned(),
            path: None,
            errno: errno as i32,
            errno_name: format!("{errno:?}"),
        }
    }

    /// A failed step on a path.
    pub fn at(step: &str, path: &Path, errno: Errno) -> Self {
        Self {
            path: Some(path.to_owned()),
            ..Self::new(step, errno)
        }
    }

    /// A failed step, from an error of the standard library.
    pub fn io(step: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::at(
            step,
            path,
            Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)),
        )
    }
}
