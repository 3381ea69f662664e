//! Making an environment: a virtual environment from a Python of the host, its pinned lists
//! installed with hashes, and a marker written last.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::find::{Places, find};
use super::probe::{Facts, probe};
use super::spec::PinnedList;
use super::store::{EnvInfo, Marker, Store};
use super::{EnvError, EnvSpec, nltk, process};
use crate::base::text;

/// What the user chose for `fumehood env create`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateOptions {
    /// The Python to make it from; found on the host when absent.
    pub python: Option<PathBuf>,
    /// A folder with NLTK data to put in.
    pub nltk_data: Option<PathBuf>,
    /// A folder of packages to install from instead of the network.
    pub packages: Option<PathBuf>,
    /// Whether a finished environment is made anew.
    pub rebuild: bool,
}

/// What is going on while an environment is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// Another process makes the same environment; this one waits for it.
    Waiting,
    /// A step begins.
    Step {
        /// Its number, from 1.
        number: usize,
        /// How many there are.
        of: usize,
        /// What it does.
        what: &'a str,
    },
    /// The program of the current step printed a line (safe to show).
    Line(&'a str),
}

impl Store {
    /// Makes the environment that `spec` describes, or does nothing but add NLTK data when it is there
    /// already. Two processes may do this at once: the second waits and finds it made. An
    /// environment whose making was interrupted is made anew.
    ///
    /// # Errors
    /// When no Python will do, a package cannot be installed, or the disk is full; each error names its
    /// remedy.
    pub fn create(
        &self,
        spec: &EnvSpec,
        options: &CreateOptions,
        mut progress: impl FnMut(Progress<'_>),
    ) -> Result<EnvInfo, EnvError> {
        let base = find(spec, options.python.as_deref(), &Places::of_host())?;
        let real = fs::canonicalize(&base.executable)
            .map_err(EnvError::io("resolve", &base.executable))?;
        fs::create_dir_all(self.root()).map_err(EnvError::io("create", self.root()))?;
        let folder = self.folder(spec, &base.version, &real);
        // Held until the end of this function; the kernel releases it should the process die.
        let _lock = lock(&folder.with_extension("lock"), &mut progress)?;
        let marker = Marker::read(&folder)
            .filter(|_| !options.rebuild && folder.join("bin/python").exists());
        let mut marker = match marker {
            Some(marker) => marker,
            None => {
                let mut build = Build {
                    spec,
                    options,
                    base: &base,
                    folder: &folder,
                    number: 0,
                    progress: &mut progress,
                };
                build.run(&real)?;
                Marker::new(spec, &base.version, &real)
            }
        };
        if let Some(source) = &options.nltk_data {
            progress(Progress::Line("taking over NLTK data"));
            let taken = nltk::install(source, &folder.join("bin/python"), &folder)?;
            let all = taken.into_iter().chain(marker.nltk_data);
            marker.nltk_data = all
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect();
        }
        marker.write(&folder)?;
        self.describe(spec, &folder)
            .ok_or_else(|| EnvError::NotReady {
                name: spec.name.to_owned(),
                state: "gone right after it was made".to_owned(),
            })
    }
}

fn lock(path: &Path, progress: &mut impl FnMut(Progress<'_>)) -> Result<File, EnvError> {
    let file = File::create(path).map_err(EnvError::io("create", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress(Progress::Waiting);
            file.lock().map_err(EnvError::io("lock", path))?;
        }
        Err(TryLockError::Error(error)) => return Err(EnvError::io("lock", path)(error)),
    }
    Ok(file)
}

/// One installation under way.
struct Build<'a, P> {
    spec: &'a EnvSpec,
    options: &'a CreateOptions,
    base: &'a Facts,
    folder: &'a Path,
    number: usize,
    progress: &'a mut P,
}

impl<P: FnMut(Progress<'_>)> Build<'_, P> {
    fn run(&mut self, base: &Path) -> Result<(), EnvError> {
        self.check_space()?;
        if self.folder.exists() {
            fs::remove_dir_all(self.folder)
                .map_err(EnvError::io("remove the unfinished", self.folder))?;
        }
        let what = format!(
            "making a virtual environment of Python {}",
            self.base.version
        );
        let mut venv = process::python(base);
        venv.args(["-I", "-m", "venv"]).arg(self.folder);
        self.step(&what, &mut venv)?;
        let python = self.folder.join("bin/python");
        for list in self.spec.lists {
            self.install(&python, list)?;
        }
        self.verify(&python)
    }

    fn install(&mut self, python: &Path, list: &PinnedList) -> Result<(), EnvError> {
        let path = self.folder.join(list.name);
        fs::write(&path, list.text).map_err(EnvError::io("write", &path))?;
        let mut pip = process::python(python);
        pip.args(["-I", "-m", "pip", "install"]);
        pip.args(["--no-input", "--no-deps", "--progress-bar", "off"]);
        pip.args(["--disable-pip-version-check", "--require-hashes"]);
        pip.args(["--only-binary", ":all:"]);
        if !list.from_source.is_empty() {
            // Built as wheels all the same; without this, older versions of pip install such a package as
            // setup.py wants it.
            pip.args(["--use-pep517", "--no-build-isolation", "--no-binary"]);
            pip.arg(list.from_source.join(","));
        }
        if let Some(packages) = &self.options.packages {
            pip.args(["--no-index", "--find-links"]).arg(packages);
        }
        pip.arg("-r").arg(&path);
        let count = list.text.lines().filter(|line| line.contains("==")).count();
        self.step(
            &format!("installing {count} packages of {}", list.name),
            &mut pip,
        )
    }

    fn step(&mut self, what: &str, command: &mut std::process::Command) -> Result<(), EnvError> {
        self.number += 1;
        (self.progress)(Progress::Step {
            number: self.number,
            of: self.spec.lists.len() + 1,
            what,
        });
        let progress = &mut self.progress;
        let ended = process::stream(command, |line| {
            progress(Progress::Line(&text::one_line(line, 400)));
        })
        .map_err(EnvError::io("run", self.base.executable.as_path()))?;
        if ended.status.success() {
            return Ok(());
        }
        let lines: Vec<String> = ended
            .last_lines
            .iter()
            .map(|line| format!("  {}", text::one_line(line, 400)))
            .collect();
        let output = lines.join("\n");
        Err(EnvError::Install {
            step: what.to_owned(),
            status: ended.status.to_string(),
            remedy: remedy(&output).map_or(String::new(), |remedy| format!(": {remedy}")),
            output,
        })
    }

    fn check_space(&self) -> Result<(), EnvError> {
        let root = self.folder.parent().unwrap_or(self.folder);
        let Ok(about) = nix::sys::statvfs::statvfs(root) else {
            return Ok(());
        };
        #[allow(clippy::unnecessary_cast, reason = "32 bits wide on some platforms")]
        let free = (about.blocks_available() as u64).saturating_mul(about.fragment_size() as u64);
        let free_mib = free >> 20;
        if free_mib >= self.spec.needed_mib {
            return Ok(());
        }
        Err(EnvError::DiskFull {
            name: self.spec.name.to_owned(),
            folder: root.to_owned(),
            free_mib,
            needed_mib: self.spec.needed_mib,
        })
    }

    /// Compares what is installed with the lists, whatever pip said.
    fn verify(&self, python: &Path) -> Result<(), EnvError> {
        let installed: std::collections::BTreeMap<String, String> =
            probe(python)?.installed().collect();
        for (name, versions) in self.spec.pins() {
            let difference = match installed.get(&name) {
                Some(version) if versions.contains(version) => continue,
                Some(version) => format!("{name} is {version}, not {}", versions.join(" or ")),
                None => format!("{name} {} is absent", versions.join(" or ")),
            };
            return Err(EnvError::Mismatch {
                folder: self.folder.to_owned(),
                difference,
            });
        }
        Ok(())
    }
}

/// What helps, by the words that pip or a compiler used.
fn remedy(output: &str) -> Option<&'static str> {
    const REMEDIES: [(&[&str], &str); 6] = [
        (
            &["No space left on device", "Disk quota exceeded"],
            "the disk is full; free some space, or set XDG_CACHE_HOME (and TMPDIR) to folders on a larger disk",
        ),
        (
            &["DO NOT MATCH THE HASHES"],
            "a downloaded package is not the one that was pinned; look at your mirror (`pip config list`), and do not \
             go on unless you know why",
        ),
        (
            &[
                "Temporary failure in name resolution",
                "Name or service not known",
                "Failed to establish a new connection",
                "Network is unreachable",
                "Connection refused",
                "Max retries exceeded",
                "Read timed out",
                "ProxyError",
                "CERTIFICATE_VERIFY_FAILED",
            ],
            "the package index cannot be reached; look at the network, set HTTPS_PROXY or PIP_INDEX_URL to a mirror, or \
             name a folder of downloaded packages",
        ),
        (
            &[
                "command 'gcc' failed",
                "Python.h: No such file",
                "error: command 'cc'",
            ],
            "a package must be compiled; install a C compiler and Python's headers (on Debian: build-essential, \
             python3-dev)",
        ),
        (
            &["No matching distribution found", "Could not find a version"],
            "the index has no package for this Python and this kind of machine; the lists serve Linux on x86_64",
        ),
        (
            &["ensurepip"],
            "the Python cannot make environments; on Debian and Ubuntu install the package python3-venv",
        ),
    ];
    REMEDIES
        .iter()
        .find(|(words, _)| words.iter().any(|word| output.contains(word)))
        .map(|(_, remedy)| *remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_get_the_remedy_of_their_cause() {
        let known = [
            (
                "OSError: [Errno 28] No space left on device",
                "disk is full",
            ),
            (
                "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM",
                "not the one",
            ),
            (
                "NewConnectionError: [Errno -3] Temporary failure in name resolution\n\
                 ERROR: Could not find a version that satisfies the requirement bandit==1.9.4",
                "cannot be reached",
            ),
            ("error: command 'gcc' failed: No such file", "C compiler"),
            (
                "ERROR: No matching distribution found for x",
                "kind of machine",
            ),
        ];
        for (output, words) in known {
            let remedy = remedy(output).unwrap();
            assert!(remedy.contains(words), "{output}: {remedy}");
        }
        assert_eq!(remedy("something else"), None);
    }
}
