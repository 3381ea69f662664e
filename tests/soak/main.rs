//! Very many jobs on the same workers, and hostile jobs among honest ones.
//!
//! `cargo test` runs a small version of each. The large ones are asked for by name. The first ends after
//! so many jobs, or after `FUMEHOOD_SOAK_MINUTES`; both compare what they find at the end:
//!
//!     FUMEHOOD_SOAK_JOBS=200000 cargo test --release --test soak -- --ignored --nocapture a_long_soak
//!     FUMEHOOD_DATASET=humaneval FUMEHOOD_DATA=HumanEvalPlus.jsonl.gz FUMEHOOD_SAMPLES=samples.jsonl \
//!         cargo test --release --test soak -- --ignored --nocapture hostile_among_given

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on should panic, and one that is skipped says so"
)]

mod census;
mod hostile;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use census::Census;
use fumehood::base::limits::Limits;
use fumehood::containment::judge::ending;
use fumehood::containment::{Corpus, Program, Run};
use fumehood::worker::{Pool, PoolConfig, Request, Reuse};
use support::{Mode, modes, skip};

/// What this process holds is counted, so one test at a time.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Jobs at one time: more than there are workers would only wait.
pub(crate) const WORKERS: usize = 3;

pub(crate) async fn pool(workers: usize) -> Pool {
    let config = PoolConfig {
        workers,
        executable: support::binary().to_owned(),
        profile_dir: None,
        without: Vec::new(),
    };
    Pool::start(config).await.unwrap()
}

/// A program of its own under the strictest profile.
pub(crate) fn request(argv: Vec<String>, limits: Limits) -> Request {
    let env = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("HOME", "/work"),
        ("LANG", "C.UTF-8"),
    ];
    Request {
        argv,
        env: env.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec(),
        stdin: b"standard input\n".to_vec(),
        payload: None,
        events_limit: None,
        profile: "strict".to_owned(),
        mounts: Vec::new(),
        limits,
        reuse: Reuse::Sandbox,
    }
}

/// Hostile programs that need no clock to end them, and nobody beside them.
pub(crate) fn ending_by_themselves(corpus: &Corpus) -> Vec<&Program> {
    let by_clock = |ending: &String| matches!(ending.as_str(), "cpu" | "wall" | "timeout");
    let chosen = |program: &&Program| {
        let row = &program.row;
        let alone = row.after.is_none() && row.beside.is_none();
        let endings = row.allowed.iter().chain(&row.allowed_without_group);
        alone
            && !endings.clone().any(by_clock)
            && Path::new(program.language.interpreter()).exists()
    };
    corpus.programs.iter().filter(chosen).collect()
}

/// The jobs of a soak: mostly as little as a job can be, one Python in fifty, a hostile one in twenty.
struct Mix {
    hostile: Vec<Job>,
    python: Job,
    little: Job,
}

#[derive(Clone)]
struct Job {
    name: String,
    request: Request,
    allowed: &'static [&'static str],
}

impl Job {
    fn honest(argv: &[&str]) -> Self {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        Self {
            name: argv.join(" "),
            request: request(argv, Limits::default()),
            allowed: &["exited"],
        }
    }

    fn hostile(program: &Program, prelude: &str) -> Self {
        let mut request = request(program.command(prelude), program.limits.clone());
        request.profile.clone_from(&program.row.profile);
        Self {
            name: program.row.name.clone(),
            request,
            // What it comes to is judged elsewhere, with the traps that some of them look for.
            allowed: &OWN_ENDINGS,
        }
    }
}

const OWN_ENDINGS: [&str; 3] = ["exited", "died", "crashed"];

