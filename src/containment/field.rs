//! Where hostile programs are let loose: each of them, in each mode, as a request to workers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::corpus::{Corpus, Language, Program};
use super::error::ContainmentError;
use super::judge::{Seen, ending};
use super::manifest::Run;
use super::mode::Mode;
use super::traps::Traps;
use crate::base::limits::{LimitKind, Limits};
use crate::dataset::Task;
use crate::harness::{
    Grading, Plan, PreparedTests, Reference, Transcript, launch, needs_reference, plan,
};
use crate::job::PROFILE;
use crate::pipeline::PipelineError;
use crate::pipeline::grading::{Answer, Execute, Failure, Footing, Graded, Outcome, prepared};
use crate::pipeline::nonce::nonce;
use crate::verdict::{Verdict, VerdictKind, judge as verdict_of};
use crate::worker::{Behaviour, Mount, Observation, Origin, Pool, Request, Reuse, WorkerError};

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
/// As in an evaluation: the hash seed of every job that is graded.
const HASH_SEED: u32 = 0;
/// What the honest program says that runs after hostile ones.
const HONEST: &str = "unharmed";
/// How often an interpreter is started. While a virtual machine stands still its tasks seem to run: in a second of it
/// one that starts uses up the short limits of the corpus.
const TRIES_TO_START: usize = 3;
/// The task that programs of their own answer, badly, when they are run as snippets.
const SNIPPETS_TASK: &str = "asserts";

/// The corpus, and what is set up for it.
#[derive(Debug)]
pub struct Field {
    pub(super) traps: Traps,
    pub(super) corpus: Corpus,
    /// The limits of honest programs.
    pub(super) usual: Limits,
    /// What the answers that must pass come to, by task; `None` where that needs not be known.
    pub(super) references: BTreeMap<String, Option<Reference>>,
    /// Tests that were compiled for all answers, by task.
    pub(super) prepared: BTreeMap<String, PreparedTests>,
}

/// Where a snippet runs.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    pool: &'a Pool,
    mode: Mode,
    /// The folder of traps is shown.
    shown: bool,
}

impl<'a> Place<'a> {
    fn of(pool: &'a Pool, mode: Mode) -> Self {
        Self {
            pool,
            mode,
            shown: false,
        }
    }
}

/// The jobs of one program.
struct Trial<'a> {
    field: &'a Field,
    place: Place<'a>,
    limits: &'a Limits,
}

impl Execute for Trial<'_> {
    /// A hostile program must not make us fail even once.
    const RETRIES: usize = 0;
    /// What every program does in the usual way is what is looked at.
    const SPARES_RUNS: bool = false;

    async fn execute(&self, plan: &Plan, footing: Footing) -> Result<Outcome, PipelineError> {
        let (field, limits) = (self.field, self.limits.clone());
        let observed = field.observe(self.place, plan, HASH_SEED, limits, footing);
        let failed = |error: WorkerError| Failure::Infra(error.to_string());
        Ok(observed.await.map_err(failed))
    }

    async fn prepare(&self, plan: &Plan) -> Result<Outcome, PipelineError> {
        let limits = &self.field.usual;
        let usual = Trial { limits, ..*self };
        usual.execute(plan, Footing::Usual).await
    }
}

impl Field {
    /// Lets a program loose on one of these workers.
    pub(super) async fn run(&self, pool: &Pool, program: &Program, mode: Mode) -> Seen {
        let interpreter = program.language.interpreter();
        if !Path::new(interpreter).exists() {
            return Seen::skipped(&format!("this host has no {interpreter}"));
        }
        let place = Place {
            shown: program.row.shown,
            ..Place::of(pool, mode)
        };
        match (mode, program.row.run) {
            (Mode::Exec, _) => self.exec(pool, program).await,
            (_, Run::Sample) => self.sample(place, program).await,
            (_, Run::Exec) => self.snippet(place, program).await,
        }
    }

    async fn exec(&self, pool: &Pool, program: &Program) -> Seen {
        let request = Request {
            argv: program.command(self.corpus.prelude),
            env: self.environment(),
            stdin: b"standard input\n".to_vec(),
            payload: None,
            events_limit: None,
            profile: program.row.profile.clone(),
            mounts: self.mounts(program.row.shown),
            limits: program.limits.clone(),
            reuse: Reuse::Sandbox,
        };
        match pool.run(request).await {
            Ok(observation) => Seen::of(&observation, program),
            Err(error) => infra(&error),
        }
    }

