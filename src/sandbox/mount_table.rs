//! Where file systems are mounted, as this process sees it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The mounts of this process's namespace, read again only when the kernel says that they changed.
#[derive(Debug)]
pub struct MountTable {
    file: File,
    points: Vec<PathBuf>,
}

impl MountTable {
    /// Reads the table.
    ///
    /// # Errors
    /// When `/proc` is missing or cannot be read.
    pub fn open() -> io::Result<Self> {
        let mut table = Self {
            file: File::open("/proc/self/mountinfo")?,
            points: Vec::new(),
        };
        table.read()?;
        Ok(table)
    }

    /// Reads the table again if a mount came or went.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn refresh(&mut self) -> io::Result<()> {
        let mut asked = [PollFd::new(self.file.as_fd(), PollFlags::POLLPRI)];
        poll(&mut asked, PollTimeout::ZERO)?;
        let changed = asked[0]
            .revents()
            .is_none_or(|seen| seen.intersects(PollFlags::POLLPRI | PollFlags::POLLERR));
        if changed { self.read() } else { Ok(()) }
    }

    /// Whether another file system is mounted somewhere below `folder`, whose path has no links.
    pub fn holds_mounts(&self, folder: &Path) -> bool {
        self.points
            .iter()
            .any(|point| point != folder && point.starts_with(folder))
    }

    fn read(&mut self) -> io::Result<()> {
        self.file.rewind()?;
        let mut text = Vec::new();
        self.file.read_to_end(&mut text)?;
        self.points = points(&text);
        Ok(())
    }
}

/// The mount points of a `mountinfo`: the fifth word of each line.
fn points(text: &[u8]) -> Vec<PathBuf> {
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4))
        .map(|word| PathBuf::from(OsString::from_vec(unescaped(word))))
        .collect()
}

/// The kernel writes blanks, tabs, line ends and backslashes as three octal digits.
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, after)) = rest.split_first() {
        let value = match (first, after) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        plain.push(value.unwrap_or(first));
        rest = if value.is_some() { &after[3..] } else { after };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read_as_they_are_spelled() {
        let text = b"22 27 0:20 / /proc rw - proc proc rw\n\
            30 27 8:1 / /usr/lib/a\\040b\\134c rw master:1 - ext4 /dev/sda1 rw\n\n31 27\n";
        let table = MountTable {
            file: File::open("/dev/null").unwrap(),
            points: points(text),
        };
        assert_eq!(table.points[1], Path::new("/usr/lib/a b\\c"));
        assert!(table.holds_mounts(Path::new("/usr")));
        assert!(!table.holds_mounts(Path::new("/usr/lib/a b\\c")));
        assert!(!table.holds_mounts(Path::new("/us")));
    }

    #[test]
    fn the_table_of_this_process_has_its_proc() {
        let mut table = MountTable::open().unwrap();
        table.refresh().unwrap();
        assert!(table.points.contains(&PathBuf::from("/proc")));
        assert!(table.holds_mounts(Path::new("/")));
    }
}
