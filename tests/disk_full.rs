//! A full disk ends a run, but never damages its journal.
//!
//! This test stands alone in its file: it lowers a limit of the whole process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::fs;

use fumehood::base::digest::Digest;
use fumehood::base::limits::Limits;
use fumehood::base::version::{HARNESS, MANIFEST};
use fumehood::journal::{
    Host, Identity, JournalError, Manifest, Mode, Record, RunFolder, ScanRecord, ScannerIdentity,
};
use fumehood::scan::{Policy, ScanResult};

fn manifest() -> Manifest {
    Manifest {
        version: MANIFEST,
        fumehood: "0.0.0".to_owned(),
        created: "2026-01-01T00:00:00Z".to_owned(),
        identity: Identity {
            dataset: "bigcodebench".to_owned(),
            tasks: Digest::of("tasks"),
            samples: Digest::of("samples"),
            selection: String::new(),
            grading: "strict".to_owned(),
            check_ground_truth: false,
            limits: Limits::default(),
            profile: "snippet".to_owned(),
            profile_digest: Digest::of("profile"),
            without: Vec::new(),
            scanners: vec![ScannerIdentity {
                name: "bandit".to_owned(),
                version: "1.8.0".to_owned(),
                digest: Digest::of("rules"),
            }],
            policy: Policy::default(),
            interpreter: Digest::of("interpreter"),
            harness: HARNESS,
        },
        tasks: 2,
        python: "3.12.0".to_owned(),
        host: Host::default(),
        attestation: serde_json::Value::Null,
    }
}

fn scan(scanner: &str) -> Record {
    Record::Scan(ScanRecord {
        code: Digest::of("code"),
        result: ScanResult {
            scanner: scanner.to_owned(),
            version: "1".to_owned(),
            findings: Vec::new(),
            not_analysed: None,
        },
    })
}

#[test]
fn a_full_disk_leaves_a_whole_journal() {
    let home = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(home.path().join("run"));
    let (mut writer, _) = folder.begin(&manifest(), Mode::New).unwrap();
    writer.append(&scan("bandit")).unwrap();
    let length = fs::metadata(folder.journal_path()).unwrap().len();

    // The file-size limit stands in for a full disk: a write is cut short, then refused.
    let limits = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_FSIZE).unwrap();
    ignore_file_size_signal();
    let set = |soft| {
        let resource = nix::sys::resource::Resource::RLIMIT_FSIZE;
        nix::sys::resource::setrlimit(resource, soft, limits.1).unwrap();
    };
    set(length + 10);
    let error = writer.append(&scan("ruff-s")).unwrap_err();
    let closed = writer.append(&scan("ruff-s")).unwrap_err();
    set(limits.0);

    assert!(error.to_string().contains("cannot append to"), "{error}");
    assert!(error.hint().unwrap().contains("--resume"), "{error:?}");
    assert!(matches!(closed, JournalError::Closed { .. }));
    drop(writer);
    assert_eq!(fs::metadata(folder.journal_path()).unwrap().len(), length);
    let (_, index) = folder.read().unwrap();
    assert_eq!((index.tail().torn, index.samples()), (0, 0));
    assert!(index.is_scanned(&Digest::of("code"), "bandit"));
}

/// Without this the kernel ends the process instead of failing the write.
fn ignore_file_size_signal() {
    let mut blocked = nix::sys::signal::SigSet::empty();
    blocked.add(nix::sys::signal::Signal::SIGXFSZ);
    blocked.thread_block().unwrap();
}
