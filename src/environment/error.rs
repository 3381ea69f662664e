//! What can go wrong with an environment, each with its remedy.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why an environment cannot be made or used.
#[derive(Debug, Error)]
pub enum EnvError {
    /// There is no environment of that name.
    #[error("there is no environment \"{name}\"; fumehood knows {known}")]
    UnknownName {
        /// The name as given.
        name: String,
        /// All names.
        known: String,
    },
    /// The environment was never made, or its making was interrupted.
    #[error("environment \"{name}\" is {state}; make it with `fumehood env create {name}`")]
    NotReady {
        /// Its name.
        name: String,
        /// `missing`, `incomplete`, `outdated` or `broken`.
        state: String,
    },
    /// Neither `XDG_CACHE_HOME` nor `HOME` names a folder.
    #[error("no cache folder: set XDG_CACHE_HOME or HOME to an absolute path")]
    NoCacheFolder,
    /// No Python of a version that the environment needs is on this host.
    #[error(
        "found no Python {wanted} that can make environments (looked on PATH, in pyenv's and in uv's folders){tried}; \
         install one, for example with `uv python install {example}` or `pyenv install {example}`, or name one with --python PATH"
    )]
    NoPython {
        /// Versions that would do.
        wanted: String,
        /// One of them.
        example: String,
        /// What was found and why it does not do; empty or beginning with `; `.
        tried: String,
    },
    /// The interpreter that the user named has the wrong version.
    #[error("{path} is Python {found}, but environment \"{name}\" needs Python {wanted}")]
    WrongVersion {
        /// Name of the environment.
        name: String,
        /// The interpreter.
        path: PathBuf,
        /// Its version.
        found: String,
        /// Versions that would do.
        wanted: String,
    },
    /// The interpreter lacks a module of its own standard library.
    #[error(
        "{path} (Python {version}) has no module `{module}`, so it cannot make environments; on Debian and Ubuntu \
         install python{minor}-venv, or name another interpreter with --python PATH"
    )]
    NoVenv {
        /// The interpreter.
        path: PathBuf,
        /// Its version.
        version: String,
        /// Such as `3.11`.
        minor: String,
        /// `venv` or `ensurepip`.
        module: String,
    },
    /// The interpreter does not start, or does not answer as Python does.
    #[error("cannot use {path} as a Python interpreter: {reason}")]
    NotPython {
        /// What was run.
        path: PathBuf,
        /// What it did.
        reason: String,
    },
    /// A sandbox would have to show a folder that must stay hidden.
    #[error(
        "{interpreter} needs {folder} inside the sandbox, which {why}; use an interpreter whose \
         installation has a folder of its own, such as one made by `fumehood env create`"
    )]
    Exposed {
        /// The interpreter.
        interpreter: PathBuf,
        /// The folder.
        folder: PathBuf,
        /// Why it is refused.
        why: String,
    },
    /// A step of the installation failed.
    #[error("{step} failed ({status}){remedy}\nits last lines were:\n{output}")]
    Install {
        /// What was being done.
        step: String,
        /// How the program ended.
        status: String,
        /// What to do, beginning with `: `, or empty.
        remedy: String,
        /// The last lines that it printed.
        output: String,
    },
    /// What was installed is not what the list says.
    #[error(
        "after the installation {folder} differs from its list: {difference}; remove that folder and try again"
    )]
    Mismatch {
        /// The environment.
        folder: PathBuf,
        /// What differs.
        difference: String,
    },
    /// The disk holds too little free space.
    #[error(
        "{folder} has {free_mib} MiB free, but environment \"{name}\" needs about {needed_mib} MiB; free some space, or set \
         XDG_CACHE_HOME to a folder on a larger disk"
    )]
    DiskFull {
        /// Name of the environment.
        name: String,
        /// Where it would be made.
        folder: PathBuf,
        /// Free space.
        free_mib: u64,
        /// Needed space.
        needed_mib: u64,
    },
    /// NLTK data cannot be taken over.
    #[error("cannot take over NLTK data from {path}: {reason}")]
    NltkData {
        /// The folder or archive.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file operation failed.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl EnvError {
    /// An I/O error in context; for `map_err`.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
