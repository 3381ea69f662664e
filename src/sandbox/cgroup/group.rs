//! One job's control group.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use nix::unistd::Pid;

use super::counters::{Counters, Counts, number};
use super::{Base, Controllers, Version};
use crate::base::limits::{Limits, MIB};
use crate::base::owner::Owner;

/// The folders of one slot's group, one in each hierarchy used. Removed when dropped.
#[derive(Debug)]
pub struct Group {
    memory: Option<(Version, PathBuf)>,
    pids: Option<PathBuf>,
    cpu: Option<(Version, PathBuf)>,
    kill: Option<PathBuf>,
    folders: Vec<PathBuf>,
    counters: Counters,
    limits: Limits,
    /// What is in use between jobs: the sandbox's own, and its residents'.
    own: Option<u64>,
    /// The same without what the kernel keeps of files.
    own_held: Option<u64>,
    /// What the kernel kept of files that jobs looked at since then, in bytes.
    kept: u64,
    residents: Residents,
}

/// What programs hold that stay between jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Residents {
    /// What was in use before there were any.
    before: u64,
    /// Bytes that they hold.
    memory: u64,
    /// Of these, bytes that the next job counts as its own, too: it is forked from who holds them.
    shared: u64,
    /// How many there are.
    processes: u64,
}

/// Memory of earlier jobs that a group may still hold when it is used again. The kernel counts in
/// batches, one for each processor.
const LEFT: u64 = 2 * MIB;
const BATCH: u64 = 256 << 10;

/// What a group may have kept of files that its jobs looked at: their pages, names and numbers. It is no job's to use up, as the
/// kernel gives it back when the group comes to its limit, but it is nobody's memory either.
const MOST_KEPT: u64 = 256 * MIB;

/// How often a group is asked whether it is at rest, and when again.
const LOOKS: u32 = 20;
const LOOK_EVERY: Duration = Duration::from_micros(100);

/// The same for the memory of a group with residents.
const MEMORY_LOOKS: u32 = 20;
const MEMORY_EVERY: Duration = Duration::from_millis(4);

impl Group {
    /// Makes a group with the limits of a job. `sequence` tells the groups of one worker apart.
    ///
    /// # Errors
    /// What the system said, with the path; whatever was made is removed.
    pub fn create(controllers: &Controllers, sequence: u64, limits: &Limits) -> io::Result<Self> {
        let name = name(sequence);
        let place = |base: &Option<Base>| {
            base.as_ref()
                .map(|base| (base.version, base.folder.join(&name)))
        };
        let mut group = Self {
            memory: place(&controllers.memory),
            pids: place(&controllers.pids).map(|(_, folder)| folder),
            cpu: place(&controllers.cpu),
            kill: place(&controllers.kill).map(|(_, folder)| folder.join("cgroup.kill")),
            folders: controllers
                .bases()
                .iter()
                .map(|base| base.folder.join(&name))
                .collect(),
            counters: Counters::default(),
            limits: limits.clone(),
            own: None,
            own_held: None,
            kept: 0,
            residents: Residents::default(),
        };
        for folder in &group.folders {
            fs::create_dir(folder).map_err(|error| at(folder, error))?;
        }
        group.set_limits(limits)?;
        group.counters = group.open_counters();
        Ok(group)
    }

    fn open_counters(&self) -> Counters {
        let memory = self.memory.as_ref();
        let cpu = self.cpu.as_ref();
        Counters::open(
            memory.map(|(version, folder)| (*version, folder.as_path())),
            self.pids.as_deref(),
            cpu.map(|(version, folder)| (*version, folder.as_path())),
        )
    }

    /// Makes a used group as good as a new one for a job with these limits. Says whether that could be
    /// done: where memory of earlier jobs is still counted, or after any kill, another group must take its
    /// place.
    pub fn renew(&mut self, limits: &Limits) -> bool {
        let clean = (
            self.counters.memory_kills(),
            self.counters.ran_out_of_processes(),
        );
        if !matches!(clean, (Ok((0, _)), Ok(false))) {
            return false;
        }
        if self.limits != *limits {
            if self.set_limits(limits).is_err() {
                return false;
            }
            self.limits = limits.clone();
        }
        if self.memory.is_none() {
            return true;
        }
        if !self.has_forgotten_memory() {
            return false;
        }
        self.forget_peak();
        true
    }

    /// Whether next to nothing of earlier jobs' memory is counted any more. The kernel gives some of it back
    /// when all processors have come to rest, a few milliseconds after the job. Another group is made faster
    /// than that, but residents are dear.
    fn has_forgotten_memory(&mut self) -> bool {
        let slack = LEFT + BATCH * processors();
        let looks = if self.residents.processes > 0 {
            MEMORY_LOOKS
        } else {
            1
        };
        (0..looks).any(|look| {
            if look > 0 {
                std::thread::sleep(MEMORY_EVERY);
            }
            self.memory_in_use().is_some_and(|in_use| {
                let own = *self.own.get_or_insert(in_use);
                in_use <= own + slack || self.is_kept_of_files(in_use - own, slack)
            })
        })
    }

