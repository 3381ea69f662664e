//! Whether a running job is over one of its limits, and what it has used.

use std::time::{Duration, Instant};

use super::{LOOKS, Watch};
use crate::base::limits::LimitKind;
use crate::sandbox::cgroup::{Counts, Group};
use crate::worker::tree;

impl Watch<'_> {
    pub(super) fn over_limit(&mut self, counts: &Counts) -> Option<LimitKind> {
        if self.locks.are_too_many(self.slot.init, Instant::now()) {
            return Some(LimitKind::Memory);
        }
        let counted = self.slot.group.as_ref();
        if counted.is_none_or(|group| {
            !group.bounds_memory() || !group.bounds_processes() || counts.cpu.is_none()
        }) {
            let mut now = tree::usage(self.slot.init, self.limits.processes);
            self.tree.cpu = self.tree.cpu.max(now.cpu.saturating_sub(self.cpu_before));
            if !self.memory_is_bounded() {
                let files = self.slot.bytes_in_files();
                now.memory = now.memory.saturating_add(files);
                if now.memory > self.limits.memory {
                    // Pages that several share were counted for each: look closer, which costs more.
                    // Shares shift while processes start and end under the reader's eyes, which can
                    // count a page twice; what is really there is there at every look.
                    now.memory = (0..LOOKS)
                        .map(|_| tree::memory(self.slot.init, files))
                        .find(|memory| *memory <= self.limits.memory)
                        .unwrap_or(now.memory);
                }
            }
            self.tree.memory = self.tree.memory.max(now.memory);
            self.tree.processes = self.tree.processes.max(now.processes);
        }
        self.look_at_memory(counts);
        self.over_counters(counts)
    }

    /// Version 2 keeps no peak before Linux 5.19, and cannot forget that of earlier jobs before 6.12: the highest
    /// figure that was seen stands for it.
    pub(super) fn look_at_memory(&mut self, counts: &Counts) {
        let group = self.slot.group.as_ref();
        let group = group.filter(|group| group.bounds_memory() && counts.peak_memory.is_none());
        if let Some(now) = group.and_then(|group| group.job_memory()) {
            self.tree.memory = self.tree.memory.max(now);
        }
    }

    pub(super) fn over_counters(&self, counts: &Counts) -> Option<LimitKind> {
        if self.over_memory_of(counts) {
            Some(LimitKind::Memory)
        } else if counts.ran_out_of_processes
            || self.tree.processes > u64::from(self.limits.processes) + 1
        {
            Some(LimitKind::Processes)
        } else if self.cpu_of(counts) >= self.limits.cpu {
            Some(LimitKind::Cpu)
        } else {
            None
        }
    }

    pub(super) fn memory_is_bounded(&self) -> bool {
        let group = self.slot.group.as_ref();
        group.is_some_and(|group| group.bounds_memory())
    }

    pub(super) fn over_memory(&self) -> bool {
        let counts = self.slot.group.as_ref().and_then(Group::counts);
        self.over_memory_of(&counts.unwrap_or_default())
    }

    /// A control group counts each page once and knows best; without one, the processes are added up.
    pub(super) fn over_memory_of(&self, counts: &Counts) -> bool {
        match self.memory_is_bounded() {
            true => counts.ran_out_of_memory,
            false => self.tree.memory > self.limits.memory,
        }
    }

    pub(super) fn cpu(&self) -> Duration {
        let counted = self.slot.group.as_ref().and_then(Group::cpu_time);
        self.cpu_of(&Counts {
            cpu: counted,
            ..Counts::default()
        })
    }

    pub(super) fn cpu_of(&self, counts: &Counts) -> Duration {
        match counts.cpu {
            Some(total) => total.saturating_sub(self.cpu_before),
            None => self.tree.cpu,
        }
    }
}
