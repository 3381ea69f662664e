//! Scanners that the user brings: a program and its rules, shown to the sandbox at fixed places.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::base::digest::Digest;
use crate::environment::program::{files_below, listing, never_shown, on_path};
use crate::worker::Mount;

/// Where the sandbox shows the program.
pub const PROGRAM: &str = "/scanner/program";
/// Where the sandbox shows the folder of a program that needs what lies beside it.
const FOLDER: &str = "/scanner/whole";
/// Where the sandbox shows the rules.
pub const RULES: &str = "/scanner/rules";
/// The most files of rules.
const MOST_FILES: usize = 10_000;
/// The most bytes in one file of rules.
const MOST_BYTES: u64 = 16 << 20;

/// Finds what a program needs beside it, or says what is missing.
pub type Finder = fn(&Path) -> Result<Also, String>;

/// What a scanner wants to be given.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The program's name on PATH.
    pub program: &'static str,
    /// The variable that names it elsewhere.
    pub program_variable: &'static str,
    /// The variable that names the folder of rules, for one that comes without.
    pub rules_variable: Option<&'static str>,
    /// Whether it needs what lies in its folder.
    pub with_folder: bool,
    /// What else it needs, given the program's place (links followed).
    pub also: Option<Finder>,
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

/// What a scanner needs beside its program and its rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Also {
    /// What the sandbox must show.
    pub mounts: Vec<Mount>,
    /// Which it is, in a few words.
    pub identity: String,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brought {
    program: PathBuf,
    /// Its folder, if that is shown.
    folder: Option<PathBuf>,
    rules: Option<PathBuf>,
    also: Also,
    /// Of the program; with its folder, of all names and sizes in there besides.
    pub program_digest: Digest,
    /// Of the rules: names and contents.
    pub rules_digest: Option<Digest>,
}

/// Where the sandbox shows a program that comes with its folder.
pub fn whole(program: &str) -> String {
    format!("{FOLDER}/{program}")
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
        let rules = wanted
            .rules_variable
            .map(|variable| {
                let rules = std::env::var_os(variable).map(PathBuf::from);
                rules.ok_or_else(|| format!("{variable} names no folder of rules"))
            })
            .transpose()?;
        let mut brought = Self::at(&program, rules.as_deref())?;
        if let Some(also) = wanted.also {
            brought.also = also(&brought.program)?;
        }
        if wanted.with_folder {
            return brought.with_folder(wanted.program);
        }
        Ok(brought)
    }

    /// The program and the rules at these places.
    ///
    /// # Errors
    /// When one cannot be read, or there are no rules.
    pub fn at(program: &Path, rules: Option<&Path>) -> Result<Self, String> {
        let program = real(program)?;
        let file = fs::File::open(&program).and_then(Digest::of_reader);
        let program_digest = file.map_err(|error| unreadable(&program, &error))?;
        let rules = rules.map(real).transpose()?;
        let rules_digest = rules
            .as_deref()
            .map(|rules| digest_of(rules).map_err(|error| unreadable(rules, &error)));
        Ok(Self {
            folder: None,
            also: Also::default(),
            program_digest,
            rules_digest: rules_digest.transpose()?,
            program,
            rules,
        })
    }

    /// The same, with all that lies beside the program, which must have this `name` there.
    fn with_folder(mut self, name: &str) -> Result<Self, String> {
        let folder = self.program.parent().unwrap_or(Path::new("/"));
        if !self.program.ends_with(name) {
            return Err(format!("{} is not called {name}", self.program.display()));
        }
        if let Some(why) = never_shown(folder) {
            return Err(format!(
                "its folder {} {why}; unpack it into one of its own",
                folder.display()
            ));
        }
        let listing = listing(folder).map_err(|error| unreadable(folder, &error))?;
        let own = self.program_digest;
        self.program_digest = Digest::of_parts([own.as_bytes().as_slice(), listing.as_bytes()]);
        self.folder = Some(folder.to_owned());
        Ok(self)
    }

    /// Which program and which rules they are, in short.
    pub fn identity(&self) -> String {
        let program = format!("program {}", self.program_digest.short(12));
        let rules = self.rules_digest.as_ref();
        let rules = rules.map(|rules| format!("rules {}", rules.short(12)));
        let also = Some(&self.also.identity).filter(|also| !also.is_empty());
        let parts: Vec<String> = std::iter::once(program)
            .chain(rules)
            .chain(also.cloned())
            .collect();
        parts.join(", ")
    }

    /// What the sandbox must show.
    pub fn mounts(&self) -> impl Iterator<Item = Mount> + '_ {
        let program = match &self.folder {
            Some(folder) => (folder, FOLDER),
            None => (&self.program, PROGRAM),
        };
        let rules = self.rules.iter().map(|rules| (rules, RULES));
        let all = std::iter::once(program).chain(rules);
        all.map(|(source, target)| Mount {
            source: source.clone(),
            target: target.into(),
        })
        .chain(self.also.mounts.iter().cloned())
    }
}

fn real(path: &Path) -> Result<PathBuf, String> {
    fs::canonicalize(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("{} cannot be read: {error}", path.display())
}

/// Names and contents of all files below a folder.
pub(super) fn digest_of(folder: &Path) -> io::Result<Digest> {
    let files = files_below(folder, MOST_FILES)?;
    if files.is_empty() {
        return Err(io::Error::other("it holds no files"));
    }
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
            Brought::at(&program, Some(&rules))
                .unwrap_err()
                .contains("holds no files")
        );
        fs::write(rules.join("deep/a.yml"), "1").unwrap();
        let one = Brought::at(&program, Some(&rules)).unwrap();
        assert_eq!(one, Brought::at(&program, Some(&rules)).unwrap());
        fs::write(rules.join("deep/a.yml"), "2").unwrap();
        let other = Brought::at(&program, Some(&rules)).unwrap();
        assert_ne!(one.rules_digest, other.rules_digest);
        assert_eq!(one.program_digest, other.program_digest);
        fs::rename(rules.join("deep/a.yml"), rules.join("deep/b.yml")).unwrap();
        assert_ne!(
            other.rules_digest,
            Brought::at(&program, Some(&rules)).unwrap().rules_digest
        );
        let missing = Brought::at(&home.path().join("none"), Some(&rules)).unwrap_err();
        assert!(missing.contains("none cannot be read"), "{missing}");
    }
}