    /// Whether what is in use beside the group's own is nothing but what the kernel keeps of files. It counts as the
    /// group's own then.
    fn is_kept_of_files(&mut self, more: u64, slack: u64) -> bool {
        let (Some(held), Some(own_held)) = (self.counters.held(), self.own_held) else {
            return false;
        };
        let is_kept = held <= own_held + slack && self.kept + more <= MOST_KEPT;
        if is_kept {
            self.own = self.own.map(|own| own + more);
            self.kept += more;
        }
        is_kept
    }

    /// The same before the first job: what the sandbox itself took is not the job's.
    pub fn renew_first(&mut self) {
        self.own = self.memory_in_use();
        self.own_held = self.counters.held();
        self.residents.before = self.own.unwrap_or(0);
        // A kernel that cannot forget tells the first job's figure still, with what the sandbox took.
        let _ = self.counters.forget_peak();
    }

    /// Between two jobs: what the group holds now beside the sandbox's own is its residents', of which there are
    /// so many. The limits of a job are set beside it.
    ///
    /// # Errors
    /// When the kernel does not take the limits, or does not tell what is in use, or others are there.
    pub fn set_off(&mut self, processes: u64) -> io::Result<()> {
        let in_use = self.memory_in_use().ok_or(io::ErrorKind::NotFound)?;
        self.own = Some(in_use);
        self.own_held = self.counters.held();
        self.kept = 0;
        self.residents.processes = processes;
        self.residents.memory = in_use.saturating_sub(self.residents.before);
        self.residents.shared = 0;
        self.set_limits(&self.limits)?;
        match self.is_at_rest() {
            true => Ok(()),
            false => Err(io::ErrorKind::ResourceBusy.into()),
        }
    }

    /// Between two jobs: so much of what residents hold counts as the next job's own, which is forked from one
    /// of them.
    ///
    /// # Errors
    /// When the kernel does not take the limits.
    pub fn share(&mut self, shared: u64) -> io::Result<()> {
        let shared = shared.min(self.residents.memory);
        if self.residents.shared != shared {
            self.residents.shared = shared;
            self.set_limits(&self.limits)?;
        }
        if self.residents.processes > 0 {
            // What was made of residents since the last job.
            self.forget_peak();
        }
        Ok(())
    }

    /// From here on the highest figure is that of the next job. Version 2 before Linux 6.12 cannot forget the
    /// last one's; then there is none any more, and the highest figure that is seen stands for it.
    fn forget_peak(&mut self) {
        if !self.counters.forget_peak() {
            self.counters.peak = None;
        }
    }

    fn set_limits(&self, limits: &Limits) -> io::Result<()> {
        let beside = self.residents.memory - self.residents.shared;
        let memory = limits.memory.saturating_add(beside);
        match &self.memory {
            Some((Version::V1, folder)) => {
                let with_swap = folder.join("memory.memsw.limit_in_bytes");
                // Neither may be below the other on the way.
                let raised = write(&folder.join("memory.limit_in_bytes"), memory);
                if with_swap.exists() {
                    write(&with_swap, memory)?;
                }
                if raised.is_err() {
                    write(&folder.join("memory.limit_in_bytes"), memory)?;
                }
            }
            Some((Version::V2, folder)) => {
                write(&folder.join("memory.max"), memory)?;
                let swap = folder.join("memory.swap.max");
                if swap.exists() {
                    write(&swap, 0)?;
                }
                let together = folder.join("memory.oom.group");
                if together.exists() {
                    write(&together, 1)?;
                }
            }
            None => {}
        }
        if let Some(folder) = &self.pids {
            // The sandbox's own first process is counted too.
            let others = 1 + self.residents.processes;
            write(
                &folder.join("pids.max"),
                u64::from(limits.processes) + others,
            )?;
        }
        Ok(())
    }

    /// Puts a process into the group.
    ///
    /// # Errors
    /// What the system said, with the path.
    pub fn add(&self, pid: Pid) -> io::Result<()> {
        for folder in &self.folders {
            write(
                &folder.join("cgroup.procs"),
                u64::from(pid.as_raw().unsigned_abs()),
            )?;
        }
        Ok(())
    }

    /// What was counted up to now; `None` when the group is there no longer. Somebody else's tidying can remove
    /// it under a job that was moved out of it, and then nothing is bounded or counted any more.
    pub fn counts(&self) -> Option<Counts> {
        let (kills, refusals) = self.counters.memory_kills().ok()?;
        let met_limit = kills > 0 && self.met_memory_limit(refusals);
        Some(Counts {
            cpu: self.counters.cpu().ok()?,
            peak_memory: self.counters.peak().map(|peak| self.of_job(peak)),
            ran_out_of_memory: kills > 0 && met_limit,
            killed_for_others: kills > 0 && !met_limit,
            ran_out_of_processes: self.counters.ran_out_of_processes().ok()?,
        })
    }

