//! Messages with a descriptor beside them.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

/// Descriptors that one message can carry.
const MOST: usize = 8;

/// Sends a message with a copy of a descriptor.
///
/// # Errors
/// What the kernel said.
pub fn send_with(
    socket: impl AsFd,
    message: &[u8],
    descriptor: Option<&OwnedFd>,
) -> Result<(), Errno> {
    let descriptors: Vec<BorrowedFd<'_>> = descriptor.iter().map(|fd| fd.as_fd()).collect();
    send_all(socket, message, &descriptors)
}

/// Sends a message with copies of descriptors, eight at most.
///
/// # Errors
/// `EMSGSIZE` when the message is too long for one, else what the kernel said.
pub fn send_all(
    socket: impl AsFd,
    message: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> Result<(), Errno> {
    if descriptors.len() > MOST {
        return Err(Errno::EINVAL);
    }
    let descriptors: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&descriptors)];
    let beside = if descriptors.is_empty() {
        &rights[..0]
    } else {
        &rights[..]
    };
    let socket = socket.as_fd().as_raw_fd();
    let flags = MsgFlags::MSG_NOSIGNAL;
    sendmsg::<()>(socket, &[IoSlice::new(message)], beside, flags, None).map(drop)
}

/// Receives a message and the descriptor beside it, if there is one; close-on-exec. A length of 0
/// means that the other side has gone.
///
/// # Errors
/// What the kernel said.
pub fn receive_with(
    socket: impl AsFd,
    buffer: &mut [u8],
) -> Result<(usize, Option<OwnedFd>), Errno> {
    let (length, mut received) = receive_all(socket, buffer)?;
    Ok((length, received.pop()))
}

/// Receives a message and all descriptors beside it; close-on-exec.
///
/// # Errors
/// What the kernel said.
pub fn receive_all(socket: impl AsFd, buffer: &mut [u8]) -> Result<(usize, Vec<OwnedFd>), Errno> {
    let mut beside = nix::cmsg_space!([RawFd; MOST]);
    let mut slices = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let socket = socket.as_fd().as_raw_fd();
    let message = recvmsg::<()>(socket, &mut slices, Some(&mut beside), flags)?;
    let mut received = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(descriptors) = control {
            for raw in descriptors {
                // SAFETY: the kernel has just opened this descriptor for us; nobody else owns it.
                received.push(unsafe { OwnedFd::from_raw_fd(raw) });
            }
        }
    }
    Ok((message.bytes, received))
}
