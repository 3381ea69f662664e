//! The sandbox's first process: it builds the sandbox around itself, starts the program, reaps
//! whatever is left to it, and says how the program ended.
//!
//! It runs in a copy of the worker and never returns to the worker's code.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs::File;
use std::io::Write;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{
    RLIM_INFINITY, Resource, UsageWho, getrlimit, getrusage, rlim_t, setrlimit,
};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeValLike;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid, setresgid, setresuid};

use super::filter::Filter;
use super::request::Request;
use super::slot::{Builder, FromInit, INNER_USER};
use crate::base::limits::Limits;
use crate::sandbox::root::{RootPlan, Trees};
use crate::sandbox::sys;
use crate::sandbox::{Layer, Profile, StepError, landlock};

/// The stack of the program's first thread, as most systems have it. It can ask for more.
const STACK: rlim_t = 8 << 20;

/// Signals and timers that may be pending: memory of the kernel that nobody else bounds.
const SIGNALS: rlim_t = 1024;

/// The ends of the pipes that the program gets.
#[derive(Debug)]
pub(super) struct Pipes {
    /// Descriptor 0.
    pub(super) stdin: OwnedFd,
    /// Descriptor 1.
    pub(super) stdout: OwnedFd,
    /// Descriptor 2.
    pub(super) stderr: OwnedFd,
    /// Descriptor 3.
    pub(super) payload: Option<OwnedFd>,
    /// Descriptor 4.
    pub(super) events: Option<OwnedFd>,
}

/// Everything that the first process needs, inherited from the worker by fork.
pub(super) struct Init<'a> {
    /// The policy.
    pub(super) profile: &'a Profile,
    /// What to run.
    pub(super) request: &'a Request,
    /// The private root.
    pub(super) root: RootPlan,
    /// Its trees, when the worker has opened them.
    pub(super) trees: Option<Trees>,
    /// The program's descriptors.
    pub(super) pipes: Pipes,
    /// The way to the worker.
    pub(super) control: UnixDatagram,
    /// The worker's own way to the supervisor, to be closed here.
    pub(super) supervisor: RawFd,
    /// The system-call filter.
    pub(super) filter: &'a Filter,
    /// What the worker knows.
    pub(super) builder: &'a Builder,
}

/// A program as the kernel wants it, made before the sandbox closes.
struct Program {
    path: CString,
    argv: Vec<CString>,
    env: Vec<CString>,
}

/// Runs the first process. Never returns.
pub(super) fn run(init: Init<'_>) -> ! {
    let Ok(control) = sys::lift(&init.control).map(UnixDatagram::from) else {
        sys::exit_now(125)
    };
    // The worker's own way to the supervisor, which it holds twice, must not stay open here.
    if sys::duplicate(&init.pipes.stdin, 0).is_err() {
        sys::exit_now(125);
    }
    sys::close(init.supervisor);
    if let Err(error) = live(init, &control) {
        say(&control, &FromInit::Failed(error));
    }
    sys::exit_now(0)
}

fn say(control: &UnixDatagram, message: &FromInit) {
    if let Ok(bytes) = postcard::to_stdvec(message) {
        // When the worker is gone so is this process.
        let _ = control.send(&bytes);
    }
}

/// Waits for the worker's word; ends quietly when the worker is gone.
fn wait_for(control: &UnixDatagram, word: &[u8]) {
    let mut buffer = [0; 16];
    match control.recv(&mut buffer) {
        Ok(length) if &buffer[..length] == word => {}
        _ => sys::exit_now(0),
    }
}

fn live(mut init: Init<'_>, control: &UnixDatagram) -> Result<(), StepError> {
    sys::set_parent_death_kill()
        .map_err(|errno| StepError::new("tie the sandbox to its worker", errno))?;
    wait_for(control, b"go");
    let program = prepare(&init)?;
    let precedence = Precedence::raise();
    let privileged = init.builder.host.privileged;
    let writable = build(&init.root, init.trees.take(), init.profile, privileged)?;
    // Where no control group counts files in memory, the worker asks the file system itself.
    let asked = (!init.builder.bounds_memory()).then_some(&writable);
    let ready = postcard::to_stdvec(&FromInit::Ready)
        .map_err(|_| StepError::new("speak to the worker", Errno::EINVAL))?;
    sys::send_with(control, &ready, asked)
        .map_err(|errno| StepError::new("speak to the worker", errno))?;
    drop(writable);
    wait_for(control, b"run");
    let child = start(&init, &program, control)?;
    precedence.lower();
    drop(init.pipes);
    let status = reap_until(child)?;
    say(control, &ended(status));
    // The worker has the result; whatever still runs here ends with this process.
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    Ok(())
}