    /// The folder of traps, read-only.
    fn mounts(&self, shown: bool) -> Vec<Mount> {
        let traps = || Mount {
            source: self.traps.folder().to_owned(),
            target: PathBuf::from(SHOWN),
        };
        shown.then(traps).into_iter().collect()
    }

    fn environment(&self) -> Vec<(String, String)> {
        let own = ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned()));
        own.into_iter().chain(self.traps.environment()).collect()
    }

    /// Whether an honest program comes to what it should.
    pub(super) async fn honest(&self, pool: &Pool) -> bool {
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
            reuse: Reuse::Sandbox,
        };
        pool.run(request).await.is_ok_and(|observation| {
            ending(&observation) == "exited"
                && observation
                    .behaviour
                    .is_none_or(|behaviour| behaviour.is_clean())
                && observation.stdout.bytes.trim_ascii() == HONEST.as_bytes()
        })
    }

    /// The task that a program is an answer to when it is run as a snippet.
    fn task(&self, program: &Program) -> Option<(&Task, Option<&Reference>)> {
        let name = program.row.task.as_deref().unwrap_or(SNIPPETS_TASK);
        let reference = self.references.get(name)?;
        Some((self.corpus.tasks.get(name)?, reference.as_ref()))
    }

    /// A program of its own, run as a snippet.
    async fn snippet(&self, place: Place<'_>, program: &Program) -> Seen {
        let code = format!("{}{}", self.corpus.prelude, program.source);
        match self.graded(place, program, &code).await {
            Ok((verdict, observation)) => Seen {
                verdict: Some(verdict.kind),
                ..Seen::of(&observation, program)
            },
            Err(seen) => seen,
        }
    }

    /// An answer to a task.
    async fn sample(&self, place: Place<'_>, program: &Program) -> Seen {
        match self.graded(place, program, program.source).await {
            Ok((verdict, observation)) => Seen {
                got: verdict.kind.name().to_owned(),
                detail: verdict.detail,
                ..Seen::of(&observation, program)
            },
            Err(seen) => seen,
        }
    }

    /// What code comes to as an answer to the program's task, as an evaluation grades it, and what was seen of it first.
    /// Where the process may be forked from a warm interpreter, the tests are prepared, too.
    async fn graded(
        &self,
        place: Place<'_>,
        program: &Program,
        code: &str,
    ) -> Result<(Verdict, Observation), Seen> {
        let Some((task, reference)) = self.task(program) else {
            return Err(Seen::default());
        };
        let prepared = self.prepared.get(task.id.as_str());
        let answer = Answer {
            task,
            code,
            grading: Grading::Strict,
            reference,
            prepared: prepared.filter(|_| place.mode == Mode::Warm),
        };
        let mut graded = Err(Seen::default());
        for _ in 0..TRIES_TO_START {
            let trial = Trial {
                field: self,
                place,
                limits: &program.limits,
            };
            graded = answer.grade(&trial).await.map_err(|error| infra(&error));
            if !graded.as_ref().is_ok_and(ran_out_of_time_at_its_start) {
                break;
            }
        }
        let Graded { verdict, first } = graded?;
        match first {
            Some(first) => Ok((verdict, first)),
            None => Err(infra(&verdict.detail)),
        }
    }

    /// What the answer that must pass to the task of this program comes to, under the program's limits:
    /// whether it passes, and how its process came to be.
    pub(super) async fn truth(
        &self,
        pool: &Pool,
        program: &Program,
        mode: Mode,
    ) -> Result<(bool, Origin), String> {
        let Some((task, reference)) = self.task(program) else {
            return Err("its task is missing".to_owned());
        };
        let code = task.ground_truth.as_deref().unwrap_or_default();
        let place = Place {
            shown: program.row.shown,
            ..Place::of(pool, mode)
        };
        let graded = self.grade(place, task, code, HASH_SEED, program.limits.clone());
        let (plan, observation) = graded.await.map_err(|seen| seen.detail)?;
        let passed = has_passed(task, reference, &plan, &observation);
        Ok((passed, observation.course.origin))
    }

    async fn grade(
        &self,
        place: Place<'_>,
        task: &Task,
        code: &str,
        hash_seed: u32,
        limits: Limits,
    ) -> Result<(Plan, Observation), Seen> {
        let key = nonce().map_err(|error| infra(&error))?;
        let plan = plan(task, code, Grading::Strict, key, None, None);
        let observed = self.observe(place, &plan, hash_seed, limits, Footing::Usual);
        let observation = observed.await.map_err(|error| infra(&error))?;
        Ok((plan, observation))
    }

    async fn observe(
        &self,
        place: Place<'_>,
        plan: &Plan,
        hash_seed: u32,
        limits: Limits,
        footing: Footing,
    ) -> Result<Observation, WorkerError> {
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
            mounts: self.mounts(place.shown),
            limits,
            reuse: match (footing, place.mode, plan.imports.clone()) {
                (Footing::Fresh, ..) => Reuse::Nothing,
                (Footing::Usual, Mode::Warm, Some(imports)) => Reuse::Interpreter {
                    imports,
                    popular: 0,
                },
                (Footing::Usual, ..) => Reuse::Sandbox,
            },
        };
        place.pool.run(request).await
    }

    /// Learns what the answers that must pass come to, and says of how many tasks they were run and of how
    /// many they passed: were they not to, a forgery that does not pass would mean nothing.
    pub(super) async fn learn(&mut self, pool: &Pool) -> Result<(usize, usize), ContainmentError> {
        let mut honest = (0, 0);
        if !Path::new(Language::Python.interpreter()).exists() {
            return Ok(honest);
        }
        let wanted = |name: &str| {
            let answers = |program: &Program| match &program.row.task {
                Some(task) => task == name,
                None => name == SNIPPETS_TASK,
            };
            self.corpus.programs.iter().any(answers)
        };
        let place = Place::of(pool, Mode::Cold);
        for (name, task) in &self.corpus.tasks {
            if !wanted(name) {
                continue;
            }
            let truth = task.ground_truth.as_deref().unwrap_or_default();
            let mut runs = Vec::new();
            let mut last = None;
            for seed in [1, 2] {
                let graded = self.grade(place, task, truth, seed, self.usual.clone());
                let (plan, observation) = graded
                    .await
                    .map_err(|seen| ContainmentError::Worker(WorkerError::Sandbox(seen.detail)))?;
                runs.push(Transcript::read(&observation.events, &plan.nonce));
                last = Some((plan, observation));
            }
            let reference = needs_reference(&task.tests).then(|| Reference::from_runs(&runs));
            let passed = last.is_some_and(|(plan, observation)| {
                has_passed(task, reference.as_ref(), &plan, &observation)
            });
            honest = (honest.0 + 1, honest.1 + usize::from(passed));
            self.references.insert(name.clone(), reference);
            let trial = &Trial {
                field: self,
                place,
                limits: &self.usual.clone(),
            };
            if let Ok(Ok(prepared)) = prepared(task, false, trial).await
                && prepared.are_compiled()
            {
                self.prepared.insert(name.clone(), prepared);
            }
        }
        Ok(honest)
    }
}

/// Whether the time of a job was used up before its driver had said a word, and so before the program's first line.
fn ran_out_of_time_at_its_start(graded: &Graded) -> bool {
    let limit = graded.first.as_ref().and_then(|first| first.limit);
    graded.verdict.kind == VerdictKind::Infra
        && matches!(limit, Some(LimitKind::Cpu | LimitKind::Wall))
}

/// Whether an honest answer passed, and nothing is said against it.
fn has_passed(
    task: &Task,
    reference: Option<&Reference>,
    plan: &Plan,
    observation: &Observation,
) -> bool {
    let truth = task.ground_truth.as_deref().unwrap_or_default();
    let verdict = verdict_of(
        task,
        truth,
        Grading::Strict,
        reference,
        &plan.nonce,
        observation,
    );
    let behaviour = verdict.behaviour.as_ref();
    verdict.kind == VerdictKind::Passed && behaviour.is_none_or(Behaviour::is_clean)
}

fn infra(error: &impl ToString) -> Seen {
    Seen {
        got: VerdictKind::Infra.name().to_owned(),
        detail: error.to_string(),
        ..Seen::default()
    }
}
