//! NLTK data: taken from a folder that the user gives, never downloaded.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{EnvError, process};
use crate::base::text;

/// Folder of the data within an environment.
pub(crate) const FOLDER: &str = "share/nltk_data";

const UNPACK: &str = include_str!("unpack.py");
/// The largest of the packages below unpacks to about 60 MB.
const MAX_BYTES: u64 = 512 << 20;
const MAX_FILES: u64 = 50_000;
const MAX_DEPTH: u32 = 8;

/// Packages that tasks need, and the kind under which NLTK looks for each.
const PACKAGES: [(&str, &str); 14] = [
    ("corpora", "brown"),
    ("corpora", "conll2000"),
    ("corpora", "movie_reviews"),
    ("corpora", "names"),
    ("corpora", "omw-1.4"),
    ("corpora", "stopwords"),
    ("corpora", "wordnet"),
    ("corpora", "words"),
    ("sentiment", "vader_lexicon"),
    ("taggers", "averaged_perceptron_tagger"),
    ("taggers", "averaged_perceptron_tagger_eng"),
    ("taggers", "universal_tagset"),
    ("tokenizers", "punkt"),
    ("tokenizers", "punkt_tab"),
];

/// Copies what `source` holds of [`PACKAGES`] into the environment at `prefix`, and gives the names of
/// what was taken. `source` is either NLTK's own tree (`corpora/names`, zipped or not) or a plain
/// folder of archives.
pub(crate) fn install(
    source: &Path,
    python: &Path,
    prefix: &Path,
) -> Result<BTreeSet<String>, EnvError> {
    if !source.is_dir() {
        return Err(failed(source, "it is not a folder"));
    }
    let mut taken = BTreeSet::new();
    for (kind, name) in PACKAGES {
        let folder = prefix.join(FOLDER).join(kind);
        let zip = [
            source.join(kind).join(format!("{name}.zip")),
            source.join(format!("{name}.zip")),
        ]
        .into_iter()
        .find(|path| path.is_file());
        let tree = [source.join(kind).join(name), source.join(name)]
            .into_iter()
            .find(|path| path.is_dir());
        if zip.is_none() && tree.is_none() {
            continue;
        }
        fs::create_dir_all(&folder).map_err(EnvError::io("create", &folder))?;
        // Built aside and renamed, so that a half-copied package is never taken for a whole one.
        let aside = tempfile::Builder::new()
            .prefix(".incoming-")
            .tempdir_in(&folder)
            .map_err(EnvError::io("create a folder in", &folder))?;
        match (&tree, &zip) {
            (Some(tree), _) => {
                let mut budget = (MAX_BYTES, MAX_FILES);
                copy_tree(tree, &aside.path().join(name), &mut budget, 0)?;
            }
            (None, Some(zip)) => unpack(zip, python, aside.path(), name)?,
            (None, None) => {}
        }
        let target = folder.join(name);
        if target.exists() {
            fs::remove_dir_all(&target).map_err(EnvError::io("replace", &target))?;
        }
        fs::rename(aside.path().join(name), &target)
            .map_err(EnvError::io("put in place", &target))?;
        // Some of NLTK's readers open the archive itself (the VADER lexicon's does).
        if let Some(zip) = zip {
            let copy = folder.join(format!("{name}.zip"));
            fs::copy(&zip, &copy).map_err(EnvError::io("write", &copy))?;
        }
        taken.insert(format!("{kind}/{name}"));
    }
    if taken.is_empty() {
        let known: Vec<&str> = PACKAGES.iter().map(|(_, name)| *name).collect();
        return Err(failed(
            source,
            format!(
                "it holds none of the packages that tasks need, zipped or not: {}",
                known.join(", ")
            ),
        ));
    }
    Ok(taken)
}

fn failed(path: &Path, reason: impl Into<String>) -> EnvError {
    EnvError::NltkData {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

fn unpack(zip: &Path, python: &Path, folder: &Path, name: &str) -> Result<(), EnvError> {
    let mut command = process::python(python);
    command.args(["-I", "-B", "-c", UNPACK]);
    command.arg(zip).arg(folder).arg(name);
    command.args([MAX_BYTES.to_string(), MAX_FILES.to_string()]);
    let ended = process::output_within(&mut command, Duration::from_secs(300), 64 << 10)
        .map_err(EnvError::io("run", python))?;
    match ended {
        Some((status, _, _)) if status.success() => Ok(()),
        Some((status, _, stderr)) => {
            let said = String::from_utf8_lossy(&stderr);
            let last = said.lines().rev().find(|line| !line.trim().is_empty());
            Err(failed(
                zip,
                text::one_line(last.unwrap_or(&status.to_string()), 300),
            ))
        }
        None => Err(failed(zip, "unpacking it took too long")),
    }
}

/// Copies regular files and folders; anything else, links included, is refused.
fn copy_tree(from: &Path, to: &Path, budget: &mut (u64, u64), depth: u32) -> Result<(), EnvError> {
    if depth > MAX_DEPTH {
        return Err(failed(from, "its folders are nested too deeply"));
    }
    fs::create_dir(to).map_err(EnvError::io("create", to))?;
    let entries: Vec<PathBuf> = fs::read_dir(from)
        .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect())
        .map_err(EnvError::io("read", from))?;
    for entry in entries {
        let about = fs::symlink_metadata(&entry).map_err(EnvError::io("read", &entry))?;
        let target = to.join(entry.file_name().unwrap_or_default());
        if about.is_dir() {
            copy_tree(&entry, &target, budget, depth + 1)?;
            continue;
        }
        if !about.is_file() {
            return Err(failed(&entry, "it is neither a regular file nor a folder"));
        }
        let (bytes, files) = *budget;
        *budget = match (bytes.checked_sub(about.len()), files.checked_sub(1)) {
            (Some(bytes), Some(files)) => (bytes, files),
            _ => {
                return Err(failed(
                    from,
                    "it is larger than any NLTK data that tasks need",
                ));
            }
        };
        fs::copy(&entry, &target).map_err(EnvError::io("write", &target))?;
    }
    Ok(())
}

/// What an environment's data folder holds, such as `nltk:corpora/names`, sorted; part of the
/// environment's identity.
pub(crate) fn contents(data: &Path) -> Vec<String> {
    PACKAGES
        .iter()
        .filter(|(kind, name)| data.join(kind).join(name).is_dir())
        .map(|(kind, name)| format!("nltk:{kind}/{name}"))
        .collect()
}
