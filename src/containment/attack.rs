//! The runner: every hostile program gets its try, with the host looked at before and after.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::JoinSet;

use super::corpus::{Corpus, Language, Program};
use super::error::ContainmentError;
use super::fingerprint::{Fingerprint, descendants, open_descriptors};
use super::judge::{Offers, Seen, ending, judge};
use super::manifest::{Family, Run};
use super::report::{Report, Trial};
use super::traps::Traps;
use crate::base::limits::Limits;
use crate::dataset::Task;
use crate::harness::{
    Grading, Plan, Reference, Transcript, control_plan, launch, needs_reference, plan,
};
use crate::job::PROFILE;
use crate::pipeline::nonce::nonce;
use crate::sandbox::{Layer, LayerState};
use crate::verdict::{Control, Step, Verdict, VerdictKind, judge as verdict_of};
use crate::worker::{Behaviour, Mount, Observation, Pool, PoolConfig, Request, WorkerError};

/// The variables that a program of its own gets besides those of the traps.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("HOME", "/work"),
    ("LANG", "C.UTF-8"),
    ("TZ", "UTC"),
];
/// Where programs see the folder of traps, if they are shown it.
const SHOWN: &str = "/shown";
/// Bytes of events that one sample may send.
const EVENTS: u64 = 4 << 20;
/// What the honest program says that runs after hostile ones.
const HONEST: &str = "unharmed";

/// How the corpus is tried.
#[derive(Clone, Debug)]
pub struct AttackConfig {
    /// The executable that is run as a worker: this one.
    pub executable: PathBuf,
    /// Programs tried at one time.
    pub workers: usize,
    /// Layers that the user gives up.
    pub give_up: Vec<String>,
    /// Only programs of these names, classes or families; all when empty.
    pub only: Vec<String>,
    /// How many times slower than a usual machine this host is: every time limit of the corpus is as
    /// many times longer. 1 on real hardware.
    pub time_factor: u32,
}

/// Lets every program of the corpus try, and reports what came of it.
///
/// This process becomes the reaper of whatever its workers leave behind, so that nothing can hide
/// from it: not for a process that has other children of its own to wait for.
///
/// # Errors
/// When the sandbox cannot be built here, or the traps not be set.
pub async fn attack(config: AttackConfig) -> Result<Report, ContainmentError> {
    let mut corpus = Corpus::embedded()?;
    if !config.only.is_empty() {
        corpus.keep_only(&config.only)?;
    }
    corpus.slow_down(config.time_factor);
    // Without it orphans would go to the host's first process; the kernel has it since 3.4.
    nix::sys::prctl::set_child_subreaper(true)
        .map_err(|errno| ContainmentError::io("become a reaper of orphans")(errno.into()))?;
    let traps = Traps::set()?;
    let before = Fingerprint::take(traps.folder());
    let field = Field {
        pool: pool(&config, config.workers.max(2)).await?,
        traps,
        corpus,
        usual: Limits::default().slower(config.time_factor),
    };
    let offers = offers(&field.pool);
    let workers = descendants();
    let count = |pid: &u32| Some((*pid, open_descriptors(*pid)?));
    let open_before: BTreeMap<u32, usize> = workers.iter().filter_map(count).collect();
    let alone = pool(&config, 1).await?;
    let field = Arc::new(field);
    let (trials, honest) = field.clone().run(&alone, offers).await?;
    alone.shutdown().await;
    field.pool.rest().await;
    let mut host = Vec::new();
    for (pid, before) in open_before {
        // A worker that is gone was lost under a program, which that program's trial says.
        if let Some(after) = open_descriptors(pid).filter(|after| *after != before) {
            host.push(format!(
                "a worker has {after} descriptors open, {before} before"
            ));
        }
    }
    let Field { pool, traps, .. } = Arc::into_inner(field).ok_or_else(|| {
        ContainmentError::Worker(WorkerError::Lost("a trial did not end".to_owned()))
    })?;
    pool.shutdown().await;
    let left = descendants();
    if !left.is_empty() {
        host.push(format!("processes that outlived their workers: {left:?}"));
    }
    host.extend(traps.sprung());
    host.extend(before.differences(&Fingerprint::take(traps.folder())));
    let privileged = nix::unistd::geteuid().is_root();
    let report = Report::new(privileged, offers, trials, host, honest);
    Ok(Report {
        time_factor: config.time_factor,
        ..report
    })
}

/// What every worker attests.
fn offers(pool: &Pool) -> Offers {
    let attestations = pool.attestations();
    let holds = |layer: Layer| {
        attestations.values().all(|attestation| {
            let mut reports = attestation.layers.iter();
            reports.any(|report| report.layer == layer && report.state == LayerState::Enforced)
        })
    };
    Offers {
        groups: holds(Layer::Cgroup),
        own_inodes: holds(Layer::OwnInodes),
        own_devices: holds(Layer::OwnDevices),
    }
}

async fn pool(config: &AttackConfig, workers: usize) -> Result<Pool, ContainmentError> {
    let config = PoolConfig {
        workers,
        executable: config.executable.clone(),
        profile_dir: None,
        without: config.give_up.clone(),
    };
    Ok(Pool::start(config).await?)
}

