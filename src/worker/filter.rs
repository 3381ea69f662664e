//! A profile's system-call filter, compiled once for all jobs of a worker.

use syscalls::Sysno;

use crate::sandbox::Profile;
use crate::sandbox::seccomp::{Policy, PolicyError, compile, compile_observed};
use crate::sandbox::sys::Instruction;

/// A policy as programs for the kernel.
#[derive(Debug)]
pub(super) struct Filter {
    /// Whose it is.
    pub(super) profile: String,
    /// What the programs mean.
    pub(super) policy: Policy,
    /// Answers refused calls by itself.
    pub(super) alone: Vec<Instruction>,
    /// Leaves refused calls that are to be reported to a listener; `None` where nobody can listen.
    pub(super) observed: Option<Vec<Instruction>>,
}

impl Filter {
    /// Compiles a profile's rules, as they are where a control group counts memory or none does; for
    /// a listener as well if it is to be `observed`.
    ///
    /// # Errors
    /// When the rules are no policy.
    pub(super) fn of(
        profile: &Profile,
        memory_is_counted: bool,
        observed: bool,
    ) -> Result<Self, PolicyError> {
        let policy = Policy::of(&profile.system_calls(memory_is_counted))?;
        // The process that loads the filter hands the listener over by this very call.
        let can_hand_over = policy.always_allows(Sysno::sendmsg);
        Ok(Self {
            profile: profile.name.clone(),
            alone: compile(&policy),
            observed: (observed && can_hand_over).then(|| compile_observed(&policy)),
            policy,
        })
    }
}
