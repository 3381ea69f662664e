//! What an interpreter says about itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::{EnvError, process};
use crate::base::text;

const SCRIPT: &str = include_str!("probe.py");
const MARKER: &str = "fumehood-probe:";
/// Starting Python takes a tenth of a second; on a cold network disk it may take many.
const TIME: Duration = Duration::from_secs(60);
const BYTES: u64 = 8 << 20;

/// What `probe.py` reports.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Facts {
    pub(crate) implementation: String,
    pub(crate) version: String,
    /// The interpreter as it calls itself: not a launcher script, but not resolved either, since a
    /// virtual environment is found by this path.
    pub(crate) executable: PathBuf,
    /// The interpreter that a virtual environment was made from.
    pub(crate) base_executable: PathBuf,
    pub(crate) prefixes: Vec<PathBuf>,
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) path: Vec<PathBuf>,
    pub(crate) libraries: Vec<PathBuf>,
    /// Names of the metadata folders of installed packages: name and version.
    pub(crate) packages: Vec<String>,
    /// Modules of the standard library that making environments needs and that are absent.
    pub(crate) missing: Vec<String>,
}

impl Facts {
    /// Installed packages as (normalised name, version).
    pub(crate) fn installed(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.packages.iter().filter_map(|entry| {
            let stem = entry
                .strip_suffix(".dist-info")
                .or_else(|| entry.strip_suffix(".egg-info"))?;
            let mut parts = stem.split('-');
            let (name, version) = (parts.next()?, parts.next()?);
            Some((super::spec::normalised(name), version.to_owned()))
        })
    }
}

/// Runs `python` once and asks it about itself.
pub(crate) fn probe(python: &Path) -> Result<Facts, EnvError> {
    let fail = |reason: String| EnvError::NotPython {
        path: python.to_owned(),
        reason,
    };
    let mut command = process::python(python);
    command.args(["-I", "-B", "-c", SCRIPT]);
    let (status, stdout, stderr) = process::output_within(&mut command, TIME, BYTES)
        .map_err(|error| fail(error.to_string()))?
        .ok_or_else(|| fail(format!("no answer within {} s", TIME.as_secs())))?;
    let stdout = String::from_utf8_lossy(&stdout);
    let Some(answer) = stdout
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix(MARKER))
    else {
        let said = String::from_utf8_lossy(&stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        return Err(fail(match last {
            Some(last) => format!("{status}: {}", text::one_line(last, 300)),
            None => format!("{status}, without the expected answer"),
        }));
    };
    let facts: Facts = serde_json::from_str(answer)
        .map_err(|error| fail(format!("its answer is malformed: {error}")))?;
    if !facts.executable.is_absolute() {
        return Err(fail("it does not know its own path".to_owned()));
    }
    Ok(facts)
}
