//! `fumehood report --parquet`: every sample as a row of a file.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::exit_code::Exit;
use super::failure::Failure;
use super::render::Outcome;
use crate::pipeline::judged::judged;
use crate::report::parquet::{self, WriteError};

/// Writes the file so that it is there as a whole or not at all.
pub(super) fn write(outcome: &Outcome, path: &Path) -> Result<(), Failure> {
    let path = std::path::absolute(path)
        .map_err(|error| Failure::new(Exit::Usage, anyhow::Error::new(error)))?;
    let failed = |error: anyhow::Error| {
        let what = format!("cannot write {}", path.display());
        Failure::new(Exit::RunFolder, error.context(what)).hint(
            "name a file in a folder that can be written and has room; nothing was changed there",
        )
    };
    let (folder, beside) = beside(&path).map_err(|error| failed(error.into()))?;
    // As any other file of the user's: what others may do is up to their umask.
    let part = tempfile::Builder::new()
        .prefix(&beside)
        .suffix(".part")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(&folder)
        .map_err(|error| failed(error.into()))?;
    let samples = judged(&outcome.manifest, &outcome.index, &outcome.replay);
    let is_finished = outcome.index.is_finished();
    match parquet::write(&outcome.manifest, is_finished, samples, part.as_file()) {
        Ok(_) => {}
        Err(WriteError::Run(error)) => return Err(error.into()),
        Err(WriteError::File(error)) => return Err(failed(error.into())),
    }
    part.as_file()
        .sync_all()
        .and_then(|()| Ok(part.persist(&path)?))
        .and_then(|_| File::open(&folder)?.sync_all())
        .map_err(|error| failed(error.into()))
}

/// The folder of a file, and how a file beside it begins that is not it yet.
fn beside(path: &Path) -> io::Result<(PathBuf, OsString)> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidFilename.into());
    };
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(".");
    Ok((folder.to_owned(), beside))
}
