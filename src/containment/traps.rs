//! Traps on the host: things that a contained program cannot touch, and that show when one did.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use tempfile::TempDir;

use super::error::ContainmentError;
use crate::pipeline::nonce::nonce;

/// Traps that are set. Removed when dropped.
#[derive(Debug)]
pub struct Traps {
    folder: TempDir,
    secret: String,
    abstract_name: String,
    tcp: TcpListener,
    by_path: UnixListener,
    by_name: UnixListener,
    // Held, not asked: the programs say themselves what they found.
    _shown: (UnixListener, File, File),
}

impl Traps {
    /// Sets them: a folder that every user of the host may enter, with a secret that every user may
    /// read and a folder that every user may write, so that nothing but the sandbox protects them; and
    /// services on the loopback, on a socket in that folder, on a named pipe beside it and on an
    /// abstract name; and a file that the host holds locked.
    ///
    /// # Errors
    /// When the host has no room for them.
    pub fn set() -> Result<Self, ContainmentError> {
        Self::try_set().map_err(ContainmentError::io("set traps for hostile programs"))
    }

    fn try_set() -> io::Result<Self> {
        let hex: String = nonce()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let (secret, name) = hex.split_at(32);
        let folder = tempfile::Builder::new()
            .prefix("fumehood-traps-")
            .tempdir()?;
        let path = folder.path();
        let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
        allow(path, 0o755)?;
        fs::write(path.join("secret"), secret)?;
        allow(&path.join("secret"), 0o644)?;
        fs::create_dir(path.join("open"))?;
        allow(&path.join("open"), 0o777)?;
        let socket = path.join("socket");
        let by_path = UnixListener::bind(&socket)?;
        allow(&socket, 0o777)?;
        let abstract_name = format!("fumehood-{name}");
        let address = SocketAddr::from_abstract_name(&abstract_name)?;
        let pipe = path.join("pipe");
        nix::unistd::mkfifo(&pipe, Mode::from_bits_truncate(0o666))?;
        allow(&pipe, 0o666)?;
        // Opened for both, so that nobody waits for the other side.
        let mut kept = File::options()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(&pipe)?;
        kept.write_all(b"of the host")?;
        let locked = File::create(path.join("locked"))?;
        locked.lock()?;
        let shown = UnixListener::bind(path.join("shown-socket"))?;
        allow(&path.join("shown-socket"), 0o777)?;
        let traps = Self {
            _shown: (shown, kept, locked),
            tcp: TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
            by_name: UnixListener::bind_addr(&address)?,
            by_path,
            secret: secret.to_owned(),
            abstract_name,
            folder,
        };
        traps.tcp.set_nonblocking(true)?;
        traps.by_path.set_nonblocking(true)?;
        traps.by_name.set_nonblocking(true)?;
        Ok(traps)
    }

    /// The folder in which everything must stay as it is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What must not appear in any output.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// What hostile programs are told of the host, so that they need not search.
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = |name: &str| self.folder().join(name).display().to_string();
        let port = self.tcp.local_addr().map_or(0, |address| address.port());
        let host = nix::unistd::gethostname().unwrap_or_default();
        [
            ("HOST_SECRET", path("secret")),
            ("HOST_SECRET_DIR", self.folder().display().to_string()),
            ("HOST_OPEN_DIR", path("open")),
            ("HOST_SOCKET", path("socket")),
            ("HOST_PID", std::process::id().to_string()),
            ("HOST_PORT", port.to_string()),
            ("HOST_ABSTRACT", self.abstract_name.clone()),
            ("HOST_NAME", host.to_string_lossy().into_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Which services were called.
    pub fn sprung(&self) -> Vec<String> {
        let called = [
            ("the loopback", self.tcp.accept().is_ok()),
            ("a socket in the file system", self.by_path.accept().is_ok()),
            ("an abstract name", self.by_name.accept().is_ok()),
        ];
        called
            .into_iter()
            .filter(|(_, called)| *called)
            .map(|(what, _)| format!("a hostile program reached a service of the host on {what}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_springs_a_trap() {
        let traps = Traps::set().unwrap();
        assert!(traps.sprung().is_empty());
        let known = traps.environment();
        let (_, path) = known
            .iter()
            .find(|(name, _)| name == "HOST_SOCKET")
            .unwrap();
        let _caller = std::os::unix::net::UnixStream::connect(path).unwrap();
        assert_eq!(traps.sprung().len(), 1);
        let secret = fs::read_to_string(traps.folder().join("secret")).unwrap();
        assert_eq!(secret, traps.secret());
    }
}
