//! How a worker comes by slots: it builds them, and keeps some for the next request of their kind.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;

use nix::sched::CloneFlags;
use nix::unistd::{Pid, getegid, geteuid};

use super::JOB_USERS;
use super::filter::Filter;
use super::init;
use super::listener::Listener;
use super::order::FromInit;
use super::request::{Request, Reuse};
use super::slot::{self, Shape, Slot};
use super::zygote::Forest;
use crate::sandbox::cgroup::Group;
use crate::sandbox::mount_table::MountTable;
use crate::sandbox::own_inodes::Inodes;
use crate::sandbox::remedy::Switches;
use crate::sandbox::root::{Extra, RootOptions, RootPlan};
use crate::sandbox::sys::{self, Cloned, Permit};
use crate::sandbox::{Host, Layer, Profile, StepError};

/// The user and group that a job sees itself as.
pub(super) const INNER_USER: u32 = 1000;

/// Slots of different kinds that a worker keeps: one to grade, one to scan, and one to spare.
const MOST_IDLE: usize = 3;

/// What a worker knows when it builds slots.
#[derive(Debug)]
pub(super) struct Builder {
    /// What the host offers.
    pub(super) host: Host,
    /// Layers given up by the user.
    pub(super) given_up: Vec<Layer>,
    /// Interpreters that are warm, and what is known of them.
    pub(super) forest: Forest,
    /// Slots in which nothing is left of their last program, the oldest first.
    pub(super) idle: Vec<Slot>,
    /// What their first processes show to the filter.
    pub(super) permit: Permit,
    /// Slots built so far.
    pub(super) built: u64,
    /// The system-call filters of the profiles used so far.
    pub(super) filters: Vec<Rc<Filter>>,
    /// Where the host has file systems mounted.
    pub(super) mounts: MountTable,
    /// Profiles under which shown folders were seen to have inodes of their own.
    pub(super) own_inodes: BTreeSet<String>,
    /// Profiles under which devices were seen to have nodes of their own.
    pub(super) own_devices: BTreeSet<String>,
}

/// Why there is no slot.
#[derive(Debug)]
pub(super) enum SlotError {
    /// The host refused.
    Host(String),
    /// The request cannot be met.
    Request(String),
}

impl Builder {
    /// Whether the user gave this layer up.
    pub(super) fn gave_up(&self, layer: Layer) -> bool {
        self.given_up.contains(&layer)
    }

    /// Whether jobs get a control group that bounds their memory.
    pub(super) fn bounds_memory(&self) -> bool {
        !self.gave_up(Layer::Cgroup) && self.host.cgroups.memory.is_some()
    }

    /// What is attested must hold for every job; where nothing is, what can be had is taken.
    fn inodes(&self, profile: &Profile) -> Inodes {
        if self.gave_up(Layer::OwnInodes) {
            Inodes::Shared
        } else if self.own_inodes.contains(&profile.name) {
            Inodes::Own
        } else {
            Inodes::OwnIfPossible
        }
    }

    /// Device nodes for one sandbox. What is attested must hold for every job, as above.
    fn devices(&self, profile: &Profile, root: &RootPlan) -> Result<Option<OwnedFd>, SlotError> {
        if self.gave_up(Layer::OwnDevices) {
            return Ok(None);
        }
        match root.own_devices(outer_user()) {
            Ok(devices) => Ok(Some(devices)),
            Err(error) if self.own_devices.contains(&profile.name) => Err(self.host_error(&error)),
            Err(_) => Ok(None),
        }
    }

    /// A slot for a request: one that stands if it may have such a one, else a new one.
    ///
    /// # Errors
    /// [`SlotError`], with the step that failed and what to do about it.
    pub(super) fn slot(&mut self, profile: &Profile, request: &Request) -> Result<Slot, SlotError> {
        let fits = |slot: &Slot| request.reuse != Reuse::Nothing && slot.shape.fits(request);
        let fitting = self.idle.iter().position(fits);
        if let Some(mut slot) = fitting.map(|place| self.idle.remove(place))
            && slot.renew(&request.limits)
        {
            return Ok(slot);
        }
        self.build(profile, request)
    }

    /// Takes back a slot in which nothing is left of its last program.
    pub(super) fn give_back(&mut self, slot: Slot) {
        self.idle.push(slot);
        if self.idle.len() > MOST_IDLE {
            self.idle.remove(0);
        }
    }

