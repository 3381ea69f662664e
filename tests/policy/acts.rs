//! A folder in which the rules on files can be tried: every path of the rules moved below it, with
//! something to act on for every right, all of it open to this user but for Landlock.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use fumehood::sandbox::profile::{Access, LandlockRule};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag, mknod};
use nix::unistd;
use tempfile::TempDir;

/// Content that is no program: who may execute it is told so (ENOEXEC), and nothing is run.
const TEXT: &str = "not a program\n";

/// The rights on files that a rule can grant, as the kernel names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Right {
    Execute,
    WriteFile,
    ReadFile,
    ReadDir,
    RemoveDir,
    RemoveFile,
    MakeChar,
    MakeDir,
    MakeReg,
    MakeSock,
    MakeFifo,
    MakeBlock,
    MakeSym,
    Refer,
    Truncate,
    IoctlDev,
}

use Right::*;

/// Every right that an act on a folder or file can ask for; `IoctlDev` needs a device.
const ON_FOLDERS: [Right; 15] = [
    Execute, WriteFile, ReadFile, ReadDir, RemoveDir, RemoveFile, MakeChar, MakeDir, MakeReg,
    MakeSock, MakeFifo, MakeBlock, MakeSym, Refer, Truncate,
];
pub(crate) const ON_FILES: [Right; 4] = [Execute, WriteFile, ReadFile, Truncate];

impl Right {
    /// The first interface that knows it.
    pub(crate) fn since(self) -> u32 {
        match self {
            Refer => 2,
            Truncate => 3,
            IoctlDev => 5,
            _ => 1,
        }
    }

    /// What the act that asks for it asks for besides.
    pub(crate) fn besides(self) -> Option<Self> {
        (self == Refer).then_some(MakeReg)
    }
}

/// What a kind of access should grant: written down once more, apart from the code under test.
pub(crate) fn granted_by(access: Access) -> &'static [Right] {
    match access {
        Access::Read => &[ReadFile, ReadDir],
        Access::Execute => &[ReadFile, ReadDir, Execute],
        Access::Use => &[ReadFile, WriteFile],
        Access::Write => &[
            Execute, WriteFile, ReadFile, ReadDir, RemoveDir, RemoveFile, MakeDir, MakeReg,
            MakeSock, MakeFifo, MakeSym, Refer, Truncate,
        ],
    }
}

/// A folder or file on which every act is tried.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Its path as profiles name it; relative where no rule reaches.
    pub(crate) named: PathBuf,
    pub(crate) real: PathBuf,
    pub(crate) is_file: bool,
}

impl Place {
    pub(crate) fn rights(&self) -> &'static [Right] {
        match self.is_file {
            true => &ON_FILES,
            false => &ON_FOLDERS,
        }
    }

    /// Does what asks for this right, and for no other but those [`Right::besides`].
    pub(crate) fn act(&self, right: Right) -> Result<(), Errno> {
        let file = match self.is_file {
            true => self.real.clone(),
            false => self.real.join("file"),
        };
        let at = |name: &str| self.real.join(name);
        let opened = |path: &Path, flags| open(path, flags, Mode::empty()).map(drop);
        let made = |name: &str, kind| mknod(&at(name), kind, Mode::S_IRWXU, 0);
        let done = |result: std::io::Result<()>| result.map_err(|error| errno(&error));
        match right {
            Execute => execute(&file),
            WriteFile => opened(&file, OFlag::O_WRONLY),
            ReadFile => opened(&file, OFlag::O_RDONLY),
            ReadDir => opened(&self.real, OFlag::O_RDONLY | OFlag::O_DIRECTORY),
            RemoveDir => done(fs::remove_dir(at("empty"))),
            RemoveFile => unistd::unlink(&at("doomed")),
            // Number 0 is no device at all, which needs no capability as a character device.
            MakeChar => made("char", SFlag::S_IFCHR),
            MakeBlock => match made("block", SFlag::S_IFBLK) {
                // Said after Landlock was asked: only root makes those.
                Err(Errno::EPERM) => Ok(()),
                other => other,
            },
            MakeDir => unistd::mkdir(&at("dir"), Mode::S_IRWXU),
            MakeReg => made("regular", SFlag::S_IFREG),
            MakeSock => made("socket", SFlag::S_IFSOCK),
            MakeFifo => made("fifo", SFlag::S_IFIFO),
            MakeSym => done(std::os::unix::fs::symlink("nowhere", at("symlink"))),
            Refer => self.link_into(self, "linked"),
            Truncate => unistd::truncate(&file, 0),
            IoctlDev => unreachable!("devices are tried apart"),
        }
    }

    /// Gives a file of this place one more name in a folder of another.
    pub(crate) fn link_into(&self, other: &Self, name: &str) -> Result<(), Errno> {
        let (from, to) = (
            self.real.join("one/file"),
            other.real.join("two").join(name),
        );
        fs::hard_link(from, to).map_err(|error| errno(&error))
    }
}

/// In a child: while a process is about to execute something it cannot start threads, of which the other
/// tests need some.
fn execute(path: &Path) -> Result<(), Errno> {
    match Command::new(path).spawn().map_err(|error| errno(&error)) {
        // Said after Landlock was asked; the second when a process that another test starts still
        // holds the descriptor by which the file was written.
        Err(Errno::ENOEXEC | Errno::ETXTBSY) => Ok(()),
        Err(errno) => Err(errno),
        Ok(_) => panic!("{} is no program", path.display()),
    }
}

pub(crate) fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}

/// The folder, with the rules moved into it.
#[derive(Debug)]
pub(crate) struct World {
    _folder: TempDir,
    pub(crate) rules: Vec<LandlockRule>,
    pub(crate) places: Vec<Place>,
}

impl World {
    /// A fresh one for these rules, with a place for each path; and beside each, where only what
    /// holds above it should hold, one whose name goes on; one below the folders; and two where
    /// no rule reaches.
    pub(crate) fn new(rules: &[LandlockRule]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        let moved = |path: &Path| root.join(path.strip_prefix("/").unwrap());
        let mut places = Vec::new();
        let mut add = |named: PathBuf, is_file| {
            let real = match named.is_absolute() {
                true => moved(&named),
                false => folder.path().join(&named),
            };
            places.push(Place {
                named,
                real,
                is_file,
            });
        };
        for rule in rules {
            // A device's rule is of use on a file only.
            let is_file = rule.access == Access::Use;
            add(rule.path.clone(), is_file);
            let mut longer = rule.path.clone().into_os_string();
            longer.push("-other");
            add(longer.into(), is_file);
            if !is_file {
                add(rule.path.join("deep/deeper"), false);
            }
        }
        add("outside".into(), false);
        add("outside-file".into(), true);
        for place in &places {
            if place.is_file {
                fs::create_dir_all(place.real.parent().unwrap()).unwrap();
                write(&place.real);
            } else {
                for inner in ["empty", "one", "two"] {
                    fs::create_dir_all(place.real.join(inner)).unwrap();
                }
                for file in ["file", "doomed", "one/file"] {
                    write(&place.real.join(file));
                }
            }
        }
        let rules = rules
            .iter()
            .map(|rule| LandlockRule {
                path: moved(&rule.path),
                ..rule.clone()
            })
            .collect();
        Self {
            _folder: folder,
            rules,
            places,
        }
    }
}

fn write(path: &Path) {
    fs::write(path, TEXT).unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(0o700)).unwrap();
}
