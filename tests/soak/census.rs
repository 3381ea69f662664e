//! What a process tree holds of the host, by kind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use fumehood::containment::fingerprint::{descendants, open_descriptors};
use fumehood::sandbox::cgroup;

/// Numbers by kind. Taken while no job runs.
#[derive(Clone, Debug)]
pub(crate) struct Census {
    /// What must not grow at all.
    exact: BTreeMap<String, u64>,
    /// Resident memory in KiB, which may waver.
    memory: BTreeMap<String, u64>,
    /// What others on the host change too.
    shared: BTreeMap<String, u64>,
}

impl Census {
    pub(crate) fn take() -> Self {
        let mut workers = descendants();
        workers.sort_unstable();
        let own = std::process::id();
        let mut census = Self {
            exact: BTreeMap::new(),
            memory: BTreeMap::new(),
            shared: BTreeMap::new(),
        };
        let exact = &mut census.exact;
        exact.insert(
            "processes besides the supervisor".to_owned(),
            workers.len() as u64,
        );
        exact.insert("control groups of ours".to_owned(), groups(own, &workers));
        let mut namespaces = BTreeSet::new();
        let roles = workers.iter().enumerate();
        let roles = roles.map(|(place, pid)| (format!("worker {}", place + 1), *pid));
        for (role, pid) in roles.chain([("supervisor".to_owned(), own)]) {
            let open = open_descriptors(pid).unwrap_or(0) as u64;
            exact.insert(format!("descriptors, {role}"), open);
            let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
            exact.insert(format!("mounts, {role}"), mounts.lines().count() as u64);
            let folder = fs::read_dir(format!("/proc/{pid}/ns"))
                .into_iter()
                .flatten();
            namespaces.extend(
                folder
                    .flatten()
                    .filter_map(|entry| fs::read_link(entry.path()).ok()),
            );
            census
                .memory
                .insert(format!("resident KiB, {role}"), resident(pid));
        }
        exact.insert("namespaces".to_owned(), namespaces.len() as u64);
        census
            .shared
            .insert("dying control groups".to_owned(), dying_groups());
        for kind in [
            "net_namespace",
            "user_namespace",
            "uts_namespace",
            "mnt_cache",
        ] {
            if let Some(objects) = kernel_objects(kind) {
                census.shared.insert(format!("kernel's {kind}"), objects);
            }
        }
        census
    }

    /// What is more in `later`, beyond what resident memory wavers by.
    pub(crate) fn grown(&self, later: &Self) -> Vec<String> {
        let mut grown = Vec::new();
        for (what, count) in &later.exact {
            let before = self.exact.get(what).copied().unwrap_or(0);
            if *count > before {
                grown.push(format!("{what}: {before}, then {count}"));
            }
        }
        for (what, count) in &later.memory {
            let before = self.memory.get(what).copied().unwrap_or(0);
            // A leak of 40 bytes a job is found in 200,000 jobs.
            if *count > before + before / 10 + 4096 {
                grown.push(format!("{what}: {before}, then {count}"));
            }
        }
        grown
    }

    /// Both as a table in Markdown.
    pub(crate) fn beside(&self, later: &Self) -> String {
        let mut text = String::from("| what | first | last |\n|---|---|---|\n");
        let kinds = [
            (&self.exact, &later.exact),
            (&self.memory, &later.memory),
            (&self.shared, &later.shared),
        ];
        for (before, after) in kinds {
            for (what, count) in after {
                let first = before.get(what).copied().unwrap_or(0);
                writeln!(text, "| {what} | {first} | {count} |").unwrap();
            }
        }
        text
    }
}

fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Control groups that one of these processes made.
fn groups(supervisor: u32, workers: &[u32]) -> u64 {
    let mut found = 0;
    for base in cgroup::discover().bases() {
        for entry in fs::read_dir(&base.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let owner = name
                .strip_prefix("fumehood-")
                .and_then(|rest| rest.split('-').next());
            let owner = owner.and_then(|pid| pid.parse::<u32>().ok());
            found +=
                u64::from(owner.is_some_and(|pid| pid == supervisor || workers.contains(&pid)));
        }
    }
    found
}

/// Groups that were removed and that the kernel has not yet let go.
fn dying_groups() -> u64 {
    let roots = [
        "/sys/fs/cgroup/cgroup.stat",
        "/sys/fs/cgroup/unified/cgroup.stat",
    ];
    let root = roots.into_iter().find(|path| Path::new(path).exists());
    let text = root
        .and_then(|path| fs::read_to_string(path).ok())
        .unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("nr_dying_descendants "));
    line.and_then(|count| count.trim().parse().ok())
        .unwrap_or(0)
}

/// Objects of this kind in use in the kernel, where it tells.
fn kernel_objects(kind: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/slabinfo").ok()?;
    let line = text
        .lines()
        .find(|line| line.split_whitespace().next() == Some(kind))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
