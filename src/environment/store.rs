//! Where environments live, what state they are in, and the choice of an interpreter.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::find::Places;
use super::interpreter::Interpreter;
use super::spec::{SPECS, minor, spec};
use super::{EnvError, EnvSpec};
use crate::base::digest::Digest;

/// Version of the marker that ends an installation.
const FORMAT: u32 = 1;
const MARKER: &str = "fumehood.json";

/// The folder of all environments.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// What state an environment is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvState {
    /// It can be used.
    Ready,
    /// Its making was interrupted, or goes on at this moment.
    Incomplete,
    /// It was made from another version of its list.
    Outdated,
    /// The Python that it was made from is gone.
    Broken,
    /// It was never made.
    Missing,
}

impl EnvState {
    /// The state in a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Incomplete => "incomplete",
            Self::Outdated => "outdated",
            Self::Broken => "broken",
            Self::Missing => "missing",
        }
    }
}

/// One environment of `fumehood env list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvInfo {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// Its state.
    pub state: EnvState,
    /// Version of its Python, where there is one.
    pub python: Option<String>,
    /// Its folder, where there is one.
    pub path: Option<PathBuf>,
    /// Bytes in that folder.
    pub bytes: u64,
    /// NLTK data that it holds, such as `corpora/names`.
    pub nltk_data: Vec<String>,
}

/// Which interpreter to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvChoice {
    /// An environment made by `fumehood env create`.
    Named(String),
    /// An interpreter of the user's own.
    Python(PathBuf),
    /// `python3`, or the first Python found.
    Default,
}

/// Written last into a finished environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Marker {
    pub(crate) format: u32,
    pub(crate) name: String,
    /// [`EnvSpec::digest`] of the lists that were installed.
    pub(crate) lists: Digest,
    /// Version of its Python.
    pub(crate) python: String,
    /// The installation that it was made from.
    pub(crate) base: PathBuf,
    /// NLTK data that was put in.
    pub(crate) nltk_data: Vec<String>,
}

impl Marker {
    pub(crate) fn new(spec: &EnvSpec, python: &str, base: &Path) -> Self {
        Self {
            format: FORMAT,
            name: spec.name.to_owned(),
            lists: spec.digest(),
            python: python.to_owned(),
            base: base.to_owned(),
            nltk_data: Vec::new(),
        }
    }

    /// Reads the marker of the environment at `folder`; `None` unless it is whole.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        let text = fs::read(folder.join(MARKER)).ok()?;
        serde_json::from_slice(&text)
            .ok()
            .filter(|marker: &Self| marker.format == FORMAT)
    }

    /// Writes it so that it is there as a whole or not at all.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), EnvError> {
        let path = folder.join(MARKER);
        let text = serde_json::to_vec(self)
            .map_err(std::io::Error::from)
            .map_err(EnvError::io("write", &path))?;
        let aside =
            tempfile::NamedTempFile::new_in(folder).map_err(EnvError::io("write into", folder))?;
        fs::write(aside.path(), text).map_err(EnvError::io("write", aside.path()))?;
        aside
            .as_file()
            .sync_all()
            .map_err(EnvError::io("write", aside.path()))?;
        aside
            .persist(&path)
            .map_err(|error| EnvError::io("write", path)(error.error))?;
        Ok(())
    }
}

impl Store {
    /// The user's own: `$XDG_CACHE_HOME/fumehood/environments`, or the same under `~/.cache`.
    ///
    /// # Errors
    /// When neither variable names an absolute path.
    pub fn of_user() -> Result<Self, EnvError> {
        let folder = |name: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let cache = folder("XDG_CACHE_HOME")
            .or_else(|| folder("HOME").map(|home| home.join(".cache")))
            .ok_or(EnvError::NoCacheFolder)?;
        Ok(Self::at(cache.join("fumehood/environments")))
    }

    /// The one at `root`, which need not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Folder of the environment that `spec` makes with the Python at `base`.
    pub(crate) fn folder(&self, spec: &EnvSpec, python: &str, base: &Path) -> PathBuf {
        let lists = spec.digest();
        let identity = Digest::of_parts([
            lists.as_bytes().as_slice(),
            python.as_bytes(),
            base.as_os_str().as_encoded_bytes(),
        ]);
        self.root
            .join(format!("{}-{}", spec.name, identity.short(16)))
    }

