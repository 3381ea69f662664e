//! What a slot's first process does once the slot stands: it starts one program after the other, reaps
//! whatever is left to it, says how each ended, and clears away what it left.
//!
//! Whether everything is gone is never assumed. The kernel says that there is no process left (the first
//! process of a process-id namespace inherits every orphan in it, so that without a child it is alone);
//! the rest is compared with how it was before the first program. In any doubt the slot is not used again.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::confine::{Refusal, Walls, confine, image_of};
use super::order::{Descriptors, FromInit, Order, ToInit, receive};
use super::precedence::Precedence;
use super::residents::Residents;
use super::traces::Traces;
use crate::base::limits::Limits;
use crate::sandbox::landlock::Ruleset;
use crate::sandbox::root::Scratch;
use crate::sandbox::sys::{self, ChildWatch, Image, Waited, Woken};
use crate::sandbox::{StepError, landlock};

/// More CPU time than any program uses.
const FOR_EVER: Duration = Duration::from_secs(1 << 30);

/// A slot from the inside.
pub(super) struct Keeper<'a> {
    /// The way to the worker.
    pub(super) control: &'a UnixDatagram,
    /// What every program gets.
    pub(super) walls: Walls<'a>,
    /// How the Landlock rules are made; they stick to the scratch folders of the moment.
    pub(super) rules: Option<Box<dyn Fn() -> Result<Ruleset, StepError> + 'a>>,
    /// Who goes first when memory runs short.
    pub(super) precedence: Precedence,
    /// The writable folders.
    pub(super) scratch: Scratch,
    /// What else a program could leave; `None` where that cannot be told.
    pub(super) traces: Option<Traces>,
    /// Programs that stay when everything else is cleared away.
    pub(super) residents: Residents,
    /// For processes on their way to be a program; see [`Keeper::new_stack`].
    pub(super) stack: Vec<u8>,
}

/// What a program and its processes used.
#[derive(Debug, Default)]
struct Used {
    cpu_micros: u64,
    largest: u64,
}

impl Used {
    fn add(&mut self, waited: &Waited) {
        self.cpu_micros += waited.cpu_micros;
        self.largest = self.largest.max(waited.largest);
    }
}

