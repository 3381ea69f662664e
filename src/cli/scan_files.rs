//! The files that `fumehood scan` is to look at: found, and read batch by batch.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::exit_code::Exit;
use super::failure::Failure;
use crate::base::digest::Digest;
use crate::scan::Language;
use crate::scan::run::{BATCH_BYTES, MAX_CODE, TOO_LONG};

/// A file's text with its identity, or why it is not to be had.
pub(super) type Code = Result<(Digest, String), String>;

/// The first of `files`, read: at least one, at most `most`, and not more than is one batch for a scanner.
pub(super) fn next_batch(files: &[PathBuf], most: usize) -> Vec<Code> {
    let mut bytes = 0;
    let mut batch = Vec::new();
    for path in files.iter().take(most) {
        let code = read(path).map(|text| (Digest::of(&text), text));
        bytes += code.as_ref().map_or(0, |(_, text)| text.len());
        batch.push(code);
        if bytes > BATCH_BYTES - MAX_CODE {
            break;
        }
    }
    batch
}

fn read(path: &Path) -> Result<String, String> {
    let bytes = bytes_of(path).map_err(|error| format!("it cannot be read: {error}"))?;
    let bytes = bytes.ok_or("it is no file")?;
    if bytes.len() > MAX_CODE {
        return Err(TOO_LONG.to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// What is in a file, as far as it can be scanned; `None` if it is something else. A pipe or a device may have no end, and no beginning:
/// nothing waits for it to be opened, and nothing is read of it.
fn bytes_of(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
        .open(path);
    let file: File = match file {
        Ok(file) => file,
        // A socket cannot be opened at all.
        Err(error) => match fs::metadata(path) {
            Ok(about) if !about.is_file() => return Ok(None),
            _ => return Err(error),
        },
    };
    let about = file.metadata()?;
    if !about.is_file() {
        return Ok(None);
    }
    let most = MAX_CODE as u64 + 1;
    // With room to find its end by the first read.
    let room = about.len().min(most) + 1;
    let mut bytes = Vec::with_capacity(usize::try_from(room).unwrap_or_default());
    file.take(most).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// The files that were named, and those in the folders that were named whose language is read, each folder's sorted.
pub(super) fn files(
    paths: &[PathBuf],
    is_read: impl Fn(&Language) -> bool,
) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        let failed = |path: &Path, error: io::Error| {
            let error = anyhow::Error::new(error);
            Failure::new(
                Exit::Input,
                error.context(format!("cannot read {}", path.display())),
            )
        };
        if !fs::metadata(path)
            .map_err(|error| failed(path, error))?
            .is_dir()
        {
            found.push(path.clone());
            continue;
        }
        let begin = found.len();
        let mut folders = vec![path.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(|error| failed(&folder, error))? {
                let entry = entry.map_err(|error| failed(&folder, error))?;
                let kind = entry
                    .file_type()
                    .map_err(|error| failed(&entry.path(), error))?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file()
                    && Language::of(&entry.path()).as_ref().is_some_and(&is_read)
                {
                    found.push(entry.path());
                }
            }
        }
        found[begin..].sort();
    }
    Ok(found)
}
