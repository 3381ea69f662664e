//! A slot: a sandbox that has been built, with its first process waiting for a program to run.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::rc::Rc;

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::statvfs::fstatvfs;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getegid, geteuid};
use serde::{Deserialize, Serialize};

use super::JOB_USERS;
use super::filter::Filter;
use super::init;
use super::request::Request;
use crate::sandbox::cgroup::Group;
use crate::sandbox::mount_table::MountTable;
use crate::sandbox::own_inodes::Inodes;
use crate::sandbox::remedy::Switches;
use crate::sandbox::root::{Extra, RootOptions, RootPlan};
use crate::sandbox::sys::{self, Cloned};
use crate::sandbox::{Host, Layer, Profile, StepError};

/// The user and group that a job sees itself as.
pub(super) const INNER_USER: u32 = 1000;

/// What a worker knows when it builds slots.
#[derive(Debug)]
pub(super) struct Builder {
    /// What the host offers.
    pub(super) host: Host,
    /// Layers given up by the user.
    pub(super) given_up: Vec<Layer>,
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

/// A sandbox that is ready to run one program.
#[derive(Debug)]
pub(super) struct Slot {
    /// Its first process.
    pub(super) init: Pid,
    /// A descriptor for it.
    pub(super) pidfd: OwnedFd,
    /// The way to speak to it, a message at a time; see [`channel`].
    pub(super) control: UnixDatagram,
    /// Its writable file system, where nobody else counts what is in it.
    pub(super) writable: Option<OwnedFd>,
    /// Its system-call filter.
    pub(super) filter: Rc<Filter>,
    /// The job's control group, where the host has them. Declared last: it is removed when no
    /// process is left.
    pub(super) group: Option<Group>,
}

/// What a slot's first process reports.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromInit {
    /// The sandbox stands.
    Ready,
    /// From the program's process: refused calls are told on the descriptor beside this.
    Observed,
    /// It could not be built, or the program not be started.
    Failed(StepError),
    /// The program could not be executed: its own fault, not the sandbox's.
    NotExecutable(StepError),
    /// The program has ended.
    Ended {
        /// Its wait status.
        status: i32,
        /// CPU time of all processes that ended and were waited for, in microseconds.
        cpu_micros: u64,
        /// The largest resident size that one of them had, in bytes.
        largest: u64,
    },
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

    /// Builds a sandbox and waits until it stands.
    ///
    /// # Errors
    /// [`SlotError`], with the step that failed and what to do about it.
    pub(super) fn build(
        &mut self,
        profile: &Profile,
        request: &Request,
        pipes: init::Pipes,
        supervisor: BorrowedFd<'_>,
    ) -> Result<Slot, SlotError> {
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
        let root = RootPlan::new(profile, &extras, &request.limits, options, &self.mounts)
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
        let (control, far) =
            channel().map_err(|errno| SlotError::Host(format!("make a socket pair: {errno}")))?;
        let namespaces = CloneFlags::CLONE_NEWUSER
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS;
        match sys::clone_process(namespaces) {
            Ok(Cloned::Child) => {
                drop(control);
                init::run(init::Init {
                    profile,
                    request,
                    root,
                    trees,
                    pipes,
                    control: far,
                    supervisor: supervisor.as_raw_fd(),
                    filter: &filter,
                    builder: self,
                })
            }
            Ok(Cloned::Parent { pid, pidfd }) => {
                drop((far, pipes, trees));
                let mut slot = Slot {
                    init: pid,
                    pidfd,
                    control,
                    writable: None,
                    filter,
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
        let filter = Filter::of(profile, self.bounds_memory(), observe)
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
        match slot.receive() {
            Ok((FromInit::Ready, writable)) => {
                slot.writable = writable;
                Ok(())
            }
            Ok((FromInit::Failed(error) | FromInit::NotExecutable(error), _)) => {
                Err(self.host_error(&error))
            }
            Err(_) if slot.group.as_ref().is_some_and(Group::ran_out_of_memory) => Err(
                SlotError::Request("the memory limit is too low for the sandbox itself".to_owned()),
            ),
            Ok((FromInit::Ended { .. } | FromInit::Observed, _)) | Err(_) => Err(SlotError::Host(
                "the sandbox's first process ended while it was being built".to_owned(),
            )),
        }
    }
}

/// The host's user as whom the jobs of a privileged worker run: nobody else has it.
fn outer_user() -> u32 {
    JOB_USERS.start + std::process::id()
}

/// A pair of sockets that keep messages apart and, unlike datagram sockets, tell each side when the
/// other has gone. Without that a worker would wait for ever for a first process that was killed,
/// and a first process for a worker.
fn channel() -> Result<(UnixDatagram, UnixDatagram), Errno> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
    Ok((UnixDatagram::from(ours), UnixDatagram::from(theirs)))
}

impl Slot {
    /// Waits for the next message of the first process, and the descriptor beside it.
    ///
    /// # Errors
    /// When it has ended, or says what it must not.
    pub(super) fn receive(&self) -> io::Result<(FromInit, Option<OwnedFd>)> {
        let mut buffer = [0; 8192];
        let (length, descriptor) = sys::receive_with(&self.control, &mut buffer)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let word = postcard::from_bytes(&buffer[..length]).map_err(io::Error::other)?;
        Ok((word, descriptor))
    }

    /// Bytes in the files of the job, where they are not counted by a control group.
    pub(super) fn bytes_in_files(&self) -> u64 {
        let Some(Ok(found)) = self.writable.as_ref().map(fstatvfs) else {
            return 0;
        };
        let used = found.blocks().saturating_sub(found.blocks_free());
        used.saturating_mul(found.fragment_size())
    }

    /// Lets the program start.
    ///
    /// # Errors
    /// When the first process has ended.
    pub(super) fn start(&self) -> io::Result<()> {
        self.control.send(b"run").map(drop)
    }

    /// Kills every process of the sandbox and waits until the first one is gone; the kernel ends
    /// the others before it.
    pub(super) fn kill(&self) {
        if let Some(group) = &self.group {
            group.kill();
        }
        // The process is our child and not yet waited for, so the descriptor still names it.
        let _ = sys::pidfd_kill(&self.pidfd);
        while let Err(Errno::EINTR) = waitpid(self.init, Some(WaitPidFlag::empty())) {}
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // Idempotent: after a regular end both calls find nothing.
        let _ = sys::pidfd_kill(&self.pidfd);
        let _ = waitpid(self.init, Some(WaitPidFlag::empty()));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_learns_that_the_other_has_gone() {
        let (ours, theirs) = channel().unwrap();
        theirs.send(b"a").unwrap();
        theirs.send(b"b").unwrap();
        drop(theirs);
        let mut buffer = [0; 8];
        // Messages stay apart, and what was said before the end is still heard.
        assert_eq!(ours.recv(&mut buffer).unwrap(), 1);
        assert_eq!(ours.recv(&mut buffer).unwrap(), 1);
        assert_eq!(ours.recv(&mut buffer).unwrap(), 0);
        assert!(ours.send(b"c").is_err());
    }
}
