//! A program of the user's, with what a sandbox must show of the host for it to run.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::interpreter::Interpreter;
use super::mounts::{Guard, is_shown};
use crate::base::digest::Digest;
use crate::worker::Mount;

/// The most files in the folder of a program.
const MOST_IN_FOLDER: usize = 1_000_000;
/// Bytes in which a script says what runs it.
const FIRST_LINE: u64 = 256;

/// A program outside of any environment of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its path, the same inside as outside; links are followed.
    pub path: PathBuf,
    /// What must be shown.
    pub mounts: Vec<Mount>,
    /// Of its file, and of names, sizes and times of all that is shown for it.
    pub digest: Digest,
}

impl Program {
    /// The program of that name: a path, or found on PATH. A program in `PREFIX/bin` is shown with all of its prefix unless that lies in a home folder,
    /// another with its folder, neither where that is a home folder or holds one; and a Python script with
    /// what its interpreter needs.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn find(name: &str) -> Result<Self, String> {
        let found = if name.contains('/') {
            Some(PathBuf::from(name))
        } else {
            on_path(name)
        };
        let found = found.ok_or_else(|| format!("there is no `{name}` on PATH"))?;
        Self::at(&found, &Guard::of_host(&[]))
    }

    pub(crate) fn at(path: &Path, guard: &Guard) -> Result<Self, String> {
        let failed = |error| format!("{} cannot be read: {error}", path.display());
        let real = fs::canonicalize(path).map_err(failed)?;
        if !real.is_file() {
            return Err(format!("{} is no file", real.display()));
        }
        let digest = fs::File::open(&real).and_then(Digest::of_reader);
        let mut program = Self {
            mounts: Vec::new(),
            digest: digest.map_err(failed)?,
            path: real,
        };
        if let Some(python) = python_of(&program.path) {
            let interpreter = Interpreter::inspect(&python, &[]).map_err(|e| e.to_string())?;
            program.mounts = interpreter.mounts;
        }
        let covers = |mount: &Mount| program.path.starts_with(&mount.target);
        if !is_shown(&program.path) && !program.mounts.iter().any(covers) {
            program
                .mounts
                .push(Mount::same(shown_for(&program.path, guard)));
        }
        let mut parts = vec![program.digest];
        for mount in program.mounts.iter().filter(|mount| mount.source.is_dir()) {
            parts.push(listing(&mount.source).map_err(failed)?);
        }
        program.digest = Digest::of_parts(parts.iter().map(|part| part.as_bytes().as_slice()));
        Ok(program)
    }
}

/// Digest of names, sizes and times of all files below a folder: a bundle is too large to be read for each run.
///
/// # Errors
/// When it cannot be read, or holds too many files.
pub fn listing(folder: &Path) -> io::Result<Digest> {
    let mut lines = Vec::new();
    for file in files_below(folder, MOST_IN_FOLDER)? {
        let about = fs::symlink_metadata(&file)?;
        let (size, changed) = (about.len(), (about.mtime(), about.mtime_nsec()));
        let name = file.strip_prefix(folder).unwrap_or(&file);
        lines.push(format!("{} {size} {changed:?}", name.display()));
    }
    Ok(Digest::of_parts(lines.iter().map(String::as_bytes)))
}

/// All files below a folder, sorted; what is no file or folder is not followed.
///
/// # Errors
/// When it cannot be read, or holds more than `most`.
pub fn files_below(folder: &Path, most: usize) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() && entry.file_name() == "__pycache__" {
                // Python's own copies, which come and go.
            } else if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
            if files.len() > most {
                return Err(io::Error::other("it holds too many files"));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The widest of prefix, folder and file that may be shown.
fn shown_for(program: &Path, guard: &Guard) -> PathBuf {
    let folder = program.parent();
    let is_bin = folder.is_some_and(|folder| folder.ends_with("bin"));
    // `~/.local` and `~/.cargo` hold more than programs: keys, for one.
    let is_below_home = |path: &Path| path.parent().is_some_and(|parent| guard.is_home(parent));
    let prefix = folder
        .and_then(Path::parent)
        .filter(|prefix| is_bin && !is_below_home(prefix));
    let may_be_shown = |path: &&Path| guard.objection(path).is_none();
    let widest = [prefix, folder].into_iter().flatten().find(may_be_shown);
    widest.unwrap_or(program).to_owned()
}

/// The Python that a script names in its first line.
fn python_of(script: &Path) -> Option<PathBuf> {
    let mut first = String::new();
    let file = fs::File::open(script).ok()?;
    file.take(FIRST_LINE).read_to_string(&mut first).ok()?;
    let words = first.lines().next()?.strip_prefix("#!")?;
    let named = Path::new(words.split_whitespace().next()?);
    let is_python = named.file_name()?.to_str()?.starts_with("python");
    (is_python && named.is_absolute()).then(|| named.to_owned())
}

/// Why a folder (links followed) is never shown in a sandbox, if so: a home folder, or one of the system's.
pub fn never_shown(folder: &Path) -> Option<String> {
    Guard::of_host(&[]).objection(folder)
}

/// The file of that name in the first absolute folder of PATH that has it.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(home: &Path, program: &str) -> Vec<PathBuf> {
        let path = home.join(program);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "#!/bin/sh\n").unwrap();
        let guard = Guard::new(vec![home.to_owned()], &[]);
        let program = Program::at(&path, &guard).unwrap();
        program
            .mounts
            .into_iter()
            .map(|mount| mount.source)
            .collect()
    }

    #[test]
    fn a_program_is_shown_with_its_prefix_or_folder_but_never_with_a_home() {
        let folder = tempfile::tempdir().unwrap();
        let home = fs::canonicalize(folder.path()).unwrap();
        assert_eq!(shown(&home, "apps/tool/bin/run"), [home.join("apps/tool")]);
        assert_eq!(shown(&home, ".local/bin/run"), [home.join(".local/bin")]);
        assert_eq!(shown(&home, "bundle/run"), [home.join("bundle")]);
        assert_eq!(shown(&home, "bin/run"), [home.join("bin")]);
        assert_eq!(shown(&home, "run"), [home.join("run")]);
        assert!(Program::find("/usr/bin/env").unwrap().mounts.is_empty());
    }

    #[test]
    fn what_is_no_program_is_said() {
        let why = |name: &str| Program::find(name).unwrap_err();
        assert!(why("fumehood-no-such-tool").contains("on PATH"));
        assert!(why("/none/tool").contains("/none/tool cannot be read"));
        assert!(why("/usr").contains("is no file"));
    }
}
