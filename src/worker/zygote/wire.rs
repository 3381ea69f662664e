//! What a worker and a waiting interpreter say to each other. See `harness/drivers/zygote.py`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::errno::Errno;

use crate::sandbox::sys;

/// The longest answer: a letter and three numbers, or why not.
const LONGEST: usize = 1024;

/// What an interpreter answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It waits for jobs.
    Ready {
        /// Its process, as the sandbox numbers it.
        pid: i32,
        /// CPU time of its import.
        micros: u64,
        /// Bytes that it holds in memory.
        resident: u64,
    },
    /// The import cannot be had warm, and the process ends.
    Unfit,
    /// A job has ended.
    Ended {
        /// Its wait status.
        status: i32,
        /// CPU time of the job and of what it waited for.
        cpu: Duration,
        /// The largest resident size of one process, in bytes.
        largest: u64,
    },
}

impl Answer {
    /// Reads one message.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let (letter, rest) = message.split_first()?;
        if *letter == b'U' {
            return Some(Self::Unfit);
        }
        if rest.len() != 24 {
            return None;
        }
        let number = |place: usize| {
            let bytes = rest[place * 8..place * 8 + 8].try_into();
            bytes.ok().map(u64::from_be_bytes)
        };
        let (first, second, third) = (number(0)?, number(1)?, number(2)?);
        let first = i32::try_from(first).ok()?;
        match letter {
            b'R' => (first > 1).then_some(Self::Ready {
                pid: first,
                micros: second,
                resident: third,
            }),
            b'E' => Some(Self::Ended {
                status: first,
                cpu: Duration::from_micros(second),
                largest: third,
            }),
            _ => None,
        }
    }

    /// Receives one, which must be there.
    ///
    /// # Errors
    /// When the interpreter has gone, or says what it must not.
    pub(super) fn receive(link: &UnixDatagram) -> io::Result<Self> {
        let mut buffer = [0; LONGEST];
        loop {
            match sys::receive_with(link, &mut buffer) {
                Ok((0, _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok((length, _)) => {
                    let answer = Self::read(&buffer[..length]);
                    return answer.ok_or_else(|| io::ErrorKind::InvalidData.into());
                }
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

/// Has a job forked: its five descriptors, and the CPU time after which the kernel ends it.
pub(super) fn send_job(
    link: &UnixDatagram,
    seconds: u64,
    descriptors: &[BorrowedFd<'_>; 5],
) -> io::Result<()> {
    let message = format!("J{seconds}");
    sys::send_all(link, message.as_bytes(), descriptors).map_err(Into::into)
}

/// Has an interpreter forked that makes one import more, and answers on `far`.
pub(super) fn send_growth(link: &UnixDatagram, import: &str, far: impl AsFd) -> io::Result<()> {
    let message = format!("Z{import}");
    sys::send_all(link, message.as_bytes(), &[far.as_fd()]).map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(letter: u8, numbers: &[u64]) -> Vec<u8> {
        let numbers = numbers.iter().flat_map(|number| number.to_be_bytes());
        std::iter::once(letter).chain(numbers).collect()
    }

    #[test]
    fn answers_are_read_and_anything_else_is_none() {
        assert_eq!(
            Answer::read(&message(b'R', &[7, 8, 9])),
            Some(Answer::Ready {
                pid: 7,
                micros: 8,
                resident: 9
            })
        );
        assert_eq!(
            Answer::read(&message(b'E', &[256, 1_500_000, 9])),
            Some(Answer::Ended {
                status: 256,
                cpu: Duration::from_millis(1500),
                largest: 9
            })
        );
        assert_eq!(Answer::read(b"Uit prints"), Some(Answer::Unfit));
        for wrong in [
            message(b'R', &[1, 8, 9]),
            message(b'R', &[u64::MAX, 8, 9]),
            message(b'E', &[1, 2]),
            message(b'E', &[1, 2, 3, 4]),
            message(b'X', &[2, 2, 3]),
            Vec::new(),
        ] {
            assert_eq!(Answer::read(&wrong), None, "{wrong:?}");
        }
    }
}