fn prepare(init: &Init<'_>) -> Result<Program, StepError> {
    let c_string = |text: &str| {
        CString::new(text)
            .map_err(|_| StepError::new("pass a NUL byte to the program", Errno::EINVAL))
    };
    let request = init.request;
    let argv = request
        .argv
        .iter()
        .map(|word| c_string(word))
        .collect::<Result<Vec<_>, _>>()?;
    let env = request
        .env
        .iter()
        .map(|(name, value)| c_string(&format!("{name}={value}")))
        .collect::<Result<_, _>>()?;
    let path = argv
        .first()
        .cloned()
        .ok_or_else(|| StepError::new("run an empty command", Errno::EINVAL))?;
    Ok(Program { path, argv, env })
}

/// Who goes first when memory runs short: the program, on the host before anything else and in its
/// group before the sandbox's first process, which has to tell how it ended.
struct Precedence(Option<(File, String)>);

impl Precedence {
    /// Puts this process, and so the program that it will start, first in line.
    fn raise() -> Self {
        let path = "/proc/self/oom_score_adj";
        let before = std::fs::read_to_string(path).unwrap_or_default();
        let file = File::options().write(true).open(path);
        Self(file.ok().and_then(|mut file| {
            // It is open from before the private root, where `/proc` cannot be written.
            file.write_all(b"1000").ok().map(|()| (file, before))
        }))
    }

    /// Takes this process back to where it was; the program stays.
    fn lower(self) {
        if let Some((mut file, before)) = self.0 {
            let _ = file.write_all(before.as_bytes());
        }
    }
}

/// The sandbox's walls, all but those that only the program itself gets.
fn build(
    root: &RootPlan,
    trees: Option<Trees>,
    profile: &Profile,
    privileged: bool,
) -> Result<OwnedFd, StepError> {
    let step = |what: &'static str| move |errno| StepError::new(what, errno);
    unshare(CloneFlags::CLONE_NEWCGROUP).map_err(step("unshare the cgroup namespace"))?;
    let trees = match trees {
        Some(trees) => trees,
        None => root.open_trees(None)?,
    };
    become_inner_user(privileged)?;
    let writable = root.enter(trees)?;
    nix::unistd::sethostname("fumehood").map_err(step("set the host name"))?;
    if profile
        .network
        .as_ref()
        .is_some_and(|network| network.loopback)
    {
        sys::bring_up_loopback().map_err(step("bring up the loopback interface"))?;
    }
    // A change of user clears both; the memory of this process holds the request.
    sys::set_parent_death_kill().map_err(step("tie the sandbox to its worker"))?;
    sys::set_not_dumpable().map_err(step("close the first process to the program"))?;
    Ok(writable)
}

fn become_inner_user(privileged: bool) -> Result<(), StepError> {
    let step = |what: &'static str| move |errno| StepError::new(what, errno);
    // Refused where the map was written without privileges: an ordinary user's further groups stay,
    // with what they may read below the shown folders. Root's must go.
    match nix::unistd::setgroups(&[]) {
        Err(errno) if privileged => return Err(step("drop the groups")(errno)),
        _ => {}
    }
    sys::set_keep_capabilities(true).map_err(step("keep capabilities"))?;
    let (user, group) = (Uid::from_raw(INNER_USER), Gid::from_raw(INNER_USER));
    setresgid(group, group, group).map_err(step("change the group"))?;
    setresuid(user, user, user).map_err(step("change the user"))?;
    sys::raise_permitted().map_err(step("raise capabilities over the sandbox"))?;
    sys::set_keep_capabilities(false).map_err(step("no longer keep capabilities"))
}

