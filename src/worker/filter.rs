//! A profile's system-call filter, compiled once for all jobs of a worker.

use std::str::FromStr;

use syscalls::Sysno;

use crate::sandbox::Profile;
use crate::sandbox::seccomp::{Action, Policy, PolicyError, compile, compile_observed};
use crate::sandbox::sys::{Instruction, Permit};

/// What a slot's first process calls once it stands, and a job before it is executed, beside the calls
/// that they show a permit for. Names that this architecture has not are skipped.
const KEPT: [&str; 59] = [
    "brk",
    "chdir",
    "chmod",
    "clock_nanosleep",
    "close",
    "close_range",
    "dup",
    "dup2",
    "dup3",
    "execve",
    "exit_group",
    "fchmod",
    "fchmodat",
    "fcntl",
    "flistxattr",
    "fork",
    "fstat",
    "fstatfs",
    "futex",
    "getdents64",
    "getpid",
    "getrandom",
    "ioprio_get",
    "sched_getaffinity",
    "sched_getattr",
    "gettid",
    "kill",
    "lseek",
    "madvise",
    "mkdir",
    "mkdirat",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "newfstatat",
    "open",
    "openat",
    "poll",
    "ppoll",
    "pread64",
    "prlimit64",
    "pwrite64",
    "read",
    "recvmsg",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sendmsg",
    "set_robust_list",
    "setsid",
    "sigaltstack",
    "statx",
    "tgkill",
    "unlink",
    "unlinkat",
    "wait4",
    "write",
];

/// A policy as programs for the kernel.
#[derive(Debug)]
pub(super) struct Filter {
    /// Whose it is.
    pub(super) profile: String,
    /// What the programs mean to a job.
    pub(super) policy: Policy,
    /// Answers refused calls by itself.
    pub(super) alone: Vec<Instruction>,
    /// Leaves refused calls that are to be reported to a listener; `None` where nobody can listen.
    pub(super) observed: Option<Vec<Instruction>>,
    /// Whether a slot's first process can live under it, so that jobs inherit it: loading so long a
    /// filter takes most of a millisecond. A stricter profile's is loaded by every job.
    pub(super) inherited: bool,
    /// What the first process shows for the calls that jobs have no use for.
    pub(super) permit: Permit,
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
        permit: Permit,
    ) -> Result<Self, PolicyError> {
        let policy = Policy::of(&profile.system_calls(memory_is_counted))?;
        // The process that loads the filter hands the listener over by this very call.
        let can_hand_over = policy.always_allows(Sysno::sendmsg);
        let programs = policy.with_permit(permit);
        Ok(Self {
            profile: profile.name.clone(),
            alone: compile(&programs),
            observed: (observed && can_hand_over).then(|| compile_observed(&programs)),
            inherited: lets_slots_live(&policy),
            policy,
            permit,
        })
    }
}

fn lets_slots_live(policy: &Policy) -> bool {
    let allows = |name: &str, arguments: [u64; 6]| {
        let Ok(call) = Sysno::from_str(name) else {
            return true;
        };
        policy.decide(call.id() as u32, &arguments) == Action::Allow
    };
    let fork = (libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID | libc::SIGCHLD) as u64;
    KEPT.iter().all(|name| allows(name, [0; 6])) && allows("clone", [fork, 0, 0, 0, 0, 0])
}
