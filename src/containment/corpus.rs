//! The corpus: manifests, programs and tasks, as they are embedded in this binary.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use super::embedded::FILES;
use super::error::ContainmentError;
use super::manifest::{Family, Manifest, Row, Run, Tasks};
use super::mode::Mode;
use crate::base::limits::Limits;
use crate::dataset::Task;

/// What runs a program, by the end of its file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// `.py`
    Python,
    /// `.sh`
    Shell,
    /// `.pl`
    Perl,
}

impl Language {
    /// The interpreter, which must be a part of what every profile shows.
    pub fn interpreter(self) -> &'static str {
        match self {
            Self::Python => "/usr/bin/python3",
            Self::Shell => "/bin/sh",
            Self::Perl => "/usr/bin/perl",
        }
    }

    fn of(file: &str) -> Option<Self> {
        match file.rsplit_once('.')?.1 {
            "py" => Some(Self::Python),
            "sh" => Some(Self::Shell),
            "pl" => Some(Self::Perl),
            _ => None,
        }
    }
}

/// One hostile program.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its family.
    pub family: Family,
    /// What its manifest says.
    pub row: Row,
    /// What runs it.
    pub language: Language,
    /// Its text, as in its file.
    pub source: &'static str,
    /// What it may use.
    pub limits: Limits,
}

/// All hostile programs, and what they need.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// The programs, by family and in the order of their manifests.
    pub programs: Vec<Program>,
    /// The tasks that samples answer, by name; each with an answer that passes.
    pub tasks: BTreeMap<String, Task>,
    /// What every Python program of its own begins with.
    pub prelude: &'static str,
}

impl Corpus {
    /// The corpus in this binary.
    ///
    /// # Errors
    /// When it contradicts itself.
    pub fn embedded() -> Result<Self, ContainmentError> {
        let mut corpus = Self {
            programs: Vec::new(),
            tasks: BTreeMap::new(),
            prelude: text("prelude.py")?,
        };
        for row in parse::<Tasks>("tasks.toml")?.task {
            let task = Task {
                preamble: row.preamble,
                ground_truth: Some(row.truth),
                ..Task::bare(row.name.as_str(), "f", row.tests)
            };
            corpus.tasks.insert(row.name, task);
        }
        for family in Family::ALL {
            corpus.add(family)?;
        }
        corpus.check()?;
        Ok(corpus)
    }

    fn add(&mut self, family: Family) -> Result<(), ContainmentError> {
        let file = format!("{family}/manifest.toml");
        let manifest: Manifest = parse(&file)?;
        if manifest.family != family {
            return Err(damaged(&file, "it is of another family"));
        }
        for row in manifest.program {
            let path = format!("{family}/{}", row.file);
            let language =
                Language::of(&row.file).ok_or_else(|| damaged(&path, "no language ends so"))?;
            if let Some(fault) = row.fault() {
                return Err(damaged(&file, &format!("{}: {fault}", row.name)));
            }
            self.programs.push(Program {
                family,
                language,
                source: text(&path)?,
                limits: row.limits.over(manifest.limits.over(Limits::default())),
                row,
            });
        }
        Ok(())
    }

    /// Names are unique, and whatever is named is there.
    fn check(&self) -> Result<(), ContainmentError> {
        let mut names = BTreeSet::new();
        for program in &self.programs {
            if !names.insert(program.row.name.as_str()) {
                return Err(damaged(&program.row.file, "its name is taken"));
            }
        }
        for program in &self.programs {
            let row = &program.row;
            if let Some(task) = row
                .task
                .as_ref()
                .filter(|task| !self.tasks.contains_key(*task))
            {
                return Err(damaged(&row.file, &format!("there is no task `{task}`")));
            }
            for other in [&row.after, &row.beside].into_iter().flatten() {
                if !names.contains(other.as_str()) {
                    return Err(damaged(&row.file, &format!("there is no `{other}`")));
                }
            }
        }
        Ok(())
    }

    /// The program of this name.
    pub fn get(&self, name: &str) -> Option<&Program> {
        self.programs
            .iter()
            .find(|program| program.row.name == name)
    }

