//! Where hostile programs are let loose: each of them, in each mode, as a request to workers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::corpus::{Corpus, Language, Program};
use super::error::ContainmentError;
use super::judge::{Seen, ending};
use super::manifest::Run;
use super::mode::Mode;
use super::traps::Traps;
use crate::base::limits::Limits;
use crate::dataset::Task;
use crate::harness::{
    Grading, Plan, PreparedTests, Reference, Transcript, control_plan, launch, needs_reference,
    plan, prepare_plan,
};
use crate::job::PROFILE;
use crate::pipeline::nonce::nonce;
use crate::verdict::{Control, Step, Verdict, VerdictKind, judge as verdict_of};
use crate::worker::{Behaviour, Mount, Observation, Origin, Pool, Request, Warm, WorkerError};

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
            warm: None,
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
            warm: None,
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
        let Some((task, reference)) = self.task(program) else {
            return Seen::default();
        };
        let code = format!("{}{}", self.corpus.prelude, program.source);
        let limits = program.limits.clone();
        match self.judged(place, task, reference, &code, limits).await {
            Ok((verdict, observation)) => Seen {
                verdict: Some(verdict.kind),
                ..Seen::of(&observation, program)
            },
            Err(seen) => seen,
        }
    }

    /// An answer to a task.
    async fn sample(&self, place: Place<'_>, program: &Program) -> Seen {
        let Some((task, reference)) = self.task(program) else {
            return Seen::default();
        };
        let judged = self.judged_with_control(place, task, reference, program);
        judged.await.unwrap_or_else(|seen| seen)
    }

    async fn judged_with_control(
        &self,
        place: Place<'_>,
        task: &Task,
        reference: Option<&Reference>,
        program: &Program,
    ) -> Result<Seen, Seen> {
        let cold = Place {
            mode: Mode::Cold,
            ..place
        };
        let mut first = None;
        // As an evaluation does it: where a control cannot be forked as the run was, neither is forked.
        for place in [place, cold] {
            let (code, limits) = (program.source, program.limits.clone());
            let judged = self.judged(place, task, reference, code, limits).await?;
            let (verdict, observation) = judged;
            let controlled = self.controlled(place, task, program, verdict, &observation);
            let controlled = controlled.await?;
            let first = first.get_or_insert(observation);
            if let Some(verdict) = controlled {
                return Ok(Seen {
                    got: verdict.kind.name().to_owned(),
                    detail: verdict.detail,
                    ..Seen::of(first, program)
                });
            }
        }
        Err(infra(&"its control came to be in another way"))
    }

    /// The verdict on code as an answer to a task, before any control, and what was seen of it.
    async fn judged(
        &self,
        place: Place<'_>,
        task: &Task,
        reference: Option<&Reference>,
        code: &str,
        limits: Limits,
    ) -> Result<(Verdict, Observation), Seen> {
        let (plan, observation) = self.grade(place, task, code, 0, limits).await?;
        let (grading, nonce) = (Grading::Strict, &plan.nonce);
        let verdict = verdict_of(task, code, grading, reference, nonce, &observation);
        Ok((verdict, observation))
    }

    /// Puts a pass to the test, as an evaluation does; every other verdict stands. `None` when the control's
    /// process came to be in another way than that of the run that counts.
    async fn controlled(
        &self,
        place: Place<'_>,
        task: &Task,
        program: &Program,
        verdict: Verdict,
        observation: &Observation,
    ) -> Result<Option<Verdict>, Seen> {
        if !Control::is_needed(task, &verdict) {
            return Ok(Some(verdict));
        }
        let is_forked = observation.course.origin == Origin::Forked;
        let mut control = Control::new(verdict);
        loop {
            let plan = prepare_plan(task, nonce().map_err(|error| infra(&error))?, true);
            let altered = self.observe(place, &plan, 0, self.usual.clone()).await?;
            let altered = PreparedTests::read(&altered.events, &plan.nonce);
            let altered = altered.map_err(|reason| infra(&reason))?;
            let (code, limits) = (program.source, program.limits.clone());
            let key = nonce().map_err(|error| infra(&error))?;
            let mut plan = control_plan(task, code, Grading::Strict, key, &altered, false);
            if !is_forked {
                plan.imports = None;
            }
            let observation = self.observe(place, &plan, 0, limits).await?;
            if is_forked != (observation.course.origin == Origin::Forked) {
                return Ok(None);
            }
            control = match control.take(&plan.nonce, &observation) {
                Step::Done(verdict) => return Ok(Some(verdict)),
                Step::Again(next) => next,
                Step::NotRun(control, reason) => return Ok(Some(control.failed(&reason))),
            };
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
        let graded = self.grade(place, task, code, 0, program.limits.clone());
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
        let plan = plan(task, code, Grading::Strict, key, None);
        let observation = self.observe(place, &plan, hash_seed, limits).await?;
        Ok((plan, observation))
    }

    async fn observe(
        &self,
        place: Place<'_>,
        plan: &Plan,
        hash_seed: u32,
        limits: Limits,
    ) -> Result<Observation, Seen> {
        let python = Language::Python.interpreter();
        let mut env = launch::environment(Path::new(python), hash_seed);
        env.extend(self.traps.environment());
        let imports = plan.imports.clone().filter(|_| place.mode == Mode::Warm);
        let request = Request {
            argv: launch::command(python),
            env,
            stdin: Vec::new(),
            payload: Some(plan.input()),
            events_limit: Some(EVENTS),
            profile: PROFILE.to_owned(),
            mounts: self.mounts(place.shown),
            limits,
            warm: imports.map(|imports| Warm { imports }),
        };
        let observed = place.pool.run(request).await;
        observed.map_err(|error| infra(&error))
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
        }
        Ok(honest)
    }
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
