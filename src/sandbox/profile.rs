//! Sandbox policy as data: what `sandbox-profiles/*.toml` may say.
//!
//! Every rule carries its reason, unknown keys are refused, and a profile is the same in debug,
//! release and tests.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::base::digest::Digest;

/// The profiles that come with fumehood, by name.
const BUILT_IN: [(&str, &str); 4] = [
    ("strict", include_str!("../../sandbox-profiles/strict.toml")),
    ("grade", include_str!("../../sandbox-profiles/grade.toml")),
    (
        "scanner",
        include_str!("../../sandbox-profiles/scanner.toml"),
    ),
    (
        "scanner-loopback",
        include_str!("../../sandbox-profiles/scanner-loopback.toml"),
    ),
];

/// A sandbox policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name; for a file of the user's, the file's stem.
    pub name: String,
    /// For whom it is, in a sentence.
    pub description: String,
    /// A built-in profile whose rules come before these.
    #[serde(default)]
    pub extends: Option<String>,
    /// Layers without which nothing runs, unless the user gives them up by name.
    #[serde(default)]
    pub require: Vec<Requirement>,
    /// Host folders and files shown read-only.
    #[serde(default)]
    pub tree: Vec<Tree>,
    /// Small files written into the private root.
    #[serde(default)]
    pub file: Vec<SyntheticFile>,
    /// Folders that the job may write, all on one bounded tmpfs.
    #[serde(default)]
    pub scratch: Vec<Scratch>,
    /// Device nodes shown from the host.
    #[serde(default)]
    pub device: Vec<Device>,
    /// Parts of `/proc` that are covered.
    #[serde(default)]
    pub mask: Vec<Mask>,
    /// What Landlock allows; all else is refused.
    #[serde(default)]
    pub landlock: Vec<LandlockRule>,
    /// What the network namespace holds.
    #[serde(default)]
    pub network: Option<Network>,
    /// System calls, in order; a later rule for the same call replaces an earlier one.
    #[serde(default)]
    pub syscall: Vec<SyscallRule>,
    /// Rules that replace those where no control group counts the job's memory.
    #[serde(default)]
    pub without_memory_group: Vec<SyscallRule>,
}

/// A layer that must be enforced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Which.
    pub layer: super::Layer,
    /// Why nothing runs without it.
    pub reason: String,
}

/// A host folder or file, shown read-only at the same path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// Its path; a symbolic link on the host becomes the same link inside.
    pub path: PathBuf,
    /// Whether a host may lack it.
    #[serde(default)]
    pub optional: bool,
    /// Why jobs need it.
    pub reason: String,
}

/// A small file of the private root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyntheticFile {
    /// Its path.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
    /// Why jobs need it.
    pub reason: String,
}

/// A folder that the job may write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scratch {
    /// Its path.
    pub path: PathBuf,
    /// Its mode bits, such as `0o1777`.
    pub mode: u32,
    /// Why jobs need it.
    pub reason: String,
}

/// A device node of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its path, under `/dev`.
    pub path: PathBuf,
    /// Why jobs need it.
    pub reason: String,
}

/// A part of `/proc` that is covered: a file by an empty one, a folder by an empty one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mask {
    /// Its path; skipped on kernels that lack it.
    pub path: PathBuf,
    /// What it would give away or let be changed.
    pub reason: String,
}

/// What may be done below one path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LandlockRule {
    /// The folder or file; missing ones are skipped.
    pub path: PathBuf,
    /// What may be done there.
    pub access: Access,
    /// Why jobs need it.
    pub reason: String,
}

/// Kinds of access that Landlock grants below a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Read files, list folders.
    Read,
    /// Read, list and execute.
    Execute,
    /// Read and write existing files, make nothing new (for device nodes).
    Use,
    /// Everything but making device nodes.
    Write,
}

