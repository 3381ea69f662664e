//! `manifest.json`: what a run was given.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::JournalError;
use crate::base::digest::Digest;
use crate::base::limits::Limits;
use crate::base::version::MANIFEST;
use crate::scan::Policy;

/// The run's inputs, and where it began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format of this file.
    pub version: u32,
    /// The fumehood that began the run.
    pub fumehood: String,
    /// When it began, in UTC.
    pub created: String,
    /// Everything that decides a result.
    pub identity: Identity,
    /// Tasks that were chosen.
    pub tasks: u64,
    /// Version of the interpreter.
    pub python: String,
    /// Whether jobs could be forked from warm interpreters. Not part of the identity: verdicts do not depend
    /// on it.
    #[serde(default)]
    pub warm: bool,
    /// Digests of the sample files, where the run was merged from several; `identity.samples` is theirs together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Digest>,
    /// Whether some task has samples of several of these files: its samples are numbered by no order that means anything.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_mixed: bool,
    /// Where it began. Not part of the identity: verdicts do not depend on the hardware.
    pub host: Host,
    /// What the sandboxes really enforced there.
    pub attestation: serde_json::Value,
}

/// Everything that decides a result. A run is resumed only with an equal one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The kind of dataset, such as `bigcodebench`.
    pub dataset: String,
    /// Digest of the tasks.
    pub tasks: Digest,
    /// Digest of the samples.
    pub samples: Digest,
    /// Which tasks and samples were chosen, empty for all.
    pub selection: String,
    /// The grading mode.
    pub grading: String,
    /// Whether tasks whose ground truth fails are set apart.
    pub check_ground_truth: bool,
    /// What a job may use.
    pub limits: Limits,
    /// Name of the sandbox profile.
    pub profile: String,
    /// Its content.
    pub profile_digest: Digest,
    /// Layers of it that the user gave up.
    pub without: Vec<String>,
    /// The scanners, sorted by name.
    pub scanners: Vec<ScannerIdentity>,
    /// By which rule findings make a sample insecure.
    pub policy: Policy,
    /// Version and packages of the interpreter.
    pub interpreter: Digest,
    /// The harness drivers.
    pub harness: u32,
}

/// A scanner of the run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScannerIdentity {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its flags, rules and whatever else decides its findings.
    pub digest: Digest,
}

/// A host, as far as it may matter to whoever reads the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Kernel name and release.
    pub kernel: String,
    /// Processor architecture.
    pub machine: String,
    /// Processors that we may use.
    pub processors: usize,
}

impl Host {
    /// This host.
    pub fn current() -> Self {
        let (kernel, machine) = nix::sys::utsname::uname().map_or_else(
            |_| (String::new(), std::env::consts::ARCH.to_owned()),
            |name| {
                let text = |s: &std::ffi::OsStr| s.to_string_lossy().into_owned();
                (
                    format!("{} {}", text(name.sysname()), text(name.release())),
                    text(name.machine()),
                )
            },
        );
        Self {
            kernel,
            machine,
            processors: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

impl Identity {
    /// Each part in which `other` differs, with both values.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let parts = self.unlike(other).into_iter();
        parts
            .map(|(part, was, now)| format!("{part} was {was}, now {now}"))
            .collect()
    }

    /// Each part in which `other` differs: its name, our value, theirs.
    pub fn unlike(&self, other: &Self) -> Vec<(String, String, String)> {
        let (Ok(serde_json::Value::Object(mine)), Ok(serde_json::Value::Object(theirs))) =
            (serde_json::to_value(self), serde_json::to_value(other))
        else {
            return Vec::new();
        };
        mine.iter()
            .filter(|(part, value)| theirs.get(*part) != Some(value))
            .map(|(part, value)| {
                let given = theirs.get(part).unwrap_or(&serde_json::Value::Null);
                (part.clone(), brief(value), brief(given))
            })
            .collect()
    }

    /// Each part that must be alike for results to be comparable, and is not: its name, our value, theirs. The
    /// samples differ on purpose, and of other tasks only those count that both runs have.
    pub fn incomparable(&self, other: &Self) -> Vec<(String, String, String)> {
        let mut parts = self.unlike(other);
        parts.retain(|(part, ..)| !["samples", "selection", "scanners"].contains(&part.as_str()));
        let all = |identity: &Self| {
            let scanners = identity.scanners.iter();
            let told = scanners.map(|scanner| {
                let told = format!("{}, {}", scanner.version, scanner.digest.short(12));
                (scanner.name.clone(), brief(&told.into()))
            });
            told.collect::<BTreeMap<_, _>>()
        };
        let (mine, theirs) = (all(self), all(other));
        let names: BTreeSet<&String> = mine.keys().chain(theirs.keys()).collect();
        for name in names {
            let (a, b) = (mine.get(name), theirs.get(name));
            if a != b {
                let told = |it: Option<&String>| it.map_or("not used", String::as_str).to_owned();
                parts.push((format!("scanner {name}"), told(a), told(b)));
            }
        }
        parts
    }
}

fn brief(value: &serde_json::Value) -> String {
    let text = match value {
        serde_json::Value::String(text) if is_digest(text) => text[..12].to_owned(),
        serde_json::Value::String(text) if text.is_empty() => "empty".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    crate::base::text::one_line(&text, 200)
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// When it is absent, unreadable, or of another version.
    pub fn read(path: &Path) -> Result<Self, JournalError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let text = fs::read(path).map_err(|source| JournalError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        let broken = |error: serde_json::Error| JournalError::Manifest {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let Version { version } = serde_json::from_slice(&text).map_err(broken)?;
        if version != MANIFEST {
            return Err(JournalError::Version {
                place: path.display().to_string(),
                found: version,
                known: MANIFEST,
            });
        }
        serde_json::from_slice(&text).map_err(broken)
    }

    /// Writes the manifest so that it is there as a whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), JournalError> {
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| JournalError::Manifest {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        text.push(b'\n');
        write_whole(path, &text)
    }
}

/// Writes a file beside its place, then moves it there: a reader sees the old or the new content.
///
/// # Errors
/// When it cannot be written; the old content is still there then.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), JournalError> {
    let failed = |source| JournalError::Io {
        action: "write",
        path: path.to_owned(),
        source,
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let beside = Path::new(&beside);
    let written = File::create(beside).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    if let Err(source) = written.and_then(|()| fs::rename(beside, path)) {
        // The attempt leaves nothing behind; that it failed is what matters.
        let _ = fs::remove_file(beside);
        return Err(failed(source));
    }
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}
