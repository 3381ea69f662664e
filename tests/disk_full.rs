//! A full disk ends a run, but never damages its journal.
//!
//! This test stands alone in its file: it lowers a limit of the whole process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "support/records.rs"]
mod records;

use std::fs;

use fumehood::base::digest::Digest;
use fumehood::journal::{JournalError, Mode, RunFolder};
use records::{manifest, scan};

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
