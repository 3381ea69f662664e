//! Frames on the socket between supervisor and worker: a length and a postcard document.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Observation, Request, WorkerError};
use crate::sandbox::cgroup::Controllers;
use crate::sandbox::{Attestation, Layer, Profile};

/// The longest frame that either side takes: programs with their tests, and captured output.
pub const MAX_FRAME: usize = 512 << 20;

/// What a worker is told.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToWorker {
    /// Once, first: how to work.
    Setup(Setup),
    /// Run this program.
    Run(Box<Request>),
    /// Let go of sandboxes that are kept for further programs.
    Rest,
}

/// How a worker is to work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    /// The profiles that requests may name.
    pub profiles: Vec<Profile>,
    /// Layers given up by the user.
    pub given_up: Vec<Layer>,
    /// Where control groups are made. The supervisor finds out, once and before any worker runs: in
    /// version 2 it may have to leave its own group first, which it can only while alone in it.
    pub cgroups: Controllers,
}

/// What a worker answers.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromWorker {
    /// To [`ToWorker::Setup`]: what it enforces, one a profile.
    Ready(Vec<Attestation>),
    /// To [`ToWorker::Run`].
    Done(Box<Observation>),
    /// To [`ToWorker::Rest`].
    Rested,
    /// To either: why not.
    Failed(WorkerError),
    /// While it runs a program: whether that waits for something else than a processor.
    Waits(bool),
}

/// Writes one frame.
///
/// # Errors
/// When the other side is gone, or the value is longer than [`MAX_FRAME`].
pub fn send(mut writer: impl Write, message: &impl Serialize) -> io::Result<()> {
    writer.write_all(&encode(message)?)
}

/// Room for one frame of the usual size.
const USUAL_FRAME: usize = 64 << 10;

/// One frame as bytes.
///
/// # Errors
/// When the value is longer than [`MAX_FRAME`].
pub fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut frame = postcard::to_extend(message, vec![0; 4]).map_err(io::Error::other)?;
    let length = frame.len() - 4;
    if length > MAX_FRAME {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a message of {length} bytes is too long"),
        ));
    }
    frame[..4].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(frame)
}

/// Reads one frame; `None` when the other side has closed between two.
///
/// # Errors
/// When the frame is torn, too long or not what was expected.
pub fn receive<T: DeserializeOwned>(mut reader: impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    if !fill(&mut reader, &mut length)? {
        return Ok(None);
    }
    let length = checked_length(length)?;
    // Memory grows with what comes, not with what was announced.
    let mut frame = Vec::with_capacity(length.min(USUAL_FRAME));
    reader.take(length as u64).read_to_end(&mut frame)?;
    if frame.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    decode(&frame).map(Some)
}

/// The length that a frame announces.
///
/// # Errors
/// When it is over [`MAX_FRAME`].
pub fn checked_length(announced: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(announced) as usize;
    if length > MAX_FRAME {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a message announces {length} bytes"),
        ));
    }
    Ok(length)
}

/// The message in one frame.
///
/// # Errors
/// When it is not what was expected.
pub fn decode<T: DeserializeOwned>(frame: &[u8]) -> io::Result<T> {
    postcard::from_bytes(frame).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Reads the whole buffer; `false` when the stream ends before its first byte.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_and_torn_ones_are_told() {
        let error = WorkerError::Lost("x".to_owned());
        let mut bytes = Vec::new();
        send(&mut bytes, &FromWorker::Failed(error)).unwrap();
        let back: Option<FromWorker> = receive(bytes.as_slice()).unwrap();
        assert!(matches!(
            back,
            Some(FromWorker::Failed(WorkerError::Lost(_)))
        ));
        assert!(receive::<FromWorker>(&bytes[..bytes.len() - 1]).is_err());
        assert!(receive::<FromWorker>(&[][..]).unwrap().is_none());
        assert!(receive::<FromWorker>(&u32::MAX.to_le_bytes()[..]).is_err());
    }
}
