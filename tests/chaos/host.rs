//! What a run needs of its host, taken away or used up.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use super::story::{Random, Story};
use super::support::skip;
use super::tree::children;

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        skip(&format!("this host has no `{program}`"));
    }
    found
}

fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        skip("this part needs root");
    }
    root
}

/// Waits until the first records are written, or the run is over.
fn until_under_way(story: &Story, child: &mut Child) {
    let is_under_way = || fs::metadata(story.journal()).is_ok_and(|file| file.len() > 2000);
    while !is_under_way() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn few_descriptors_for_everything() {
    let Some(story) = Story::begin() else { return };
    if !has("prlimit") {
        return;
    }
    // From not enough to start to nearly enough.
    for most in ["6", "12", "16", "24"] {
        let limit = format!("--nofile={most}:");
        let child = story
            .command(&["prlimit", &limit], &story.folder())
            .spawn()
            .unwrap();
        story.ended(child, false);
        let limit = format!("--nofile={most}:{most}");
        let child = story
            .command(&["prlimit", &limit], &story.folder())
            .spawn()
            .unwrap();
        let output = story.ended(child, false);
        assert!(!output.status.success(), "{most} descriptors were enough");
    }
    story.resumes();
}

#[test]
fn few_descriptors_for_a_running_worker() {
    let Some(story) = Story::begin() else { return };
    if !has("prlimit") {
        return;
    }
    let mut random = Random::new("descriptors of workers");
    let mut child = story.start();
    until_under_way(&story, &mut child);
    for _ in 0..4 {
        for worker in children(child.id() as i32).into_iter().take(2) {
            let (pid, limit) = (
                worker.to_string(),
                ["7", "9", "11"][random.below(3) as usize],
            );
            let limit = format!("--nofile={limit}:");
            let _ = Command::new("prlimit")
                .args(["--pid", &pid, &limit])
                .output();
        }
        random.pause(300);
    }
    story.ended(child, false);
    story.resumes();
}

#[test]
fn no_memory_for_the_supervisor() {
    let Some(story) = Story::begin() else { return };
    if !has("prlimit") {
        return;
    }
    let mut child = story.start();
    until_under_way(&story, &mut child);
    let pid = child.id().to_string();
    // No more than it has: whatever it asks for from now on is refused.
    let _ = Command::new("prlimit")
        .args(["--pid", &pid, "--as=1000000"])
        .output();
    story.ended(child, true);
    story.resumes();

    // Programs would inherit such a limit and fail by it: none is run.
    let child = story
        .command(&["prlimit", "--as=8000000000"], &story.folder())
        .spawn()
        .unwrap();
    let output = story.ended(child, false);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("ulimit -v unlimited"), "{error}");
    story.resumes();
}

#[test]
fn the_temporary_folder_is_deleted() {
    let Some(story) = Story::begin() else { return };
    let mut random = Random::new("temporary folder");
    for _ in 0..2 {
        let _ = fs::remove_dir_all(story.folder());
        let mut child = story.start();
        random.pause(900);
        while child.try_wait().unwrap().is_none() {
            let _ = fs::remove_dir_all(story.temporary());
            std::thread::sleep(Duration::from_millis(3));
        }
        story.ended(child, false);
        fs::create_dir_all(story.temporary()).unwrap();
        story.resumes();
    }
}

#[test]
fn the_run_folder_is_deleted() {
    let Some(story) = Story::begin() else { return };
    let mut child = story.start();
    until_under_way(&story, &mut child);
    // It may be writing a file there just now.
    while fs::remove_dir_all(story.folder()).is_err() && story.folder().exists() {}
    let output = story.ended(child, false);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && error.contains(story.home().to_str().unwrap()),
        "{error}"
    );
    story.resumes();
}

#[test]
fn the_run_folder_becomes_read_only() {
    // Root may write anywhere.
    let Some(story) = Story::begin().map(Story::of_ordinary_user) else {
        return;
    };
    let mode = |mode| fs::set_permissions(story.folder(), PermissionsExt::from_mode(mode)).unwrap();
    let mut child = story.start();
    until_under_way(&story, &mut child);
    mode(0o555);
    let output = story.ended(child, false);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() || error.contains("ermission denied"),
        "{error}"
    );
    mode(0o755);
    story.resumes();
}

/// Runs a script in a mount namespace of its own, so that nothing shows on the host.
fn in_own_mounts(script: &str, words: &[String], folder: &Path) -> std::process::Output {
    Command::new("unshare")
        .args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .arg(folder)
        .args(words)
        .output()
        .unwrap()
}

#[test]
fn the_disk_fills_up() {
    let Some(story) = Story::begin() else { return };
    if !is_root() || !has("unshare") {
        return;
    }
    let folder = story.folder();
    fs::create_dir(&folder).unwrap();
    // Pages are what a file system in memory is counted in: from none for a record to nearly enough.
    for pages in [1, 3, 7] {
        let script = format!(
            "folder=$1; shift; export TMPDIR={}; \
             mount -t tmpfs -o size={}k none $folder || exit 99; \
             \"$@\" && exit 98; \
             mount -o remount,size=64m $folder || exit 97; \
             \"$@\" && cp $folder/summary.json $folder/journal.jsonl {}",
            story.temporary().display(),
            4 * pages,
            story.home().display(),
        );
        let output = in_own_mounts(&script, &story.words(&folder), &folder);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{:?} {error}", output.status);
        assert!(error.contains("No space left on device"), "{error}");
        for name in ["summary.json", "journal.jsonl"] {
            fs::copy(story.home().join(name), folder.join(name)).unwrap();
        }
        story.is_right();
        fs::remove_dir_all(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
    }
    story.resumes();
}

#[test]
fn the_clock_runs_elsewhere() {
    // The time of day cannot be stepped for one process. That it decides nothing is checked below, in
    // the source; here the monotonic clocks differ from the host's.
    let Some(story) = Story::begin() else { return };
    if !is_root() || !has("unshare") {
        return;
    }
    let clocks = [
        "unshare",
        "--time",
        "--monotonic",
        "7777777",
        "--boottime",
        "9999999",
        "--fork",
    ];
    let probe = Command::new(clocks[0])
        .args(&clocks[1..])
        .arg("true")
        .output()
        .unwrap();
    if !probe.status.success() {
        return skip("this kernel has no time namespaces");
    }
    let child = story.command(&clocks, &story.folder()).spawn().unwrap();
    let output = story.ended(child, false);
    assert!(output.status.success());
    story.resumes();
}

#[test]
fn the_time_of_day_decides_nothing() {
    fn visit(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                visit(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let uses = [
                    "SystemTime",
                    "Timestamp::now",
                    "Zoned::now",
                    "CLOCK_REALTIME",
                ];
                if uses.iter().any(|name| text.contains(name)) {
                    found.push(
                        path.strip_prefix(folder)
                            .unwrap_or(&path)
                            .display()
                            .to_string(),
                    );
                }
            }
        }
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    visit(&source, &mut found);
    found.sort();
    // The one that drops what nobody asked for in months, without which scanners are run again, and the one that writes
    // it into records.
    assert_eq!(found, ["cache.rs", "evaluate.rs"]);
}
