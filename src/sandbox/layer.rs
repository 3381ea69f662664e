//! The layers of a sandbox, and the record of which were enforced.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;

/// One layer of isolation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// Its own user namespace, as an unprivileged user.
    UserNamespace,
    /// Its own process ids.
    PidNamespace,
    /// Its own mounts, and a private read-only root.
    PrivateRoot,
    /// Shown folders with inodes of their own, so that locks, sockets and named pipes in them are not
    /// those of other jobs or of the host.
    OwnInodes,
    /// Device nodes of its own, so that locks on them are not those of other jobs or of the host.
    OwnDevices,
    /// Its own network, with at most a loopback interface.
    NetworkNamespace,
    /// Its own System V and POSIX message objects.
    IpcNamespace,
    /// Its own host name.
    UtsNamespace,
    /// Its own view of control groups.
    CgroupNamespace,
    /// A fresh `/proc` with its dangerous parts covered.
    MaskedProc,
    /// No capability in any set.
    Capabilities,
    /// No way to gain rights by execution.
    NoNewPrivs,
    /// Landlock rules on files, and as far as the kernel goes on TCP, abstract sockets and signals.
    Landlock,
    /// A system-call filter.
    Seccomp,
    /// A control group that bounds memory and processes of the whole job and counts its CPU time.
    Cgroup,
    /// Per-process limits behind the control group.
    Rlimits,
    /// No wall: whether system calls that the filter refuses are reported as well.
    Behaviour,
}

impl Layer {
    /// Every layer, from the outermost in.
    pub const ALL: [Self; 17] = [
        Self::UserNamespace,
        Self::PidNamespace,
        Self::PrivateRoot,
        Self::OwnInodes,
        Self::OwnDevices,
        Self::NetworkNamespace,
        Self::IpcNamespace,
        Self::UtsNamespace,
        Self::CgroupNamespace,
        Self::MaskedProc,
        Self::Capabilities,
        Self::NoNewPrivs,
        Self::Landlock,
        Self::Seccomp,
        Self::Cgroup,
        Self::Rlimits,
        Self::Behaviour,
    ];

    /// Layers that a user may give up; the others hold each other up, and fumehood cannot run
    /// anything without them.
    pub const CAN_BE_GIVEN_UP: [Self; 6] = [
        Self::OwnInodes,
        Self::OwnDevices,
        Self::Landlock,
        Self::Cgroup,
        Self::MaskedProc,
        Self::Behaviour,
    ];

    /// The layer's name, as profiles and `--give-up` write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserNamespace => "user-namespace",
            Self::PidNamespace => "pid-namespace",
            Self::PrivateRoot => "private-root",
            Self::OwnInodes => "own-inodes",
            Self::OwnDevices => "own-devices",
            Self::NetworkNamespace => "network-namespace",
            Self::IpcNamespace => "ipc-namespace",
            Self::UtsNamespace => "uts-namespace",
            Self::CgroupNamespace => "cgroup-namespace",
            Self::MaskedProc => "masked-proc",
            Self::Capabilities => "capabilities",
            Self::NoNewPrivs => "no-new-privs",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::Cgroup => "cgroup",
            Self::Rlimits => "rlimits",
            Self::Behaviour => "behaviour",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Layer {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|layer| layer.name() == name)
            .ok_or_else(|| {
                let names = Self::CAN_BE_GIVEN_UP.map(Self::name).join(", ");
                format!("no layer is named `{name}`; those that can be given up: {names}")
            })
    }
}

/// Whether a layer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerState {
    /// It holds.
    Enforced,
    /// The host cannot enforce it, and the profile does not require it.
    Unavailable,
    /// The user gave it up by name.
    GivenUp,
}

/// What is known of one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerReport {
    /// Which.
    pub layer: Layer,
    /// Whether it holds.
    pub state: LayerState,
    /// How, or why not: the Landlock version, the kind of control group, the error.
    pub detail: String,
}

/// Which layers held for the jobs of one worker under one profile. Stored with every run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// The profile's name.
    pub profile: String,
    /// The profile's identity.
    pub profile_digest: Digest,
    /// Every layer, in the order of [`Layer::ALL`].
    pub layers: Vec<LayerReport>,
}

impl Attestation {
    /// The layers that do not hold.
    pub fn missing(&self) -> impl Iterator<Item = &LayerReport> {
        self.layers
            .iter()
            .filter(|report| report.state != LayerState::Enforced)
    }

    /// The layers that held in `before` and do not hold here.
    pub fn lost_since(&self, before: &Self) -> Vec<&LayerReport> {
        self.missing()
            .filter(|report| before.missing().all(|known| known.layer != report.layer))
            .collect()
    }

    /// Takes over every layer that does not hold in `other`, so that both are told truly.
    pub fn weaken(&mut self, other: &Self) {
        let lost: Vec<LayerReport> = other.lost_since(self).into_iter().cloned().collect();
        for report in lost {
            self.layers.retain(|known| known.layer != report.layer);
            self.layers.push(report);
        }
        self.layers.sort_by_key(|report| report.layer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attestation(missing: &[Layer]) -> Attestation {
        let report = |layer: Layer| LayerReport {
            layer,
            state: if missing.contains(&layer) {
                LayerState::Unavailable
            } else {
                LayerState::Enforced
            },
            detail: String::new(),
        };
        Attestation {
            profile: "strict".to_owned(),
            profile_digest: Digest::of("x"),
            layers: Layer::ALL.map(report).to_vec(),
        }
    }

    #[test]
    fn an_attestation_of_several_workers_is_that_of_the_weakest() {
        let mut all = attestation(&[Layer::Landlock]);
        let weaker = attestation(&[Layer::Cgroup]);
        assert_eq!(weaker.lost_since(&all).len(), 1);
        all.weaken(&weaker);
        assert_eq!(all, attestation(&[Layer::Landlock, Layer::Cgroup]));
        assert!(all.lost_since(&weaker).len() == 1 && weaker.lost_since(&all).is_empty());
    }
}
