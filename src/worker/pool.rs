//! The supervisor's side: worker processes, each running one request at a time, and as many requests
//! as keep the processors busy.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::net::UnixStream;

use super::accounts::{Account, Accounts};
use super::child::{Farewells, Worker};
use super::gate::{Admission, Care, Gate, Need};
use super::headroom::Headroom;
use super::wire::{FromWorker, Setup, ToWorker, encode};
use super::{End, Observation, Request, SUBCOMMAND};
use crate::sandbox::{Attestation, Layer, Profile, cgroup};

/// How often a request is tried again when its worker dies under it, or fails at it.
const RETRIES: u32 = 2;
/// How often a program has to end by SIGKILL before it is believed that it did so itself, where no
/// limit explains it: the host's memory killer and people at the keyboard leave no other trace.
const KILLS_BELIEVED: u32 = 3;
/// How long a worker that is not needed is kept, beyond one a processor.
const SPARE_FOR: Duration = Duration::from_secs(10);

/// How a pool is set up.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Processors to keep busy: as many worker processes are started, each with at most one job at a
    /// time. See [`Pool::with_spare`].
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
    /// The host had no memory for the program, not even with all to itself.
    #[error("the host has too little memory: {0}")]
    Shortage(String),
}

/// What is known of a program before it runs. It decides when it does, and nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outlook {
    /// The memory that it is expected to hold at most, in bytes.
    pub memory: Option<u64>,
    /// Whether it is expected to wait for something else than a processor most of the time.
    pub waits: bool,
}

/// The worker processes of one run.
#[derive(Debug)]
pub struct Pool {
    executable: PathBuf,
    setup: Setup,
    attestations: BTreeMap<String, Attestation>,
    farewells: Arc<Farewells>,
    accounts: Accounts,
    gate: Arc<Gate>,
    idle: Mutex<Idle>,
}

/// Workers without a job, the latest to have had one last.
#[derive(Debug, Default)]
struct Idle {
    /// Those that had jobs that run, no more than there are processors: what they keep for the next one is worth most
    /// to those.
    regular: Vec<Resting>,
    /// All others. Jobs that wait go here, so that none sleeps where others have their imports.
    spare: Vec<Resting>,
}

