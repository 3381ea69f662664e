//! The supervisor's side: a fixed set of worker processes, each running one request at a time.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Mutex, mpsc};

use super::wire::{FromWorker, Setup, ToWorker, checked_length, decode, encode};
use super::{Observation, Request, SUBCOMMAND};
use crate::sandbox::{Attestation, Layer, Profile, cgroup};

/// How often a request is tried again when its worker dies under it.
const RETRIES: u32 = 2;

/// How a pool is set up.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Worker processes, each with at most one job at a time.
    pub workers: usize,
    /// The executable that is run again as a worker: this one.
    pub executable: PathBuf,
    /// Folder with further profiles, besides those built in.
    pub profile_dir: Option<PathBuf>,
    /// Layers that the user gives up by name, so that weaker hosts can run at all.
    pub without: Vec<String>,
}

/// Why a request has no observation. Never the fault of the program that was to be run.
#[derive(Clone, Debug, Error, Serialize, Deserialize)]
pub enum WorkerError {
    /// The host could not build the sandbox; trying again will not help.
    #[error("cannot build the sandbox: {0}")]
    Sandbox(String),
    /// The request itself is at fault, such as an unknown profile.
    #[error("cannot run the request: {0}")]
    Request(String),
    /// A worker process died, more often than is retried.
    #[error("a worker process was lost: {0}")]
    Lost(String),
}

/// The worker processes of one run.
#[derive(Debug)]
pub struct Pool {
    executable: PathBuf,
    setup: Setup,
    attestations: BTreeMap<String, Attestation>,
    idle: Mutex<mpsc::UnboundedReceiver<Seat>>,
    give_back: mpsc::UnboundedSender<Seat>,
}

/// A worker's place in the pool: with its process, or empty after that was lost.
#[derive(Debug)]
struct Seat {
    index: u32,
    worker: Option<Worker>,
}

/// Brings a seat back when its request is over, or was cancelled: then without the worker, whose
/// socket holds half an answer. The worker notices the closed socket and ends with its job.
struct Taken<'a> {
    seat: Option<Seat>,
    give_back: &'a mpsc::UnboundedSender<Seat>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(seat) = self.seat.take() {
            // The receiver lives as long as the pool.
            let _ = self.give_back.send(seat);
        }
    }
}

impl Pool {
    /// Starts the workers and has each one build a sandbox, so that a host that cannot enforce the
    /// profile is found out before any job runs.
    ///
    /// # Errors
    /// When a worker cannot be started, or the sandbox lacks a layer that a profile requires.
    pub async fn start(config: PoolConfig) -> Result<Self, WorkerError> {
        let setup = Setup {
            profiles: profiles(&config)?,
            given_up: given_up(&config)?,
            cgroups: cgroup::discover(),
            index: 0,
        };
        let (give_back, idle) = mpsc::unbounded_channel();
        let mut pool = Self {
            executable: config.executable,
            setup,
            attestations: BTreeMap::new(),
            idle: Mutex::new(idle),
            give_back,
        };
        // Each is started before the first is waited for, so that they set up side by side.
        let count = u32::try_from(config.workers.max(1)).unwrap_or(u32::MAX);
        let mut started = Vec::new();
        for index in 0..count {
            started.push((index, pool.spawn(index).await?));
        }
        for (index, mut worker) in started {
            let attested = worker.ready().await?;
            for (profile, attestation) in attested {
                // What is said of the run must be true of every worker.
                match pool.attestations.get_mut(&profile) {
                    Some(known) => known.weaken(&attestation),
                    None => _ = pool.attestations.insert(profile, attestation),
                }
            }
            let _ = pool.give_back.send(Seat {
                index,
                worker: Some(worker),
            });
        }
        Ok(pool)
    }

    /// Runs one request on the next free worker. Safe to call from many tasks at once; at most
    /// [`PoolConfig::workers`] requests run at one time, the others wait their turn.
    ///
    /// # Errors
    /// When there is no observation; see [`WorkerError`].
    pub async fn run(&self, request: Request) -> Result<Observation, WorkerError> {
        let frame = encode(&ToWorker::Run(Box::new(request)))
            .map_err(|error| WorkerError::Request(error.to_string()))?;
        let seat = self.idle.lock().await.recv().await;
        let mut taken = Taken {
            seat,
            give_back: &self.give_back,
        };
        let mut last = String::new();
        for _ in 0..=RETRIES {
            let Some(seat) = taken.seat.as_mut() else {
                break;
            };
            let mut worker = match seat.worker.take() {
                Some(worker) => worker,
                None => {
                    let mut worker = self.spawn(seat.index).await?;
                    self.check_attested(&worker.ready().await?)?;
                    worker
                }
            };
            match worker.ask(&frame).await {
                Ok(answer) => {
                    seat.worker = Some(worker);
                    return match answer {
                        FromWorker::Done(observation) => Ok(*observation),
                        FromWorker::Failed(error) => Err(error),
                        FromWorker::Ready(_) => {
                            Err(WorkerError::Lost("it answered out of turn".to_owned()))
                        }
                    };
                }
                Err(error) => last = error.to_string(),
            }
        }
        Err(WorkerError::Lost(last))
    }

