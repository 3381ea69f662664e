//! Why this host refused a step of the sandbox, and what its administrator can do about it: read off
//! the switches that distributions and containers have, so that the error can name the one it was.

use std::fs;
use std::path::Path;

use nix::errno::Errno;

use super::error::StepError;
use super::root;

/// The oldest kernel that has every call which building a sandbox needs (`mount_setattr`).
const OLDEST_KERNEL: (u32, u32) = (5, 12);
/// Namespaces of which a user may only have so many.
const KINDS: [&str; 7] = ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"];

/// The switches of this host that can forbid a sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// Kernel release.
    pub kernel: String,
    /// Whether this process has all of root's rights over the host.
    pub privileged: bool,
    /// `kernel.apparmor_restrict_unprivileged_userns` (Ubuntu since 23.10; on since 24.04).
    pub apparmor: bool,
    /// `kernel.unprivileged_userns_clone=0` (Debian and kernels hardened like it).
    pub clone_forbidden: bool,
    /// Kinds of namespaces of which nobody may have one: `user.max_KIND_namespaces=0`.
    pub exhausted: Vec<&'static str>,
    /// Whether a system-call filter lies on this process.
    pub filtered: bool,
    /// Whether this looks like the inside of a container.
    pub container: bool,
    /// Whether this kernel knows user namespaces at all.
    pub user_namespaces: bool,
}

impl Switches {
    /// Reads them.
    pub fn read(privileged: bool) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let is = |path: &str, value: &str| read(path).trim() == value;
        let status = read("/proc/self/status");
        let filter = status
            .lines()
            .find_map(|line| line.strip_prefix("Seccomp:"))
            .map(str::trim);
        Self {
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            privileged,
            apparmor: is(
                "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
                "1",
            ),
            clone_forbidden: is("/proc/sys/kernel/unprivileged_userns_clone", "0"),
            exhausted: KINDS
                .into_iter()
                .filter(|kind| is(&format!("/proc/sys/user/max_{kind}_namespaces"), "0"))
                .collect(),
            filtered: filter == Some("2"),
            container: ["/.dockerenv", "/run/.containerenv"]
                .iter()
                .any(|path| Path::new(path).exists()),
            user_namespaces: Path::new("/proc/self/ns/user").exists(),
        }
    }

    /// What to do when the kernel refuses a process in new namespaces.
    pub fn for_namespaces(&self, errno: Errno) -> String {
        match errno {
            Errno::ENOSPC | Errno::EUSERS => self.for_limit(),
            Errno::EINVAL if !self.user_namespaces => {
                "this kernel was built without user namespaces (CONFIG_USER_NS)".to_owned()
            }
            _ => self.for_refusal().unwrap_or_else(|| {
                "allow user namespaces for this user, or run as root; a process in a chroot gets none"
                    .to_owned()
            }),
        }
    }

    /// What to do when a step in the new namespaces fails, where that can be told.
    pub fn for_step(&self, error: &StepError) -> Option<String> {
        match Errno::from_raw(error.errno) {
            Errno::ENOSYS if self.is_too_old() => {
                let (major, minor) = OLDEST_KERNEL;
                let kernel = &self.kernel;
                Some(format!(
                    "fumehood needs Linux {major}.{minor} or later, and this is {kernel}: boot a newer kernel"
                ))
            }
            Errno::ENOSYS if self.filtered => Some(by_filter()),
            Errno::EINVAL if error.step == root::PIVOT => Some(
                "the host's root must be a mounted file system, not the initial ramdisk: \
                 `switch_root` to a disk or a tmpfs first"
                    .to_owned(),
            ),
            Errno::EPERM if error.step == root::MOUNT_PROC => Some(
                "another /proc that is seen here is covered in parts, as containers do: start the \
                 container with `--security-opt systempaths=unconfined`, or go on without a /proc in \
                 the sandbox (`--give-up masked-proc`)"
                    .to_owned(),
            ),
            Errno::EPERM | Errno::EACCES if !self.privileged => self.for_refusal(),
            Errno::ENOSPC | Errno::EUSERS if !self.exhausted.is_empty() => Some(self.for_limit()),
            _ => None,
        }
    }

    fn for_limit(&self) -> String {
        match self.exhausted.first() {
            Some(kind) => format!(
                "user.max_{kind}_namespaces is 0: as root, `sysctl -w user.max_{kind}_namespaces=10000`"
            ),
            None => {
                "a limit on namespaces is reached: as root, raise user.max_user_namespaces and the \
                     other user.max_*_namespaces, here and in the user namespaces around this one"
                    .to_owned()
            }
        }
    }

    /// What forbids namespaces to this process, the most particular cause first.
    fn for_refusal(&self) -> Option<String> {
        let limited = !self.privileged;
        if limited && self.clone_forbidden {
            return Some(
                "kernel.unprivileged_userns_clone is 0: as root, `sysctl -w \
                 kernel.unprivileged_userns_clone=1`"
                    .to_owned(),
            );
        }
        if limited && self.apparmor {
            return Some(
                "AppArmor restricts user namespaces of ordinary users \
                 (kernel.apparmor_restrict_unprivileged_userns is 1): as root, give the fumehood \
                 binary a profile that holds `userns,`, or `sysctl -w \
                 kernel.apparmor_restrict_unprivileged_userns=0`"
                    .to_owned(),
            );
        }
        (self.filtered || self.container).then(by_filter)
    }

    fn is_too_old(&self) -> bool {
        let mut numbers = self.kernel.split(['.', '-']);
        let mut next = || numbers.next()?.parse::<u32>().ok();
        matches!((next(), next()), (Some(major), Some(minor)) if (major, minor) < OLDEST_KERNEL)
    }
}

