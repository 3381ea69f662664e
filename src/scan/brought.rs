//! Scanners that the user brings: a program and its rules, shown to the sandbox at fixed places.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::base::digest::Digest;
use crate::worker::Mount;

/// Where the sandbox shows the program.
pub const PROGRAM: &str = "/scanner/program";
/// Where the sandbox shows the rules.
pub const RULES: &str = "/scanner/rules";
/// The most files of rules.
const MOST_FILES: usize = 10_000;
/// The most bytes in one of them.
const MOST_BYTES: u64 = 16 << 20;

/// What a scanner wants to be given.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The program's name on PATH.
    pub program: &'static str,
    /// The variable that names it elsewhere.
    pub program_variable: &'static str,
    /// The variable that names the folder of rules.
    pub rules_variable: &'static str,
    /// How to get it.
    pub get: &'static str,
}

impl Wanted {
    /// Where the program is: where its variable says, else on PATH.
    pub fn program(&self) -> Option<PathBuf> {
        let named = std::env::var_os(self.program_variable).map(PathBuf::from);
        named.or_else(|| on_path(self.program))
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brought {
    program: PathBuf,
    rules: PathBuf,
    /// Of the program.
    pub program_digest: Digest,
    /// Of the rules: names and contents.
    pub rules_digest: Digest,
}

impl Brought {
    /// Looks where the variables and PATH say.
    ///
    /// # Errors
    /// What is missing, or cannot be read.
    pub fn find(wanted: &Wanted) -> Result<Self, String> {
        let program = wanted.program().ok_or_else(|| {
            format!(
                "there is no `{}` on PATH, and {} names none",
                wanted.program, wanted.program_variable
            )
        })?;
        let rules = std::env::var_os(wanted.rules_variable)
            .map(PathBuf::from)
            .ok_or_else(|| format!("{} names no folder of rules", wanted.rules_variable))?;
        Self::at(&program, &rules)
    }

    /// The program and the rules at these places.
    ///
    /// # Errors
    /// When one cannot be read, or there are no rules.
    pub fn at(program: &Path, rules: &Path) -> Result<Self, String> {
        let failed =
            |path: &Path, error: &io::Error| format!("{} cannot be read: {error}", path.display());
        let program = fs::canonicalize(program).map_err(|error| failed(program, &error))?;
        let rules = fs::canonicalize(rules).map_err(|error| failed(rules, &error))?;
        let bytes = fs::read(&program).map_err(|error| failed(&program, &error))?;
        let rules_digest = digest_of(&rules).map_err(|error| failed(&rules, &error))?;
        Ok(Self {
            program_digest: Digest::of(bytes),
            rules_digest,
            program,
            rules,
        })
    }

    /// Which program and which rules they are, in short.
    pub fn identity(&self) -> String {
        let (program, rules) = (&self.program_digest, &self.rules_digest);
        format!("program {}, rules {}", program.short(12), rules.short(12))
    }

    /// What the sandbox must show.
    pub fn mounts(&self) -> [Mount; 2] {
        [(&self.program, PROGRAM), (&self.rules, RULES)].map(|(source, target)| Mount {
            source: source.clone(),
            target: target.into(),
        })
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Names and contents of all files below a folder, sorted by name; what is no file or folder is not followed.
fn digest_of(folder: &Path) -> io::Result<Digest> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
            if files.len() > MOST_FILES {
                return Err(io::Error::other("too many files to be rules"));
            }
        }
    }
    if files.is_empty() {
        return Err(io::Error::other("it holds no files"));
    }
    files.sort();
    let mut parts = Vec::new();
    for file in files {
        if fs::metadata(&file)?.len() > MOST_BYTES {
            return Err(io::Error::other("a file is too large to be a rule"));
        }
        let name = file.strip_prefix(folder).unwrap_or(&file);
        parts.push(name.as_os_str().as_encoded_bytes().to_vec());
        parts.push(fs::read(&file)?);
    }
    Ok(Digest::of_parts(parts.iter().map(Vec::as_slice)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_known_by_their_names_and_contents() {
        let home = tempfile::tempdir().unwrap();
        let program = home.path().join("program");
        fs::write(&program, "x").unwrap();
        let rules = home.path().join("rules");
        fs::create_dir_all(rules.join("deep")).unwrap();
        assert!(
            Brought::at(&program, &rules)
                .unwrap_err()
                .contains("holds no files")
        );
        fs::write(rules.join("deep/a.yml"), "1").unwrap();
        let one = Brought::at(&program, &rules).unwrap();
        assert_eq!(one, Brought::at(&program, &rules).unwrap());
        fs::write(rules.join("deep/a.yml"), "2").unwrap();
        let other = Brought::at(&program, &rules).unwrap();
        assert_ne!(one.rules_digest, other.rules_digest);
        assert_eq!(one.program_digest, other.program_digest);
        fs::rename(rules.join("deep/a.yml"), rules.join("deep/b.yml")).unwrap();
        assert_ne!(
            other.rules_digest,
            Brought::at(&program, &rules).unwrap().rules_digest
        );
        let missing = Brought::at(&home.path().join("none"), &rules).unwrap_err();
        assert!(missing.contains("none cannot be read"), "{missing}");
    }
}
