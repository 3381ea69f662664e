//! One run that is disturbed, and what must come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::support::{Mode, binary, modes, shared_folder, skip};
use super::tree::{eventually, leftovers};

/// Tasks of the demo whose samples neither hang nor exhaust anything.
const TASKS: [&str; 4] = ["Demo/0", "Demo/2", "Demo/3", "Demo/6"];
/// How long a run may take at most, far beyond what it does: one that hangs must show.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);
/// A user of no standing on this host.
const ORDINARY_USER: u32 = 61_234;

/// What an undisturbed run came to.
#[derive(Clone)]
struct Undisturbed {
    summary: String,
    verdicts: BTreeMap<String, String>,
    unknown: BTreeSet<String>,
}

/// A run folder with everything that its run touches.
pub(crate) struct Story {
    home: TempDir,
    scanners: &'static str,
    /// As whom it runs, where that is not this user.
    user: Option<u32>,
    before: BTreeSet<String>,
    // What is left behind is looked for on the whole host, so one at a time.
    _alone: MutexGuard<'static, ()>,
}

impl Story {
    /// `None` where the sandbox cannot run.
    pub(crate) fn begin() -> Option<Self> {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        if !modes().contains(&Mode::Own) {
            skip("the sandbox cannot run here");
            return None;
        }
        let home = shared_folder();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo");
        for name in ["bigcodebench.jsonl", "bigcodebench.samples.jsonl"] {
            let to = home.path().join(name);
            fs::copy(fixtures.join(name), &to).unwrap();
            fs::set_permissions(&to, PermissionsExt::from_mode(0o644)).unwrap();
        }
        let story = Self {
            home,
            scanners: scanners(),
            user: None,
            before: leftovers(),
            _alone: alone,
        };
        fs::create_dir(story.temporary()).unwrap();
        // Before anything is taken away.
        story.undisturbed();
        Some(story)
    }

    /// The same as an ordinary user, who has no scanners.
    pub(crate) fn of_ordinary_user(mut self) -> Self {
        self.scanners = "none";
        if nix::unistd::geteuid().is_root() {
            self.user = Some(ORDINARY_USER);
            for folder in [self.home().to_owned(), self.temporary()] {
                chown(folder, self.user, self.user).unwrap();
            }
        }
        self.undisturbed();
        self
    }

    pub(crate) fn has_scanners(&self) -> bool {
        self.scanners != "none"
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The run folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.home().join("run")
    }

    /// The folder for temporary files of the run.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.home().join("tmp")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.folder().join("journal.jsonl")
    }

    /// The arguments of the run; a wrapper such as `prlimit` may stand before them.
    pub(crate) fn words(&self, folder: &Path) -> Vec<String> {
        let place = |name: &str| self.home().join(name).display().to_string();
        let mut words = vec![
            binary().display().to_string(),
            "eval".to_owned(),
            "bigcodebench".to_owned(),
        ];
        let options = [
            ("--data", place("bigcodebench.jsonl")),
            ("--samples", place("bigcodebench.samples.jsonl")),
            ("--workers", "3".to_owned()),
            ("--python", "/usr/bin/python3".to_owned()),
            ("--scanners", self.scanners.to_owned()),
            ("-o", folder.display().to_string()),
        ];
        words.extend(
            options
                .into_iter()
                .flat_map(|(name, value)| [name.to_owned(), value]),
        );
        words.extend(["--resume".to_owned(), "--quiet".to_owned()]);
        words.extend(
            TASKS
                .iter()
                .flat_map(|task| ["--task".to_owned(), (*task).to_owned()]),
        );
        words
    }

    /// The run behind a wrapper, ready to be started.
    pub(crate) fn command(&self, wrapper: &[&str], folder: &Path) -> Command {
        let words: Vec<String> = wrapper.iter().map(|word| (*word).to_owned()).collect();
        let words = [words, self.words(folder)].concat();
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env("TMPDIR", self.temporary())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(user) = self.user {
            command.uid(user).gid(user).env("HOME", self.home());
        }
        command
    }

    pub(crate) fn start(&self) -> Child {
        self.command(&[], &self.folder()).spawn().unwrap()
    }

    /// What the run comes to when it is left alone: the summary, and each sample's verdict.
    fn undisturbed(&self) -> Undisturbed {
        static KNOWN: Mutex<BTreeMap<(bool, bool), Undisturbed>> = Mutex::new(BTreeMap::new());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let run = || {
            let folder = self.home().join("undisturbed");
            let output = self.command(&[], &folder).output().unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{error}");
            let journal = fs::read_to_string(folder.join("journal.jsonl")).unwrap();
            let verdicts: BTreeMap<_, _> = verdicts(&records(&journal)).into_iter().collect();
            assert!(verdicts.len() > 10, "{verdicts:?}");
            let unknown = unknown(&records(&journal));
            let summary = fs::read_to_string(folder.join("summary.json")).unwrap();
            fs::remove_dir_all(folder).unwrap();
            Undisturbed {
                summary,
                verdicts,
                unknown,
            }
        };
        let key = (self.has_scanners(), self.user.is_some());
        known.entry(key).or_insert_with(run).clone()
    }

    /// Waits for a disturbed run, and checks how it ended: right, or with an error that says why. With
    /// `killed` it may also end without a word.
    pub(crate) fn ended(&self, child: Child, killed: bool) -> Output {
        let output = wait(child);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            // Only what scanners could not say may be missing, and is said to be unknown.
            Some(0) if unknown(&self.records()) != self.undisturbed().unknown => {}
            Some(0) => self.is_right(),
            Some(1) => assert!(self.kinds().contains_key("infra"), "{error}"),
            Some(code) => assert!(error.contains("error: "), "exit code {code}: {error}"),
            None => assert!(killed, "it was killed: {error}"),
        }
        self.no_wrong_verdict();
        output
    }

    /// That a finished run in the folder is what it should be.
    pub(crate) fn is_right(&self) {
        let summary = fs::read_to_string(self.folder().join("summary.json")).unwrap();
        let right = self.undisturbed().summary;
        let differ = |(ours, theirs): &(&str, &str)| ours != theirs;
        let first = summary.lines().zip(right.lines()).find(differ);
        assert!(summary == right, "another report: {first:?}");
        self.no_wrong_verdict();
        assert_eq!(
            verdicts(&self.records()).len(),
            self.undisturbed().verdicts.len()
        );
    }

    /// Lets the run go on until it is finished, and compares.
    pub(crate) fn resumes(&self) {
        let output = self.command(&[], &self.folder()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{error}");
        self.is_right();
        let left = || {
            let now = leftovers();
            let new: Vec<_> = now.difference(&self.before).cloned().collect();
            let files = fs::read_dir(self.temporary()).into_iter().flatten().count();
            (new, files)
        };
        eventually("nothing stays behind", || left() == (Vec::new(), 0));
    }

    fn records(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.journal()).unwrap_or_default();
        records(&text)
    }

    /// Verdicts by kind.
    fn kinds(&self) -> BTreeMap<String, usize> {
        let mut kinds = BTreeMap::new();
        for record in self
            .records()
            .iter()
            .filter(|record| record["kind"] == "verdict")
        {
            let kind = record["of"]["verdict"]["kind"].as_str().unwrap().to_owned();
            *kinds.entry(kind).or_default() += 1;
        }
        kinds
    }

    /// Every verdict is that of the undisturbed run, or a failure of ours; and each stands once.
    fn no_wrong_verdict(&self) {
        let right = self.undisturbed().verdicts;
        let mut seen = BTreeSet::new();
        for (sample, verdict) in verdicts(&self.records()) {
            assert_eq!(right.get(&sample), Some(&verdict), "{sample}");
            assert!(seen.insert(sample.clone()), "{sample} twice");
        }
    }
}

