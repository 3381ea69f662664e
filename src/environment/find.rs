//! Finding a Python on the host: on `PATH`, among pyenv's versions, among uv's.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::probe::{Facts, probe};
use super::{EnvError, EnvSpec};

/// Where Pythons are looked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// The folders of `PATH`.
    pub(crate) path: Vec<PathBuf>,
    /// Folders with one installation in each entry, named by its version.
    pub(crate) installations: Vec<PathBuf>,
}

impl Places {
    /// This host's.
    pub(crate) fn of_host() -> Self {
        let folder = |name: &str| {
            env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let home = folder("HOME");
        let under_home = |rest: &str| home.as_ref().map(|home| home.join(rest));
        let data = folder("XDG_DATA_HOME").or_else(|| under_home(".local/share"));
        let installations = [
            folder("PYENV_ROOT")
                .or_else(|| under_home(".pyenv"))
                .map(|root| root.join("versions")),
            folder("UV_PYTHON_INSTALL_DIR").or_else(|| data.map(|data| data.join("uv/python"))),
        ];
        Self {
            path: env::var_os("PATH")
                .map(|path| env::split_paths(&path).collect())
                .unwrap_or_default(),
            installations: installations.into_iter().flatten().collect(),
        }
    }

    /// Programs that may be Python `minor` (such as `3.10`), the likeliest first.
    pub(crate) fn candidates(&self, minor: &str) -> Vec<PathBuf> {
        let program = format!("python{minor}");
        let mut found: Vec<PathBuf> = self.path.iter().map(|dir| dir.join(&program)).collect();
        for folder in &self.installations {
            let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(folder)
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|entry| {
                    let name = entry.file_name();
                    Some((patch_level(name.to_str()?, minor)?, entry.path()))
                })
                .collect();
            versions.sort_by(|a, b| b.cmp(a));
            found.extend(
                versions
                    .into_iter()
                    .map(|(_, path)| path.join("bin").join(&program)),
            );
        }
        found.retain(|path| path.is_file());
        found
    }

    /// A program of this name on `PATH`.
    pub(crate) fn on_path(&self, program: &str) -> Option<PathBuf> {
        self.path
            .iter()
            .map(|dir| dir.join(program))
            .find(|path| path.is_file())
    }
}