/// Where programs are let loose.
#[derive(Debug)]
struct Field {
    pool: Pool,
    traps: Traps,
    corpus: Corpus,
    /// The limits of honest programs.
    usual: Limits,
}

/// Trials, and the honest programs among them: run, and unharmed.
type Outcome = (Vec<Trial>, (usize, usize));

impl Field {
    async fn run(
        self: Arc<Self>,
        alone: &Pool,
        offers: Offers,
    ) -> Result<Outcome, ContainmentError> {
        let mut trials = Vec::new();
        let mut honest = (0, 0);
        let references = Arc::new(self.references(&mut honest).await?);
        // Those that need another one first, while the others wait.
        let mut done = Vec::new();
        for program in &self.corpus.programs {
            let row = &program.row;
            let (first, second) = if let Some(name) = &row.after {
                let Some(other) = self.corpus.get(name) else {
                    continue;
                };
                let first = self.exec(alone, other).await;
                (first, self.exec(alone, program).await)
            } else if let Some(name) = &row.beside {
                let Some(other) = self.corpus.get(name) else {
                    continue;
                };
                tokio::join!(self.exec(&self.pool, other), self.exec(&self.pool, program))
            } else {
                continue;
            };
            let other = row.after.as_ref().or(row.beside.as_ref());
            let Some(other) = other.and_then(|name| self.corpus.get(name)) else {
                continue;
            };
            trials.push(judge(other, &first, self.traps.secret(), offers));
            trials.push(judge(program, &second, self.traps.secret(), offers));
            done.extend([row.name.clone(), other.row.name.clone()]);
        }
        let mut running = JoinSet::new();
        for (place, program) in self.corpus.programs.iter().enumerate() {
            if done.contains(&program.row.name) {
                continue;
            }
            let (field, references) = (Arc::clone(&self), Arc::clone(&references));
            running.spawn(async move { field.one(place, &references, offers).await });
        }
        while let Some(ended) = running.join_next().await {
            let (trial, unharmed) = ended.map_err(|error| {
                ContainmentError::Worker(WorkerError::Lost(format!("a trial ended: {error}")))
            })?;
            trials.push(trial);
            if let Some(unharmed) = unharmed {
                honest = (honest.0 + 1, honest.1 + usize::from(unharmed));
            }
        }
        drop(running);
        Ok((trials, honest))
    }

    /// One program, and an honest one after it where it exhausts something.
    async fn one(
        &self,
        place: usize,
        references: &BTreeMap<String, Option<Reference>>,
        offers: Offers,
    ) -> (Trial, Option<bool>) {
        let program = &self.corpus.programs[place];
        let seen = match program.row.run {
            Run::Exec => self.exec(&self.pool, program).await,
            Run::Sample => self.sample(program, references).await,
        };
        let unharmed = match program.family {
            Family::Exhaustion => Some(self.honest().await),
            Family::Escape | Family::Forgery => None,
        };
        let trial = judge(program, &seen, self.traps.secret(), offers);
        (trial, unharmed)
    }

    async fn exec(&self, pool: &Pool, program: &Program) -> Seen {
        if let Some(seen) = unavailable(program.language) {
            return seen;
        }
        let request = Request {
            argv: program.command(self.corpus.prelude),
            env: self.environment(),
            stdin: b"standard input\n".to_vec(),
            payload: None,
            events_limit: None,
            profile: program.row.profile.clone(),
            mounts: program
                .row
                .shown
                .then(|| self.shown())
                .into_iter()
                .collect(),
            limits: program.limits.clone(),
            warm: None,
        };
        match pool.run(request).await {
            Ok(observation) => Seen::of(&observation, program),
            Err(error) => infra(&error),
        }
    }

    /// The folder of traps, read-only.
    fn shown(&self) -> Mount {
        Mount {
            source: self.traps.folder().to_owned(),
            target: PathBuf::from(SHOWN),
        }
    }

