//! A worker process: answers requests on its standard input, which is a socket, until it closes.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use super::attempt::run;
use super::builder::Builder;
use super::pool::WorkerError;
use super::probe;
use super::request::Request;
use super::run::RunError;
use super::wire::{FromWorker, Setup, ToWorker, receive, send};
use super::zygote::Forest;
use crate::sandbox::mount_table::MountTable;
use crate::sandbox::sys::Permit;
use crate::sandbox::{Host, Profile, cgroup};

/// Runs a worker process. Called before anything else in the program, so that no thread exists.
pub fn serve() -> ExitCode {
    match io::stdin().as_fd().try_clone_to_owned() {
        Ok(socket) if is_single_threaded() => match answer(socket) {
            Ok(()) => ExitCode::SUCCESS,
            // The supervisor learns of it by the closed socket.
            Err(_) => ExitCode::FAILURE,
        },
        _ => ExitCode::FAILURE,
    }
}

/// A process that forks must have one thread only; see ARCHITECTURE.md.
fn is_single_threaded() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1)
}

fn answer(socket: OwnedFd) -> io::Result<()> {
    let socket = UnixStream::from(socket);
    let mut messages = io::BufReader::new(&socket);
    let Some(ToWorker::Setup(setup)) = receive(&mut messages)? else {
        return Ok(());
    };
    let host = Host::with(setup.cgroups.clone());
    cgroup::sweep(&host.cgroups);
    let mut builder = Builder {
        host,
        given_up: setup.given_up.clone(),
        forest: Forest::default(),
        idle: Vec::new(),
        permit: Permit::random()?,
        built: 0,
        filters: Vec::new(),
        mounts: MountTable::open()?,
        own_inodes: BTreeSet::new(),
        own_devices: BTreeSet::new(),
    };
    let attested = attest(&mut builder, &setup, &socket);
    // The probe's sandboxes show this program; nobody else's do.
    builder.idle.clear();
    send(&socket, &attested)?;
    let mut used = own_time();
    while let Some(message) = receive::<ToWorker>(&mut messages)? {
        let request = match message {
            ToWorker::Run(request) => request,
            ToWorker::Rest => {
                builder.idle.clear();
                builder.forest.rest();
                send(&socket, &FromWorker::Rested)?;
                continue;
            }
            ToWorker::Setup(_) => continue,
        };
        let begun = Instant::now();
        let answer = match perform(&mut builder, &setup.profiles, &request, &socket) {
            Ok(mut observation) => {
                let before = std::mem::replace(&mut used, own_time());
                observation.course.held = begun.elapsed();
                observation.course.around += used.saturating_sub(before);
                FromWorker::Done(Box::new(observation))
            }
            Err(RunError::Busy(what)) => FromWorker::Failed(WorkerError::Busy(what)),
            Err(RunError::Shortage(what)) => FromWorker::Failed(WorkerError::Shortage(what)),
            Err(RunError::Host(what)) => FromWorker::Failed(WorkerError::Sandbox(what)),
            Err(RunError::Request(what)) => FromWorker::Failed(WorkerError::Request(what)),
            Err(RunError::Abandoned) => return Ok(()),
        };
        send(&socket, &answer)?;
    }
    Ok(())
}

/// CPU time of this process.
fn own_time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

fn perform(
    builder: &mut Builder,
    profiles: &[Profile],
    request: &Request,
    socket: &UnixStream,
) -> Result<super::Observation, RunError> {
    let profile = profiles
        .iter()
        .find(|profile| profile.name == request.profile)
        .ok_or_else(|| RunError::Request(format!("no profile is named `{}`", request.profile)))?;
    run(builder, profile, request, socket.as_fd())
}

/// Builds a sandbox under every profile and looks at it from the inside.
fn attest(builder: &mut Builder, setup: &Setup, socket: &UnixStream) -> FromWorker {
    let mut attestations = Vec::new();
    for profile in &setup.profiles {
        match probe::attest(builder, profile, socket.as_fd()) {
            Ok(attestation) => attestations.push(attestation),
            Err(what) => return FromWorker::Failed(WorkerError::Sandbox(what)),
        }
    }
    FromWorker::Ready(attestations)
}