/// The patch level of an installation folder such as `3.10.13` or `cpython-3.10.13-linux-x86_64-gnu`,
/// if it is of version `minor`.
fn patch_level(folder: &str, minor: &str) -> Option<u32> {
    let version = folder.strip_prefix("cpython-").unwrap_or(folder);
    let rest = version.strip_prefix(minor)?;
    if rest.is_empty() || rest.starts_with('-') {
        return Some(0);
    }
    let digits = rest.strip_prefix('.')?;
    digits
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

/// The interpreter to make `spec` with: the one named, or the first on this host that will do.
pub(crate) fn find(
    spec: &EnvSpec,
    named: Option<&Path>,
    places: &Places,
) -> Result<Facts, EnvError> {
    if let Some(path) = named {
        let facts = base(probe(path)?)?;
        if !spec.accepts(&facts.version) {
            return Err(EnvError::WrongVersion {
                name: spec.name.to_owned(),
                path: path.to_owned(),
                found: facts.version,
                wanted: spec.wanted(),
            });
        }
        return usable(facts);
    }
    let mut tried = String::new();
    let mut lacking = None;
    for minor in spec.pythons {
        for path in places.candidates(minor) {
            match probe(&path).and_then(base).and_then(usable) {
                Ok(facts) if spec.accepts(&facts.version) => return Ok(facts),
                Ok(_) => {}
                Err(error) => {
                    tried.push_str(&format!("; {error}"));
                    if matches!(error, EnvError::NoVenv { .. }) {
                        lacking.get_or_insert(error);
                    }
                }
            }
        }
    }
    // A Python that lacks one package is closer to working than none at all.
    Err(lacking.unwrap_or_else(|| EnvError::NoPython {
        wanted: spec.wanted(),
        example: spec.pythons.last().copied().unwrap_or("3").to_owned(),
        tried,
    }))
}

/// The installation itself, where `facts` are those of a virtual environment made from it.
fn base(facts: Facts) -> Result<Facts, EnvError> {
    if facts.prefixes.first() == facts.prefixes.get(2) {
        Ok(facts)
    } else {
        probe(&facts.base_executable)
    }
}

fn usable(facts: Facts) -> Result<Facts, EnvError> {
    if facts.implementation != "cpython" {
        return Err(EnvError::NotPython {
            path: facts.executable,
            reason: format!("it is {}, not CPython", facts.implementation),
        });
    }
    match facts.missing.first() {
        None => Ok(facts),
        Some(module) => Err(EnvError::NoVenv {
            minor: super::spec::minor(&facts.version),
            module: module.clone(),
            version: facts.version,
            path: facts.executable,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::spec;

    fn script(path: &Path, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn installations_are_read_by_version_and_not_by_prefix() {
        assert_eq!(patch_level("3.1.4", "3.10"), None);
        assert_eq!(patch_level("3.10.13", "3.1"), None);
        assert_eq!(patch_level("3.10.13", "3.10"), Some(13));
        assert_eq!(
            patch_level("cpython-3.10.4-linux-x86_64-gnu", "3.10"),
            Some(4)
        );
        assert_eq!(patch_level("pypy3.10-7.3", "3.10"), None);
    }

    #[test]
    fn path_comes_first_then_the_newest_installation() {
        let dir = tempfile::tempdir().unwrap();
        let at = |rest: &str| dir.path().join(rest);
        for path in [
            "bin/python3.10",
            "v/3.10.9/bin/python3.10",
            "v/3.10.13/bin/python3.10",
        ] {
            script(&at(path), "");
        }
        let places = Places {
            path: vec![at("none"), at("bin")],
            installations: vec![at("v")],
        };
        let expected = [
            at("bin/python3.10"),
            at("v/3.10.13/bin/python3.10"),
            at("v/3.10.9/bin/python3.10"),
        ];
        assert_eq!(places.candidates("3.10"), expected);
    }

    #[test]
    fn without_any_python_the_remedy_is_named() {
        let spec = spec("bigcodebench").unwrap();
        let error = find(spec, None, &Places::default()).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, EnvError::NoPython { .. }), "{text}");
        assert!(
            text.contains("Python 3.10") && text.contains("--python"),
            "{text}"
        );
    }

    #[test]
    fn a_launcher_that_fails_is_reported_with_its_words() {
        let dir = tempfile::tempdir().unwrap();
        script(
            &dir.path().join("python3.10"),
            "#!/bin/sh\necho 'not installed here' >&2; exit 127\n",
        );
        let places = Places {
            path: vec![dir.path().to_owned()],
            installations: vec![],
        };
        let spec = spec("bigcodebench").unwrap();
        let text = find(spec, None, &places).unwrap_err().to_string();
        assert!(text.contains("not installed here"), "{text}");
    }

    #[test]
    fn a_python_without_venv_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let python = dir.path().join("python3.10");
        let answer = serde_json::json!({
            "implementation": "cpython", "version": "3.10.2", "executable": python,
            "base_executable": python, "prefixes": ["/usr", "/usr", "/usr", "/usr"], "folders": [],
            "path": [], "libraries": [], "packages": [], "missing": ["ensurepip"],
        });
        script(
            &python,
            &format!("#!/bin/sh\necho 'fumehood-probe:{answer}'\n"),
        );
        let spec = spec("bigcodebench").unwrap();
        let text = find(spec, Some(&python), &Places::default())
            .unwrap_err()
            .to_string();
        assert!(text.contains("python3.10-venv"), "{text}");
        let scanners = EnvSpec {
            pythons: &["3.12"],
            ..spec.clone()
        };
        let text = find(&scanners, Some(&python), &Places::default())
            .unwrap_err()
            .to_string();
        assert!(text.contains("needs Python 3.12"), "{text}");
    }
}