    /// Builds a sandbox and waits until it stands.
    fn build(&mut self, profile: &Profile, request: &Request) -> Result<Slot, SlotError> {
        self.built += 1;
        let filter = self.filter(profile).map_err(SlotError::Host)?;
        let group = self.group(profile, request)?;
        let extras: Vec<Extra<'_>> = request
            .mounts
            .iter()
            .map(|mount| Extra {
                source: &mount.source,
                target: &mount.target,
            })
            .collect();
        self.mounts
            .refresh()
            .map_err(|error| SlotError::Host(format!("read the table of mounts: {error}")))?;
        let options = RootOptions {
            proc: !self.gave_up(Layer::MaskedProc),
            inodes: self.inodes(profile),
        };
        let root = RootPlan::new(profile, &extras, options, &self.mounts)
            .map_err(|error| SlotError::Request(format!("cannot {error}")))?;
        // A privileged worker opens the folders itself: those of other users are closed to the
        // user that the sandbox runs as. An ordinary one cannot, and its sandbox need not.
        let trees = match self.host.privileged {
            true => {
                let devices = self.devices(profile, &root)?;
                Some(
                    root.open_trees(devices)
                        .map_err(|error| self.host_error(&error))?,
                )
            }
            false => None,
        };
        let (control, far) = slot::channel()
            .map_err(|errno| SlotError::Host(format!("make a socket pair: {errno}")))?;
        let namespaces = CloneFlags::CLONE_NEWUSER
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS;
        match sys::clone_process(namespaces) {
            Ok(Cloned::Child) => {
                let init = init::Init {
                    profile,
                    limits: &request.limits,
                    root,
                    trees,
                    filter: &filter,
                    builder: self,
                };
                init::run(init, far)
            }
            Ok(Cloned::Parent { pid, pidfd }) => {
                drop((far, trees));
                let mut slot = Slot {
                    number: self.built,
                    shape: Shape::of(request),
                    init: pid,
                    pidfd,
                    control,
                    writable: None,
                    filter,
                    listener: Listener::default(),
                    jobs: 0,
                    told: std::time::Duration::ZERO,
                    group,
                };
                self.admit(&mut slot)?;
                Ok(slot)
            }
            Err(errno) => Err(SlotError::Host(format!(
                "start a process in new namespaces: {} ({errno:?}); {}",
                errno.desc(),
                Switches::read(self.host.privileged).for_namespaces(errno)
            ))),
        }
    }

    /// The filter of a profile, compiled once.
    fn filter(&mut self, profile: &Profile) -> Result<Rc<Filter>, String> {
        if let Some(known) = self
            .filters
            .iter()
            .find(|known| known.profile == profile.name)
        {
            return Ok(Rc::clone(known));
        }
        let observe = self.host.notifications && !self.gave_up(Layer::Behaviour);
        let filter = Filter::of(profile, self.bounds_memory(), observe, self.permit)
            .map_err(|error| format!("compile the system-call filter: {error}"))?;
        let filter = Rc::new(filter);
        self.filters.push(Rc::clone(&filter));
        Ok(filter)
    }

    fn group(&self, profile: &Profile, request: &Request) -> Result<Option<Group>, SlotError> {
        let controllers = &self.host.cgroups;
        if self.gave_up(Layer::Cgroup) || controllers.bases().is_empty() {
            return Ok(None);
        }
        match Group::create(controllers, self.built, &request.limits) {
            Ok(group) => Ok(Some(group)),
            Err(error) if profile.requires(Layer::Cgroup) => {
                Err(SlotError::Host(format!("make a control group: {error}")))
            }
            Err(error) => Err(SlotError::Host(format!(
                "make a control group: {error}; give the layer up with `--give-up cgroup` to go on with per-process limits"
            ))),
        }
    }

    /// A step that the host refused, with what to do about it where that can be told.
    fn host_error(&self, error: &StepError) -> SlotError {
        let remedy = Switches::read(self.host.privileged).for_step(error);
        let remedy = remedy.map_or_else(String::new, |remedy| format!("; {remedy}"));
        SlotError::Host(format!("cannot {error}{remedy}"))
    }

    /// Lets the first process know who it is, puts it in its group, and lets it build.
    fn admit(&self, slot: &mut Slot) -> Result<(), SlotError> {
        map_users(slot.init, self.host.privileged.then(outer_user))
            .map_err(|error| self.host_error(&error))?;
        if let Some(group) = &slot.group {
            group
                .add(slot.init)
                .map_err(|error| SlotError::Host(format!("join the control group: {error}")))?;
        }
        slot.control
            .send(b"go")
            .map_err(|error| SlotError::Host(format!("speak to the sandbox: {error}")))?;
        loop {
            match slot.receive() {
                Ok(FromInit::Ready) => break,
                Ok(FromInit::Observed | FromInit::Writable) => {}
                Ok(FromInit::Failed(error) | FromInit::NotExecutable(error)) => {
                    return Err(self.host_error(&error));
                }
                Err(_) if slot.group.as_ref().is_some_and(Group::ran_out_of_memory) => {
                    let what = "the memory limit is too low for the sandbox itself";
                    return Err(SlotError::Request(what.to_owned()));
                }
                Ok(FromInit::Ended { .. } | FromInit::Cleared(_) | FromInit::Settled(_))
                | Err(_) => {
                    let what = "the sandbox's first process ended while it was being built";
                    return Err(SlotError::Host(what.to_owned()));
                }
            }
        }
        // What it took to build is nobody's.
        if let Some(group) = &mut slot.group {
            group.renew_first();
        }
        Ok(())
    }
}

/// The host's user as whom the jobs of a privileged worker run: nobody else has it.
fn outer_user() -> u32 {
    JOB_USERS.start + std::process::id()
}

/// Maps the inner user to one on the host: an unused one, or one's own.
fn map_users(init: Pid, outer: Option<u32>) -> Result<(), StepError> {
    let write = |file: &str, text: String| {
        let path = PathBuf::from(format!("/proc/{init}/{file}"));
        fs::write(&path, text).map_err(|error| StepError::io("map users in", &path, &error))
    };
    let (user, group) = match outer {
        Some(outer) => (outer, outer),
        None => {
            // Without privileges the kernel wants setgroups closed before it maps a group.
            write("setgroups", "deny".to_owned())?;
            (geteuid().as_raw(), getegid().as_raw())
        }
    };
    write("uid_map", format!("{INNER_USER} {user} 1"))?;
    write("gid_map", format!("{INNER_USER} {group} 1"))
}
