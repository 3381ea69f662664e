//! Secrets for single jobs.

use std::fs::File;
use std::io::{self, Read};
use std::sync::OnceLock;

/// The kernel's source, opened once: every job needs a secret.
static SOURCE: OnceLock<File> = OnceLock::new();

/// 32 bytes that nobody can guess.
///
/// # Errors
/// When the system gives none.
pub fn nonce() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    let mut source = match SOURCE.get() {
        Some(source) => source,
        None => {
            let opened = File::open("/dev/urandom")?;
            SOURCE.get_or_init(|| opened)
        }
    };
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}
