//! Runs a resolved evaluation: workers, progress, signals, and what it came to.

use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use super::Global;
use super::exec::{executable, sandbox_failure};
use super::exit_code::Exit;
use super::failure::Failure;
use super::live::Live;
use super::output::say;
use super::profile::TimeProfile;
use super::progress::Progress;
use super::scanners::say_costs;
use super::setup::Setup;
use crate::base::digest::Digest;
use crate::base::version::{HARNESS, MANIFEST};
use crate::harness::ImportOrder;
use crate::job::PROFILE;
use crate::journal::{Host, Identity, Manifest, ScannerIdentity};
use crate::pipeline::evaluate::{SPARE_WORKERS, now};
use crate::pipeline::references::user_cache;
use crate::pipeline::source::tasks_digest;
use crate::pipeline::survey::survey;
use crate::pipeline::{
    Cancel, Evaluation, Grouping, History, PipelineError, References, Runner, Safety, Scanning,
    Tally,
};
use crate::sandbox::{Attestation, Layer, Profile};
use crate::scan::{Scanner, behaviour, safety_cases};
use crate::worker::{Pool, PoolConfig};

/// Evaluates, into the run folder. What came of it is in the journal.
pub(super) fn evaluate(setup: &Setup, global: Global) -> Result<(), Failure> {
    let runtime = runtime()?;
    let cancel = Cancel::default();
    let outcome = runtime.block_on(async {
        stop_on_signals(&cancel)?;
        evaluate_on(setup, global, &cancel).await
    });
    // Reading ahead in an input file may still go on; nothing waits for it.
    runtime.shutdown_background();
    outcome
}

async fn evaluate_on(setup: &Setup, global: Global, cancel: &Cancel) -> Result<(), Failure> {
    let begun = Instant::now();
    let pool = start_pool(setup.workers, &setup.give_up).await?;
    let pool = Arc::new(pool.with_spare(SPARE_WORKERS * setup.workers));
    let outcome = evaluate_in(setup, global, cancel, &pool).await;
    let accounts = pool.accounts();
    if let Some(pool) = Arc::into_inner(pool) {
        pool.shutdown().await;
    }
    outcome?;
    let profile = TimeProfile::of(setup.workers, begun, &accounts);
    profile.save(setup)?;
    if setup.profile_time {
        say(&profile.table());
    }
    Ok(())
}

async fn evaluate_in(
    setup: &Setup,
    global: Global,
    cancel: &Cancel,
    pool: &Arc<Pool>,
) -> Result<(), Failure> {
    let mut runner = Runner {
        pool: Arc::clone(pool),
        interpreter: setup.interpreter.clone(),
        limits: setup.limits.clone(),
        grading: setup.grading,
        warm: None,
        preparations: Arc::default(),
    };
    if setup.warm {
        runner.warm = Some(Arc::new(import_order(setup, global, &runner).await));
    }
    let scanners = scanners(setup, pool).await?;
    let attestation = pool.attestation(PROFILE).unwrap_or_default();
    let attested = pool.attestations().get(PROFILE).into_iter();
    let mut missing = attested.flat_map(Attestation::missing);
    if setup.panel.behaviour
        && let Some(report) = missing.find(|report| report.layer == Layer::Behaviour)
    {
        say(&format!(
            "warning: the scanner `behaviour` cannot tell anything here ({}); its answers are unknown",
            report.detail
        ));
    }
    let manifest = manifest(setup, &scanners, attestation.clone())?;
    let (writer, index) = setup.folder.begin(&manifest, setup.mode)?;
    let tally = Arc::new(Tally::default());
    let keep_history = user_cache().map(|cache| {
        let identity = &manifest.identity;
        History::place(&cache, &identity.dataset, &identity.tasks)
    });
    let history = match &setup.history {
        Some(durations) => History::default().with(durations),
        None => keep_history
            .as_deref()
            .map(History::read)
            .unwrap_or_default(),
    };
    let evaluation = Evaluation {
        tasks: Arc::clone(&setup.inputs.tasks),
        samples: setup.inputs.samples.clone(),
        options: setup.inputs.options.clone(),
        selection: setup.inputs.selection.clone(),
        check_ground_truth: setup.check_ground_truth,
        references: References::new(runner.clone(), References::user_cache()),
        safety: setup.panel.safety.then(|| Safety::new(runner.clone())),
        runner,
        scanning: Scanning {
            pool: Arc::clone(pool),
            scanners: scanners.into(),
        },
        workers: setup.workers,
        share_verdicts: setup.share_verdicts,
        history,
        keep_history,
    };
    let live = (!global.quiet)
        .then(|| Live::open(&setup.folder, &setup.ks, &Grouping::default()).ok())
        .flatten();
    let progress = Progress::show(Arc::clone(&tally), live, global.quiet);
    let scanners = Arc::clone(&evaluation.scanning.scanners);
    let outcome = evaluation
        .run(writer, index, attestation, tally, cancel.clone())
        .await;
    drop(progress);
    if !global.quiet {
        say_costs(&scanners);
    }
    outcome.map_err(Failure::from)
}

