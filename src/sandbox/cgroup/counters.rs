//! What the kernel counts in a group.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use super::Version;

/// The files that are read for every job, kept open: opening one costs more than reading it. The kernel answers
/// none of a group that was removed.
#[derive(Debug, Default)]
pub(super) struct Counters {
    cpu: Option<(Version, File)>,
    pub(super) peak: Option<File>,
    in_use: Option<File>,
    memory_stat: Option<(Version, File)>,
    memory_events: Option<File>,
    pids_events: Option<File>,
    pids: Option<File>,
}

/// The group is there no longer.
#[derive(Debug)]
pub(super) struct Gone;

/// What was counted in a group up to one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// CPU time of all processes that were ever in it; `None` where nobody counts.
    pub cpu: Option<Duration>,
    /// The most memory that was in use at one time, in bytes, by the job; `None` where nobody counts.
    pub peak_memory: Option<u64>,
    /// Whether a process was killed for want of memory within the limit.
    pub ran_out_of_memory: bool,
    /// Whether a process was killed because the host, or a group above this one, ran out of memory.
    pub killed_for_others: bool,
    /// Whether a process could not be started because of the limit.
    pub ran_out_of_processes: bool,
}

impl Counters {
    /// Of a group with these folders.
    pub(super) fn open(
        memory: Option<(Version, &Path)>,
        pids: Option<&Path>,
        cpu: Option<(Version, &Path)>,
    ) -> Self {
        let open = |place: Option<(Version, &Path)>, v1: &str, v2: &str, write: bool| {
            let (version, folder) = place?;
            let name = match version {
                Version::V1 => v1,
                Version::V2 => v2,
            };
            let path = folder.join(name);
            let both = File::options().read(true).write(write).open(&path);
            both.or_else(|_| File::open(&path)).ok()
        };
        let of_pids = |name: &str| File::open(pids?.join(name)).ok();
        let peak = ("memory.max_usage_in_bytes", "memory.peak");
        let in_use = ("memory.usage_in_bytes", "memory.current");
        let events = ("memory.oom_control", "memory.events");
        Self {
            cpu: cpu
                .map(|(version, _)| version)
                .zip(open(cpu, "cpuacct.usage", "cpu.stat", false)),
            peak: open(memory, peak.0, peak.1, true),
            in_use: open(memory, in_use.0, in_use.1, false),
            memory_stat: memory.map(|(version, _)| version).zip(open(
                memory,
                "memory.stat",
                "memory.stat",
                false,
            )),
            memory_events: open(memory, events.0, events.1, false),
            pids_events: of_pids("pids.events"),
            pids: of_pids("pids.current"),
        }
    }

    /// CPU time of all processes that were ever in the group; `None` where nobody counts.
    pub(super) fn cpu(&self) -> Result<Option<Duration>, Gone> {
        let Some((version, file)) = &self.cpu else {
            return Ok(None);
        };
        let text = text(file).ok_or(Gone)?;
        Ok(match version {
            Version::V1 => number(&text).map(Duration::from_nanos),
            Version::V2 => keyed(&text, "usage_usec").map(Duration::from_micros),
        })
    }

    /// The most memory that was in use at one time, in bytes.
    pub(super) fn peak(&self) -> Option<u64> {
        number(&text(self.peak.as_ref()?)?)
    }

    /// Whether the highest figure is that of the next job from here on; `true` where there is none.
    pub(super) fn forget_peak(&self) -> bool {
        let file = self.peak.as_ref();
        file.is_none_or(|file| file.write_at(b"0", 0).is_ok())
    }

    /// All memory in use now, in bytes.
    pub(super) fn in_use(&self) -> Option<u64> {
        number(&text(self.in_use.as_ref()?)?)
    }

    /// Memory of processes and of files in memory, in bytes: what is in use without what the kernel keeps of files on
    /// disks (their pages, names and numbers) and gives back when it is short.
    pub(super) fn held(&self) -> Option<u64> {
        let (version, file) = self.memory_stat.as_ref()?;
        let text = text(file)?;
        let anonymous = match version {
            Version::V1 => "rss",
            Version::V2 => "anon",
        };
        Some(keyed(&text, anonymous)?.saturating_add(keyed(&text, "shmem")?))
    }

    /// Processes of the group that were killed for want of memory, whoever wanted it; and how often its own
    /// limit was in the way, where the kernel tells.
    pub(super) fn memory_kills(&self) -> Result<(u64, Option<u64>), Gone> {
        let text = read(self.memory_events.as_ref())?.unwrap_or_default();
        Ok((keyed(&text, "oom_kill").unwrap_or(0), keyed(&text, "oom")))
    }

    /// Whether a process could not be started because of the limit.
    pub(super) fn ran_out_of_processes(&self) -> Result<bool, Gone> {
        let text = read(self.pids_events.as_ref())?.unwrap_or_default();
        Ok(keyed(&text, "max").unwrap_or(0) > 0)
    }

    /// Processes and threads in the group now; `None` where nobody counts.
    pub(super) fn processes(&self) -> Option<u64> {
        number(&text(self.pids.as_ref()?)?)
    }
}

fn read(file: Option<&File>) -> Result<Option<String>, Gone> {
    file.map(|file| text(file).ok_or(Gone)).transpose()
}

/// A counter's text from its beginning.
fn text(file: &File) -> Option<String> {
    let mut buffer = [0; 2048];
    let length = file.read_at(&mut buffer, 0).ok()?;
    String::from_utf8(buffer[..length].to_vec()).ok()
}

pub(super) fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        line.strip_prefix(key)?
            .strip_prefix(' ')?
            .trim()
            .parse()
            .ok()
    })
}
