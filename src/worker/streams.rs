//! A job's pipes: what it reads and writes, and what is kept of it.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{AddressFamily, Shutdown, SockFlag, SockType, shutdown, socketpair};
use nix::unistd::{pipe2, read};

use super::order::Descriptors;
use super::request::Request;

thread_local! {
    /// Where streams are read into. As much as a pipe holds; zeroed once, not with every look.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 1 << 16]);
}

/// Our ends of a job's pipes.
pub(super) struct Streams {
    /// Descriptor 1.
    pub(super) stdout: Stream,
    /// Descriptor 2.
    pub(super) stderr: Stream,
    /// Descriptor 4.
    pub(super) events: Option<Stream>,
}

/// One of them.
pub(super) struct Stream {
    /// Until its end.
    pub(super) fd: Option<OwnedFd>,
    /// The first bytes.
    pub(super) kept: Vec<u8>,
    /// How many are kept.
    pub(super) keep: u64,
    /// How many there were.
    pub(super) total: u64,
}

/// Makes the pipes of a job: the program's ends, with their numbers there, and ours. It reads `payload` at
/// descriptor 3.
///
/// # Errors
/// When there are no descriptors left, or no memory.
pub(super) fn streams(
    request: &Request,
    payload: Option<&[u8]>,
) -> io::Result<(Descriptors, Streams)> {
    let (stdout, stdout_end) = stream(request.limits.output)?;
    let (stderr, stderr_end) = stream(request.limits.output)?;
    let (events, events_end) = request.events_limit.map(event_stream).transpose()?.unzip();
    let mut pipes = vec![
        (0, sealed(&request.stdin)?),
        (1, stdout_end),
        (2, stderr_end),
    ];
    if let Some(payload) = payload {
        pipes.push((3, sealed(payload)?));
    }
    pipes.extend(events_end.map(|end| (4, end)));
    Ok((
        pipes,
        Streams {
            stdout,
            stderr,
            events,
        },
    ))
}

fn stream(keep: u64) -> io::Result<(Stream, OwnedFd)> {
    let (ours, theirs) = pipe2(OFlag::O_CLOEXEC)?;
    received(ours, theirs, keep)
}

/// A socket, not a pipe: whoever holds the writing end of a pipe may open it again by its link below
/// `/proc` and read what was just written, before we do. What is sent through a socket has left.
fn event_stream(keep: u64) -> io::Result<(Stream, OwnedFd)> {
    let (family, kind) = (AddressFamily::Unix, SockType::Stream);
    let (ours, theirs) = socketpair(family, kind, None, SockFlag::SOCK_CLOEXEC)?;
    shutdown(ours.as_raw_fd(), Shutdown::Write)?;
    received(ours, theirs, keep)
}

fn received(ours: OwnedFd, theirs: OwnedFd, keep: u64) -> io::Result<(Stream, OwnedFd)> {
    fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((
        Stream {
            fd: Some(ours),
            kept: Vec::new(),
            keep,
            total: 0,
        },
        theirs,
    ))
}

/// A pipe for a program whose output is not wanted: its reading end, which must stay open, and its other.
///
/// # Errors
/// When there are no descriptors left.
pub(super) fn quiet_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe2(OFlag::O_CLOEXEC)?)
}

/// A file in memory that can only be read.
///
/// # Errors
/// When there is no descriptor or no memory left.
pub(super) fn sealed(bytes: &[u8]) -> io::Result<OwnedFd> {
    let fd = memfd_create(
        c"input",
        MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING,
    )?;
    let mut file = File::from(fd);
    if !bytes.is_empty() {
        file.write_all(bytes)?;
        io::Seek::rewind(&mut file)?;
    }
    let seals = SealFlag::F_SEAL_WRITE
        | SealFlag::F_SEAL_GROW
        | SealFlag::F_SEAL_SHRINK
        | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(file.into())
}

impl Stream {
    /// Reads what is there. Whatever is beyond the limit is counted and thrown away.
    pub(super) fn drain(&mut self) {
        BUFFER.with_borrow_mut(|buffer| {
            // Bounded, so that a flood on one stream cannot keep the clock from being read.
            for _ in 0..16 {
                let Some(fd) = &self.fd else { return };
                match read(fd, buffer) {
                    Ok(0) => self.fd = None,
                    Ok(count) => self.take(&buffer[..count]),
                    Err(Errno::EINTR) => {}
                    Err(Errno::EAGAIN) => return,
                    Err(_) => self.fd = None,
                }
            }
        });
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = usize::try_from(self.keep.saturating_sub(self.total)).unwrap_or(usize::MAX);
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.total += bytes.len() as u64;
    }

    /// Whether there was more than is kept.
    pub(super) fn overflowed(&self) -> bool {
        self.total > self.keep
    }
}
