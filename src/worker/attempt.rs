//! One request, from its slot to its observation: warm where that can be, else cold.

use std::os::fd::BorrowedFd;

use super::builder::{Builder, SlotError};
use super::observation::{Observation, Origin};
use super::request::{Request, Reuse};
use super::run::{RunError, run_in};
use super::slot::Slot;
use super::zygote::{Doubt, Forest};
use crate::sandbox::Profile;

/// A request that was run.
pub(super) struct Done {
    /// What happened.
    pub(super) observation: Observation,
    /// Whether nothing is left of it in its slot.
    pub(super) is_clear: bool,
}

/// Why a request was not run.
pub(super) enum Trouble {
    /// The warm interpreter cannot be trusted: another slot, and a fresh interpreter, must do.
    Doubt,
    /// The request failed.
    Run(RunError),
}

impl From<Doubt> for Trouble {
    fn from(_: Doubt) -> Self {
        Self::Doubt
    }
}

impl From<RunError> for Trouble {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

/// Runs one request. `supervisor` is watched, so that no job outlives it.
///
/// # Errors
/// [`RunError`].
pub(super) fn run(
    builder: &mut Builder,
    profile: &Profile,
    request: &Request,
    supervisor: BorrowedFd<'_>,
) -> Result<Observation, RunError> {
    let mut slot = slot_for(builder, profile, request)?;
    let mut origin = Origin::Own;
    let warm = run_warm(
        &mut builder.forest,
        &mut slot,
        request,
        supervisor,
        &mut origin,
    );
    let mut done = match warm {
        Ok(Some(done)) => done,
        Ok(None) => run_cold(&mut slot, request, supervisor)?,
        Err(Trouble::Doubt) => {
            // Whatever came of it does not count.
            if origin == Origin::Forked {
                origin = Origin::Doubted;
            }
            drop(slot);
            slot = slot_for(builder, profile, request)?;
            run_cold(&mut slot, request, supervisor)?
        }
        Err(Trouble::Run(error)) => return Err(error),
    };
    done.observation.course.origin = origin;
    // Whatever did more than a program should, or was ended for it, had the slot for the last time.
    let is_clean = done.is_clear && done.observation.limit.is_none() && !slot.listener.was_used();
    if is_clean && request.reuse != Reuse::Nothing {
        builder.give_back(slot);
    }
    Ok(done.observation)
}

fn slot_for(builder: &mut Builder, profile: &Profile, request: &Request) -> Result<Slot, RunError> {
    builder.slot(profile, request).map_err(|error| match error {
        SlotError::Host(what) => RunError::Host(what),
        SlotError::Request(what) => RunError::Request(what),
    })
}

/// Runs a request in a process forked from a warm interpreter; `None` if it is to have a fresh one.
/// `origin` says whether it came so far, whatever came of it.
fn run_warm(
    forest: &mut Forest,
    slot: &mut Slot,
    request: &Request,
    supervisor: BorrowedFd<'_>,
    origin: &mut Origin,
) -> Result<Option<Done>, Trouble> {
    let Some(zygote) = forest.interpreter(slot, request, supervisor)? else {
        return Ok(None);
    };
    *origin = Origin::Forked;
    let done = run_in(slot, request, Some(zygote), supervisor)?;
    // A driver speaks before it does anything else. One that did not never came to run.
    match done.observation.events.is_empty() {
        true => Err(Trouble::Doubt),
        false => Ok(Some(done)),
    }
}

/// Runs a request in a process of its own.
fn run_cold(
    slot: &mut Slot,
    request: &Request,
    supervisor: BorrowedFd<'_>,
) -> Result<Done, RunError> {
    run_in(slot, request, None, supervisor).map_err(|trouble| match trouble {
        Trouble::Run(error) => error,
        Trouble::Doubt => RunError::Host("the sandbox is in doubt".to_owned()),
    })
}
