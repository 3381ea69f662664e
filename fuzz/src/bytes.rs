//! Bytes as a source of choices.

use std::cell::OnceCell;
use std::io::Write;
use std::path::PathBuf;

/// Takes choices from the front of some bytes; zero and nothing when there are no more.
pub(crate) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// Mostly numbers at which something changes.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..64 => u64::from(small),
            bit @ 64..128 => 1 << (bit - 64),
            bit @ 128..192 => (1_u64 << (bit - 128)).wrapping_sub(1),
            192..224 => u64::MAX,
            _ => self
                .take(8)
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        }
    }

    /// Up to `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A short piece.
    pub(crate) fn piece(&mut self) -> &'a [u8] {
        let count = usize::from(self.byte());
        self.take(count)
    }

    /// A short text.
    pub(crate) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.piece()).into_owned()
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

thread_local! {
    static FOLDER: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

/// A file of this thread with these bytes, for readers that take paths.
pub(crate) fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    let mut file = std::fs::File::create(&path).expect("make a file");
    file.write_all(bytes).expect("write a file");
    path
}

/// A folder of this thread, in memory where there is such a place.
pub(crate) fn folder() -> PathBuf {
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| {
            tempfile::tempdir_in("/dev/shm")
                .or_else(|_| tempfile::tempdir())
                .expect("make a folder")
        });
        folder.path().to_owned()
    })
}