    fn environment(&self) -> Vec<(String, String)> {
        let own = ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned()));
        own.into_iter().chain(self.traps.environment()).collect()
    }

    /// Whether an honest program comes to what it should.
    async fn honest(&self) -> bool {
        let request = Request {
            argv: ["/bin/sh", "-c", &format!("echo {HONEST}")]
                .map(str::to_owned)
                .to_vec(),
            env: Vec::new(),
            stdin: Vec::new(),
            payload: None,
            events_limit: None,
            profile: "strict".to_owned(),
            mounts: Vec::new(),
            limits: self.usual.clone(),
            warm: None,
        };
        self.pool.run(request).await.is_ok_and(|observation| {
            ending(&observation) == "exited"
                && observation
                    .behaviour
                    .is_none_or(|behaviour| behaviour.is_clean())
                && observation.stdout.bytes.trim_ascii() == HONEST.as_bytes()
        })
    }

    async fn sample(
        &self,
        program: &Program,
        references: &BTreeMap<String, Option<Reference>>,
    ) -> Seen {
        if let Some(seen) = unavailable(program.language) {
            return seen;
        }
        let name = program.row.task.as_deref().unwrap_or_default();
        let (Some(task), Some(reference)) = (self.corpus.tasks.get(name), references.get(name))
        else {
            return Seen::default();
        };
        let limits = program.limits.clone();
        let (plan, observation) = match self.grade(task, program.source, 0, limits).await {
            Ok(graded) => graded,
            Err(seen) => return seen,
        };
        let verdict = verdict_of(
            task,
            program.source,
            Grading::Strict,
            reference.as_ref(),
            &plan.nonce,
            &observation,
        );
        let verdict = if Control::is_needed(task, &verdict) {
            let control = Control::new(verdict);
            match self.control(task, program, control).await {
                Ok(verdict) => verdict,
                Err(seen) => return seen,
            }
        } else {
            verdict
        };
        Seen {
            got: verdict.kind.name().to_owned(),
            detail: verdict.detail,
            ..Seen::of(&observation, program)
        }
    }

    /// Puts a pass to the test, as an evaluation does.
    async fn control(
        &self,
        task: &Task,
        program: &Program,
        mut control: Control,
    ) -> Result<Verdict, Seen> {
        loop {
            let key = nonce().map_err(|error| infra(&error))?;
            let plan = control_plan(task, program.source, Grading::Strict, key);
            let observation = self.observe(&plan, 0, program.limits.clone()).await?;
            control = match control.take(&plan.nonce, &observation) {
                Step::Done(verdict) => return Ok(verdict),
                Step::Again(next) => next,
                Step::NotRun(control, reason) => return Ok(control.failed(&reason)),
            };
        }
    }

    async fn grade(
        &self,
        task: &Task,
        code: &str,
        hash_seed: u32,
        limits: Limits,
    ) -> Result<(Plan, Observation), Seen> {
        let key = nonce().map_err(|error| infra(&error))?;
        let plan = plan(task, code, Grading::Strict, key);
        let observation = self.observe(&plan, hash_seed, limits).await?;
        Ok((plan, observation))
    }

    async fn observe(
        &self,
        plan: &Plan,
        hash_seed: u32,
        limits: Limits,
    ) -> Result<Observation, Seen> {
        let python = Language::Python.interpreter();
        let mut env = launch::environment(Path::new(python), hash_seed);
        env.extend(self.traps.environment());
        let request = Request {
            argv: launch::command(python),
            env,
            stdin: Vec::new(),
            payload: Some(plan.input()),
            events_limit: Some(EVENTS),
            profile: PROFILE.to_owned(),
            mounts: Vec::new(),
            limits,
            warm: None,
        };
        let observed = self.pool.run(request).await;
        observed.map_err(|error| infra(&error))
    }

    /// What the answers that must pass come to, by task, and whether they do pass: were they not to,
    /// a forgery that does not pass would mean nothing.
    async fn references(
        &self,
        honest: &mut (usize, usize),
    ) -> Result<BTreeMap<String, Option<Reference>>, ContainmentError> {
        let mut references = BTreeMap::new();
        let wanted = |name: &str| {
            let answers = |program: &Program| program.row.task.as_deref() == Some(name);
            self.corpus.programs.iter().any(answers)
        };
        for (name, task) in &self.corpus.tasks {
            if !wanted(name) || !Path::new(Language::Python.interpreter()).exists() {
                continue;
            }
            let truth = task.ground_truth.as_deref().unwrap_or_default();
            let mut runs = Vec::new();
            let mut last = None;
            for seed in [1, 2] {
                let graded = self.grade(task, truth, seed, self.usual.clone()).await;
                let (plan, observation) = graded
                    .map_err(|seen| ContainmentError::Worker(WorkerError::Sandbox(seen.detail)))?;
                runs.push(Transcript::read(&observation.events, &plan.nonce));
                last = Some((plan, observation));
            }
            let reference = needs_reference(&task.tests).then(|| Reference::from_runs(&runs));
            let passed = last.is_some_and(|(plan, observation)| {
                let (grading, nonce) = (Grading::Strict, &plan.nonce);
                let verdict = verdict_of(
                    task,
                    truth,
                    grading,
                    reference.as_ref(),
                    nonce,
                    &observation,
                );
                let behaviour = &verdict.behaviour;
                verdict.kind == VerdictKind::Passed
                    && behaviour.as_ref().is_none_or(Behaviour::is_clean)
            });
            *honest = (honest.0 + 1, honest.1 + usize::from(passed));
            references.insert(name.clone(), reference);
        }
        Ok(references)
    }
}

/// What is said of a program whose interpreter is missing.
fn unavailable(language: Language) -> Option<Seen> {
    let interpreter = language.interpreter();
    (!Path::new(interpreter).exists()).then(|| Seen {
        got: "skipped".to_owned(),
        stdout: format!("skipped: this host has no {interpreter}\n").into_bytes(),
        ..Seen::default()
    })
}

fn infra(error: &impl ToString) -> Seen {
    Seen {
        got: VerdictKind::Infra.name().to_owned(),
        detail: error.to_string(),
        ..Seen::default()
    }
}
