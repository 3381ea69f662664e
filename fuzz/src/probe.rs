//! What the probe reports from inside a sandbox.

use std::sync::OnceLock;

use fumehood::sandbox::cgroup::Controllers;
use fumehood::sandbox::{Host, Layer, LayerState, Profile};
use fumehood::worker::probe::{Known, conclude};
use serde_json::Value as Json;

/// No report attests a layer that it does not show; one that cannot be read attests nothing.
pub(crate) fn check(data: &[u8]) {
    static HOST: OnceLock<Host> = OnceLock::new();
    let host = HOST.get_or_init(|| Host {
        landlock: 7,
        ..Host::with(Controllers::default())
    });
    static PROFILE: OnceLock<Profile> = OnceLock::new();
    let load = || Profile::load("strict", None).expect("a profile that comes with fumehood");
    let profile = PROFILE.get_or_init(load);
    let given_up = [Layer::MaskedProc];
    for given_up in [&[][..], &given_up] {
        let known = Known {
            host,
            given_up,
            profile,
            told: data.len().is_multiple_of(2),
        };
        let Ok(attestation) = conclude(data, known) else {
            continue;
        };
        let layers: Vec<Layer> = attestation.layers.iter().map(|seen| seen.layer).collect();
        assert_eq!(layers, Layer::ALL);
        assert_eq!(attestation.profile_digest, profile.digest());
        for seen in &attestation.layers {
            let gave_up = given_up.contains(&seen.layer);
            assert_eq!(seen.state == LayerState::GivenUp, gave_up);
            if profile.requires(seen.layer) && !gave_up {
                assert_eq!(seen.state, LayerState::Enforced, "{}", seen.layer);
            }
        }
        if given_up.is_empty() {
            let report: Json = serde_json::from_slice(data).expect("it was read");
            let status = &report["status"];
            assert_eq!(status["NoNewPrivs"], "1");
            assert_eq!(status["Seccomp"], "2");
            let none = status["CapEff"].as_str().expect("it was read");
            assert!(!none.is_empty() && none.bytes().all(|digit| digit == b'0'));
            assert_eq!(report["user"], 1000);
            assert_eq!(report["root_writable"], false);
            assert_eq!(report["device_written"], false);
            for (name, own) in own_namespaces() {
                assert_ne!(report["namespaces"][&name], Json::from(own), "{name}");
                assert!(report["namespaces"][&name].is_string());
            }
        }
    }
}

fn own_namespaces() -> Vec<(String, String)> {
    ["user", "pid", "mnt", "net", "ipc", "uts"]
        .into_iter()
        .filter_map(|name| {
            let target = std::fs::read_link(format!("/proc/self/ns/{name}")).ok()?;
            Some((name.to_owned(), target.to_string_lossy().into_owned()))
        })
        .collect()
}