impl Mix {
    fn new() -> Self {
        let corpus = Corpus::embedded().unwrap();
        let hostile = ending_by_themselves(&corpus)
            .into_iter()
            .filter(|program| program.row.run == Run::Exec)
            // Those that are ended by a limit take long to use it up, one after another.
            .filter(|program| {
                let mut endings = program.row.allowed.iter();
                endings.all(|ending| OWN_ENDINGS.contains(&ending.as_str()))
            })
            .map(|program| Job::hostile(program, corpus.prelude))
            .collect();
        let little = Job::honest(&["/bin/true"]);
        let python = ["/usr/bin/python3", "-I", "-S", "-c", "print(sum(range(9)))"];
        Self {
            hostile,
            python: match Path::new(python[0]).exists() {
                true => Job::honest(&python),
                false => little.clone(),
            },
            little,
        }
    }

    fn job(&self, number: u64) -> &Job {
        let place = (number / 20) as usize;
        match number % 100 {
            0 | 20 | 40 | 60 | 80 => &self.hostile[place % self.hostile.len()],
            10 | 50 => &self.python,
            _ => &self.little,
        }
    }
}

/// Runs the jobs of these numbers; gives what did not end as it may.
async fn run(pool: &Arc<Pool>, mix: &Arc<Mix>, numbers: std::ops::Range<u64>) -> Vec<String> {
    let next = Arc::new(AtomicU64::new(numbers.start));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..WORKERS {
        let (pool, mix, next) = (Arc::clone(pool), Arc::clone(mix), Arc::clone(&next));
        tasks.spawn(async move {
            let mut wrong = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= numbers.end {
                    return wrong;
                }
                let job = mix.job(number);
                let got = match pool.run(job.request.clone()).await {
                    Ok(observation) => ending(&observation).to_owned(),
                    Err(error) => error.to_string(),
                };
                if !job.allowed.contains(&got.as_str()) {
                    let what = format!("job {number} ended as `{got}`: {}", job.name);
                    eprintln!("{what}");
                    wrong.push(what);
                }
            }
        });
    }
    tasks.join_all().await.concat()
}

/// Runs `jobs` jobs in one process tree and compares what it holds after the first `warm` of them
/// with what it holds at the end.
fn soak(warm: u64, jobs: u64, budget: Duration) {
    let _alone = alone();
    if !modes().contains(&Mode::Own) {
        return skip("the sandbox cannot run here");
    }
    // As many threads from the first moment as at the end.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let pool = Arc::new(pool(WORKERS).await);
        let mix = Arc::new(Mix::new());
        let begin = Instant::now();
        let mut wrong = run(&pool, &mix, 0..warm).await;
        pool.rest().await;
        let first = Census::take();
        let mut done = warm;
        while done < jobs && begin.elapsed() < budget {
            let until = (done + (jobs - warm).div_ceil(50)).min(jobs);
            wrong.extend(run(&pool, &mix, done..until).await);
            done = until;
            let rate = done as f64 / begin.elapsed().as_secs_f64();
            eprintln!(
                "{done} jobs, {rate:.0} a second, {} not as they should",
                wrong.len()
            );
        }
        pool.rest().await;
        let last = Census::take();
        eprintln!(
            "after {warm} and after {done} jobs:\n{}",
            first.beside(&last)
        );
        Arc::into_inner(pool).unwrap().shutdown().await;
        assert_eq!(first.grown(&last), Vec::<String>::new());
        wrong.truncate(10);
        assert_eq!(wrong, Vec::<String>::new());
    });
}

#[test]
fn a_short_soak() {
    soak(200, 500, Duration::MAX);
}

#[test]
#[ignore = "takes as long as it is told to; see the head of this file"]
fn a_long_soak() {
    let given = |name| {
        std::env::var(name)
            .ok()
            .map(|text: String| text.parse().unwrap())
    };
    let minutes = given("FUMEHOOD_SOAK_MINUTES");
    let budget = minutes.map_or(Duration::MAX, |minutes| Duration::from_secs(60 * minutes));
    soak(1000, given("FUMEHOOD_SOAK_JOBS").unwrap_or(200_000), budget);
}
