//! Every fifth job is hostile, and the verdicts of the others are those of a run without.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use fumehood::base::id::SampleId;
use fumehood::base::limits::Limits;
use fumehood::containment::judge::ending;
use fumehood::containment::{Corpus, Program, Run};
use fumehood::dataset::{DatasetKind, Sample, SampleOptions, TaskSet};
use fumehood::environment::{EnvChoice, Interpreter, Store};
use fumehood::harness::{CaseOutcome, Grading};
use fumehood::pipeline::{References, Runner, SampleSource, Selection};
use fumehood::verdict::VerdictKind;
use fumehood::worker::{Outlook, Pool};

use super::support::{Mode, modes, skip};
use super::{WORKERS, alone, ending_by_themselves, pool, request};

/// What decides about a sample: its kind and what each case came to.
type Outcome = (VerdictKind, Vec<(String, CaseOutcome)>);

/// Honest samples and what they need.
struct Honest {
    tasks: Arc<TaskSet>,
    samples: Vec<Sample>,
    interpreter: Interpreter,
    limits: Limits,
}

impl Honest {
    fn read(kind: DatasetKind, data: &Path, samples: &str, choice: &EnvChoice) -> Self {
        let tasks = Arc::new(TaskSet::load(kind, data).unwrap());
        let source = SampleSource::parse(samples);
        let all = source.open(&tasks, &Selection::default(), &SampleOptions::default());
        Self {
            samples: all.unwrap().flatten().collect(),
            tasks,
            interpreter: Store::of_user().unwrap().resolve(choice, &[]).unwrap(),
            limits: kind.limits(),
        }
    }

    /// Samples of the demo whose verdicts depend on no clock.
    fn of_demo() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo");
        let samples = folder.join("bigcodebench.samples.jsonl");
        let samples = samples.to_str().unwrap();
        let data = folder.join("bigcodebench.jsonl");
        let mut honest = Self::read(
            DatasetKind::BigCodeBench,
            &data,
            samples,
            &EnvChoice::Default,
        );
        let tasks = ["Demo/0", "Demo/2", "Demo/3", "Demo/4", "Demo/6"];
        let of_them = |sample: &Sample| tasks.contains(&sample.id.task.as_str());
        honest.samples.retain(of_them);
        honest
    }
}

enum Job {
    Honest(usize),
    Hostile(usize),
}

/// One run on one pool.
struct Field {
    honest: Honest,
    corpus: Corpus,
    runner: Runner,
    references: References,
}

impl Field {
    fn new(honest: Honest, pool: &Arc<Pool>) -> Self {
        let runner = Runner {
            pool: Arc::clone(pool),
            interpreter: honest.interpreter.clone(),
            limits: honest.limits.clone(),
            grading: Grading::Strict,
            warm: Some(Arc::default()),
            preparations: Arc::default(),
        };
        Self {
            references: References::new(runner.clone(), References::user_cache()),
            corpus: Corpus::embedded().unwrap(),
            honest,
            runner,
        }
    }

    async fn grade(&self, place: usize) -> (SampleId, Outcome) {
        let sample = &self.honest.samples[place];
        let task = self.honest.tasks.get(&sample.id.task).unwrap();
        let reference = self.references.of(task, Outlook::default()).await.unwrap();
        let verdict = self
            .runner
            .grade(task, &sample.code, reference.as_deref(), Outlook::default())
            .await
            .unwrap();
        assert_ne!(
            verdict.kind,
            VerdictKind::Infra,
            "{}: {}",
            sample.id,
            verdict.detail
        );
        let cases = verdict
            .cases
            .into_iter()
            .map(|case| (case.id, case.outcome));
        (sample.id.clone(), (verdict.kind, cases.collect()))
    }

    /// Lets a hostile program try; says how it ended.
    async fn attack(&self, program: &Program) -> String {
        match program.row.run {
            Run::Exec => {
                let command = program.command(self.corpus.prelude);
                let mut request = request(command, program.limits.clone());
                request.profile.clone_from(&program.row.profile);
                match self.runner.pool.run(request).await {
                    Ok(observation) => ending(&observation).to_owned(),
                    Err(error) => format!("infra: {error}"),
                }
            }
            Run::Sample => {
                let task = &self.corpus.tasks[program.row.task.as_deref().unwrap()];
                let reference = self.references.of(task, Outlook::default()).await.unwrap();
                let runner = Runner {
                    limits: program.limits.clone(),
                    ..self.runner.clone()
                };
                let verdict = runner
                    .grade(
                        task,
                        program.source,
                        reference.as_deref(),
                        Outlook::default(),
                    )
                    .await
                    .unwrap();
                let kind = verdict.kind.name();
                match verdict.kind {
                    VerdictKind::Infra => format!("{kind}: {}", verdict.detail),
                    _ => kind.to_owned(),
                }
            }
        }
    }

    /// Runs the queue; gives the honest outcomes, and how many hostile programs ran.
    async fn run(self: &Arc<Self>, jobs: Vec<Job>) -> (BTreeMap<SampleId, Outcome>, usize) {
        let queue = Arc::new(Mutex::new(VecDeque::from(jobs)));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..WORKERS {
            let (field, queue) = (Arc::clone(self), Arc::clone(&queue));
            tasks.spawn(async move {
                let (mut outcomes, mut attacks) = (Vec::new(), 0);
                let programs = ending_by_themselves(&field.corpus);
                loop {
                    let next = queue.lock().unwrap().pop_front();
                    match next {
                        Some(Job::Honest(place)) => outcomes.push(field.grade(place).await),
                        Some(Job::Hostile(place)) => {
                            let program = programs[place * 17 % programs.len()];
                            let got = field.attack(program).await;
                            assert!(!got.starts_with("infra"), "{}: {got}", program.row.name);
                            attacks += 1;
                        }
                        None => return (outcomes, attacks),
                    }
                }
            });
        }
        let ended = tasks.join_all().await;
        let attacks = ended.iter().map(|(_, attacks)| attacks).sum();
        let outcomes = ended.into_iter().flat_map(|(outcomes, _)| outcomes);
        (outcomes.collect(), attacks)
    }
}

