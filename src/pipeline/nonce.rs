//! Secrets for single jobs.

use std::fs::File;
use std::io::{self, Read};

/// 32 bytes that nobody can guess.
///
/// # Errors
/// When the system gives none.
pub fn nonce() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
