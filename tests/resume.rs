//! A run that is killed again and again comes to the same bytes as one that is left alone.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on should panic, and one that is skipped says so"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const KILLS: u32 = 20;

/// Tasks of the demo whose samples neither hang nor exhaust anything: no verdict here may hang on
/// how busy the host is.
const TASKS: [&str; 7] = [
    "Demo/0", "Demo/2", "Demo/3", "Demo/4", "Demo/6", "Demo/7", "Demo/8",
];

struct Run<'a> {
    dataset: &'a str,
    more: &'a [&'a str],
    cache: Option<&'a Path>,
}

impl Run<'_> {
    fn command(&self, folder: &Path) -> Command {
        let fixture = |name: String| -> PathBuf {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("fixtures/demo")
                .join(name)
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_fumehood"));
        command
            // Scanners are to be killed in the middle of their work.
            .env("FUMEHOOD_NO_CACHE", "true")
            .args([
                "eval",
                self.dataset,
                "--workers",
                "2",
                "--resume",
                "--quiet",
            ])
            .arg("--data")
            .arg(fixture(format!("{}.jsonl", self.dataset)))
            .arg("--samples")
            .arg(fixture(format!("{}.samples.jsonl", self.dataset)))
            .arg("-o")
            .arg(folder)
            .args(self.more)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(cache) = self.cache {
            command.env("XDG_CACHE_HOME", cache);
        }
        command
    }

    fn finish(&self, folder: &Path) -> Vec<u8> {
        let output = self.command(folder).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        fs::read(folder.join("summary.json")).unwrap()
    }
}

/// Numbers without a pattern; the seed is printed, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = clock.as_nanos() as u64 | 1;
        eprintln!("seed {seed}");
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn sandbox() -> bool {
    let doctor = Command::new(env!("CARGO_BIN_EXE_fumehood"))
        .arg("doctor")
        .output()
        .unwrap();
    if !doctor.status.success() {
        eprintln!(
            "SKIPPED: this host cannot enforce the sandbox: {}",
            String::from_utf8_lossy(&doctor.stderr)
        );
    }
    doctor.status.success()
}

/// Whether the user has the scanners' environment.
fn has_scanners() -> bool {
    let list = Command::new(env!("CARGO_BIN_EXE_fumehood"))
        .args(["env", "list", "--json"])
        .output()
        .unwrap();
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    let has = list
        .as_array()
        .unwrap()
        .iter()
        .any(|env| env["name"] == "scanners" && env["state"] == "ready");
    if !has {
        eprintln!(
            "SKIPPED: the scanners' part, for want of their environment (`fumehood env create scanners`)"
        );
    }
    has
}

fn kill(mut child: Child) -> bool {
    let was_running = child.try_wait().unwrap().is_none();
    // SIGKILL: nothing of ours can react to it.
    child.kill().unwrap();
    child.wait().unwrap();
    was_running
}

fn killed_and_resumed(run: &Run<'_>) {
    let home = tempfile::tempdir().unwrap();
    let undisturbed = run.finish(&home.path().join("undisturbed"));
    let folder = home.path().join("killed");
    let mut random = Random::new();
    let mut hits = 0;
    for _ in 0..KILLS {
        let child = run.command(&folder).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(random.below(1200)));
        hits += u32::from(kill(child));
    }
    eprintln!("{hits} of {KILLS} kills met a run under way");
    let resumed = run.finish(&folder);
    assert_eq!(
        String::from_utf8_lossy(&resumed),
        String::from_utf8_lossy(&undisturbed)
    );
    assert!(hits > 0, "every run was over before it was killed");

    // Once more, with nothing left to do: no verdict is recorded twice.
    let journal = fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    assert_eq!(run.finish(&folder), undisturbed);
    let after = fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    let verdicts = |text: &str| text.matches("\"kind\":\"verdict\"").count();
    assert_eq!(verdicts(&after), verdicts(&journal));
}

#[test]
fn unit_tests_and_scanners() {
    if !sandbox() {
        return;
    }
    let mut more: Vec<&str> = TASKS.iter().flat_map(|task| ["--task", task]).collect();
    if !has_scanners() {
        more.extend(["--scanners", "none"]);
    }
    killed_and_resumed(&Run {
        dataset: "bigcodebench",
        more: &more,
        cache: None,
    });
}

#[test]
fn references_of_ground_truths() {
    if !sandbox() {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    let tasks = ["de300001", "de300002", "de300003", "de300004", "de300007"];
    let mut more: Vec<&str> = tasks.iter().flat_map(|task| ["--task", *task]).collect();
    more.extend(["--scanners", "none", "--check-ground-truth"]);
    killed_and_resumed(&Run {
        dataset: "seccodeplt",
        more: &more,
        cache: Some(cache.path()),
    });
}

/// Answers that are taken as they are give other programs: their results must not stand in one run, nor be merged as one.
#[test]
fn answers_that_are_read_otherwise_are_other_samples() {
    if !sandbox() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let with = |more: &'static [&'static str]| Run {
        dataset: "bigcodebench",
        more,
        cache: None,
    };
    let plain = with(&["--task", "Demo/0", "--scanners", "none"]);
    let kept = with(&["--task", "Demo/0", "--scanners", "none", "--keep-fences"]);
    let folder = home.path().join("plain");
    let summary = plain.finish(&folder);
    let output = kept.command(&folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("other inputs: samples was"), "{said}");
    assert_eq!(plain.finish(&folder), summary, "nothing was changed");
    kept.finish(&home.path().join("kept"));
    let merged = Command::new(env!("CARGO_BIN_EXE_fumehood"))
        .args(["merge", "plain", "kept", "--json"])
        .current_dir(home.path())
        .output()
        .unwrap();
    let count = |text: &[u8]| {
        let summary: serde_json::Value = serde_json::from_slice(text).unwrap();
        summary["samples"].as_u64().unwrap()
    };
    assert_eq!(count(&merged.stdout), 2 * count(&summary));
}
