//! The rounds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::contender::{Contender, Graded, Sandboxed};
use super::crew::{Crew, Line};
use super::error::BenchError;
use super::figures::{Latency, Measured, Memory, Outcome, Paces, Who};
use super::host::Host;
use super::latency::{at_rate, quantile};
use super::memory::slot_private_kib;
use super::program::Program;
use super::python;
use crate::base::limits::Limits;
use crate::environment::Interpreter;
use crate::harness::{Grading, launch};
use crate::pipeline::Runner;
use crate::sandbox::{Attestation, LayerState};
use crate::worker::{Mount, Pool, Request, Reuse};

/// The profile of the least program: that of `fumehood exec`.
const PROFILE: &str = "strict";
/// Where it stands in the sandbox.
const INSIDE: &str = "/fumehood-bench";
/// What one processor does while the other contenders do nothing is measured this many times.
const ALONE: u32 = 5;

/// What is to be measured, resolved.
#[derive(Debug)]
pub struct Bench {
    /// Where jobs run. Its workers are idle.
    pub pool: Arc<Pool>,
    /// Its number of workers.
    pub workers: usize,
    /// This program.
    pub executable: PathBuf,
    /// The interpreter, or why there is none.
    pub interpreter: Result<Interpreter, String>,
    /// Turns of each contender.
    pub rounds: u32,
    /// The program to run instead of the least there is: static, without arguments, ending with 0.
    pub program: Option<PathBuf>,
    /// How long one turn takes.
    pub time: Duration,
    /// Where bubblewrap is, if it is installed.
    pub bubblewrap: Option<PathBuf>,
}

/// Measures. `tell` hears what goes on.
///
/// # Errors
/// When a contender that every host has fails: a pace that is not there cannot be compared with.
pub async fn run(bench: &Bench, mut tell: impl FnMut(&str)) -> Result<Outcome, BenchError> {
    let host = Host::look();
    let program = match &bench.program {
        Some(path) => Program::Named(path.clone()),
        None => Program::write()?,
    };
    let sandboxed = sandboxed(bench, &program);
    let mut notes = Vec::new();
    if host.is_busy() {
        notes.push("the host was busy before: other programs share in what is measured".to_owned());
    }
    let mut contenders = contenders(bench, &program, &sandboxed, &mut notes).await?;
    let mut paces = Paces::default();
    for round in 0..bench.rounds {
        tell(&format!("round {} of {}", round + 1, bench.rounds));
        // There and back again, so that nobody always follows the same one.
        let order: Vec<Who> = match round % 2 {
            0 => contenders.keys().copied().collect(),
            _ => contenders.keys().rev().copied().collect(),
        };
        for who in order {
            if let Some(contender) = contenders.get_mut(&who) {
                // What the turn before left behind, or threw away, is not measured.
                contender.work(Duration::ZERO).await?;
                paces.add(who, contender.work(bench.time).await?);
            }
        }
    }
    tell("latency at half load");
    let rate = paces.pace(Who::Sandbox).unwrap_or_default() / 2.0;
    let bare = bare_time(&mut contenders, bench.time)?;
    let mut times = at_rate(&sandboxed, rate, bench.time * bench.rounds).await?;
    times.sort_unstable();
    let added = |share| quantile(&times, share).map(|time| (time - bare).max(0.0));
    let memory = slot_private_kib();
    if memory.is_none() {
        notes.push(
            "no idle sandbox's memory could be read: none is kept, or it is closed to this user"
                .to_owned(),
        );
    }
    Ok(Outcome {
        exec: paces.exec(),
        python: paces.python(),
        latency_ms: Latency {
            p50: added(0.5),
            p99: added(0.99),
        },
        memory: Memory {
            slot_private_kib: memory,
        },
        host: Measured {
            host,
            program: bench.program.clone(),
            python: bench.interpreter.as_ref().ok().map(|p| p.version.clone()),
            workers: bench.workers,
            rounds: bench.rounds,
            seconds: bench.time.as_secs_f64(),
            missing_layers: missing_layers(&bench.pool),
            spread: paces.spread(),
            notes,
        },
    })
}