    /// A worker that takes another's place must not enforce less than was said of the run.
    fn check_attested(&self, new: &BTreeMap<String, Attestation>) -> Result<(), WorkerError> {
        for (profile, known) in &self.attestations {
            let weaker = match new.get(profile) {
                Some(new) => new.lost_since(known),
                None => continue,
            };
            if let Some(report) = weaker.first() {
                return Err(WorkerError::Sandbox(format!(
                    "a new worker cannot enforce what the run began with: {}: {}",
                    report.layer, report.detail
                )));
            }
        }
        Ok(())
    }

    /// Which layers the workers really enforce, for a profile, as a JSON document; stored in the manifest.
    pub fn attestation(&self, profile: &str) -> Option<serde_json::Value> {
        self.attestations
            .get(profile)
            .and_then(|attestation| serde_json::to_value(attestation).ok())
    }

    /// What was attested, by profile.
    pub fn attestations(&self) -> &BTreeMap<String, Attestation> {
        &self.attestations
    }

    /// Ends all workers and waits for them.
    pub async fn shutdown(self) {
        let Self {
            idle,
            give_back,
            setup,
            ..
        } = self;
        drop(give_back);
        let mut idle = idle.into_inner();
        while let Some(seat) = idle.recv().await {
            drop(seat);
        }
        // A worker that was killed from outside could not remove its job's control group.
        cgroup::sweep(&setup.cgroups);
    }

    /// Starts a worker and tells it how to work. Its answer is still to be read.
    async fn spawn(&self, index: u32) -> Result<Worker, WorkerError> {
        let failed = |error: io::Error| WorkerError::Lost(format!("start a worker: {error}"));
        let (ours, theirs) = StdStream::pair().map_err(failed)?;
        ours.set_nonblocking(true).map_err(failed)?;
        let child = Command::new(&self.executable)
            .arg(SUBCOMMAND)
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(failed)?;
        let mut socket = UnixStream::from_std(ours).map_err(failed)?;
        let setup = Setup {
            index,
            ..self.setup.clone()
        };
        let frame = encode(&ToWorker::Setup(setup)).map_err(failed)?;
        let written = socket.write_all(&frame).await;
        let worker = Worker {
            child,
            socket: Some(socket),
        };
        written.map_err(failed).map(|()| worker)
    }
}

fn profiles(config: &PoolConfig) -> Result<Vec<Profile>, WorkerError> {
    let mut names: Vec<String> = Profile::built_in().map(str::to_owned).collect();
    if let Some(folder) = &config.profile_dir {
        let entries = std::fs::read_dir(folder).map_err(|error| {
            WorkerError::Request(format!("profile folder {}: {error}", folder.display()))
        })?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
                && let Some(stem) = path.file_stem()
            {
                names.push(stem.to_string_lossy().into_owned());
            }
        }
    }
    names.sort();
    names.dedup();
    let load = |name: &String| {
        Profile::load(name, config.profile_dir.as_deref())
            .map_err(|error| WorkerError::Request(error.to_string()))
    };
    names.iter().map(load).collect()
}

fn given_up(config: &PoolConfig) -> Result<Vec<Layer>, WorkerError> {
    let parse = |name: &String| {
        let layer = Layer::from_str(name).map_err(WorkerError::Request)?;
        if Layer::CAN_BE_GIVEN_UP.contains(&layer) {
            return Ok(layer);
        }
        let names = Layer::CAN_BE_GIVEN_UP.map(Layer::name).join(", ");
        Err(WorkerError::Request(format!(
            "the layer `{name}` cannot be given up; those that can: {names}"
        )))
    };
    config.without.iter().map(parse).collect()
}

/// One worker process.
#[derive(Debug)]
struct Worker {
    child: Child,
    /// Open until the worker is dropped.
    socket: Option<UnixStream>,
}

impl Worker {
    /// Reads what it attests, after its set-up.
    async fn ready(&mut self) -> Result<BTreeMap<String, Attestation>, WorkerError> {
        match self.answer().await {
            Ok(FromWorker::Ready(attestations)) => Ok(attestations
                .into_iter()
                .map(|attestation| (attestation.profile.clone(), attestation))
                .collect()),
            Ok(FromWorker::Failed(error)) => Err(error),
            Ok(FromWorker::Done(_)) => Err(WorkerError::Lost("it answered out of turn".to_owned())),
            Err(error) => Err(WorkerError::Lost(format!("while it was set up: {error}"))),
        }
    }

    async fn ask(&mut self, frame: &[u8]) -> io::Result<FromWorker> {
        if let Some(socket) = &mut self.socket {
            socket.write_all(frame).await?;
        }
        self.answer().await
    }

    async fn answer(&mut self) -> io::Result<FromWorker> {
        let socket = self.socket.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let mut length = [0; 4];
        socket.read_exact(&mut length).await?;
        let mut frame = vec![0; checked_length(length)?];
        socket.read_exact(&mut frame).await?;
        decode(&frame)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It notices the closed socket, ends its job and cleans up; one that does not is killed,
        // and the kernel kills its sandbox with it. Either way it leaves no zombie.
        self.socket = None;
        for _ in 0..400 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