impl Keeper<'_> {
    /// A stack with room to spare.
    pub(super) fn new_stack() -> Vec<u8> {
        vec![0; 256 << 10]
    }

    /// Has fresh scratch folders, and rules for them.
    ///
    /// # Errors
    /// The step that failed.
    pub(super) fn freshen(&mut self, limits: &Limits) -> Result<(), StepError> {
        if !self.residents.is_empty() {
            // Their rules hang on what is mounted now.
            self.scratch.empty_touched()?;
            return match self.scratch.fits(limits) {
                true => Ok(()),
                false => Err(StepError::new(
                    "give jobs of other limits the same interpreter",
                    Errno::EBUSY,
                )),
            };
        }
        let permit = self.walls.filter.permit;
        let mounted = self.scratch.fresh(limits, permit)?;
        if mounted && self.walls.bound_memory {
            // Where no control group counts files in memory, the worker asks the file system itself.
            self.tell(&FromInit::Writable, self.scratch.file_system())?;
        }
        if let Some(make) = &self.rules
            && (mounted || self.walls.rules.is_none())
        {
            self.walls.rules = Some(make()?);
        }
        Ok(())
    }

    /// Runs what the worker sends until it has gone.
    ///
    /// # Errors
    /// The step that failed: then the slot is of no more use.
    pub(super) fn serve(mut self) -> Result<(), StepError> {
        let hear = |_| StepError::new("hear the worker", Errno::EPROTO);
        loop {
            self.await_word()?;
            let Some((word, descriptors)) = receive::<ToInit>(self.control).map_err(hear)? else {
                return Ok(());
            };
            let (order, descriptors) = match word {
                ToInit::Run(order) => (order, descriptors),
                ToInit::RunLong => long_order(descriptors).map_err(hear)?,
                ToInit::Settle => {
                    let (order, descriptors) = long_order(descriptors).map_err(hear)?;
                    let descriptors = order.places.iter().copied().zip(descriptors).collect();
                    self.settle(&order, &descriptors)?;
                    continue;
                }
                ToInit::Adopt(pid) => {
                    let doubt = self.residents.adopt(Pid::from_raw(pid)).err();
                    self.say(&FromInit::Cleared(doubt))?;
                    continue;
                }
                ToInit::Dismiss(pid) => {
                    let doubt = self.residents.dismiss(Pid::from_raw(pid)).err();
                    self.say(&FromInit::Cleared(doubt))?;
                    continue;
                }
                ToInit::Clear => {
                    let doubt = self.clear().err();
                    self.say(&FromInit::Cleared(doubt))?;
                    continue;
                }
            };
            let descriptors = order.places.iter().copied().zip(descriptors).collect();
            self.run(&order, descriptors)?;
        }
    }

    /// Waits until the worker speaks. A job that a resident forks runs meanwhile, and what it leaves to this
    /// process is reaped at once, as beside a program of this process's own.
    fn await_word(&mut self) -> Result<(), StepError> {
        if self.residents.is_empty() {
            return Ok(());
        }
        let failed = |errno| StepError::new("wait for the worker", errno);
        let children = ChildWatch::begin().map_err(failed)?;
        loop {
            // Should it fail, the next clearing does, too.
            let _ = self.residents.reap();
            match children.wait(self.control.as_fd()).map_err(failed)? {
                Woken::Input => return Ok(()),
                Woken::Child => {}
            }
        }
    }

    fn run(&mut self, order: &Order, descriptors: Descriptors) -> Result<(), StepError> {
        let program = image_of(order)?;
        self.freshen(&order.limits)?;
        if let Some(traces) = &mut self.traces
            && traces.count_from_start().is_err()
        {
            // Once only: then this slot runs this program and no other.
            self.traces = None;
        }
        let child = self.start(&program, &order.limits, &descriptors)?;
        drop(descriptors);
        let mut used = Used::default();
        let status = self.reap_until(child, &mut used)?;
        self.say(&FromInit::Ended {
            status,
            cpu_micros: used.cpu_micros,
            largest: used.largest,
        })?;
        let doubt = self.clear().err();
        self.say(&FromInit::Cleared(doubt))
    }

    /// Waits for the program, and on the way for every process that was left to this one.
    fn reap_until(&mut self, program: Pid, used: &mut Used) -> Result<i32, StepError> {
        loop {
            match sys::wait_any() {
                Ok(waited) => {
                    used.add(&waited);
                    self.residents.note_end(waited.pid);
                    if waited.pid == program {
                        return Ok(waited.status);
                    }
                }
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(StepError::new("wait for the program", errno)),
            }
        }
    }

    /// Starts a program that stays.
    fn settle(&mut self, order: &Order, descriptors: &Descriptors) -> Result<(), StepError> {
        let program = image_of(order)?;
        self.freshen(&order.limits)?;
        let mut limits = order.limits.clone();
        // It lives for many jobs. Each of them bounds its own.
        limits.cpu = FOR_EVER;
        let pid = self.start(&program, &limits, descriptors)?;
        if let Err(doubt) = self.residents.add(pid) {
            return self.say(&FromInit::Cleared(Some(doubt)));
        }
        self.say(&FromInit::Settled(pid.as_raw()))
    }

    /// Starts the program and gives its process id.
    fn start(
        &mut self,
        program: &Image,
        limits: &Limits,
        descriptors: &Descriptors,
    ) -> Result<Pid, StepError> {
        let mut stack = std::mem::take(&mut self.stack);
        let confined = || {
            match confine(&self.walls, program, limits, descriptors, self.control) {
                Ok(never) => match never {},
                Err(Refusal::Sandbox(error)) => _ = self.say(&FromInit::Failed(error)),
                Err(Refusal::Program(error)) => _ = self.say(&FromInit::NotExecutable(error)),
            }
            126
        };
        self.precedence.raise();
        let child = sys::spawn(&mut stack, confined);
        self.precedence.lower();
        self.stack = stack;
        child.map_err(|errno| StepError::new("start the program's process", errno))
    }

    /// Takes away everything that the program left. Fails with what is in doubt.
    fn clear(&mut self) -> Result<(), String> {
        if self.residents.is_empty() {
            kill_all()?;
            self.scratch
                .clear_touched(self.walls.filter.permit)
                .map_err(|error| error.to_string())?;
        } else {
            self.residents.clear_around()?;
            self.scratch
                .empty_touched()
                .map_err(|error| error.to_string())?;
            if let Some(traces) = &mut self.traces {
                let failed = |error| format!("set the next process id: {error}");
                traces.count_from_start().map_err(failed)?;
            }
        }
        let Some(traces) = &mut self.traces else {
            return Err("the slot's process ids or its network cannot be looked at".to_owned());
        };
        if !traces.is_scheduled_as_before() {
            return Err("the slot's first process is scheduled in another way".to_owned());
        }
        match traces.of_network() {
            Ok(None) => Ok(()),
            Ok(Some(name)) => Err(format!("the network's {name} has changed")),
            Err(error) => Err(format!("look at the network: {error}")),
        }
    }

    fn say(&self, message: &FromInit) -> Result<(), StepError> {
        self.tell(message, None)
    }

    fn tell(&self, message: &FromInit, descriptor: Option<&OwnedFd>) -> Result<(), StepError> {
        let bytes = postcard::to_stdvec(message)
            .map_err(|_| StepError::new("speak to the worker", Errno::EINVAL))?;
        sys::send_with(self.control, &bytes, descriptor)
            .map_err(|errno| StepError::new("speak to the worker", errno))
    }
}

