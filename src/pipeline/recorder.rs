//! The one task that writes the journal.

use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

use super::cancel::Cancel;
use crate::journal::{JournalError, Record, Writer};

/// Records that may wait to be written; whoever has more waits too.
const QUEUE: usize = 256;
/// How long a record may wait for the disk when no further one comes.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Where stages hand their results to; they reach the journal in one thread.
#[derive(Clone, Debug)]
pub struct Recorder {
    sender: mpsc::Sender<Record>,
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
    pub async fn record(&self, record: Record) -> Result<(), Gone> {
        self.sender.send(record).await.map_err(|_| Gone)
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
    mut receiver: mpsc::Receiver<Record>,
    runtime: &tokio::runtime::Handle,
    cancel: &Cancel,
) -> (Writer, Option<JournalError>) {
    loop {
        let next =
            runtime.block_on(async { tokio::time::timeout(SYNC_EVERY, receiver.recv()).await });
        let outcome = match next {
            Ok(Some(record)) => writer.append(&record),
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
