//! What this kernel and this user can enforce.

use std::fs;
use std::ops::Range;

use super::cgroup::{self, Controllers};
use super::sys;

/// The host's users as which jobs of a privileged fumehood run: one a worker, far from any user that
/// is assigned. A worker takes the one with its process id, so that no two of a host share one,
/// and neither do two runs.
pub const JOB_USERS: Range<u32> = 1_900_000_000..1_900_000_000 + (1 << 22) + 1;

/// What was found out about the host.
#[derive(Clone, Debug)]
pub struct Host {
    /// Kernel release.
    pub kernel: String,
    /// Whether this process is privileged: it may map any user into a sandbox and open any folder.
    /// Root of a container or of a user namespace mostly may not, and counts as an ordinary user.
    pub privileged: bool,
    /// The Landlock interface, 0 where there is none.
    pub landlock: u32,
    /// Whether the kernel can tell of refused system calls.
    pub notifications: bool,
    /// Control groups.
    pub cgroups: Controllers,
}

impl Host {
    /// Looks at the host. Makes and removes an empty control group; in a version 2 group of its own
    /// that gives no controllers yet, this process also moves into a child of it.
    pub fn look() -> Self {
        Self::with(cgroup::discover())
    }

    /// Looks at the host, whose control groups are known already.
    pub fn with(cgroups: Controllers) -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            kernel: kernel.trim().to_owned(),
            privileged: is_privileged(),
            landlock: sys::landlock_abi(),
            notifications: sys::has_notifications(),
            cgroups,
        }
    }
}

/// Whether this process is root with the rights that a privileged sandbox takes: over mounts, to change
/// its user, and to map users that nobody has.
fn is_privileged() -> bool {
    let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    nix::unistd::geteuid().is_root()
        && has_rights(&read("status"))
        && ["uid_map", "gid_map"]
            .iter()
            .all(|name| maps(&read(name), JOB_USERS))
}

/// Whether the effective capabilities in a `/proc/PID/status` suffice: CAP_SETGID, CAP_SETUID and
/// CAP_SYS_ADMIN.
fn has_rights(status: &str) -> bool {
    const NEEDED: u64 = 1 << 6 | 1 << 7 | 1 << 21;
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    effective.is_some_and(|effective| effective & NEEDED == NEEDED)
}

/// Whether a map of users holds those that privileged jobs get.
fn maps(map: &str, wanted: Range<u32>) -> bool {
    map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map(str::parse::<u64>);
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(first)), Some(Ok(_)), Some(Ok(count))) => {
                first <= u64::from(wanted.start) && u64::from(wanted.end) <= first + count
            }
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_without_all_rights_is_an_ordinary_user() {
        // A root shell, Docker's default, and an ordinary user.
        assert!(has_rights("Name:\tx\nCapEff:\t000001ffffffffff\n"));
        assert!(!has_rights("CapEff:\t00000000a80425fb\n"));
        assert!(!has_rights("CapEff:\t0000000000000000\n"));
        assert!(!has_rights(""));
        // The initial user namespace, `unshare -r`, and rootless Podman.
        assert!(maps("         0          0 4294967295\n", JOB_USERS));
        assert!(!maps("         0       1000          1\n", JOB_USERS));
        let podman = "0 1000 1\n1 100000 65536\n";
        assert!(!maps(podman, JOB_USERS) && !maps("garbage\n", JOB_USERS));
    }
}
