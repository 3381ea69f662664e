//! The runner: every hostile program gets its try, with the host looked at before and after.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::bouts::Arena;
use super::corpus::Corpus;
use super::error::ContainmentError;
use super::field::Field;
use super::fingerprint::{Fingerprint, descendants, open_descriptors};
use super::judge::Offers;
use super::report::Report;
use super::traps::Traps;
use crate::base::limits::Limits;
use crate::sandbox::{Layer, LayerState};
use crate::worker::{Pool, PoolConfig};

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
    let mut field = Field {
        traps,
        corpus,
        usual: Limits::default().slower(config.time_factor),
        references: BTreeMap::new(),
        prepared: BTreeMap::new(),
    };
    // One has a worker of its own, and so all that is forked from its interpreters.
    let (many, mut lanes) = (config.workers.max(2), Vec::new());
    let crowd = pool(&config, many).await?;
    for _ in 0..many {
        lanes.push(pool(&config, 1).await?);
    }
    let workers = descendants();
    let count = |pid: &u32| Some((*pid, open_descriptors(*pid)?));
    let open_before: BTreeMap<u32, usize> = workers.iter().filter_map(count).collect();
    let learned = field.learn(&crowd).await?;
    let offers = offers(&crowd);
    let arena = Arena::new(Arc::new(field), crowd, lanes, offers).await;
    let outcome = arena.run().await?;
    let (field, crowd, lanes, offers) = arena.close()?;
    for pool in lanes.iter().chain([&crowd]) {
        pool.rest().await;
    }
    let mut host = Vec::new();
    for (pid, before) in open_before {
        // A worker that is gone was lost under a program, which that program's trial says.
        if let Some(after) = open_descriptors(pid).filter(|after| *after != before) {
            host.push(format!(
                "a worker has {after} descriptors open, {before} before"
            ));
        }
    }
    for pool in lanes.into_iter().chain([crowd]) {
        pool.shutdown().await;
    }
    let left = descendants();
    if !left.is_empty() {
        host.push(format!("processes that outlived their workers: {left:?}"));
    }
    let Field { traps, .. } = field;
    host.extend(traps.sprung());
    host.extend(before.differences(&Fingerprint::take(traps.folder())));
    let privileged = nix::unistd::geteuid().is_root();
    let honest = (outcome.honest.0 + learned.0, outcome.honest.1 + learned.1);
    let report = Report::new(privileged, offers, outcome.trials, host, honest);
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
        // Seen when it is tried.
        warm: false,
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
