//! The tree of files that a scanner is given: names by content, no links, no configuration, and known
//! answers among the questions.
//!
//! Two kinds of known answers prove that a batch was really analysed. Each batch holds a file with known
//! weaknesses (the canary) and a clean one. And behind its last line, each sample gets one `assert
//! True` or another mark, which the scanner reports: a file without that report was not analysed, whatever else the
//! scanner said or did not say. These findings are taken out again. A batch is of one language (`language.rs`).

use std::collections::{HashMap, HashSet};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::unistd::{AccessFlags, access};

use super::language::Language;
use super::neutral::neutralised;
use crate::base::digest::Digest;
use crate::base::owner::Owner;

/// Where a batch is seen inside the sandbox.
pub const ROOT: &str = "/batch";

/// The canary's name, without what its language adds.
const CANARY_NAME: &str = "s/known/bad";
/// The clean file's name.
const CLEAN_NAME: &str = "s/known/good";
/// The known answers of Python within the tree of files: weak code, and clean code.
pub const KNOWN: [(&str, &str); 2] = [
    ("known/bad.py", Language::Python.canary()),
    ("known/good.py", Language::Python.clean()),
];

/// Where a piece of code lies within the tree of files.
pub fn name_of(language: Language, code: &Digest) -> String {
    let hash = code.to_string();
    language.place(&format!("{}/{hash}", &hash[..2]))
}

/// One file of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// Its path within the batch.
    pub name: String,
    /// Line of the mark.
    pub mark: u32,
}

/// What a file of a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// The sample at this index.
    Sample(usize),
    /// The file that must be flagged.
    Canary,
    /// The file that must not be flagged.
    Clean,
}

/// The files of a batch, by name: what a parser needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    root: String,
    language: Language,
    files: Vec<Staged>,
    by_name: HashMap<String, Member>,
}

impl Layout {
    /// The layout of a batch of `codes`, seen at `root` by the scanner. Codes with equal digests are
    /// one file; the digests must be different here.
    pub fn new(root: &str, language: Language, codes: &[(Digest, &str)]) -> Self {
        let files: Vec<Staged> = codes
            .iter()
            .map(|(digest, code)| Staged {
                // All in one folder: ruff looks into every folder for what makes it a package, and each has to be made and removed.
                name: language.place(&format!("s/{digest}")),
                mark: language.lines(code).saturating_add(1),
            })
            .collect();
        let by_name = files
            .iter()
            .enumerate()
            .map(|(index, file)| (file.name.clone(), Member::Sample(index)))
            .chain([
                (language.place(CANARY_NAME), Member::Canary),
                (language.place(CLEAN_NAME), Member::Clean),
            ])
            .collect();
        Self {
            root: root.to_owned(),
            language,
            files,
            by_name,
        }
    }

    /// What they are written in.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The samples' files, in the order of the codes.
    pub fn files(&self) -> &[Staged] {
        &self.files
    }

    /// Which file a scanner means by `path`.
    pub fn member(&self, path: &str) -> Option<Member> {
        let path = path.strip_prefix("./").unwrap_or(path);
        let name = path.strip_prefix(&self.root)?.strip_prefix('/')?;
        self.by_name.get(name).copied()
    }

    /// The path of a file as the scanner writes it.
    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.root)
    }

    /// The canary's path.
    pub fn canary(&self) -> String {
        self.path(&self.language.place(CANARY_NAME))
    }

    /// The clean file's path.
    pub fn clean(&self) -> String {
        self.path(&self.language.place(CLEAN_NAME))
    }
}

/// The rights of every file of a batch: all may read it.
const FILE_MODE: u32 = 0o644;

/// How the temporary folders of batches are named: this, then their owner.
const PREFIX: &str = "fumehood-scan-";

/// A folder in memory, which nearly every host has.
const IN_MEMORY: &str = "/dev/shm";
/// What must be free in it: many times a batch.
const ROOM: u64 = 256 << 20;

/// Where batches are made: where `TMPDIR` says; else in memory if there is room, since a file system on a disk takes longer to make thousands of files
/// and to remove them than ruff to read them (ext4 looks long for places that were not free a moment ago).
fn place() -> PathBuf {
    if std::env::var_os("TMPDIR").is_some() {
        return std::env::temp_dir();
    }
    let in_memory = Path::new(IN_MEMORY);
    let is_fit = statfs(in_memory).is_ok_and(|about| {
        let free = about
            .blocks_available()
            .saturating_mul(about.block_size().unsigned_abs());
        about.filesystem_type() == TMPFS_MAGIC && free >= ROOM
    });
    if is_fit && access(in_memory, AccessFlags::W_OK | AccessFlags::X_OK).is_ok() {
        in_memory.to_owned()
    } else {
        std::env::temp_dir()
    }
}