/// What scanners could not, or not wholly, analyse: scanner and code.
fn unknown(records: &[Value]) -> BTreeSet<String> {
    let (mut known, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for record in records.iter().filter(|record| record["kind"] == "scan") {
        let of = &record["of"];
        let key = format!("{} {}", of["result"]["scanner"], of["code"]);
        match of["result"]["not_analysed"].is_null() {
            true => known.insert(key),
            false => unknown.insert(key),
        };
    }
    unknown.difference(&known).cloned().collect()
}

fn records(journal: &str) -> Vec<Value> {
    // A torn tail is no record.
    let lines = journal.lines().map(serde_json::from_str::<Value>);
    lines
        .flatten()
        .map(|mut line| line["record"].take())
        .collect()
}

/// Verdicts that are no failure of ours, with what each case came to, by sample.
fn verdicts(records: &[Value]) -> Vec<(String, String)> {
    let verdicts = records.iter().filter(|record| record["kind"] == "verdict");
    let judged = verdicts.filter(|record| record["of"]["verdict"]["kind"] != "infra");
    let text = |record: &Value| {
        let (sample, verdict) = (&record["of"]["sample"], &record["of"]["verdict"]);
        let cases = verdict["cases"].as_array().into_iter().flatten();
        let cases: Vec<_> = cases
            .map(|case| format!("{} {}", case["id"], case["outcome"]))
            .collect();
        (sample.to_string(), format!("{} {cases:?}", verdict["kind"]))
    };
    judged.map(text).collect()
}

/// Waits for a run with patience, but not for ever.
fn wait(mut child: Child) -> Output {
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("the run hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

/// The scanners that this user has an environment for.
fn scanners() -> &'static str {
    static FOUND: OnceLock<&str> = OnceLock::new();
    FOUND.get_or_init(|| {
        let list = Command::new(binary()).args(["env", "list", "--json"]).output().unwrap();
        let list: Value = serde_json::from_slice(&list.stdout).unwrap_or_default();
        let ready = |env: &Value| env["name"] == "scanners" && env["state"] == "ready";
        match list.as_array().is_some_and(|list| list.iter().any(ready)) {
            true => "bandit,ruff-s",
            false => {
                skip("the scanners' part, for want of their environment (`fumehood env create scanners`)");
                "none"
            }
        }
    })
}

/// Numbers without a pattern. The seed is printed, and can be given to see the same again.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(what: &str) -> Self {
        let given = std::env::var("FUMEHOOD_CHAOS_SEED").ok();
        let seed = given.map_or(20_261_122, |seed| seed.parse().unwrap());
        eprintln!("{what}: FUMEHOOD_CHAOS_SEED={seed}");
        // Another sequence for each part.
        let part = what.bytes().fold(seed | 1, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(part | 1)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }

    pub(crate) fn pause(&mut self, at_most_millis: u64) {
        std::thread::sleep(Duration::from_millis(self.below(at_most_millis)));
    }
}