/// Kills every process of the slot but this one, at one stroke: a process that starts another one
/// meanwhile is killed with it. Returns when none is left.
fn kill_all() -> Result<(), String> {
    match kill(Pid::from_raw(-1), Signal::SIGKILL) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(errno) => return Err(format!("kill what the program left: {errno}")),
    }
    loop {
        match sys::wait_any() {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::ECHILD) => return Ok(()),
            Err(errno) => return Err(format!("wait for what the program left: {errno}")),
        }
    }
}

/// An order that was too long for a message: it is in the last of the files beside it.
fn long_order(mut descriptors: Vec<OwnedFd>) -> std::io::Result<(Order, Vec<OwnedFd>)> {
    let file = descriptors
        .pop()
        .map(std::fs::File::from)
        .ok_or(std::io::ErrorKind::InvalidData)?;
    let mut bytes = Vec::new();
    let mut block = [0; 1 << 14];
    loop {
        match file.read_at(&mut block, bytes.len() as u64)? {
            0 => break,
            count => bytes.extend_from_slice(&block[..count]),
        }
    }
    let order = postcard::from_bytes(&bytes).map_err(std::io::Error::other)?;
    Ok((order, descriptors))
}

/// Makes a slot's Landlock rules.
pub(super) fn rules(
    profile: &crate::sandbox::Profile,
    offered: u32,
    permit: sys::Permit,
) -> Result<Ruleset, StepError> {
    let failed = |what: &str| StepError::new(what, Errno::EPERM);
    let interface = landlock::interface(offered).ok_or_else(|| {
        failed(
            "use Landlock, which this kernel lacks or has switched off (Linux 5.13 has it; boot with \
             `lsm=landlock,…`, or go on without: `--give-up landlock`)",
        )
    })?;
    let refuse_tcp = profile
        .network
        .as_ref()
        .is_none_or(|network| network.refuse_tcp);
    // Folders that the request adds lie below `/`, which may be read; nothing of them may be written.
    Ruleset::new(&profile.landlock, refuse_tcp, interface, permit)
        .map_err(|error| failed(&error.to_string()))
}
