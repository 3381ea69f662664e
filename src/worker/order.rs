//! What a worker and a slot's first process say to each other.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;

use nix::errno::Errno;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::request::Request;
use crate::base::limits::Limits;
use crate::sandbox::StepError;
use crate::sandbox::sys;

/// The longest message. Beyond it a request goes in a file in memory beside the message.
const LONGEST: usize = 16_000;

/// What the worker tells the first process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ToInit {
    /// Run a program; its descriptors are beside this.
    Run(Order),
    /// The same, with the order in a file that is the last of the descriptors.
    RunLong,
    /// Start a program that stays, as [`Self::RunLong`] does it; see [`super::residents`].
    Settle,
    /// This process of a resident's making is a resident, too.
    Adopt(i32),
    /// End a resident.
    Dismiss(i32),
    /// Take away everything but the residents.
    Clear,
}

/// What the worker tells, before it is written.
#[derive(Debug, Serialize)]
enum ToInitRef<'a> {
    Run(OrderRef<'a>),
    RunLong,
    Settle,
}

/// A program to run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    /// The program and its arguments.
    pub(super) argv: Vec<String>,
    /// Its environment.
    pub(super) env: Vec<(String, String)>,
    /// What it may use.
    pub(super) limits: Limits,
    /// The numbers at which the program sees the descriptors beside this, in their order.
    pub(super) places: Vec<i32>,
}

#[derive(Debug, Serialize)]
struct OrderRef<'a> {
    argv: &'a [String],
    env: &'a [(String, String)],
    limits: &'a Limits,
    places: Vec<i32>,
}

impl<'a> OrderRef<'a> {
    fn of(request: &'a Request, descriptors: &Descriptors) -> Self {
        Self {
            argv: &request.argv,
            env: &request.env,
            limits: &request.limits,
            places: descriptors.iter().map(|(number, _)| *number).collect(),
        }
    }
}

/// What a slot's first process reports.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromInit {
    /// The sandbox stands.
    Ready,
    /// Refused calls are told on the descriptor beside this: those of all jobs, or of the one that
    /// loads a filter of its own.
    Observed,
    /// The writable file system, which has changed, is beside this.
    Writable,
    /// It could not be built, or the program not be started.
    Failed(StepError),
    /// The program could not be executed: its own fault, not the sandbox's.
    NotExecutable(StepError),
    /// The program has ended.
    Ended {
        /// Its wait status.
        status: i32,
        /// CPU time of all processes that ended and were waited for, in microseconds.
        cpu_micros: u64,
        /// The largest resident size that one of them had, in bytes.
        largest: u64,
    },
    /// Everything of the program is gone. Why the slot cannot be used again, if it cannot.
    Cleared(Option<String>),
    /// A resident was started.
    Settled(i32),
}

/// The ends of the pipes that the program gets, with their numbers there.
pub(super) type Descriptors = Vec<(i32, OwnedFd)>;

/// Sends a program and its descriptors to a slot's first process.
///
/// # Errors
/// When it has gone, or the request has no room in memory.
pub(super) fn send_run(
    control: &UnixDatagram,
    request: &Request,
    descriptors: &Descriptors,
) -> io::Result<()> {
    let order = OrderRef::of(request, descriptors);
    let beside: Vec<BorrowedFd<'_>> = descriptors.iter().map(|(_, fd)| fd.as_fd()).collect();
    let bytes = postcard::to_stdvec(&ToInitRef::Run(order)).map_err(io::Error::other)?;
    if bytes.len() <= LONGEST {
        sys::send_all(control, &bytes, &beside)?;
        return Ok(());
    }
    send_long(control, &ToInitRef::RunLong, request, descriptors)
}

/// The same for a program that stays.
///
/// # Errors
/// When it has gone, or the request has no room in memory.
pub(super) fn send_settle(
    control: &UnixDatagram,
    request: &Request,
    descriptors: &Descriptors,
) -> io::Result<()> {
    send_long(control, &ToInitRef::Settle, request, descriptors)
}

fn send_long(
    control: &UnixDatagram,
    word: &ToInitRef<'_>,
    request: &Request,
    descriptors: &Descriptors,
) -> io::Result<()> {
    let order = OrderRef::of(request, descriptors);
    let mut beside: Vec<BorrowedFd<'_>> = descriptors.iter().map(|(_, fd)| fd.as_fd()).collect();
    let bytes = postcard::to_stdvec(&order).map_err(io::Error::other)?;
    let file = super::streams::sealed(&bytes)?;
    beside.push(file.as_fd());
    let bytes = postcard::to_stdvec(word).map_err(io::Error::other)?;
    sys::send_all(control, &bytes, &beside)?;
    Ok(())
}

/// Tells a slot's first process something that needs no descriptors.
///
/// # Errors
/// When it has gone.
pub(super) fn send_word(control: &UnixDatagram, word: &ToInit) -> io::Result<()> {
    let bytes = postcard::to_stdvec(word).map_err(io::Error::other)?;
    sys::send_all(control, &bytes, &[])?;
    Ok(())
}

/// Waits for the next message and the descriptors beside it; `None` when the other side has gone.
///
/// # Errors
/// When it says what it must not.
pub(super) fn receive<T: DeserializeOwned>(
    control: &UnixDatagram,
) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut buffer = [0; LONGEST + 64];
    loop {
        match sys::receive_all(control, &mut buffer) {
            Ok((0, _)) => return Ok(None),
            Ok((length, descriptors)) => {
                let word = postcard::from_bytes(&buffer[..length]).map_err(io::Error::other)?;
                return Ok(Some((word, descriptors)));
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}
