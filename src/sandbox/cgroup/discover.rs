//! Which controllers this process can use, and where.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Base, Version};
use crate::base::owner::Owner;

/// Where each thing that a job needs can be had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Controllers {
    /// Memory limits.
    pub memory: Option<Base>,
    /// Process limits.
    pub pids: Option<Base>,
    /// CPU time of a whole group.
    pub cpu: Option<Base>,
    /// Killing a whole group at once (`cgroup.kill`).
    pub kill: Option<Base>,
    /// Why something is missing, for people.
    pub notes: Vec<String>,
}

impl Controllers {
    /// Whether memory and processes are bounded and CPU time is counted for whole jobs.
    pub fn is_complete(&self) -> bool {
        self.memory.is_some() && self.pids.is_some() && self.cpu.is_some()
    }

    /// In words: which version gives what.
    pub fn describe(&self) -> String {
        let one = |name: &str, base: &Option<Base>| match base {
            Some(Base {
                version: Version::V1,
                ..
            }) => format!("{name} by v1"),
            Some(Base {
                version: Version::V2,
                ..
            }) => format!("{name} by v2"),
            None => format!("no {name}"),
        };
        [
            one("memory", &self.memory),
            one("processes", &self.pids),
            one("cpu time", &self.cpu),
            one("kill", &self.kill),
        ]
        .join(", ")
    }

    /// The different folders in which groups are made.
    pub fn bases(&self) -> Vec<&Base> {
        let mut bases: Vec<&Base> = [&self.memory, &self.pids, &self.cpu, &self.kill]
            .into_iter()
            .flatten()
            .collect();
        bases.dedup();
        let mut unique: Vec<&Base> = Vec::new();
        for base in bases {
            if !unique.contains(&base) {
                unique.push(base);
            }
        }
        unique
    }
}

/// Looks at the hierarchies that are mounted, and tries each.
pub fn discover() -> Controllers {
    // A name that is no text, of any mount or group, must not hide the others.
    let text = |path: &str| {
        let bytes = fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let mounts = text("/proc/self/mountinfo");
    let own = text("/proc/self/cgroup");
    let mut found = Controllers::default();
    for hierarchy in hierarchies(&mounts, &own) {
        match hierarchy.version {
            Version::V1 => use_v1(&hierarchy, &mut found),
            Version::V2 => use_v2(&hierarchy, &mut found),
        }
    }
    if let Some(note) = missing(&mounts, &found) {
        found.notes.push(note);
    }
    found
}

/// Why something is missing that no hierarchy was refused for.
fn missing(mounts: &str, found: &Controllers) -> Option<String> {
    if found.is_complete() || !found.notes.is_empty() {
        return None;
    }
    Some(if mounts.is_empty() {
        "/proc/self/mountinfo cannot be read".to_owned()
    } else if hierarchies(mounts, "").is_empty() {
        "no hierarchy of control groups is mounted: `mount -t cgroup2 cgroup2 /sys/fs/cgroup`"
            .to_owned()
    } else {
        "the kernel or this process's group has no such controller: look for `cgroup_disable` on the \
         kernel's command line and into `cgroup.controllers`"
            .to_owned()
    })
}

/// A mounted hierarchy, and this process's place in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// Which interface it speaks.
    pub version: Version,
    /// Its controllers, in version 1.
    pub controllers: Vec<String>,
    /// Where it is mounted.
    pub mount: PathBuf,
    /// The folder of this process's group, when that is part of the mount.
    pub own: Option<PathBuf>,
}

/// The hierarchies among `mounts` (the text of `mountinfo`), with the place in them that `own` (the
/// text of `cgroup`) tells.
pub fn hierarchies(mounts: &str, own: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = mounts
        .lines()
        .filter_map(|line| hierarchy(line, own))
        .collect();
    // Version 1 first: on a hybrid host it holds the controllers that limit.
    found.sort_by_key(|hierarchy| hierarchy.version == Version::V2);
    found
}