/// In which order jobs have their imports made. For that it has to be known what comes with the popular ones.
async fn import_order(setup: &Setup, global: Global, runner: &Runner) -> ImportOrder {
    let tasks = || {
        let all = setup.inputs.tasks.iter().map(|task| &**task);
        all.filter(|task| setup.inputs.selection.has(&task.id))
    };
    let order = ImportOrder::of(tasks());
    let begun = |count| {
        if !global.quiet {
            say(&format!(
                "trying what comes with {count} imports, which later runs will know"
            ));
        }
    };
    let closures = survey(runner, &order, user_cache(), begun).await;
    order.with(&closures, tasks(), setup.workers)
}

/// The scanners of the run; one that is missing is said, or ends it.
async fn scanners(setup: &Setup, pool: &Pool) -> Result<Vec<Scanner>, Failure> {
    let mut scanners = setup.panel.find(pool).await;
    scanners.extend(setup.reports.iter().cloned().map(Scanner::report));
    for why in scanners.iter().filter_map(Scanner::missing) {
        if setup.needs_scanners {
            let why = anyhow::anyhow!("{why}");
            return Err(Failure::new(Exit::Environment, why)
                .hint("or evaluate without scanners: --scanners none"));
        }
        say(&format!(
            "warning: {why}; until then its answers are unknown"
        ));
    }
    Ok(scanners)
}

fn manifest(
    setup: &Setup,
    scanners: &[Scanner],
    attestation: serde_json::Value,
) -> Result<Manifest, Failure> {
    let tasks = tasks_digest(&setup.inputs.tasks);
    let profile =
        Profile::load(PROFILE, None).map_err(|error| Failure::new(Exit::Sandbox, error))?;
    Ok(Manifest {
        version: MANIFEST,
        fumehood: env!("CARGO_PKG_VERSION").to_owned(),
        created: now(),
        identity: Identity {
            dataset: setup.inputs.kind.name().to_owned(),
            tasks,
            samples: samples(setup, &tasks)?,
            selection: setup.inputs.selection.describe(),
            grading: setup.grading.name().to_owned(),
            check_ground_truth: setup.check_ground_truth,
            limits: setup.limits.clone(),
            profile: PROFILE.to_owned(),
            profile_digest: profile.digest(),
            without: setup.give_up.clone(),
            scanners: panel(setup, scanners),
            policy: setup.policy.clone(),
            interpreter: setup.interpreter.digest,
            harness: HARNESS,
        },
        tasks: setup
            .inputs
            .tasks
            .iter()
            .filter(|task| setup.inputs.selection.has(&task.id))
            .count() as u64,
        python: setup.interpreter.version.clone(),
        warm: setup.warm,
        sources: Vec::new(),
        is_mixed: false,
        host: Host::current(),
        attestation,
    })
}

/// The identity of the samples: answers that are taken as they are give other programs.
fn samples(setup: &Setup, tasks: &Digest) -> Result<Digest, Failure> {
    let file = setup.inputs.samples.digest(tasks)?;
    Ok(match setup.inputs.options.keep_fences {
        true => Digest::of_parts([b"fences kept".as_slice(), file.as_bytes()]),
        false => file,
    })
}

/// The scanners' identities, sorted by name: those of code, and the dynamic ones if they count.
fn panel(setup: &Setup, scanners: &[Scanner]) -> Vec<ScannerIdentity> {
    let of_code = scanners.iter().map(|scanner| ScannerIdentity {
        name: scanner.name().to_owned(),
        version: scanner.version().to_owned(),
        digest: scanner.digest(),
    });
    let dynamic = setup.panel.behaviour.then(|| ScannerIdentity {
        name: behaviour::NAME.to_owned(),
        version: behaviour::version(),
        digest: behaviour::digest(),
    });
    let safety = setup.panel.safety.then(|| ScannerIdentity {
        name: safety_cases::NAME.to_owned(),
        version: safety_cases::version(),
        digest: safety_cases::digest(setup.inputs.tasks.iter().filter_map(|task| {
            let tests = task.safety.as_ref()?;
            Some((task.id.as_str(), tests))
        })),
    });
    let mut all: Vec<ScannerIdentity> = of_code.chain(dynamic).chain(safety).collect();
    all.sort();
    all
}

/// Starts the workers.
pub(super) async fn start_pool(workers: usize, give_up: &[String]) -> Result<Pool, Failure> {
    let config = PoolConfig {
        workers,
        executable: executable()?,
        profile_dir: None,
        without: give_up.to_vec(),
    };
    Pool::start(config).await.map_err(sandbox_failure)
}

/// The threads of a command that runs programs. It never forks.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(
                Exit::Sandbox,
                anyhow::Error::new(error).context("cannot start threads"),
            )
        })
}

/// Ctrl-C and SIGTERM stop the run in an orderly way.
fn stop_on_signals(cancel: &Cancel) -> Result<(), Failure> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let mut signals = signal(kind).map_err(|source| {
            Failure::from(PipelineError::Io {
                action: "listen for signals".to_owned(),
                source,
            })
        })?;
        let cancel = cancel.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                cancel.cancel();
            }
        });
    }
    Ok(())
}
