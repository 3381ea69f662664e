//! A slot's first process: it builds the sandbox around itself and then keeps it (see [`super::keeper`]).
//!
//! It runs in a copy of the worker and never returns to the worker's code.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid, setresgid, setresuid};

use super::builder::{Builder, INNER_USER};
use super::confine::{FIRST_FREE, Walls, bound_all, close_calls};
use super::filter::Filter;
use super::keeper::{Keeper, rules};
use super::order::FromInit;
use super::precedence::Precedence;
use super::residents::Residents;
use super::traces::Traces;
use crate::base::limits::Limits;
use crate::sandbox::root::{Entered, RootPlan, Trees};
use crate::sandbox::sys;
use crate::sandbox::{Layer, Profile, StepError};

/// Everything that the first process needs, inherited from the worker by fork.
pub(super) struct Init<'a> {
    /// The policy.
    pub(super) profile: &'a Profile,
    /// What the first program may use.
    pub(super) limits: &'a Limits,
    /// The private root.
    pub(super) root: RootPlan,
    /// Its trees, when the worker has opened them.
    pub(super) trees: Option<Trees>,
    /// The system-call filter.
    pub(super) filter: &'a Filter,
    /// What the worker knows.
    pub(super) builder: &'a Builder,
}

/// Runs the first process; `far` is its way to the worker. Never returns.
pub(super) fn run(init: Init<'_>, far: UnixDatagram) -> ! {
    let Ok(control) = sys::lift(&far).map(UnixDatagram::from) else {
        sys::exit_now(125)
    };
    // It is closed below with everything else that the worker had.
    std::mem::forget(far);
    if leave_worker(&init, &control).is_err() {
        sys::exit_now(125);
    }
    if let Err(error) = live(init, &control)
        && let Ok(bytes) = postcard::to_stdvec(&FromInit::Failed(error))
    {
        // When the worker is gone so is this process.
        let _ = sys::send_with(&control, &bytes, None);
    }
    sys::exit_now(0)
}

/// Closes what belongs to the worker: its ways to the supervisor and to other slots, and the host's standard
/// error. The low numbers stay taken, so that no descriptor that is passed on gets one.
fn leave_worker(init: &Init<'_>, control: &UnixDatagram) -> Result<(), Errno> {
    let null = File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .map_err(|_| Errno::ENOENT)?;
    let mut kept = vec![control.as_raw_fd(), null.as_raw_fd()];
    if let Some(trees) = &init.trees {
        kept.extend(trees.descriptors());
    }
    for number in (0..FIRST_FREE)
        .filter(|number| !kept.contains(number))
        .collect::<Vec<_>>()
    {
        sys::duplicate(&null, number)?;
        kept.push(number);
    }
    if null.as_raw_fd() < FIRST_FREE {
        std::mem::forget(null);
    }
    sys::close_all_but(&kept)
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
    let step = |what: &'static str| move |errno| StepError::new(what, errno);
    sys::set_parent_death_kill().map_err(step("tie the sandbox to its worker"))?;
    wait_for(control, b"go");
    let precedence = Precedence::open();
    let builder = init.builder;
    let entered = build(
        &init.root,
        init.trees.take(),
        init.profile,
        builder.host.privileged,
    )?;
    let (profile, permit) = (init.profile, init.filter.permit);
    let rules: Option<Box<dyn Fn() -> Result<_, StepError>>> =
        match builder.gave_up(Layer::Landlock) {
            true => None,
            false => Some(Box::new(move || {
                rules(profile, builder.host.landlock, permit)
            })),
        };
    let has_group = !builder.gave_up(Layer::Cgroup);
    let mut keeper = Keeper {
        control,
        walls: Walls {
            filter: init.filter,
            rules: None,
            bound_memory: !builder.bounds_memory(),
            bound_processes: !(has_group && builder.host.cgroups.pids.is_some()),
        },
        rules,
        precedence,
        scratch: entered.scratch,
        traces: Traces::new(
            entered.last_pid,
            init.filter.policy.has_local_sockets_only(),
        )
        .ok(),
        residents: Residents::default(),
        stack: Keeper::new_stack(),
    };
    keeper.freshen(init.limits)?;
    prepare()?;
    if init.filter.inherited {
        close_calls(init.filter, control)?;
    }
    let ready = postcard::to_stdvec(&FromInit::Ready)
        .map_err(|_| StepError::new("speak to the worker", Errno::EINVAL))?;
    sys::send_with(control, &ready, None)
        .map_err(|errno| StepError::new("speak to the worker", errno))?;
    keeper.serve()
}

/// What every program inherits, done once.
fn prepare() -> Result<(), StepError> {
    let step = |what: &'static str| move |errno| StepError::new(what, errno);
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    bound_all()?;
    sys::reset_signals().map_err(step("reset signals"))?;
    sys::lock_securebits().map_err(step("lock the security bits"))?;
    sys::bound_capabilities().map_err(step("bound capabilities"))?;
    sys::set_no_new_privs().map_err(step("set no_new_privs"))
}

/// The sandbox's walls, all but those that only programs get.
fn build(
    root: &RootPlan,
    trees: Option<Trees>,
    profile: &Profile,
    privileged: bool,
) -> Result<Entered, StepError> {
    let step = |what: &'static str| move |errno| StepError::new(what, errno);
    unshare(CloneFlags::CLONE_NEWCGROUP).map_err(step("unshare the cgroup namespace"))?;
    let trees = match trees {
        Some(trees) => trees,
        None => root.open_trees(None)?,
    };
    become_inner_user(privileged)?;
    let entered = root.enter(trees)?;
    nix::unistd::sethostname("fumehood").map_err(step("set the host name"))?;
    if profile
        .network
        .as_ref()
        .is_some_and(|network| network.loopback)
    {
        sys::bring_up_loopback().map_err(step("bring up the loopback interface"))?;
    }
    // A change of user clears both; the memory of this process holds orders and the permit.
    sys::set_parent_death_kill().map_err(step("tie the sandbox to its worker"))?;
    sys::set_not_dumpable().map_err(step("close the first process to the programs"))?;
    Ok(entered)
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
