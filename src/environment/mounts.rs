//! Which host folders a sandbox must show for an interpreter to run, and which it must never show.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::EnvError;
use super::probe::Facts;
use crate::worker::Mount;

/// Folders that every profile shows already.
const SHOWN: [&str; 5] = ["/usr", "/lib", "/lib64", "/bin", "/sbin"];
/// Folders of the system that hold more than an installation of Python.
const SYSTEM: [&str; 14] = [
    "boot", "dev", "etc", "home", "media", "mnt", "opt", "proc", "root", "run", "srv", "sys",
    "tmp", "var",
];
/// Folders below which nothing is ever shown.
const NEVER_BELOW: [&str; 4] = ["/dev", "/etc", "/proc", "/sys"];
/// Symbolic links that are followed from an interpreter to its binary.
const MAX_LINKS: usize = 16;

/// What must stay hidden from a sandbox.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guard {
    /// Home folders: never shown themselves, nor anything that holds one.
    homes: Vec<PathBuf>,
    /// Further folders with the same protection, such as the run's own.
    hidden: Vec<PathBuf>,
}

impl Guard {
    /// Protects the home folders of this host's users and `hidden`.
    pub(crate) fn of_host(hidden: &[PathBuf]) -> Self {
        let mut homes: Vec<PathBuf> = std::env::var_os("HOME")
            .map(PathBuf::from)
            .into_iter()
            .collect();
        if let Ok(users) = fs::read_to_string("/etc/passwd") {
            homes.extend(users.lines().filter_map(|line| {
                let fields: Vec<&str> = line.split(':').collect();
                let id: u32 = fields.get(2)?.parse().ok()?;
                let person = id == 0 || (1000..65_534).contains(&id);
                person.then(|| PathBuf::from(fields.get(5).copied().unwrap_or_default()))
            }));
        }
        Self::new(homes, hidden)
    }

    pub(crate) fn new(homes: Vec<PathBuf>, hidden: &[PathBuf]) -> Self {
        let real = |path: &PathBuf| fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        Self {
            homes: homes
                .iter()
                .map(real)
                .filter(|home| home.is_absolute() && home.parent().is_some())
                .collect(),
            hidden: hidden.iter().map(real).collect(),
        }
    }

    /// Whether it is somebody's home folder.
    pub(super) fn is_home(&self, folder: &Path) -> bool {
        self.homes.iter().any(|home| home == folder)
    }

    /// Why `folder` (resolved) must not be shown, if so.
    pub(super) fn objection(&self, folder: &Path) -> Option<String> {
        let mut names = folder.components().filter_map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        });
        let Some(first) = names.next() else {
            return Some("is the whole file system".to_owned());
        };
        if names.next().is_none() && SYSTEM.contains(&first) {
            return Some("is a folder of the system".to_owned());
        }
        if let Some(top) = NEVER_BELOW.iter().find(|top| folder.starts_with(top)) {
            return Some(format!("is part of {top}"));
        }
        if self.homes.iter().any(|home| home == folder) {
            return Some("is a home folder".to_owned());
        }
        if let Some(home) = self.homes.iter().find(|home| home.starts_with(folder)) {
            return Some(format!("holds the home folder {}", home.display()));
        }
        let hidden = self
            .hidden
            .iter()
            .find(|hidden| hidden.starts_with(folder))?;
        Some(format!("holds {}", hidden.display()))
    }
}

pub(super) fn is_shown(path: &Path) -> bool {
    SHOWN.iter().any(|shown| path.starts_with(shown))
}

/// Collects mounts, each refused if the guard objects.
struct Plan<'a> {
    facts: &'a Facts,
    guard: &'a Guard,
    mounts: Vec<Mount>,
}

impl Plan<'_> {
    /// Whether a path, as spelled, exists in the sandbox by what is planned so far.
    fn covers(&self, path: &Path) -> bool {
        is_shown(path) || self.mounts.iter().any(|m| path.starts_with(&m.target))
    }

    /// Plans `folder`, both as spelled and as resolved: programs use either.
    fn show(&mut self, folder: &Path) -> Result<(), EnvError> {
        let Ok(real) = fs::canonicalize(folder) else {
            return Ok(());
        };
        for target in [real.as_path(), folder] {
            if self.covers(target) {
                continue;
            }
            if let Some(why) = self.guard.objection(&real) {
                return Err(EnvError::Exposed {
                    interpreter: self.facts.executable.clone(),
                    folder: real.clone(),
                    why,
                });
            }
            self.mounts.push(Mount {
                source: real.clone(),
                target: target.to_owned(),
            });
        }
        Ok(())
    }

    /// Plans `folder` unless the guard objects: for what is useful but not vital.
    fn offer(&mut self, folder: &Path) {
        let real = fs::canonicalize(folder);
        if real.is_ok_and(|real| self.guard.objection(&real).is_none()) {
            // Cannot be refused, as the guard has just been asked.
            let _ = self.show(folder);
        }
    }

    /// Makes every link from `executable` to its binary resolvable in the sandbox.
    fn follow(&mut self, executable: &Path) -> Result<(), EnvError> {
        let mut at = executable.to_owned();
        for _ in 0..MAX_LINKS {
            if !self.covers(&at) {
                let installation = at
                    .parent()
                    .filter(|folder| folder.file_name().is_some_and(|name| name == "bin"))
                    .and_then(Path::parent);
                let known = installation
                    .and_then(|folder| fs::canonicalize(folder).ok())
                    .is_some_and(|real| is_shown(&real) || self.covers(&real));
                match installation.filter(|_| known) {
                    // An alias of an installation that is shown anyway, as uv makes them.
                    Some(alias) => self.show(alias)?,
                    // A link that lies elsewhere: the file alone, never the folder that it is in.
                    None => {
                        if let Ok(real) = fs::canonicalize(&at) {
                            self.mounts.push(Mount {
                                source: real,
                                target: at.clone(),
                            });
                        }
                    }
                }
            }
            let Ok(next) = fs::read_link(&at) else {
                break;
            };
            at = at.parent().unwrap_or(Path::new("/")).join(next);
        }
        Ok(())
    }
}

/// The mounts for the interpreter that `facts` describe, sorted, none inside another that shows
/// the same.
///
/// # Errors
/// When the interpreter needs a folder that must stay hidden.
pub(crate) fn plan(facts: &Facts, guard: &Guard) -> Result<Vec<Mount>, EnvError> {
    let mut plan = Plan {
        facts,
        guard,
        mounts: Vec::new(),
    };
    let mut vital: Vec<&PathBuf> = facts.prefixes.iter().chain(&facts.folders).collect();
    // Shorter first, so that what lies within a prefix adds nothing.
    vital.sort_by_key(|folder| folder.components().count());
    for folder in vital {
        plan.show(folder)?;
    }
    plan.follow(&facts.executable)?;
    for entry in &facts.path {
        if !plan.covers(entry) {
            plan.offer(entry);
        }
    }
    for library in &facts.libraries {
        if !plan.covers(library)
            && let Some(folder) = library.parent()
        {
            plan.offer(folder);
        }
    }
    let mut mounts = plan.mounts;
    mounts.sort();
    mounts.dedup();
    Ok(mounts)
}

#[cfg(test)]
mod tests;
