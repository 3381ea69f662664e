//! Who goes first when memory runs short: the program, on the host before anything else and in its group
//! before the slot's first process, which has to tell how it ended.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Where the first process says how dear it is to the kernel.
#[derive(Debug)]
pub(super) struct Precedence(Option<(File, String)>);

impl Precedence {
    /// Opened before the private root, where `/proc` cannot be written.
    pub(super) fn open() -> Self {
        let path = "/proc/self/oom_score_adj";
        let before = std::fs::read_to_string(path).unwrap_or_default();
        let file = File::options().write(true).open(path);
        Self(file.ok().map(|file| (file, before)))
    }

    /// Puts this process, and so one that it starts now, first in line.
    pub(super) fn raise(&self) {
        if let Some((file, _)) = &self.0 {
            let _ = file.write_at(b"1000", 0);
        }
    }

    /// Takes this process back to where it was; those that it started stay.
    pub(super) fn lower(&self) {
        if let Some((file, before)) = &self.0 {
            let _ = file.write_at(before.as_bytes(), 0);
        }
    }
}