/// Starts the program and gives its process id.
fn start(init: &Init<'_>, program: &Program, control: &UnixDatagram) -> Result<Pid, StepError> {
    match sys::fork().map_err(|errno| StepError::new("start the program's process", errno))? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            match confine(init, program, control) {
                Ok(never) => match never {},
                Err(Refusal::Sandbox(error)) => say(control, &FromInit::Failed(error)),
                Err(Refusal::Program(error)) => say(control, &FromInit::NotExecutable(error)),
            }
            sys::exit_now(126)
        }
    }
}

enum Refusal {
    Sandbox(StepError),
    Program(StepError),
}

impl From<StepError> for Refusal {
    fn from(error: StepError) -> Self {
        Self::Sandbox(error)
    }
}

/// Puts the last walls around this process and becomes the program.
fn confine(
    init: &Init<'_>,
    program: &Program,
    control: &UnixDatagram,
) -> Result<Infallible, Refusal> {
    let step = |what: &'static str| move |errno| StepError::new(what, errno);
    nix::unistd::setsid().map_err(step("start a session"))?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let work = Path::new("/work");
    nix::unistd::chdir(work).map_err(|errno| StepError::at("enter", work, errno))?;
    set_rlimits(&init.request.limits, init.builder)?;
    sys::reset_signals().map_err(step("reset signals"))?;
    sys::lock_securebits().map_err(step("lock the security bits"))?;
    sys::drop_all_capabilities().map_err(step("drop capabilities"))?;
    sys::set_no_new_privs().map_err(step("set no_new_privs"))?;
    if !init.builder.gave_up(Layer::Landlock) {
        restrict_files(init)?;
    }
    place_descriptors(&init.pipes)?;
    close_calls(init.filter, control)?;
    match sys::exec(&program.path, &program.argv, &program.env) {
        Ok(never) => Ok(never),
        Err(errno) => {
            let path: String = program_name(init.request);
            let path = Path::new(&path);
            Err(Refusal::Program(StepError::at("execute", path, errno)))
        }
    }
}

