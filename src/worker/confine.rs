//! The last walls, which a job's first process puts around itself before it becomes the program.

use std::convert::Infallible;
use std::ffi::CString;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit};

use super::filter::Filter;
use super::order::{Descriptors, FromInit, Order};
use crate::base::limits::Limits;
use crate::sandbox::StepError;
use crate::sandbox::landlock::Ruleset;
use crate::sandbox::sys::{self, Image};

/// Descriptors below this number are the program's; it gets no others.
pub(super) const FIRST_FREE: i32 = 5;

/// The stack of the program's first thread, as most systems have it. It can ask for more.
const STACK: rlim_t = 8 << 20;

/// Signals and timers that may be pending: memory of the kernel that nobody else bounds.
const SIGNALS: rlim_t = 1024;

/// The program of an order, made before its process starts.
///
/// # Errors
/// When it is empty or holds a NUL byte.
pub(super) fn image_of(order: &Order) -> Result<Image, StepError> {
    let c_string = |text: &str| {
        CString::new(text)
            .map_err(|_| StepError::new("pass a NUL byte to the program", Errno::EINVAL))
    };
    let argv = order.argv.iter().map(|word| c_string(word));
    let env = order.env.iter();
    let env = env.map(|(name, value)| c_string(&format!("{name}={value}")));
    Image::new(
        argv.collect::<Result<_, _>>()?,
        env.collect::<Result<_, _>>()?,
    )
    .ok_or_else(|| StepError::new("run an empty command", Errno::EINVAL))
}

/// Why a process did not become the program.
pub(super) enum Refusal {
    /// The host's fault, or ours.
    Sandbox(StepError),
    /// The program's.
    Program(StepError),
}

impl From<StepError> for Refusal {
    fn from(error: StepError) -> Self {
        Self::Sandbox(error)
    }
}

/// What all jobs of a slot have in common.
#[derive(Debug)]
pub(super) struct Walls<'a> {
    /// The system-call filter.
    pub(super) filter: &'a Filter,
    /// The Landlock rules, unless that layer was given up.
    pub(super) rules: Option<Ruleset>,
    /// Whether no control group bounds a job's memory.
    pub(super) bound_memory: bool,
    /// Whether none bounds its processes.
    pub(super) bound_processes: bool,
}

/// Puts the last walls around this process and becomes the program. It runs in the memory of the slot's first
/// process: what it would allocate on the good way would stay allocated there.
pub(super) fn confine(
    walls: &Walls<'_>,
    program: &Image,
    limits: &Limits,
    descriptors: &Descriptors,
    control: &UnixDatagram,
) -> Result<Infallible, Refusal> {
    let step = |what: &'static str| move |errno| StepError::new(what, errno);
    nix::unistd::setsid().map_err(step("start a session"))?;
    let work = Path::new("/work");
    nix::unistd::chdir(work).map_err(|errno| StepError::at("enter", work, errno))?;
    bound(walls, limits)?;
    let permit = walls.filter.permit;
    permit
        .drop_capabilities()
        .map_err(step("drop capabilities"))?;
    if let Some(rules) = &walls.rules {
        rules
            .restrict_self(permit)
            .map_err(|error| StepError::new(&error.to_string(), Errno::EPERM))?;
    }
    place(descriptors)?;
    if !walls.filter.inherited {
        close_calls(walls.filter, control)?;
    }
    program.become_it().map_err(|errno| {
        let name: String = program.name().chars().take(1000).collect();
        Refusal::Program(StepError::at("execute", Path::new(&name), errno))
    })
}

/// Loads the system-call filter, and hands over the descriptor on which refused calls are told. From
/// here on nothing is called that the filter would ask about. The program never holds the descriptor: it
/// is closed here, and would be on exec.
pub(super) fn close_calls(filter: &Filter, control: &UnixDatagram) -> Result<(), StepError> {
    let step = |what: &'static str| move |errno| StepError::new(what, errno);
    if let Some(observed) = &filter.observed {
        let word = postcard::to_stdvec(&FromInit::Observed)
            .map_err(|_| StepError::new("speak to the worker", Errno::EINVAL))?;
        // It fails where somebody listens to this process already (EBUSY): the wall is the same
        // without.
        if let Ok(listener) = sys::install_observed_filter(observed) {
            return sys::send_with(control, &word, Some(&listener))
                .map_err(step("hand over the listener for refused calls"));
        }
    }
    sys::install_filter(&filter.alone).map_err(step("load the system-call filter"))
}

