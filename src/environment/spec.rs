//! Which environments there are, and the pinned lists that they are made from.

use super::EnvError;
use crate::base::digest::Digest;

/// One environment that fumehood knows how to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvSpec {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is for, in a few words.
    pub purpose: &'static str,
    /// Python versions that it can be made with, the preferred one first.
    pub pythons: &'static [&'static str],
    /// Pinned lists in pip's format, with hashes, installed one after the other.
    pub lists: &'static [PinnedList],
    /// Disk space that it takes in the making, in MiB.
    pub needed_mib: u64,
}

/// One pinned list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinnedList {
    /// Its file name, for messages.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
    /// Packages that exist as source only and may be built; all others must be wheels.
    pub from_source: &'static [&'static str],
}

/// Every environment.
pub static SPECS: [EnvSpec; 3] = [
    EnvSpec {
        name: "scanners",
        purpose: "bandit, ruff and flawfinder, for scanning",
        // The newest first: bandit parses with the Python that runs it, so an old one rejects new syntax.
        pythons: &["3.14", "3.13", "3.12", "3.11", "3.10"],
        lists: &[PinnedList {
            name: "scanners.txt",
            text: include_str!("../../environments/scanners.txt"),
            from_source: &[],
        }],
        needed_mib: 150,
    },
    EnvSpec {
        name: "semgrep",
        purpose: "semgrep and codeshield, for scanning",
        pythons: &["3.13", "3.12", "3.11", "3.10"],
        lists: &[PinnedList {
            name: "semgrep.txt",
            text: include_str!("../../environments/semgrep.txt"),
            from_source: &[],
        }],
        needed_mib: 600,
    },
    EnvSpec {
        name: "bigcodebench",
        purpose: "the libraries that BigCodeBench's tasks import",
        pythons: &["3.10"],
        lists: &[
            PinnedList {
                name: "bigcodebench-build.txt",
                text: include_str!("../../environments/bigcodebench-build.txt"),
                from_source: &[],
            },
            PinnedList {
                name: "bigcodebench.txt",
                text: include_str!("../../environments/bigcodebench.txt"),
                from_source: &["flask-mail", "wikipedia", "wordninja"],
            },
        ],
        needed_mib: 3300,
    },
];

/// The environment of that name.
///
/// # Errors
/// When there is none.
pub fn spec(name: &str) -> Result<&'static EnvSpec, EnvError> {
    SPECS
        .iter()
        .find(|spec| spec.name == name)
        .ok_or_else(|| EnvError::UnknownName {
            name: name.to_owned(),
            known: SPECS.each_ref().map(|spec| spec.name).join(", "),
        })
}

impl EnvSpec {
    /// Identity of what gets installed, whatever Python installs it.
    pub fn digest(&self) -> Digest {
        Digest::of_parts(self.lists.iter().map(|list| list.text.as_bytes()))
    }

    /// Whether it can be made with a Python of this version (such as `3.10.13`).
    pub fn accepts(&self, version: &str) -> bool {
        self.pythons.contains(&minor(version).as_str())
    }

    /// The versions in words, such as `3.11 or 3.10`.
    pub fn wanted(&self) -> String {
        self.pythons.join(" or ")
    }

    /// What must be installed in the end: normalised names, each with the versions that its list
    /// allows (more than one where the version depends on Python's).
    pub fn pins(&self) -> std::collections::BTreeMap<String, Vec<String>> {
        let mut pins = std::collections::BTreeMap::<String, Vec<String>>::new();
        for line in self.lists.iter().flat_map(|list| list.text.lines()) {
            if line.starts_with(['#', ' ', '\t']) {
                continue;
            }
            if let Some((name, rest)) = line.split_once("==") {
                let version = rest.split([' ', ';', '\\']).next().unwrap_or_default();
                pins.entry(normalised(name))
                    .or_default()
                    .push(version.to_owned());
            }
        }
        pins
    }
}

/// A package's name as indexes compare names: lower case, runs of `-`, `_` and `.` as one `-`.
pub fn normalised(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.trim().chars() {
        if matches!(c, '-' | '_' | '.') {
            if !out.ends_with('-') {
                out.push('-');
            }
        } else {
            out.extend(c.to_lowercase());
        }
    }
    out
}

/// Major and minor version of `version`: `3.10` of `3.10.13`.
pub fn minor(version: &str) -> String {
    version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_fully_pinned_and_hashed() {
        for spec in &SPECS {
            assert!(!spec.pins().is_empty(), "{}", spec.name);
            for list in spec.lists {
                let mut hashes = 1;
                for line in list.text.lines().filter(|line| !line.starts_with('#')) {
                    if line.trim_start().starts_with("--hash=sha256:") {
                        hashes += 1;
                        continue;
                    }
                    assert!(line.contains("=="), "{}: not pinned: {line}", list.name);
                    assert!(hashes > 0, "{}: no hash before {line}", list.name);
                    hashes = 0;
                }
                assert!(hashes > 0, "{}: the last line has no hash", list.name);
            }
        }
    }

    #[test]
    fn the_scanners_are_the_versions_that_were_measured() {
        let pins = spec("scanners").unwrap().pins();
        assert_eq!(pins["bandit"], ["1.9.4"]);
        assert_eq!(pins["ruff"], ["0.17.6"]);
        assert_eq!(pins["flawfinder"], ["2.0.20"]);
        assert_eq!(pins["stevedore"].len(), 2);
    }

    #[test]
    fn what_exists_as_source_only_is_in_the_list() {
        for spec in &SPECS {
            let pins = spec.pins();
            for list in spec.lists {
                for name in list.from_source {
                    assert!(pins.contains_key(*name), "{name}");
                }
            }
        }
    }

    #[test]
    fn versions_and_names() {
        let bench = spec("bigcodebench").unwrap();
        assert!(bench.accepts("3.10.13") && !bench.accepts("3.1.0") && !bench.accepts("3.11.2"));
        assert_eq!(normalised("Zope.Interface__x"), "zope-interface-x");
        assert_eq!(minor("3.10.13"), "3.10");
        let error = spec("nope").unwrap_err().to_string();
        assert!(error.contains("scanners, semgrep, bigcodebench"), "{error}");
    }
}