/// Loads the system-call filter, and hands over the descriptor on which refused calls are told. From
/// here on to the program's start nothing is called that the filter would ask about. The program
/// never holds the descriptor: it is closed here, and would be on exec.
fn close_calls(filter: &Filter, control: &UnixDatagram) -> Result<(), StepError> {
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

/// The program as named, cut to what a message to the worker can hold.
fn program_name(request: &Request) -> String {
    let name = request.argv.first().map_or("", String::as_str);
    name.chars().take(1000).collect()
}

fn restrict_files(init: &Init<'_>) -> Result<(), StepError> {
    let failed = |what: String| StepError::new(&what, Errno::EPERM);
    let interface = landlock::interface(init.builder.host.landlock).ok_or_else(|| {
        failed(
            "use Landlock, which this kernel lacks or has switched off (Linux 5.13 has it; boot with \
             `lsm=landlock,…`, or go on without: `--give-up landlock`)"
                .to_owned(),
        )
    })?;
    let refuse_tcp = init
        .profile
        .network
        .as_ref()
        .is_none_or(|network| network.refuse_tcp);
    // Folders that the request adds lie below `/`, which may be read; nothing of them may be written.
    landlock::restrict(&init.profile.landlock, refuse_tcp, interface)
        .map_err(|error| failed(error.to_string()))
}

fn set_rlimits(limits: &Limits, builder: &Builder) -> Result<(), StepError> {
    // The kernel counts for this one by the clock's ticks, several per cent off on a busy host, and kills
    // without a word. It stands behind the worker's own count, not before it.
    let seconds = limits
        .cpu
        .as_secs()
        .saturating_add(limits.cpu.as_secs() / 4 + 2);
    // What a program is promised: less would change what it comes to.
    let mut promised: Vec<(Resource, rlim_t)> = vec![
        (
            Resource::RLIMIT_CPU,
            seconds + u64::from(limits.cpu.subsec_nanos() > 0),
        ),
        (Resource::RLIMIT_FSIZE, limits.file_size),
        (Resource::RLIMIT_NOFILE, limits.open_files),
    ];
    // What it hardly needs: less does no harm.
    let mut bounded: Vec<(Resource, rlim_t)> = vec![
        // One byte, not none: a core dump that is piped to a program of the host ignores a limit of
        // 0, but is not made at 1. The system-call filter keeps jobs from changing it.
        (Resource::RLIMIT_CORE, 1),
        (Resource::RLIMIT_MEMLOCK, 64 << 10),
        (Resource::RLIMIT_MSGQUEUE, 0),
        (Resource::RLIMIT_RTPRIO, 0),
        (Resource::RLIMIT_NICE, 0),
        (Resource::RLIMIT_SIGPENDING, SIGNALS),
    ];
    let group = &builder.host.cgroups;
    let has_group = !builder.gave_up(Layer::Cgroup);
    if !builder.bounds_memory() {
        promised.push((Resource::RLIMIT_DATA, limits.memory));
    }
    if !(has_group && group.pids.is_some()) {
        // With room above the limit, so that whoever goes over it is seen to, and not only refused.
        let most = rlim_t::from(limits.processes).saturating_mul(2) + 16;
        bounded.push((Resource::RLIMIT_NPROC, most));
    }
    let hard = |resource| {
        let limits = getrlimit(resource).map_err(|errno| StepError::new("read a limit", errno));
        limits.map(|(_, hard)| hard)
    };
    for (resource, value) in &promised {
        let most = hard(*resource)?;
        if most < *value {
            return Err(StepError::new(
                &format!(
                    "give the program its {resource:?} of {value}: fumehood was started with no more \
                     than {most}; raise that with `ulimit`, or ask for less"
                ),
                Errno::EPERM,
            ));
        }
    }
    if hard(Resource::RLIMIT_AS)? != RLIM_INFINITY {
        return Err(StepError::new(
            "run programs in a bounded address space, which is not the memory that they use; start \
             fumehood with `ulimit -v unlimited`",
            Errno::EPERM,
        ));
    }
    bounded.push((Resource::RLIMIT_AS, RLIM_INFINITY));
    for (resource, value) in promised.into_iter().chain(bounded) {
        // A hard limit that is lower already cannot be raised, and need not be.
        let value = value.min(hard(resource)?);
        setrlimit(resource, value, value)
            .map_err(|errno| StepError::new(&format!("set {resource:?}"), errno))?;
    }
    // How deep a program can recurse must not depend on who runs it, or where.
    let failed = |errno| StepError::new("set the stack's size", errno);
    let (_, hard) = getrlimit(Resource::RLIMIT_STACK).map_err(failed)?;
    setrlimit(Resource::RLIMIT_STACK, STACK.min(hard), hard).map_err(failed)
}

/// Gives the program its descriptors 0 to 4 and has all others closed on exec. The pipes and the
/// way to the worker have high numbers, so that nothing is overwritten before its turn.
fn place_descriptors(pipes: &Pipes) -> Result<(), StepError> {
    let step = |errno| StepError::new("place the program's descriptors", errno);
    let places = [
        Some(&pipes.stdin),
        Some(&pipes.stdout),
        Some(&pipes.stderr),
        pipes.payload.as_ref(),
        pipes.events.as_ref(),
    ];
    for (number, source) in (0..).zip(places) {
        match source {
            Some(source) => sys::duplicate(source, number).map_err(step)?,
            None => sys::close(number),
        }
    }
    sys::close_on_exec_from(5).map_err(step)
}

/// The last word: how the program ended, and what the processes used that this one has seen end.
fn ended(status: i32) -> FromInit {
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).ok();
    let time = used.map(|used| used.user_time() + used.system_time());
    let micros = time.map_or(0, |time| time.num_microseconds());
    let largest = used.map_or(0, |used| used.max_rss());
    FromInit::Ended {
        status,
        cpu_micros: u64::try_from(micros).unwrap_or(0),
        largest: u64::try_from(largest).unwrap_or(0) * 1024,
    }
}

/// Waits for the program, and on the way for every process that was left to this one.
fn reap_until(program: Pid) -> Result<i32, StepError> {
    loop {
        match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::empty())) {
            Ok(WaitStatus::Exited(pid, code)) if pid == program => return Ok(code << 8),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == program => return Ok(signal as i32),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(StepError::new("wait for the program", errno)),
        }
    }
}