/// Sets the limits that are the same for every job: what a program hardly needs, so that less does no harm.
pub(super) fn bound_all() -> Result<(), StepError> {
    let bounded: [(Resource, rlim_t); 7] = [
        // One byte, not none: a core dump that is piped to a program of the host ignores a limit of
        // 0, but is not made at 1. The system-call filter keeps jobs from changing it.
        (Resource::RLIMIT_CORE, 1),
        (Resource::RLIMIT_MEMLOCK, 64 << 10),
        (Resource::RLIMIT_MSGQUEUE, 0),
        (Resource::RLIMIT_RTPRIO, 0),
        (Resource::RLIMIT_NICE, 0),
        (Resource::RLIMIT_SIGPENDING, SIGNALS),
        (Resource::RLIMIT_AS, RLIM_INFINITY),
    ];
    if hard(Resource::RLIMIT_AS)? != RLIM_INFINITY {
        return Err(StepError::new(
            "run programs in a bounded address space, which is not the memory that they use; start \
             fumehood with `ulimit -v unlimited`",
            Errno::EPERM,
        ));
    }
    for (resource, value) in bounded {
        // A hard limit that is lower already cannot be raised, and need not be.
        set(resource, value.min(hard(resource)?))?;
    }
    // How deep a program can recurse must not depend on who runs it, or where.
    let failed = |errno| StepError::new("set the stack's size", errno);
    let hard = hard(Resource::RLIMIT_STACK)?;
    setrlimit(Resource::RLIMIT_STACK, STACK.min(hard), hard).map_err(failed)
}

/// The CPU time after which the kernel ends a process. It counts this by the clock's ticks, several per cent
/// off on a busy host, and kills without a word: so it stands behind the worker's own count, not before it.
pub(super) fn cpu_seconds(limits: &Limits) -> u64 {
    limits
        .cpu
        .as_secs()
        .saturating_add(limits.cpu.as_secs() / 4 + 2)
        .saturating_add(u64::from(limits.cpu.subsec_nanos() > 0))
}

/// Sets the limits of one job: what a program is promised. Less would change what it comes to.
fn bound(walls: &Walls<'_>, limits: &Limits) -> Result<(), StepError> {
    let seconds = cpu_seconds(limits);
    let promised = [
        Some((Resource::RLIMIT_CPU, seconds)),
        Some((Resource::RLIMIT_FSIZE, limits.file_size)),
        Some((Resource::RLIMIT_NOFILE, limits.open_files)),
        walls
            .bound_memory
            .then_some((Resource::RLIMIT_DATA, limits.memory)),
    ];
    for (resource, value) in promised.into_iter().flatten() {
        // It fails only where the host allows less.
        if setrlimit(resource, value, value).is_err() {
            let most = hard(resource)?;
            return Err(StepError::new(
                &format!(
                    "give the program its {resource:?} of {value}: fumehood was started with no more \
                     than {most}; raise that with `ulimit`, or ask for less"
                ),
                Errno::EPERM,
            ));
        }
    }
    if walls.bound_processes {
        // With room above the limit, so that whoever goes over it is seen to, and not only refused.
        let most = rlim_t::from(limits.processes).saturating_mul(2) + 16;
        let most = most.min(hard(Resource::RLIMIT_NPROC)?);
        set(Resource::RLIMIT_NPROC, most)?;
    }
    Ok(())
}

fn hard(resource: Resource) -> Result<rlim_t, StepError> {
    let limits = getrlimit(resource).map_err(|errno| StepError::new("read a limit", errno));
    limits.map(|(_, hard)| hard)
}

fn set(resource: Resource, value: rlim_t) -> Result<(), StepError> {
    setrlimit(resource, value, value)
        .map_err(|errno| StepError::new(&format!("set {resource:?}"), errno))
}

/// Gives the program its descriptors and has all others closed on exec. Those that it gets have higher
/// numbers here than there, so that nothing is overwritten before its turn.
fn place(descriptors: &Descriptors) -> Result<(), StepError> {
    let step = |errno| StepError::new("place the program's descriptors", errno);
    for number in 0..FIRST_FREE {
        match descriptors.iter().find(|(place, _)| *place == number) {
            Some((_, fd)) => sys::duplicate(fd, number).map_err(step)?,
            None => sys::close(number),
        }
    }
    sys::close_on_exec_from(FIRST_FREE).map_err(step)
}
