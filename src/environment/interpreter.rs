//! A Python interpreter and what a sandbox must show for it to run.

use std::path::{Path, PathBuf};

use super::mounts::{self, Guard};
use super::probe::{Facts, probe};
use super::{EnvError, nltk};
use crate::base::digest::Digest;
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
    pub digest: Digest,
}

impl Interpreter {
    /// None at all: for programs that need no Python, and are shown nothing for one.
    pub fn none() -> Self {
        Self {
            executable: PathBuf::new(),
            version: String::new(),
            mounts: Vec::new(),
            env: Vec::new(),
            digest: Digest::of_parts([]),
        }
    }

    /// Asks the interpreter at `python` about itself (it is run once, outside of any sandbox, as it is
    /// the user's own) and works out what a sandbox must show. Home folders and `hidden` (the run's own
    /// folder, for one) are never shown.
    ///
    /// # Errors
    /// When it does not answer, or needs a folder that must stay hidden.
    pub fn inspect(python: &Path, hidden: &[PathBuf]) -> Result<Self, EnvError> {
        Self::from_facts(&probe(python)?, &Guard::of_host(hidden))
    }

    /// The command line that runs a module of it. `-I -B`: Python takes nothing from its environment and writes no
    /// bytecode.
    pub fn module(&self, name: &str, arguments: &[&str]) -> Vec<String> {
        let python = self.executable.to_string_lossy();
        [python.as_ref(), "-I", "-B", "-m", name]
            .iter()
            .chain(arguments)
            .map(|argument| (*argument).to_owned())
            .collect()
    }

    pub(crate) fn from_facts(facts: &Facts, guard: &Guard) -> Result<Self, EnvError> {
        let mounts = mounts::plan(facts, guard)?;
        let data = facts
            .prefixes
            .first()
            .map(|prefix| prefix.join(nltk::FOLDER))
            .filter(|data| data.is_dir());
        let mut packages = facts.packages.clone();
        if let Some(data) = &data {
            packages.extend(nltk::contents(data));
        }
        packages.sort();
        let parts = [&facts.implementation, &facts.version]
            .into_iter()
            .chain(&packages)
            .map(String::as_bytes);
        Ok(Self {
            executable: facts.executable.clone(),
            version: facts.version.clone(),
            mounts,
            env: data
                .and_then(|data| data.to_str().map(str::to_owned))
                .map(|data| ("NLTK_DATA".to_owned(), data))
                .into_iter()
                .collect(),
            digest: Digest::of_parts(parts),
        })
    }
}