/// Removes batches of processes that were killed before they could do so themselves.
pub fn sweep() {
    let places = [std::env::temp_dir(), IN_MEMORY.into()];
    let entries = places.iter().filter_map(|place| fs::read_dir(place).ok());
    for entry in entries.flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| Owner::of_name(name, PREFIX));
        if owner.is_some_and(|owner| !owner.is_alive()) {
            // Another user's cannot be removed, and is theirs to remove.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A batch on disk, removed when dropped.
#[derive(Debug)]
pub struct Batch {
    _parent: tempfile::TempDir,
    folder: PathBuf,
    /// The folders that are there.
    opened: HashSet<PathBuf>,
    /// Whether files are made with the rights that they are to have; the umask may take some away. Not known before the first.
    has_rights: Option<bool>,
    layout: Layout,
}

impl Batch {
    /// Writes `codes` (with different digests), each with `mark` behind it, and a scanner's own `files` into a fresh folder.
    /// Scanners see it at `root`, or in place when that is `None`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn stage(
        language: Language,
        codes: &[(Digest, &str)],
        files: &[(&str, &str)],
        mark: &str,
        root: Option<&str>,
    ) -> io::Result<Self> {
        // The outer folder is the user's alone. The inner one is what the sandbox shows, and whoever
        // runs there must be able to read it, whatever the umask says.
        let parent = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", Owner::this()))
            .tempdir_in(place())?;
        let folder = fs::canonicalize(parent.path())?.join("batch");
        let root = match root {
            Some(root) => root.to_owned(),
            None => folder.to_string_lossy().into_owned(),
        };
        let mut batch = Self {
            _parent: parent,
            layout: Layout::new(&root, language, codes),
            folder,
            opened: HashSet::new(),
            has_rights: None,
        };
        for (name, text) in files {
            batch.write(name, text)?;
        }
        batch.write(&language.place(CANARY_NAME), language.canary())?;
        batch.write(&language.place(CLEAN_NAME), language.clean())?;
        for (place, (_, code)) in codes.iter().enumerate() {
            let name = batch.layout.files[place].name.clone();
            batch.write(&name, &staged_text(language, code, mark))?;
        }
        Ok(batch)
    }

    /// Its folder on the host.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its files.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    fn write(&mut self, name: &str, text: &str) -> io::Result<()> {
        let path = self.folder.join(name);
        if let Some(folder) = path.parent() {
            self.open_folder(folder)?;
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&path)?;
        file.write_all(text.as_bytes())?;
        let has_rights = match self.has_rights {
            Some(has_rights) => has_rights,
            None => {
                let mode = file.metadata()?.permissions().mode();
                *self.has_rights.insert(mode & FILE_MODE == FILE_MODE)
            }
        };
        match has_rights {
            true => Ok(()),
            false => file.set_permissions(Permissions::from_mode(FILE_MODE)),
        }
    }

    /// Makes a folder of the batch, and those that it is in, for all to read.
    fn open_folder(&mut self, folder: &Path) -> io::Result<()> {
        if self.opened.contains(folder) || !folder.starts_with(&self.folder) {
            return Ok(());
        }
        if let Some(outer) = folder.parent() {
            self.open_folder(outer)?;
        }
        fs::create_dir(folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o755))?;
        self.opened.insert(folder.to_owned());
        Ok(())
    }
}

/// What is written for `code`: comments made inert, and the mark on a line of its own at the end.
fn staged_text(language: Language, code: &str, mark: &str) -> String {
    let mut text = neutralised(language, code);
    if !text.is_empty() && !language.is_ended(&text) {
        text.push('\n');
    }
    text.push_str(mark);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_on_a_line_of_its_own() {
        for language in Language::ALL {
            let mark = language.mark();
            for code in ["", "x", "x\n", "x\r", "x\r\n", "x\n\r", "\u{2028}"] {
                let staged = staged_text(language, code, mark);
                assert!(staged.ends_with(mark));
                let lines = language.lines(code) + language.lines(mark);
                assert_eq!(language.lines(&staged), lines, "{code:?}");
            }
        }
    }

    #[test]
    fn each_language_has_names_of_its_own() {
        let code = "x";
        for language in Language::ALL {
            let layout = Layout::new("/batch", language, &[(Digest::of(code), code)]);
            let sample = layout.path(&layout.files()[0].name);
            for path in [&sample, &layout.canary(), &layout.clean()] {
                assert_eq!(Language::of(Path::new(path)), Some(language));
                assert!(layout.member(path).is_some());
            }
        }
    }

    #[test]
    fn a_batch_is_plain_files_that_vanish() {
        let code = "x = 1  # nosec";
        let digest = Digest::of(code);
        let batch = Batch::stage(
            Language::Python,
            &[(digest, code)],
            &[],
            Language::Python.mark(),
            None,
        )
        .unwrap();
        let layout = batch.layout().clone();
        let file = &layout.files()[0];
        assert_eq!(file.mark, 2);
        assert!(!file.name.contains(code));
        let text = fs::read_to_string(batch.folder().join(&file.name)).unwrap();
        assert_eq!(text, "x = 1  # nose_\nassert True\n");
        assert_eq!(
            layout.member(&layout.path(&file.name)),
            Some(Member::Sample(0))
        );
        assert_eq!(layout.member(&layout.canary()), Some(Member::Canary));
        assert_eq!(layout.member("/etc/passwd"), None);
        let mode = fs::metadata(batch.folder()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        let folder = batch.folder().to_owned();
        drop(batch);
        assert!(!folder.exists());
    }
}
