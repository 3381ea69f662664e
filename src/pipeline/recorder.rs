//! The one thread that writes the journal.

use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::cancel::Cancel;
use crate::journal::{JournalError, Place, Record, Writer, line};

/// Records that may wait to be written; whoever has more waits too.
const QUEUE: usize = 256;
/// Bytes that are written at one time, as far as so many wait.
const BATCH: usize = 1 << 20;
/// How long a record may wait for the disk when no further one comes.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Where stages hand their results to; they reach the journal in one thread, which only writes: what
/// is written is made by those who hand it over.
#[derive(Clone, Debug)]
pub struct Recorder {
    sender: mpsc::Sender<Entry>,
}

/// The line of a record, and who wants to know where it stands.
#[derive(Debug)]
struct Entry {
    line: Vec<u8>,
    written: Option<oneshot::Sender<Place>>,
}

/// The journal is gone; why is told by [`Recording::finish`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// The writing thread.
#[derive(Debug)]
pub struct Recording {
    thread: JoinHandle<(Writer, Option<JournalError>)>,
}

impl Recorder {
    /// Starts the writing thread. Should the journal fail, `cancel` stops everything else.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(writer: Writer, cancel: Cancel) -> (Self, Recording) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let runtime = tokio::runtime::Handle::current();
        let thread = std::thread::spawn(move || write_all(writer, receiver, &runtime, &cancel));
        (Self { sender }, Recording { thread })
    }

    /// Hands over a record; waits while the disk is slow.
    ///
    /// # Errors
    /// When the journal takes no more.
    pub async fn record(&self, record: &Record) -> Result<(), Gone> {
        self.hand_over(record, None).await
    }

    /// Hands over a record and waits until it is written; says where.
    ///
    /// # Errors
    /// When the journal takes no more.
    pub async fn write(&self, record: &Record) -> Result<Place, Gone> {
        let (written, place) = oneshot::channel();
        self.hand_over(record, Some(written)).await?;
        place.await.map_err(|_| Gone)
    }

    async fn hand_over(
        &self,
        record: &Record,
        written: Option<oneshot::Sender<Place>>,
    ) -> Result<(), Gone> {
        // No record is beyond JSON: all keys are text. One that were could not be kept.
        let line = line::encode(record).map_err(|_| Gone)?;
        let entry = Entry { line, written };
        self.sender.send(entry).await.map_err(|_| Gone)
    }
}

impl Recording {
    /// Waits until everything handed over is on the disk. All recorders must be dropped before.
    ///
    /// # Errors
    /// When a record could not be written.
    pub fn finish(self) -> Result<Writer, JournalError> {
        match self.thread.join() {
            Ok((writer, None)) => Ok(writer),
            Ok((_, Some(error))) => Err(error),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn write_all(
    mut writer: Writer,
    mut receiver: mpsc::Receiver<Entry>,
    runtime: &tokio::runtime::Handle,
    cancel: &Cancel,
) -> (Writer, Option<JournalError>) {
    let mut lines = Vec::new();
    let mut written = Vec::new();
    loop {
        let next =
            runtime.block_on(async { tokio::time::timeout(SYNC_EVERY, receiver.recv()).await });
        let outcome = match next {
            Ok(Some(entry)) => {
                lines.clear();
                take(entry, &mut lines, &mut written);
                while lines.len() < BATCH
                    && let Ok(entry) = receiver.try_recv()
                {
                    take(entry, &mut lines, &mut written);
                }
                writer
                    .append_lines(&lines)
                    .map(|first| tell(first, written.drain(..)))
            }
            Ok(None) => {
                let outcome = writer.sync();
                return (writer, outcome.err());
            }
            Err(_) => writer.sync(),
        };
        if let Err(error) = outcome {
            cancel.cancel();
            return (writer, Some(error));
        }
    }
}

type Written = (usize, Option<oneshot::Sender<Place>>);

fn take(entry: Entry, lines: &mut Vec<u8>, written: &mut Vec<Written>) {
    lines.extend_from_slice(&entry.line);
    written.push((entry.line.len(), entry.written));
}

/// Tells everybody where their line stands.
fn tell(first: Place, written: impl Iterator<Item = Written>) {
    let (mut offset, mut line) = (first.offset, first.line);
    for (length, asker) in written {
        if let Some(asker) = asker {
            // Whoever asked may have been stopped since.
            let _ = asker.send(Place {
                offset,
                length: length.saturating_sub(1) as u32,
                line,
            });
        }
        offset += length as u64;
        line += 1;
    }
}