    /// Makes every time limit this many times longer, for a host that is as many times slower.
    pub fn slow_down(&mut self, factor: u32) {
        for program in &mut self.programs {
            program.limits = program.limits.slower(factor);
        }
    }

    /// Keeps the programs of these names, classes or families, and those that they follow or
    /// accompany.
    ///
    /// # Errors
    /// When there is none of a name.
    pub fn keep_only(&mut self, names: &[String]) -> Result<(), ContainmentError> {
        let mut kept = BTreeSet::new();
        for name in names {
            let mut found = false;
            for program in &self.programs {
                let row = &program.row;
                if [&row.name, &row.class, program.family.name()].contains(&name.as_str()) {
                    found = true;
                    kept.insert(row.name.clone());
                    kept.extend(row.after.iter().chain(&row.beside).cloned());
                }
            }
            if !found {
                return Err(ContainmentError::NoSuchProgram(name.clone()));
            }
        }
        self.programs
            .retain(|program| kept.contains(&program.row.name));
        Ok(())
    }
}

impl Program {
    /// The modes in which it is tried.
    pub fn modes(&self) -> &'static [Mode] {
        match (self.row.run, self.language, &self.row.never_a_snippet) {
            (Run::Sample, _, _) => &[Mode::Cold, Mode::Warm],
            (Run::Exec, Language::Python, None) => &Mode::ALL,
            (Run::Exec, _, _) => &[Mode::Exec],
        }
    }

    /// Its command line as a program of its own.
    pub fn command(&self, prelude: &str) -> Vec<String> {
        let interpreter = self.language.interpreter();
        let words: &[&str] = match self.language {
            // Nothing but the library that comes with the interpreter, and nothing of the user's.
            Language::Python => &[interpreter, "-I", "-S", "-B", "-c"],
            Language::Shell => &[interpreter, "-c"],
            Language::Perl => &[interpreter, "-e"],
        };
        let mut command: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        command.push(match self.language {
            Language::Python => format!("{prelude}{}", self.source),
            _ => self.source.to_owned(),
        });
        command
    }
}

fn text(file: &str) -> Result<&'static str, ContainmentError> {
    FILES
        .iter()
        .find(|(name, _)| *name == file)
        .map(|(_, text)| *text)
        .ok_or_else(|| damaged(file, "it is not embedded"))
}

fn parse<T: DeserializeOwned>(file: &str) -> Result<T, ContainmentError> {
    toml::from_str(text(file)?).map_err(|error| damaged(file, &error.to_string()))
}

fn damaged(file: &str, message: &str) -> ContainmentError {
    ContainmentError::Corpus {
        file: file.to_owned(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_corpus_is_whole_and_large_enough() {
        let corpus = Corpus::embedded().unwrap();
        let count = |family| {
            let of_family = |program: &&Program| program.family == family;
            corpus.programs.iter().filter(of_family).count()
        };
        assert!(count(Family::Escape) >= 70);
        assert!(count(Family::Exhaustion) >= 35);
        assert!(count(Family::Forgery) >= 45);
    }

    #[test]
    fn the_folder_holds_what_is_embedded_and_no_more() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hostile");
        let mut found = BTreeSet::new();
        for entry in std::fs::read_dir(&root).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if entry.path().is_dir() {
                for inner in std::fs::read_dir(entry.path()).unwrap().flatten() {
                    found.insert(format!("{name}/{}", inner.file_name().to_str().unwrap()));
                }
            } else {
                found.insert(name);
            }
        }
        let embedded: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(found, embedded);
        // And every program is in a manifest.
        let corpus = Corpus::embedded().unwrap();
        let mut named: BTreeSet<String> = corpus
            .programs
            .iter()
            .map(|program| format!("{}/{}", program.family, program.row.file))
            .collect();
        named.extend(["prelude.py", "tasks.toml"].map(str::to_owned));
        named.extend(Family::ALL.map(|family| format!("{family}/manifest.toml")));
        assert_eq!(named, embedded);
    }
}