    /// CPU time of all processes that were ever in the group.
    pub fn cpu_time(&self) -> Option<Duration> {
        self.counters.cpu().ok()?
    }

    /// How long tasks of the group were ready to run and none ran. Version 2 alone knows, and is up
    /// to two seconds late.
    pub fn stalled(&self) -> Option<Duration> {
        let (Version::V2, folder) = self.cpu.as_ref()? else {
            return None;
        };
        let text = fs::read_to_string(folder.join("cpu.pressure")).ok()?;
        let full = text.lines().find_map(|line| line.strip_prefix("full "))?;
        let total = full.split("total=").nth(1)?;
        total.trim().parse().ok().map(Duration::from_micros)
    }

    /// Without what residents hold that is not the job's, and what was kept of files before it.
    fn of_job(&self, bytes: u64) -> u64 {
        bytes.saturating_sub(self.residents.memory - self.residents.shared + self.kept)
    }

    /// The memory that the job has in use now, in bytes.
    pub fn job_memory(&self) -> Option<u64> {
        self.memory_in_use().map(|bytes| self.of_job(bytes))
    }

    /// All memory in use now, in bytes.
    pub fn memory_in_use(&self) -> Option<u64> {
        self.counters.in_use()
    }

    /// Whether a process was killed for want of memory within the limit.
    pub fn ran_out_of_memory(&self) -> bool {
        self.counts().is_some_and(|counts| counts.ran_out_of_memory)
    }

    /// Whether the group's own limit was ever in the way. Where the kernel does not tell, it was.
    fn met_memory_limit(&self, refusals: Option<u64>) -> bool {
        match self.memory.as_ref() {
            Some((Version::V1, folder)) => {
                // Refusals (`memory.failcnt`) are no longer counted by every kernel; how much there
                // was at most is, and a group that meets its limit comes this close to it.
                let near = 4 * MIB;
                let most = self.counters.peak();
                let limit = read(&folder.join("memory.limit_in_bytes"));
                match (most, limit) {
                    (Some(most), Some(limit)) => most.saturating_add(near) >= limit,
                    _ => true,
                }
            }
            Some((Version::V2, _)) => refusals != Some(0),
            None => true,
        }
    }

    /// Processes and threads in the group now, the sandbox's own first process among them; `None` where nobody
    /// counts. Those that have ended count until they are waited for.
    pub fn processes(&self) -> Option<u64> {
        self.counters.processes()
    }

    /// Whether nobody is in the group but the sandbox's own first process and its residents; where there are
    /// none, the first process knows that by itself.
    pub fn is_at_rest(&self) -> bool {
        // The kernel may take a moment to forget who has ended.
        self.residents.processes == 0
            || (0..LOOKS).any(|look| {
                if look > 0 {
                    std::thread::sleep(LOOK_EVERY);
                }
                self.processes() == Some(1 + self.residents.processes)
            })
    }

    /// Kills every process in the group, where the kernel can do so at one stroke.
    pub fn kill(&self) {
        if let Some(file) = &self.kill {
            let _ = fs::write(file, "1");
        }
    }

    /// Whether memory is bounded here, so that nobody else need watch it.
    pub fn bounds_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// Whether the group is bounded in processes here.
    pub fn bounds_processes(&self) -> bool {
        self.pids.is_some()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A process that was just reaped can keep its group busy for a moment longer.
        let mut left = std::mem::take(&mut self.folders);
        for _ in 0..200 {
            left.retain(|folder| match fs::remove_dir(folder) {
                Ok(()) => false,
                Err(error) => error.kind() != io::ErrorKind::NotFound,
            });
            if left.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The processors of this host.
fn processors() -> u64 {
    // Asking reads many files.
    static FOUND: OnceLock<u64> = OnceLock::new();
    *FOUND
        .get_or_init(|| std::thread::available_parallelism().map_or(1, |found| found.get() as u64))
}

/// The worker that made the group of this name, if it is one of fumehood's.
pub(super) fn owner_of(name: &str) -> Option<Owner> {
    Owner::of_name(name, "fumehood-")
}

fn name(sequence: u64) -> String {
    format!("fumehood-{}-{sequence}", Owner::this())
}

fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn write(path: &Path, value: u64) -> io::Result<()> {
    fs::write(path, value.to_string()).map_err(|error| at(path, error))
}

fn read(path: &Path) -> Option<u64> {
    number(&fs::read_to_string(path).ok()?)
}

#[cfg(test)]
mod tests;