    /// The folders that belong to `spec`, each with its state, the most useful first.
    fn folders(&self, spec: &EnvSpec) -> Vec<(EnvState, PathBuf, Option<Marker>)> {
        let mut found: Vec<_> = fs::read_dir(&self.root)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| {
                let name = entry.file_name();
                name.to_str()
                    .and_then(|name| name.strip_prefix(spec.name)?.strip_prefix('-'))
                    .is_some_and(|rest| rest.len() == 16 && !rest.contains('.'))
            })
            .map(|entry| {
                let folder = entry.path();
                let marker = Marker::read(&folder).filter(|marker| marker.name == spec.name);
                let state = match &marker {
                    None => EnvState::Incomplete,
                    Some(marker) if marker.lists != spec.digest() => EnvState::Outdated,
                    Some(_) if !folder.join("bin/python").exists() => EnvState::Broken,
                    Some(_) => EnvState::Ready,
                };
                (state, folder, marker)
            })
            .collect();
        // The version that the spec prefers, then a fixed order.
        found.sort_by_key(|(state, folder, marker)| {
            let rank = marker.as_ref().and_then(|marker| {
                let minor = minor(&marker.python);
                spec.pythons.iter().position(|python| *python == minor)
            });
            (
                *state != EnvState::Ready,
                rank.unwrap_or(usize::MAX),
                folder.clone(),
            )
        });
        found
    }

    /// Every environment that fumehood knows, made or not.
    pub fn list(&self) -> Vec<EnvInfo> {
        let mut all = Vec::new();
        for spec in &SPECS {
            let folders = self.folders(spec);
            if folders.is_empty() {
                all.push(info(spec, EnvState::Missing, None, None));
            }
            for (state, folder, marker) in folders {
                all.push(info(spec, state, Some(folder), marker));
            }
        }
        all
    }

    /// What is known of the environment at `folder`.
    pub(crate) fn describe(&self, spec: &EnvSpec, folder: &Path) -> Option<EnvInfo> {
        self.folders(spec)
            .into_iter()
            .find(|(_, path, _)| path == folder)
            .map(|(state, path, marker)| info(spec, state, Some(path), marker))
    }

    /// The interpreter that `choice` stands for, with what a sandbox must show for it. `hidden` are
    /// folders that it must not show, such as the run's own.
    ///
    /// # Errors
    /// When there is none, when it does not start, or when it needs a folder that must stay hidden.
    pub fn resolve(&self, choice: &EnvChoice, hidden: &[PathBuf]) -> Result<Interpreter, EnvError> {
        match choice {
            EnvChoice::Python(path) => {
                let path = std::path::absolute(path).map_err(EnvError::io("find", path))?;
                Interpreter::inspect(&path, hidden)
            }
            EnvChoice::Named(name) => {
                let spec = spec(name)?;
                let folders = self.folders(spec);
                match folders.first() {
                    Some((EnvState::Ready, folder, _)) => {
                        Interpreter::inspect(&folder.join("bin/python"), hidden)
                    }
                    other => Err(EnvError::NotReady {
                        name: name.clone(),
                        state: other
                            .map_or(EnvState::Missing, |(state, _, _)| *state)
                            .name()
                            .to_owned(),
                    }),
                }
            }
            EnvChoice::Default => self.default_python(&Places::of_host(), hidden),
        }
    }

    fn default_python(&self, places: &Places, hidden: &[PathBuf]) -> Result<Interpreter, EnvError> {
        let minors = (8..=15).rev().map(|n| format!("3.{n}"));
        let candidates = places
            .on_path("python3")
            .into_iter()
            .chain(minors.flat_map(|minor| places.candidates(&minor)));
        let mut tried = String::new();
        for path in candidates {
            match Interpreter::inspect(&path, hidden) {
                Ok(interpreter) => return Ok(interpreter),
                Err(error) => tried.push_str(&format!("; {error}")),
            }
        }
        Err(EnvError::NoPython {
            wanted: "3".to_owned(),
            example: "3.12".to_owned(),
            tried,
        })
    }
}

fn info(spec: &EnvSpec, state: EnvState, path: Option<PathBuf>, marker: Option<Marker>) -> EnvInfo {
    let bytes = path.as_deref().map_or(0, size);
    let (python, nltk_data) = marker
        .map(|marker| (marker.python, marker.nltk_data))
        .unzip();
    EnvInfo {
        name: spec.name.to_owned(),
        purpose: spec.purpose.to_owned(),
        state,
        python,
        path,
        bytes,
        nltk_data: nltk_data.unwrap_or_default(),
    }
}

/// Bytes in all regular files below `folder`; links are not followed.
fn size(folder: &Path) -> u64 {
    let mut total = 0;
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(about) if about.is_dir() => open.push(entry.path()),
                Ok(about) if about.is_file() => total += about.len(),
                _ => {}
            }
        }
    }
    total
}
