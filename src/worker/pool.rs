//! The supervisor's side: a fixed set of worker processes, each running one request at a time.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::net::UnixStream;
use tokio::sync::{Mutex, mpsc};

use super::accounts::{Account, Accounts};
use super::child::{Farewells, Worker};
use super::wire::{FromWorker, Setup, ToWorker, encode};
use super::{End, Observation, Request, SUBCOMMAND};
use crate::sandbox::{Attestation, Layer, Profile, cgroup};

/// How often a request is tried again when its worker dies under it, or fails at it.
const RETRIES: u32 = 2;
/// How often a program has to end by SIGKILL before it is believed that it did so itself, where no
/// limit explains it: the host's memory killer and people at the keyboard leave no other trace.
const KILLS_BELIEVED: u32 = 3;

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
    /// The host had no processor for the program; trying again at once would take as long.
    #[error("the host is too busy: {0}")]
    Busy(String),
}

/// The worker processes of one run.
#[derive(Debug)]
pub struct Pool {
    executable: PathBuf,
    setup: Setup,
    attestations: BTreeMap<String, Attestation>,
    farewells: Arc<Farewells>,
    accounts: Accounts,
    idle: Mutex<mpsc::UnboundedReceiver<Seat>>,
    give_back: mpsc::UnboundedSender<Seat>,
    seats: usize,
}

/// A worker's place in the pool: with its process, or empty after that was lost or thrown away.
#[derive(Debug)]
struct Seat(Option<Worker>);

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
        };
        let names = setup.profiles.iter().map(|profile| profile.name.clone());
        let accounts = Accounts::of(names);
        let (give_back, idle) = mpsc::unbounded_channel();
        let mut pool = Self {
            executable: config.executable,
            setup,
            attestations: BTreeMap::new(),
            farewells: Arc::default(),
            accounts,
            idle: Mutex::new(idle),
            give_back,
            seats: config.workers.max(1),
        };
        // Each is started before the first is waited for, so that they set up side by side.
        let mut started = Vec::new();
        for _ in 0..config.workers.max(1) {
            started.push(pool.spawn().await?);
        }
        for mut worker in started {
            let attested = worker.ready().await?;
            for (profile, attestation) in attested {
                // What is said of the run must be true of every worker.
                match pool.attestations.get_mut(&profile) {
                    Some(known) => known.weaken(&attestation),
                    None => _ = pool.attestations.insert(profile, attestation),
                }
            }
            let _ = pool.give_back.send(Seat(Some(worker)));
        }
        Ok(pool)
    }

    /// Runs one request on the next free worker. Safe to call from many tasks at once; at most
    /// [`PoolConfig::workers`] requests run at one time, the others wait their turn.
    ///
    /// # Errors
    /// When there is no observation; see [`WorkerError`].
    pub async fn run(&self, request: Request) -> Result<Observation, WorkerError> {
        let (asked, profile) = (Instant::now(), request.profile.clone());
        let frame = encode(&ToWorker::Run(Box::new(request)))
            .map_err(|error| WorkerError::Request(error.to_string()))?;
        let seat = self.idle.lock().await.recv().await;
        let mut taken = Taken {
            seat,
            give_back: &self.give_back,
        };
        let Some(seat) = taken.seat.as_mut() else {
            return Err(WorkerError::Lost("the pool has no workers".to_owned()));
        };
        let mut kills = 0;
        loop {
            let observation = self.try_hard(seat, &frame).await?;
            kills += 1;
            if !is_unexplained_kill(&observation) || kills == KILLS_BELIEVED {
                self.accounts.add(&profile, asked.elapsed(), &observation);
                return Ok(observation);
            }
        }
    }

    /// Runs a request on the seat's worker, and on a new one whenever that fails.
    async fn try_hard(&self, seat: &mut Seat, frame: &[u8]) -> Result<Observation, WorkerError> {
        let mut last = WorkerError::Lost(String::new());
        for _ in 0..=RETRIES {
            let mut worker = match seat.0.take() {
                Some(worker) => worker,
                None => {
                    let mut worker = self.spawn().await?;
                    self.check_attested(&worker.ready().await?)?;
                    worker
                }
            };
            match worker.ask(frame).await {
                Ok(FromWorker::Done(observation)) => {
                    seat.0 = Some(worker);
                    return Ok(*observation);
                }
                // What this worker cannot do another may: it is out of descriptors, or its group
                // was removed. Any doubt, and it is thrown away.
                Ok(FromWorker::Failed(error @ WorkerError::Sandbox(_))) => last = error,
                Ok(FromWorker::Failed(error)) => {
                    seat.0 = Some(worker);
                    return Err(error);
                }
                Ok(FromWorker::Ready(_) | FromWorker::Rested) => {
                    last = WorkerError::Lost("it answered out of turn".to_owned());
                }
                Err(error) => last = WorkerError::Lost(error.to_string()),
            }
        }
        Err(last)
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

    /// What all requests so far came to, by profile.
    pub fn accounts(&self) -> BTreeMap<String, Account> {
        self.accounts.read()
    }

    /// Has all workers let go of the sandboxes that they keep for further programs, with their memory,
    /// descriptors and control groups. Waits until no request is running.
    pub async fn rest(&self) {
        let Ok(frame) = encode(&ToWorker::Rest) else {
            return;
        };
        let mut seats = Vec::new();
        while seats.len() < self.seats {
            let Some(mut seat) = self.idle.lock().await.recv().await else {
                break;
            };
            if let Some(mut worker) = seat.0.take()
                && matches!(worker.ask(&frame).await, Ok(FromWorker::Rested))
            {
                seat.0 = Some(worker);
            }
            seats.push(seat);
        }
        for seat in seats {
            // The receiver lives as long as the pool.
            let _ = self.give_back.send(seat);
        }
    }

    /// Ends all workers and waits for them.
    pub async fn shutdown(self) {
        let Self {
            idle,
            give_back,
            setup,
            farewells,
            ..
        } = self;
        drop(give_back);
        let mut idle = idle.into_inner();
        while let Some(seat) = idle.recv().await {
            drop(seat);
        }
        farewells.finish().await;
        // A worker that was killed from outside could not remove its job's control group.
        cgroup::sweep(&setup.cgroups);
    }

    /// Starts a worker and tells it how to work. Its answer is still to be read.
    async fn spawn(&self) -> Result<Worker, WorkerError> {
        let failed = |error: io::Error| WorkerError::Lost(format!("start a worker: {error}"));
        let (ours, theirs) = StdStream::pair().map_err(failed)?;
        ours.set_nonblocking(true).map_err(failed)?;
        let socket = UnixStream::from_std(ours).map_err(failed)?;
        let child = Command::new(&self.executable)
            .arg(SUBCOMMAND)
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(failed)?;
        let mut worker = Worker::new(child, socket, Arc::clone(&self.farewells));
        let frame = encode(&ToWorker::Setup(self.setup.clone())).map_err(failed)?;
        worker.send(&frame).await.map_err(failed)?;
        Ok(worker)
    }
}

/// Whether the program was killed, and nobody knows by whom.
fn is_unexplained_kill(observation: &Observation) -> bool {
    observation.end == End::Signaled(libc::SIGKILL) && observation.limit.is_none()
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