fn by_filter() -> String {
    "a system-call filter or the limits of a container forbid it: allow namespaces there \
     (`--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt \
     systempaths=unconfined` for Docker and Podman), or run on the host"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordinary() -> Switches {
        Switches {
            kernel: "6.8.0-31-generic".to_owned(),
            user_namespaces: true,
            ..Switches::default()
        }
    }

    #[test]
    fn each_switch_is_named_with_its_remedy() {
        let ubuntu = Switches {
            apparmor: true,
            ..ordinary()
        };
        let debian = Switches {
            clone_forbidden: true,
            ..ordinary()
        };
        let full = Switches {
            exhausted: vec!["user"],
            ..ordinary()
        };
        let network = Switches {
            exhausted: vec!["net"],
            ..ordinary()
        };
        let filtered = Switches {
            filtered: true,
            ..ordinary()
        };
        let bare = Switches::default();
        for (switches, errno, remedy) in [
            (
                &ubuntu,
                Errno::EACCES,
                "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
            ),
            (&ubuntu, Errno::EPERM, "userns,"),
            (
                &debian,
                Errno::EPERM,
                "sysctl -w kernel.unprivileged_userns_clone=1",
            ),
            (
                &full,
                Errno::ENOSPC,
                "sysctl -w user.max_user_namespaces=10000",
            ),
            (
                &network,
                Errno::ENOSPC,
                "sysctl -w user.max_net_namespaces=10000",
            ),
            (
                &ordinary(),
                Errno::ENOSPC,
                "the user namespaces around this one",
            ),
            (&filtered, Errno::EPERM, "seccomp=unconfined"),
            (&filtered, Errno::ENOSYS, "seccomp=unconfined"),
            (&ordinary(), Errno::EPERM, "or run as root"),
            (&bare, Errno::EINVAL, "CONFIG_USER_NS"),
        ] {
            let said = switches.for_namespaces(errno);
            assert!(said.contains(remedy), "{switches:?} {errno}: {said}");
        }
    }

    #[test]
    fn a_switch_for_ordinary_users_is_not_blamed_for_what_root_meets() {
        let root = Switches {
            apparmor: true,
            clone_forbidden: true,
            privileged: true,
            ..ordinary()
        };
        assert!(!root.for_namespaces(Errno::EPERM).contains("sysctl"));
    }

    #[test]
    fn steps_behind_the_namespaces_have_remedies_too() {
        let step = |what: &str, errno| StepError::new(what, errno);
        // Ubuntu lets the namespace be made, and refuses what is done in it.
        let ubuntu = Switches {
            apparmor: true,
            ..ordinary()
        };
        let said = ubuntu.for_step(&step("make mounts private", Errno::EACCES));
        assert!(said.unwrap().contains("AppArmor"));
        let old = Switches {
            kernel: "5.10.0-46-cloud-amd64".to_owned(),
            ..ordinary()
        };
        let missing = step("make read-only", Errno::ENOSYS);
        let said = old.for_step(&missing).unwrap();
        assert!(
            said.contains("5.12") && said.contains("5.10.0-46"),
            "{said}"
        );
        assert_eq!(ordinary().for_step(&missing), None);
        let covered = ordinary().for_step(&step(root::MOUNT_PROC, Errno::EPERM));
        assert!(covered.unwrap().contains("--give-up masked-proc"));
        let ramdisk = ordinary().for_step(&step(root::PIVOT, Errno::EINVAL));
        assert!(ramdisk.unwrap().contains("switch_root"));
        assert_eq!(ordinary().for_step(&step("find", Errno::ENOENT)), None);
    }

    #[test]
    fn old_kernels_are_told_by_number_not_by_text() {
        let is_too_old = |kernel: &str| {
            let kernel = kernel.to_owned();
            Switches {
                kernel,
                ..Switches::default()
            }
            .is_too_old()
        };
        assert!(is_too_old("4.19.0") && is_too_old("5.9-rc1") && is_too_old("5.11.22"));
        assert!(!is_too_old("5.12.0") && !is_too_old("6.1.0-56") && !is_too_old("odd"));
    }

    #[test]
    fn the_switches_of_this_host_can_be_read() {
        let here = Switches::read(false);
        assert!(
            here.kernel.contains('.') && here.user_namespaces,
            "{here:?}"
        );
    }
}