fn hierarchy(line: &str, own: &str) -> Option<Hierarchy> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(3);
    let root = unescape(left.next()?);
    let mount = PathBuf::from(unescape(left.next()?));
    let mut right = right.split(' ');
    let version = match right.next()? {
        "cgroup" => Version::V1,
        "cgroup2" => Version::V2,
        _ => return None,
    };
    let controllers: Vec<String> = match version {
        Version::V1 => right.nth(1)?.split(',').map(str::to_owned).collect(),
        Version::V2 => Vec::new(),
    };
    let path = own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (number, names, path) = (fields.next()?, fields.next()?, fields.next()?);
        let mine = match version {
            Version::V2 => number == "0" && names.is_empty(),
            Version::V1 => names
                .split(',')
                .any(|name| controllers.iter().any(|own| own == name)),
        };
        mine.then_some(path)
    });
    let own = path.and_then(|path| {
        let below = Path::new(path).strip_prefix(&root).ok()?;
        // A group outside of this process's control-group namespace shows as one that climbs.
        let mut components = below.components();
        let is_below = components.all(|part| matches!(part, Component::Normal(_)));
        is_below.then(|| mount.join(below))
    });
    Some(Hierarchy {
        version,
        controllers,
        mount,
        own,
    })
}

/// Mount paths write space, tab, newline and backslash as octal escapes.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\")
}

fn use_v1(hierarchy: &Hierarchy, found: &mut Controllers) {
    let wanted = |name: &str| {
        hierarchy
            .controllers
            .iter()
            .any(|controller| controller == name)
    };
    let slots = [
        (wanted("memory"), &mut found.memory),
        (wanted("pids"), &mut found.pids),
        (wanted("cpuacct"), &mut found.cpu),
    ];
    if !slots.iter().any(|(wanted, _)| *wanted) {
        return;
    }
    let folder = [hierarchy.own.clone(), Some(hierarchy.mount.clone())]
        .into_iter()
        .flatten()
        .find(|folder| can_make_groups(folder));
    let Some(folder) = folder else {
        found.notes.push(format!(
            "no right to make groups in {}",
            hierarchy.mount.display()
        ));
        return;
    };
    for (wanted, slot) in slots {
        if wanted {
            *slot = Some(Base {
                version: Version::V1,
                folder: folder.clone(),
            });
        }
    }
}

fn use_v2(hierarchy: &Hierarchy, found: &mut Controllers) {
    let own = hierarchy.own.clone().map(|own| match is_leaf(&own) {
        // This process's parent was moved here by an earlier run; its jobs belong beside it.
        true => own.parent().map(Path::to_owned).unwrap_or(own),
        false => own,
    });
    let candidates = [own, Some(hierarchy.mount.clone())];
    let mut best: Option<(usize, PathBuf, Vec<String>)> = None;
    for folder in candidates.into_iter().flatten() {
        if !can_make_groups(&folder) {
            continue;
        }
        let controllers = delegate(&folder, &["memory", "pids"]);
        if best
            .as_ref()
            .is_none_or(|(count, ..)| controllers.len() > *count)
        {
            best = Some((controllers.len(), folder, controllers));
        }
    }
    let Some((_, folder, controllers)) = best else {
        found.notes.push(format!(
            "no right to make groups in {}; `systemd-run --user --scope -p Delegate=yes fumehood …` gives it",
            hierarchy.mount.display()
        ));
        return;
    };
    let base = Base {
        version: Version::V2,
        folder,
    };
    let has = |name: &str| controllers.iter().any(|controller| controller == name);
    if has("memory") {
        found.memory.get_or_insert_with(|| base.clone());
    }
    if has("pids") {
        found.pids.get_or_insert_with(|| base.clone());
    }
    // Version 2 counts CPU time of every group, without a controller, and can kill one since 5.14.
    found.cpu = Some(base.clone());
    found.kill = Some(base);
}

fn can_make_groups(folder: &Path) -> bool {
    // Named like a job's group, so that it is swept like one after a kill -9.
    let probe = folder.join(format!("fumehood-{}-probe", Owner::this()));
    let made = fs::DirBuilder::new().mode(0o755).create(&probe).is_ok();
    // A group that is made but cannot be joined is of no use.
    let joinable = made
        && nix::unistd::access(&probe.join("cgroup.procs"), nix::unistd::AccessFlags::W_OK).is_ok()
        && nix::unistd::access(&folder.join("cgroup.procs"), nix::unistd::AccessFlags::W_OK)
            .is_ok();
    if made {
        let _ = fs::remove_dir(&probe);
    }
    joinable
}

/// Has the children of `folder` get these controllers, as far as there are any, and says which they
/// get. A single missing controller would void a whole write, so each is asked for alone.
fn delegate(folder: &Path, wanted: &[&str]) -> Vec<String> {
    let words = |file: &str| -> Vec<String> {
        let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    };
    let offered = words("cgroup.controllers");
    for name in wanted
        .iter()
        .filter(|name| offered.iter().any(|offer| offer == *name))
    {
        if words("cgroup.subtree_control")
            .iter()
            .any(|active| active == name)
        {
            continue;
        }
        let control = folder.join("cgroup.subtree_control");
        if fs::write(&control, format!("+{name}")).is_err() && step_aside(folder) {
            let _ = fs::write(&control, format!("+{name}"));
        }
    }
    let active = words("cgroup.subtree_control");
    active
        .into_iter()
        .filter(|name| wanted.contains(&name.as_str()))
        .collect()
}

