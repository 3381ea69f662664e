//! One worker process, as its supervisor holds it.

use std::collections::BTreeMap;
use std::io;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::pool::WorkerError;
use super::wire::{FromWorker, checked_length, decode};
use crate::sandbox::Attestation;

/// How long a worker may take to end its job and clean up before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// How often it is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// One worker process.
#[derive(Debug)]
pub(super) struct Worker {
    /// Both are there until the worker is dropped.
    child: Option<Child>,
    socket: Option<BufReader<UnixStream>>,
    farewells: Arc<Farewells>,
}

impl Worker {
    pub(super) fn new(child: Child, socket: UnixStream, farewells: Arc<Farewells>) -> Self {
        Self {
            child: Some(child),
            socket: Some(BufReader::new(socket)),
            farewells,
        }
    }

    /// Reads what it attests, after its set-up.
    pub(super) async fn ready(&mut self) -> Result<BTreeMap<String, Attestation>, WorkerError> {
        match self.answer(|_| ()).await {
            Ok(FromWorker::Ready(attestations)) => Ok(attestations
                .into_iter()
                .map(|attestation| (attestation.profile.clone(), attestation))
                .collect()),
            Ok(FromWorker::Failed(error)) => Err(error),
            Ok(_) => Err(WorkerError::Lost("it answered out of turn".to_owned())),
            Err(error) => Err(WorkerError::Lost(format!("while it was set up: {error}"))),
        }
    }

    /// Has a request answered; `waits` is told whenever the program begins to wait, and when it ends
    /// to.
    pub(super) async fn ask(
        &mut self,
        frame: &[u8],
        waits: impl FnMut(bool),
    ) -> io::Result<FromWorker> {
        self.send(frame).await?;
        self.answer(waits).await
    }

    pub(super) async fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let socket = self.socket.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        socket.write_all(frame).await
    }

    async fn answer(&mut self, mut waits: impl FnMut(bool)) -> io::Result<FromWorker> {
        let socket = self.socket.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        loop {
            let mut length = [0; 4];
            socket.read_exact(&mut length).await?;
            let mut frame = vec![0; checked_length(length)?];
            socket.read_exact(&mut frame).await?;
            match decode(&frame)? {
                FromWorker::Waits(now) => waits(now),
                answer => return Ok(answer),
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.socket = None;
        if let Some(child) = self.child.take() {
            self.farewells.to(child);
        }
    }
}

/// Waits for the workers that were let go, each in a thread: nothing asynchronous may wait that long.
#[derive(Debug, Default)]
pub(super) struct Farewells(Mutex<Vec<JoinHandle<()>>>);

impl Farewells {
    /// To a worker whose socket was closed. It notices, ends its job and cleans up; one that does
    /// not is killed, and the kernel kills its sandbox with it. Either way it leaves no zombie.
    fn to(&self, child: Child) {
        let child = Arc::new(Mutex::new(child));
        let theirs = Arc::clone(&child);
        let thread = std::thread::Builder::new().spawn(move || part_from(&theirs, GRACE));
        match thread {
            Ok(thread) => {
                let mut threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                threads.retain(|thread| !thread.is_finished());
                threads.push(thread);
            }
            // No thread is to be had: then without patience.
            Err(_) => part_from(&child, Duration::ZERO),
        }
    }

    /// Waits until all are gone.
    pub(super) async fn finish(&self) {
        let threads = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A panic in there would have left a zombie at most, and so would this one's.
            let _ = tokio::task::spawn_blocking(|| thread.join()).await;
        }
    }
}

fn part_from(child: &Mutex<Child>, grace: Duration) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    let begin = Instant::now();
    while begin.elapsed() < grace {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let _ = child.kill();
    let _ = child.wait();
}
