//! What this kernel and this user can enforce.

use std::fs;

use super::cgroup::{self, Controllers};
use super::sys;

/// What was found out about the host.
#[derive(Clone, Debug)]
pub struct Host {
    /// Kernel release.
    pub kernel: String,
    /// Whether this process is privileged: it may map any user into a sandbox and open any folder.
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
            privileged: nix::unistd::geteuid().is_root(),
            landlock: sys::landlock_abi(),
            notifications: sys::has_notifications(),
            cgroups,
        }
    }
}

/// Why user namespaces are refused here, and what to do about it, from the switches that
/// distributions have.
pub fn user_namespace_remedy() -> String {
    let read = |path: &str| {
        fs::read_to_string(path)
            .ok()
            .map(|text| text.trim().to_owned())
    };
    if read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").as_deref() == Some("1") {
        return "AppArmor restricts user namespaces of ordinary users: as root, `sysctl -w \
                kernel.apparmor_restrict_unprivileged_userns=0`, or give the fumehood binary a \
                profile with `userns,`"
            .to_owned();
    }
    if read("/proc/sys/kernel/unprivileged_userns_clone").as_deref() == Some("0") {
        return "as root, `sysctl -w kernel.unprivileged_userns_clone=1`".to_owned();
    }
    if read("/proc/sys/user/max_user_namespaces").as_deref() == Some("0") {
        return "as root, `sysctl -w user.max_user_namespaces=10000`".to_owned();
    }
    if std::path::Path::new("/.dockerenv").exists()
        || std::path::Path::new("/run/.containerenv").exists()
    {
        return "in a container, allow namespaces: `--security-opt seccomp=unconfined \
                --security-opt apparmor=unconfined --security-opt systempaths=unconfined`, or run \
                on the host"
            .to_owned();
    }
    "allow user namespaces for this user, or run as root".to_owned()
}