fn sandboxed(bench: &Bench, program: &Program) -> Sandboxed {
    Sandboxed {
        pool: Arc::clone(&bench.pool),
        workers: bench.workers,
        request: Request {
            argv: vec![INSIDE.to_owned()],
            env: Vec::new(),
            stdin: Vec::new(),
            payload: None,
            events_limit: None,
            profile: PROFILE.to_owned(),
            mounts: vec![Mount {
                source: program.path(),
                target: PathBuf::from(INSIDE),
            }],
            limits: Limits::default(),
            reuse: Reuse::Sandbox,
        },
    }
}

/// All that can be had here, each tried once. What only some hosts have is left out with a note.
async fn contenders(
    bench: &Bench,
    program: &Program,
    sandboxed: &Sandboxed,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<Who, Contender>, BenchError> {
    let path = program.path();
    let bare = Line {
        program: path.as_os_str(),
        arguments: Vec::new(),
        env: Vec::new(),
    };
    let spawners = |who, line: &Line<'_>| {
        Crew::of_spawners(who, bench.workers, &bench.executable, line).map(Contender::Crew)
    };
    let mut all = BTreeMap::from([
        (Who::Floor, spawners("the bare program", &bare)?),
        (Who::Sandbox, Contender::Sandbox(sandboxed.clone())),
    ]);
    if let Some(bubblewrap) = &bench.bubblewrap {
        let line = bubblewrapped(bubblewrap, program);
        all.insert(Who::Bubblewrap, spawners("bubblewrap", &line)?);
    } else {
        notes.push("bubblewrap is not installed".to_owned());
    }
    match &bench.interpreter {
        Ok(interpreter) => {
            let cold = line(interpreter, python::cold());
            all.insert(Who::Cold, spawners("the cold interpreter", &cold)?);
            let graded = Graded {
                runner: Runner {
                    pool: Arc::clone(&bench.pool),
                    interpreter: interpreter.clone(),
                    limits: Limits::default(),
                    grading: Grading::Strict,
                    warm: Some(Arc::default()),
                    preparations: Arc::default(),
                },
                task: Arc::new(python::task()),
                sample: Arc::new(python::sample()),
                workers: bench.workers,
            };
            all.insert(Who::Warm, Contender::Graded(graded));
            let forks = line(interpreter, python::fork_loop());
            let crew = Crew::of_workers("the warm interpreter", bench.workers, &forks)?;
            all.insert(Who::Fork, Contender::Crew(crew));
        }
        Err(why) => notes.push(format!("no Python: {why}")),
    }
    for who in all.keys().copied().collect::<Vec<_>>() {
        let Some(contender) = all.get_mut(&who) else {
            continue;
        };
        match contender.work(Duration::ZERO).await {
            Ok(_) => {}
            // Installed need not mean that it works: many hosts forbid what it needs.
            Err(error) if who == Who::Bubblewrap => {
                notes.push(format!("bubblewrap does not work here: {error}"));
                all.remove(&who);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// The least that bubblewrap can do with the program and all of its namespaces: one file shown.
fn bubblewrapped<'a>(bubblewrap: &'a Path, program: &Program) -> Line<'a> {
    let path = program.path().to_string_lossy().into_owned();
    let arguments = ["--unshare-all", "--ro-bind", &path, INSIDE, "--", INSIDE];
    Line {
        program: bubblewrap.as_os_str(),
        arguments: arguments.map(str::to_owned).to_vec(),
        env: Vec::new(),
    }
}

fn line(interpreter: &Interpreter, arguments: Vec<String>) -> Line<'_> {
    let mut env = launch::environment(&interpreter.executable, 0);
    env.extend(interpreter.env.iter().cloned());
    Line {
        program: interpreter.executable.as_os_str(),
        arguments,
        env,
    }
}

/// Milliseconds that the bare program takes when nothing else goes on.
fn bare_time(contenders: &mut BTreeMap<Who, Contender>, time: Duration) -> Result<f64, BenchError> {
    let Some(Contender::Crew(crew)) = contenders.get_mut(&Who::Floor) else {
        return Ok(0.0);
    };
    let pace = crew.work_alone(time / ALONE)?;
    Ok(1e3 / pace)
}

fn missing_layers(pool: &Pool) -> Vec<String> {
    let attested = [PROFILE, crate::job::PROFILE]
        .into_iter()
        .filter_map(|profile| pool.attestations().get(profile));
    let mut names: Vec<String> = attested
        .flat_map(|attestation: &Attestation| &attestation.layers)
        .filter(|report| report.state != LayerState::Enforced)
        .map(|report| report.layer.name().to_owned())
        .collect();
    names.sort();
    names.dedup();
    names
}