/// How the name of a group ends into which a supervisor moved.
const STEPPED_ASIDE: &str = "-supervisor";

fn is_leaf(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| super::group::owner_of(name).is_some() && name.ends_with(STEPPED_ASIDE))
}

/// A group with processes of its own cannot give controllers to its children. Where this process is
/// alone in its group (a systemd scope or service made for it) it moves into a child.
fn step_aside(folder: &Path) -> bool {
    let members = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    let me = std::process::id().to_string();
    let parent = nix::unistd::getppid().to_string();
    if members
        .split_whitespace()
        .any(|pid| pid != me && pid != parent)
    {
        return false;
    }
    let leaf = folder.join(format!("fumehood-{}{STEPPED_ASIDE}", Owner::this()));
    let _ = fs::create_dir(&leaf);
    members
        .split_whitespace()
        .all(|pid| fs::write(leaf.join("cgroup.procs"), pid).is_ok())
}

/// Removes groups of workers that are gone: after a kill -9 nobody else does.
pub fn sweep(controllers: &Controllers) {
    for base in controllers.bases() {
        let Ok(entries) = fs::read_dir(&base.folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(owner) = name.to_str().and_then(super::group::owner_of) else {
                continue;
            };
            if !owner.is_alive() {
                // Its processes died with the worker, so only the empty folder is left. A group
                // with processes in it cannot be removed, whoever it belongs to.
                let _ = fs::remove_dir(entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hybrid_hosts_are_read() {
        let mounts = "30 25 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
                      31 25 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
                      32 25 0:28 / /proc rw - proc proc rw\n";
        let own = "4:memory:/a/b\n0::/\n";
        let found = hierarchies(mounts, own);
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0].own.as_deref(),
            Some(Path::new("/sys/fs/cgroup/memory/a/b"))
        );
        assert_eq!(found[1].version, Version::V2);
        assert_eq!(
            found[1].own.as_deref(),
            Some(Path::new("/sys/fs/cgroup/unified"))
        );
    }

    #[test]
    fn whatever_is_made_here_has_an_owner_by_which_it_is_swept() {
        let owner = Owner::this();
        assert!(is_leaf(Path::new(&format!(
            "/x/fumehood-{owner}-supervisor"
        ))));
        for other in [
            format!("/x/fumehood-{owner}-7"),
            "/x/my-supervisor".to_owned(),
        ] {
            assert!(!is_leaf(Path::new(&other)), "{other}");
        }
        let place = tempfile::tempdir().unwrap();
        let base = Base {
            version: Version::V2,
            folder: place.path().to_owned(),
        };
        for name in ["4194304-1-probe", "4194304-1-supervisor", "4194304-1-9"] {
            fs::create_dir(place.path().join(format!("fumehood-{name}"))).unwrap();
        }
        let alive = place.path().join(format!("fumehood-{owner}-supervisor"));
        fs::create_dir(&alive).unwrap();
        sweep(&Controllers {
            kill: Some(base),
            ..Controllers::default()
        });
        let left: Vec<_> = fs::read_dir(place.path()).unwrap().flatten().collect();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].path(), alive);
    }

    #[test]
    fn what_no_hierarchy_has_is_explained() {
        let mounts = "31 25 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let mut found = Controllers::default();
        let said = |mounts, found: &Controllers| missing(mounts, found).unwrap_or_default();
        assert!(said("", &found).contains("mountinfo"));
        let elsewhere = "32 25 0:28 / /proc rw - proc proc rw\n";
        assert!(said(elsewhere, &found).contains("mount -t cgroup2"));
        assert!(said(mounts, &found).contains("cgroup_disable"));
        found.notes.push("no right".to_owned());
        assert_eq!(missing(mounts, &found), None);
    }

    #[test]
    fn containers_see_their_part_of_the_tree() {
        let mounts = "30 25 0:26 /docker/x /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        let found = hierarchies(mounts, "0::/docker/x/y\n");
        assert_eq!(found[0].own.as_deref(), Some(Path::new("/sys/fs/cgroup/y")));
        for elsewhere in ["0::/docker/xy\n", "0::/../other\n", "0::/docker/x/../y\n"] {
            assert_eq!(hierarchies(mounts, elsewhere)[0].own, None, "{elsewhere}");
        }
    }
}
