//! Environments, made for real from packages written here: no network is needed, only a Python with
//! `venv` on the host; without one these tests say so and pass.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on should panic, and one that is skipped says so"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fumehood::environment::{
    CreateOptions, EnvChoice, EnvError, EnvInfo, EnvSpec, EnvState, PinnedList, Progress, Store,
};

/// Writes a wheel of one module and prints its SHA-256.
const WHEEL: &str = r#"
import hashlib, os, sys, zipfile
path = os.path.join(sys.argv[1], "tiny_fume-1.0-py3-none-any.whl")
info = "tiny_fume-1.0.dist-info/"
with zipfile.ZipFile(path, "w") as out:
    out.writestr("tiny_fume.py", "answer = 42\n")
    out.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: tiny-fume\nVersion: 1.0\n")
    out.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    out.writestr(info + "RECORD", "".join(n + ",,\n" for n in ("tiny_fume.py", info + "METADATA", info + "WHEEL")))
print(hashlib.sha256(open(path, "rb").read()).hexdigest())
"#;

/// Writes an archive of members given as (name, text, Unix mode).
const ARCHIVE: &str = r"
import ast, sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as out:
    for name, text, mode in ast.literal_eval(sys.argv[2]):
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        out.writestr(info, text)
";

struct Bench {
    dir: tempfile::TempDir,
    store: Store,
    python: PathBuf,
}

/// A store of its own and some Python of the host, or nothing with a word on why.
fn bench() -> Option<Bench> {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::at(dir.path().join("cache/environments"));
    match store.resolve(&EnvChoice::Default, &[]) {
        Ok(python) => Some(Bench {
            dir,
            store,
            python: python.executable,
        }),
        Err(error) => {
            eprintln!("SKIPPED: {error}");
            None
        }
    }
}

impl Bench {
    /// An environment with at most one package. Its name is a known one, since listing goes by those.
    fn spec(&self, list: Option<&str>) -> EnvSpec {
        let lists = list.map(|text| PinnedList {
            name: "list.txt",
            text: Box::leak(text.to_owned().into_boxed_str()),
            from_source: &[],
        });
        EnvSpec {
            name: "scanners",
            purpose: "a test",
            pythons: &["3.13", "3.12", "3.11", "3.10", "3.9"],
            lists: Box::leak(lists.into_iter().collect::<Vec<_>>().into_boxed_slice()),
            needed_mib: 60,
        }
    }

    fn options(&self) -> CreateOptions {
        CreateOptions {
            packages: Some(self.dir.path().to_owned()),
            ..CreateOptions::default()
        }
    }

    fn run(&self, script: &str, arguments: &[&Path]) -> String {
        let out = Command::new(&self.python)
            .args(["-I", "-c", script])
            .args(arguments)
            .output()
            .unwrap();
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }
}

/// Whether this host's Pythons cannot make environments at all, with a word on why.
fn lacks_venv(result: &Result<EnvInfo, EnvError>) -> bool {
    match result {
        Err(error @ (EnvError::NoPython { .. } | EnvError::NoVenv { .. })) => {
            eprintln!("SKIPPED: {error}");
            true
        }
        _ => false,
    }
}

#[test]
fn an_environment_is_made_found_again_and_repaired() {
    let Some(bench) = bench() else { return };
    let hash = bench.run(WHEEL, &[bench.dir.path()]);
    let spec = bench.spec(Some(&format!(
        "tiny-fume==1.0 \\\n    --hash=sha256:{hash}\n"
    )));
    let mut steps = Vec::new();
    let made = bench.store.create(&spec, &bench.options(), |progress| {
        if let Progress::Step { number, of, .. } = progress {
            steps.push((number, of));
        }
    });
    if lacks_venv(&made) {
        return;
    }
    let made = made.unwrap();
    assert_eq!(steps, [(1, 2), (2, 2)]);
    let folder = made.path.unwrap();
    let python = folder.join("bin/python");

    // The interpreter sees the package, and a sandbox is shown the environment.
    let choice = EnvChoice::Python(python.clone());
    let before = bench.store.resolve(&choice, &[]).unwrap();
    assert!(before.mounts.iter().any(|mount| mount.target == folder));
    assert!(before.env.is_empty());
    let answer = Command::new(&python)
        .args(["-I", "-c", "import tiny_fume; print(tiny_fume.answer)"])
        .output()
        .unwrap();
    assert_eq!(answer.stdout, b"42\n");

    // Asked again, nothing is installed; data may still be added, and it changes the identity.
    let data = bench.dir.path().join("nltk");
    fs::create_dir_all(data.join("corpora/names")).unwrap();
    fs::write(data.join("corpora/names/male.txt"), "Ada\n").unwrap();
    let with_data = CreateOptions {
        nltk_data: Some(data),
        ..bench.options()
    };
    let again = bench.store.create(&spec, &with_data, |progress| {
        assert!(!matches!(progress, Progress::Step { .. }));
    });
    assert_eq!(again.unwrap().nltk_data, ["corpora/names"]);
    let after = bench.store.resolve(&choice, &[]).unwrap();
    assert_ne!(before.digest, after.digest);
    assert_eq!(after.env[0].0, "NLTK_DATA");
    let names = Path::new(&after.env[0].1).join("corpora/names/male.txt");
    assert_eq!(fs::read(names).unwrap(), b"Ada\n");

    // An interrupted installation lacks its last file: it is not used, and it is made anew.
    fs::remove_file(folder.join("fumehood.json")).unwrap();
    fs::write(folder.join("bin/leftover"), "").unwrap();
    let named = EnvChoice::Named("scanners".to_owned());
    let error = bench.store.resolve(&named, &[]).unwrap_err().to_string();
    assert!(error.contains("incomplete"), "{error}");
    assert!(error.contains("fumehood env create scanners"), "{error}");
    let repaired = bench.store.create(&spec, &bench.options(), |_| {}).unwrap();
    assert_eq!(repaired.path.as_deref(), Some(folder.as_path()));
    assert!(!folder.join("bin/leftover").exists());

    // A run's own folder is never shown, even where the interpreter would need it.
    let error = bench.store.resolve(&choice, &[folder.join("lib")]);
    assert!(matches!(error, Err(EnvError::Exposed { .. })), "{error:?}");
}

