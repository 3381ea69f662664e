//! What scanners said in earlier runs, so that equal code is scanned once by equal scanners.
//!
//! It is a convenience and nothing rests on it: whatever goes wrong with it, the scanner is run. Only answers are kept; that
//! a scanner could not read something may have been the host's fault.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use nix::sys::statfs::{NFS_SUPER_MAGIC, statfs};
use rusqlite::{Connection, OpenFlags, params};

use crate::base::digest::Digest;

/// Version of what is kept; part of the file's name.
const VERSION: u32 = 1;
/// How long another process may hold the file.
const PATIENCE: Duration = Duration::from_secs(5);
/// Days after which what nobody asked for is dropped.
const KEPT_DAYS: i64 = 90;
/// Bytes above which the oldest half is dropped.
const MOST_BYTES: u64 = 4 << 30;

/// A file with answers, by scanner and code. Several processes may use it at one time.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    /// `None` after something went wrong with it.
    connection: Mutex<Option<Connection>>,
    /// Days since 1970, as it was opened.
    today: i64,
}

impl Cache {
    /// Opens the cache in a folder of the user's, which is made if it is not there. A file that is damaged is
    /// made anew.
    ///
    /// # Errors
    /// When there can be none.
    pub fn open(folder: &Path) -> Result<Self, String> {
        let path = folder.join(format!("scans-{VERSION}.sqlite"));
        let failed =
            |error: &dyn std::fmt::Display| format!("{} cannot be used: {error}", path.display());
        fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        let today = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs() as i64 / 86_400);
        let connection = match connect(&path, today) {
            Err(error) if is_damage(&error) => {
                for ending in ["", "-wal", "-shm"] {
                    let mut name = path.clone().into_os_string();
                    name.push(ending);
                    // What cannot be removed shows right below.
                    let _ = fs::remove_file(name);
                }
                connect(&path, today)
            }
            other => other,
        };
        Ok(Self {
            connection: Mutex::new(Some(connection.map_err(|error| failed(&error))?)),
            path,
            today,
        })
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What `scanner` said about these, as far as it is known.
    pub async fn get(
        self: &Arc<Self>,
        scanner: Digest,
        codes: Vec<Digest>,
    ) -> HashMap<Digest, Vec<u8>> {
        let this = Arc::clone(self);
        let found = tokio::task::spawn_blocking(move || {
            this.with(|connection| read(connection, this.today, &scanner, &codes))
        });
        found.await.ok().flatten().unwrap_or_default()
    }

    /// Keeps what `scanner` said.
    pub async fn put(self: &Arc<Self>, scanner: Digest, answers: Vec<(Digest, Vec<u8>)>) {
        let this = Arc::clone(self);
        let written = tokio::task::spawn_blocking(move || {
            this.with(|connection| write(connection, this.today, &scanner, &answers))
        });
        // Without it the scanner is run again.
        let _ = written.await;
    }

    fn with<T>(&self, act: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Option<T> {
        let mut slot = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let outcome = act(slot.as_mut()?);
        if outcome.as_ref().is_err_and(|error| !is_busy(error)) {
            // A disk that is full or a file that is damaged will not be better at the next batch.
            *slot = None;
        }
        outcome.ok()
    }
}

/// Whether another process holds the file, which passes.
fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(
        error.sqlite_error_code(),
        Some(DatabaseBusy | DatabaseLocked)
    )
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(
        error.sqlite_error_code(),
        Some(DatabaseCorrupt | NotADatabase)
    )
}

fn connect(path: &Path, today: i64) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    // Hosts that share a file over a network share no memory, which the faster way needs.
    let is_remote = statfs(path).is_ok_and(|about| about.filesystem_type() == NFS_SUPER_MAGIC);
    let journal = if is_remote { "delete" } else { "wal" };
    connection.pragma_update(None, "journal_mode", journal)?;
    // What a crash of the host loses is scanned again.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS answers (scanner BLOB NOT NULL, code BLOB NOT NULL, answer BLOB NOT NULL,
         used INTEGER NOT NULL, PRIMARY KEY (scanner, code)) WITHOUT ROWID",
    )?;
    connection.execute("DELETE FROM answers WHERE used < ?1", [today - KEPT_DAYS])?;
    if fs::metadata(path).map_or(0, |about| about.len()) > MOST_BYTES {
        connection.execute_batch(
            "DELETE FROM answers WHERE used <= (SELECT used FROM answers ORDER BY used LIMIT 1 OFFSET
             (SELECT COUNT(*) / 2 FROM answers)); VACUUM",
        )?;
    }
    Ok(connection)
}

fn read(
    connection: &mut Connection,
    today: i64,
    scanner: &Digest,
    codes: &[Digest],
) -> rusqlite::Result<HashMap<Digest, Vec<u8>>> {
    let mut found = HashMap::new();
    let mut old = Vec::new();
    let mut select = connection
        .prepare_cached("SELECT answer, used FROM answers WHERE scanner = ?1 AND code = ?2")?;
    for code in codes {
        let mut rows = select.query(params![scanner.as_bytes(), code.as_bytes()])?;
        if let Some(row) = rows.next()? {
            found.insert(*code, row.get(0)?);
            if row.get::<_, i64>(1)? < today {
                old.push(*code);
            }
        }
    }
    drop(select);
    if !old.is_empty() {
        let transaction = connection.transaction()?;
        for code in old {
            transaction.execute(
                "UPDATE answers SET used = ?3 WHERE scanner = ?1 AND code = ?2",
                params![scanner.as_bytes(), code.as_bytes(), today],
            )?;
        }
        transaction.commit()?;
    }
    Ok(found)
}

fn write(
    connection: &mut Connection,
    today: i64,
    scanner: &Digest,
    answers: &[(Digest, Vec<u8>)],
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO answers (scanner, code, answer, used) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (code, answer) in answers {
        insert.execute(params![scanner.as_bytes(), code.as_bytes(), answer, today])?;
    }
    drop(insert);
    transaction.commit()
}

#[cfg(test)]
mod tests;