/// What the network namespace holds. It never holds anything of the host's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Whether its own loopback interface is up.
    pub loopback: bool,
    /// Whether Landlock refuses TCP altogether.
    pub refuse_tcp: bool,
    /// Why.
    pub reason: String,
}

/// What happens to some system calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyscallRule {
    /// Their names; those of other architectures are skipped.
    pub names: Vec<String>,
    /// What happens, or what happens when `when` holds.
    pub action: super::seccomp::Action,
    /// Conditions on arguments, all of which must hold.
    #[serde(default)]
    pub when: Vec<super::seccomp::Condition>,
    /// What happens when `when` does not hold and no later rule for the same call applies.
    #[serde(default)]
    pub otherwise: Option<super::seccomp::Action>,
    /// Why.
    pub reason: String,
}

/// Why a profile cannot be used.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// No profile of that name.
    #[error("no profile is named `{name}`: built in are {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The text is no profile.
    #[error("profile `{name}`: {message}")]
    Invalid {
        /// Its name.
        name: String,
        /// What is wrong, with line and column where it is the syntax.
        message: String,
    },
    /// The file cannot be read.
    #[error("profile file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Profile {
    /// The sandbox's own folder over which this path lies, if any: what the host has there is not to be seen.
    pub fn covers(&self, path: &Path) -> Option<&Path> {
        let over = |scratch: &&Scratch| path.starts_with(&scratch.path);
        let found = self.scratch.iter().find(over);
        found.map(|scratch| scratch.path.as_path())
    }

    /// The names of the built-in profiles.
    pub fn built_in() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// The profile of this name: `folder/NAME.toml` where a folder is given and has it, else the
    /// built-in one.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn load(name: &str, folder: Option<&Path>) -> Result<Self, ProfileError> {
        if let Some(path) = folder.map(|folder| folder.join(format!("{name}.toml")))
            && path.exists()
        {
            let text = std::fs::read_to_string(&path).map_err(|source| ProfileError::Read {
                path: path.clone(),
                source,
            })?;
            return Self::parse(name, &text);
        }
        match BUILT_IN.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Self::parse(name, text),
            None => Err(ProfileError::Unknown {
                name: name.to_owned(),
                known: Self::built_in().collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// Reads a profile and joins it to the one that it extends.
    ///
    /// # Errors
    /// [`ProfileError::Invalid`] for bad syntax, an unknown key, a rule without a reason, a path
    /// that is not absolute, a cycle, rules on system calls that make no filter.
    pub fn parse(name: &str, text: &str) -> Result<Self, ProfileError> {
        let invalid = |message: String| ProfileError::Invalid {
            name: name.to_owned(),
            message,
        };
        let own: Self = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        if own.name != name {
            return Err(invalid(format!("it calls itself `{}`", own.name)));
        }
        own.check().map_err(invalid)?;
        let profile = match own.extends.clone() {
            None => own,
            Some(base) if base == name => return Err(invalid("it extends itself".to_owned())),
            Some(base) => Self::load(&base, None)?.joined(own),
        };
        for counted in [true, false] {
            super::seccomp::Policy::of(&profile.system_calls(counted))
                .map_err(|error| invalid(error.to_string()))?;
        }
        Ok(profile)
    }

    /// The identity of the policy.
    pub fn digest(&self) -> Digest {
        Digest::of(serde_json::to_vec(self).unwrap_or_default())
    }

    /// The system-call rules for a job whose memory a control group counts, or does not.
    pub fn system_calls(&self, memory_is_counted: bool) -> Vec<SyscallRule> {
        let mut rules = self.syscall.clone();
        if !memory_is_counted {
            rules.extend(self.without_memory_group.iter().cloned());
        }
        rules
    }

    /// Whether nothing may run without this layer.
    pub fn requires(&self, layer: super::Layer) -> bool {
        self.require
            .iter()
            .any(|requirement| requirement.layer == layer)
    }

    fn joined(mut self, own: Self) -> Self {
        self.name = own.name;
        self.description = own.description;
        self.extends = own.extends;
        self.require.extend(own.require);
        self.tree.extend(own.tree);
        self.file.extend(own.file);
        self.scratch.extend(own.scratch);
        self.device.extend(own.device);
        self.mask.extend(own.mask);
        self.landlock.extend(own.landlock);
        self.network = own.network.or(self.network);
        self.syscall.extend(own.syscall);
        self.without_memory_group.extend(own.without_memory_group);
        self
    }

    fn check(&self) -> Result<(), String> {
        let reasons = (self.require.iter().map(|rule| &rule.reason))
            .chain(self.tree.iter().map(|rule| &rule.reason))
            .chain(self.file.iter().map(|rule| &rule.reason))
            .chain(self.scratch.iter().map(|rule| &rule.reason))
            .chain(self.device.iter().map(|rule| &rule.reason))
            .chain(self.mask.iter().map(|rule| &rule.reason))
            .chain(self.landlock.iter().map(|rule| &rule.reason))
            .chain(self.network.iter().map(|rule| &rule.reason))
            .chain(self.syscall.iter().map(|rule| &rule.reason))
            .chain(self.without_memory_group.iter().map(|rule| &rule.reason));
        if reasons.into_iter().any(|reason| reason.trim().is_empty()) {
            return Err("a rule has an empty `reason`".to_owned());
        }
        let paths = (self.tree.iter().map(|rule| &rule.path))
            .chain(self.file.iter().map(|rule| &rule.path))
            .chain(self.scratch.iter().map(|rule| &rule.path))
            .chain(self.device.iter().map(|rule| &rule.path))
            .chain(self.mask.iter().map(|rule| &rule.path))
            // Landlock may grant on the root of the sandbox; nothing can be mounted over it.
            .chain(
                self.landlock
                    .iter()
                    .map(|rule| &rule.path)
                    .filter(|path| *path != Path::new("/")),
            );
        for path in paths {
            check_path(path)?;
        }
        Ok(())
    }
}

/// Refuses a path that is not absolute, is the root itself, or climbs.
pub(super) fn check_path(path: &Path) -> Result<(), String> {
    use std::path::Component;
    let mut components = path.components();
    if components.next() != Some(Component::RootDir) {
        return Err(format!("the path {} is not absolute", path.display()));
    }
    let mut names = 0;
    for component in components {
        match component {
            Component::Normal(_) => names += 1,
            _ => return Err(format!("the path {} holds `..`", path.display())),
        }
    }
    if names == 0 {
        Err("the path / cannot be named".to_owned())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_profiles_parse() {
        for name in Profile::built_in() {
            Profile::load(name, None).unwrap();
        }
    }

    #[test]
    fn bad_profiles_are_refused() {
        let head = "name = 'x'\ndescription = 'd'\n";
        for (text, wanted) in [
            ("surprise = 1\n", "unknown field"),
            ("[[tree]]\npath = '/usr'\n", "missing field `reason`"),
            ("[[tree]]\npath = '/usr'\nreason = ' '\n", "empty `reason`"),
            ("[[tree]]\npath = 'usr'\nreason = 'r'\n", "not absolute"),
            ("[[tree]]\npath = '/a/../b'\nreason = 'r'\n", "holds `..`"),
            ("[[tree]]\npath = '/'\nreason = 'r'\n", "cannot be named"),
            (
                "[[syscall]]\nnames = ['nosuch']\naction = 'allow'\nreason = 'r'\n",
                "no system call is named",
            ),
        ] {
            let error = Profile::parse("x", &format!("{head}{text}"))
                .unwrap_err()
                .to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn an_extension_keeps_the_rules_of_its_base() {
        let base = Profile::load("strict", None).unwrap();
        let own = Profile::load("grade", None).unwrap();
        assert!(base.tree.iter().all(|tree| own.tree.contains(tree)));
        assert_ne!(base.digest(), own.digest());
    }
}