/// A worker without a job, and since when it has none.
#[derive(Debug)]
struct Resting(Worker, Instant);

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
        let workers = config.workers.max(1);
        let headroom = Headroom::now(setup.cgroups.memory.as_ref());
        let mut pool = Self {
            executable: config.executable,
            setup,
            attestations: BTreeMap::new(),
            farewells: Arc::default(),
            accounts,
            gate: Arc::new(Gate::new(workers, headroom)),
            idle: Mutex::default(),
        };
        // Each is started before the first is waited for, so that they set up side by side.
        let mut started = Vec::new();
        for _ in 0..workers {
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
            pool.keep(worker, false);
        }
        Ok(pool)
    }

    /// Processors to keep busy.
    pub fn processors(&self) -> usize {
        self.gate.cores()
    }

    /// The same, with up to so many more workers while jobs sleep or wait: they are started when they
    /// are first needed, and end when they have not been for a while.
    #[must_use]
    pub fn with_spare(self, more: usize) -> Self {
        self.gate.spare(more);
        self
    }

    /// Runs one request. Safe to call from many tasks at once: each waits until a processor and memory
    /// are free for it.
    ///
    /// # Errors
    /// When there is no observation; see [`WorkerError`].
    pub async fn run(&self, request: Request) -> Result<Observation, WorkerError> {
        self.run_expecting(request, Outlook::default(), || ()).await
    }

    /// The same for a program of which something is known; `begun` is called when its turn has come.
    /// Should the host run out of memory under it, it is run again when all that it may use is free,
    /// and at last without any company.
    ///
    /// # Errors
    /// When there is no observation; see [`WorkerError`].
    pub async fn run_expecting(
        &self,
        request: Request,
        outlook: Outlook,
        begun: impl FnOnce(),
    ) -> Result<Observation, WorkerError> {
        let (asked, profile) = (Instant::now(), request.profile.clone());
        let limit = request.limits.memory;
        let frame = encode(&ToWorker::Run(Box::new(request)))
            .map_err(|error| WorkerError::Request(error.to_string()))?;
        let mut begun = Some(begun);
        let mut last = WorkerError::Lost("the pool has no gate".to_owned());
        for care in [Care::Usual, Care::Full, Care::Alone] {
            let need = Need {
                limit,
                expected: outlook.memory,
                waits: outlook.waits,
                care,
            };
            let Some(mut admission) = self.gate.enter(need).await else {
                break;
            };
            if let Some(begun) = begun.take() {
                begun();
            }
            match self.run_admitted(&mut admission, &frame).await {
                Ok(observation) => {
                    let peak = observation.usage.peak_memory;
                    self.gate.learn(peak.unwrap_or(limit));
                    self.accounts.add(&profile, asked.elapsed(), &observation);
                    return Ok(observation);
                }
                Err(error @ WorkerError::Shortage(_)) => {
                    self.gate.ran_short();
                    last = error;
                }
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    async fn run_admitted(
        &self,
        admission: &mut Admission,
        frame: &[u8],
    ) -> Result<Observation, WorkerError> {
        let mut kills = 0;
        loop {
            let observation = self.try_hard(admission, frame).await?;
            kills += 1;
            if !is_unexplained_kill(&observation) || kills == KILLS_BELIEVED {
                return Ok(observation);
            }
        }
    }

    /// Runs a request on a worker, and on a new one whenever that fails. A worker whose request was
    /// cancelled is let go: its socket holds half an answer. It notices and ends with its job.
    async fn try_hard(
        &self,
        admission: &mut Admission,
        frame: &[u8],
    ) -> Result<Observation, WorkerError> {
        let waits = admission.was_expected_to_wait();
        let mut last = WorkerError::Lost(String::new());
        for attempt in 0..=RETRIES {
            let mut worker = match attempt {
                0 => match self.rested(waits) {
                    Some(worker) => worker,
                    // The host has no room for one more: then when there is less company.
                    None => self
                        .fresh()
                        .await
                        .map_err(|error| WorkerError::Shortage(error.to_string()))?,
                },
                _ => self.fresh().await?,
            };
            let answer = worker.ask(frame, |waits| admission.waits(waits)).await;
            admission.waits(false);
            match answer {
                Ok(FromWorker::Done(observation)) => {
                    self.keep(worker, waits);
                    return Ok(*observation);
                }
                // What this worker cannot do another may: it is out of descriptors, or its group
                // was removed. Any doubt, and it is thrown away.
                Ok(FromWorker::Failed(error @ WorkerError::Sandbox(_))) => last = error,
                Ok(FromWorker::Failed(error)) => {
                    self.keep(worker, waits);
                    return Err(error);
                }
                Ok(FromWorker::Ready(_) | FromWorker::Waits(_) | FromWorker::Rested) => {
                    last = WorkerError::Lost("it answered out of turn".to_owned());
                }
                Err(error) => last = WorkerError::Lost(error.to_string()),
            }
        }
        Err(last)
    }

    /// A new worker, which enforces what was said of the run.
    async fn fresh(&self) -> Result<Worker, WorkerError> {
        let mut worker = self.spawn().await?;
        self.check_attested(&worker.ready().await?)?;
        Ok(worker)
    }

    /// The worker that had a job last: what it needs is still in the caches.
    fn rested(&self, waits: bool) -> Option<Worker> {
        let mut idle = self.resting();
        let resting = match waits {
            true => idle.spare.pop(),
            false => idle.regular.pop().or_else(|| idle.spare.pop()),
        };
        resting.map(|Resting(worker, _)| worker)
    }

    /// Keeps a worker for the next job. One more than there are processors is let go when it has not
    /// been needed for a while.
    fn keep(&self, worker: Worker, waits: bool) {
        let now = Instant::now();
        let resting = Resting(worker, now);
        let mut idle = self.resting();
        if waits {
            idle.spare.push(resting);
        } else {
            idle.regular.push(resting);
            if idle.regular.len() > self.gate.cores() {
                let oldest = idle.regular.remove(0);
                idle.spare.push(oldest);
            }
        }
        let is_old = |Resting(_, since): &Resting| now.duration_since(*since) > SPARE_FOR;
        if let Some(old) = idle.spare.iter().position(is_old) {
            let spare = idle.spare.remove(old);
            drop(idle);
            drop(spare);
        }
    }

    fn resting(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
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
        let nobody_else = Need {
            limit: 0,
            expected: None,
            waits: false,
            care: Care::Alone,
        };
        let _admission = self.gate.enter(nobody_else).await;
        let Idle { regular, spare } = std::mem::take(&mut *self.resting());
        let all = regular.into_iter().map(|one| (one, false));
        for (Resting(mut worker, _), waits) in all.chain(spare.into_iter().map(|one| (one, true))) {
            let answer = worker.ask(&frame, |_| ()).await;
            if matches!(answer, Ok(FromWorker::Rested)) {
                self.keep(worker, waits);
            }
        }
    }

    /// Ends all workers and waits for them.
    pub async fn shutdown(self) {
        let Self {
            idle,
            setup,
            farewells,
            ..
        } = self;
        drop(idle);
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