#[test]
fn a_package_with_another_hash_is_refused_and_nothing_is_usable() {
    let Some(bench) = bench() else { return };
    bench.run(WHEEL, &[bench.dir.path()]);
    let list = format!("tiny-fume==1.0 \\\n    --hash=sha256:{}\n", "0".repeat(64));
    let spec = bench.spec(Some(&list));
    let made = bench.store.create(&spec, &bench.options(), |_| {});
    if lacks_venv(&made) {
        return;
    }
    let text = made.unwrap_err().to_string();
    assert!(text.contains("last lines"), "{text}");
    assert!(text.to_lowercase().contains("hash"), "{text}");
    let states: Vec<EnvState> = bench.store.list().iter().map(|env| env.state).collect();
    assert_eq!(states[0], EnvState::Incomplete);
    assert!(states[1..].iter().all(|state| *state == EnvState::Missing));
}

#[test]
fn archives_of_nltk_data_cannot_write_elsewhere() {
    let Some(bench) = bench() else { return };
    let spec = bench.spec(None);
    let data = bench.dir.path().join("nltk");
    fs::create_dir_all(&data).unwrap();
    for (members, refusal) in [
        ("[('names/male.txt', 'Ada', 0)]", None),
        (
            "[('names/../../../../../escaped', 'x', 0)]",
            Some("unsafe name"),
        ),
        ("[('/escaped', 'x', 0)]", Some("unsafe name")),
        (
            "[('names/link', '/etc/passwd', 0o120777)]",
            Some("no regular file"),
        ),
    ] {
        bench.run(ARCHIVE, &[&data.join("names.zip"), Path::new(members)]);
        let options = CreateOptions {
            nltk_data: Some(data.clone()),
            ..bench.options()
        };
        let made = bench.store.create(&spec, &options, |_| {});
        if lacks_venv(&made) {
            return;
        }
        match (made, refusal) {
            (Ok(made), None) => assert_eq!(made.nltk_data, ["corpora/names"]),
            (Err(error), Some(words)) => assert!(error.to_string().contains(words), "{error}"),
            (made, refusal) => panic!("{members}: {made:?}, expected {refusal:?}"),
        }
    }
    assert!(!Path::new("/escaped").exists());
    assert!(!bench.dir.path().join("escaped").exists());
}

#[test]
fn two_may_make_the_same_environment_at_once() {
    let Some(bench) = bench() else { return };
    let spec = bench.spec(None);
    let make = || bench.store.create(&spec, &bench.options(), |_| {});
    let (one, two) = std::thread::scope(|scope| {
        let other = scope.spawn(make);
        (make(), other.join().unwrap())
    });
    if lacks_venv(&one) || lacks_venv(&two) {
        return;
    }
    assert_eq!(one.unwrap(), two.unwrap());
    // The environment and its lock.
    assert_eq!(fs::read_dir(bench.store.root()).unwrap().count(), 2);
}

/// No sandbox shows what the host has below `/tmp`; every job there would fail.
#[test]
fn an_interpreter_that_no_sandbox_shows_is_refused_before_the_run() {
    let Some(bench) = bench() else { return };
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let home = bench.python.parent().unwrap().display();
    fs::write(
        folder.path().join("pyvenv.cfg"),
        format!("home = {home}\ninclude-system-site-packages = false\n"),
    )
    .unwrap();
    let python = bin.join("python3");
    std::os::unix::fs::symlink(&bench.python, &python).unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo/bigcodebench.jsonl");
    let run = bench.dir.path().join("run");
    let output = Command::new(env!("CARGO_BIN_EXE_fumehood"))
        .args([
            "eval",
            "bigcodebench",
            "--samples",
            "ground-truth",
            "--data",
        ])
        .args([&data, Path::new("-o"), &run, Path::new("--python"), &python])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("no sandbox shows"), "{said}");
    assert!(!run.exists());
}