/// Whether two outcomes of a sample are the same, but for cases that a clock ended in one of them: how many
/// those are depends on the pace of the host.
fn are_equal((kind, cases): &Outcome, (other_kind, other_cases): &Outcome) -> bool {
    let by_clock =
        |outcome: &CaseOutcome| matches!(outcome, CaseOutcome::Timeout | CaseOutcome::Missing);
    kind == other_kind
        && cases.len() == other_cases.len()
        && cases.iter().zip(other_cases).all(|(case, other)| {
            case == other
                || *kind == VerdictKind::Timeout
                    && case.0 == other.0
                    && (by_clock(&case.1) || by_clock(&other.1))
        })
}

/// Honest jobs alone, then with a hostile one after every fourth, on the same workers.
fn compare(honest: Honest, workers: usize) {
    let _alone = alone();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let pool = Arc::new(pool(workers).await);
        let field = Arc::new(Field::new(honest, &pool));
        let count = field.honest.samples.len();
        assert!(count > 0, "there are no samples");
        let (undisturbed, _) = field.run((0..count).map(Job::Honest).collect()).await;
        let mut jobs = Vec::new();
        for place in 0..count {
            jobs.push(Job::Honest(place));
            if place % 4 == 3 {
                jobs.push(Job::Hostile(place / 4));
            }
        }
        let (disturbed, attacks) = field.run(jobs).await;
        let passed = |outcomes: &BTreeMap<SampleId, Outcome>| {
            let passed = |outcome: &&Outcome| outcome.0 == VerdictKind::Passed;
            outcomes.values().filter(passed).count()
        };
        let differ: Vec<_> = undisturbed
            .iter()
            .filter(|(id, outcome)| !disturbed.get(id).is_some_and(|then| are_equal(outcome, then)))
            .map(|(id, outcome)| format!("{id}: {outcome:?}, then {:?}", disturbed.get(id)))
            .collect();
        eprintln!(
            "{count} honest samples, {} passed alone and {} among {attacks} hostile jobs; {} differ",
            passed(&undisturbed),
            passed(&disturbed),
            differ.len()
        );
        assert_eq!(differ, Vec::<String>::new());
        assert_eq!(disturbed.len(), count, "every sample once");
        assert!(attacks > 0 || count < 4);
    });
}

/// Every hostile program, each with an honest sample right behind it on the only worker.
fn behind_each(honest: Honest) {
    let _alone = alone();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let pool = Arc::new(pool(1).await);
        let field = Arc::new(Field::new(honest, &pool));
        let mut alone = BTreeMap::new();
        for place in 0..field.honest.samples.len() {
            let (id, outcome) = field.grade(place).await;
            alone.insert(id, outcome);
        }
        let programs = ending_by_themselves(&field.corpus);
        for (number, program) in programs.iter().enumerate() {
            let got = field.attack(program).await;
            let (id, outcome) = field.grade(number % alone.len()).await;
            assert_eq!(
                alone[&id], outcome,
                "{id} behind {} ({got})",
                program.row.name
            );
        }
        eprintln!(
            "{} hostile programs, each with an honest sample behind it",
            programs.len()
        );
    });
}

fn possible() -> bool {
    let possible = modes().contains(&Mode::Own) && Path::new("/usr/bin/python3").exists();
    if !possible {
        skip("the sandbox, or python3, is missing here");
    }
    possible
}

#[test]
fn hostile_among_honest() {
    if possible() {
        let mut honest = Honest::of_demo();
        // The same samples again as others, so that there is room between them.
        for round in 1..2 {
            let more: Vec<Sample> = honest
                .samples
                .iter()
                .filter(|s| s.id.index < 100)
                .cloned()
                .collect();
            honest.samples.extend(more.into_iter().map(|mut sample| {
                sample.id.index += 100 * round;
                sample
            }));
        }
        compare(honest, WORKERS);
    }
}

#[test]
#[ignore = "takes minutes"]
fn honest_behind_each_hostile() {
    if possible() {
        behind_each(Honest::of_demo());
    }
}

#[test]
#[ignore = "wants a dataset; see the head of this folder's main.rs"]
fn hostile_among_given() {
    let given = |name: &str| std::env::var(format!("FUMEHOOD_{name}")).ok();
    let (Some(dataset), Some(data), Some(samples)) =
        (given("DATASET"), given("DATA"), given("SAMPLES"))
    else {
        return skip("FUMEHOOD_DATASET, FUMEHOOD_DATA and FUMEHOOD_SAMPLES name no samples");
    };
    let choice = given("ENV").map_or(EnvChoice::Default, EnvChoice::Named);
    let kind: DatasetKind = dataset.parse().unwrap();
    let mut honest = Honest::read(kind, &PathBuf::from(data), &samples, &choice);
    if let Some(limit) = given("LIMIT") {
        honest.samples.truncate(limit.parse().unwrap());
    }
    compare(
        honest,
        given("WORKERS").map_or(2, |workers| workers.parse().unwrap()),
    );
}
