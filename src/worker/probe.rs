//! A look at the sandbox from the inside: this very program, run in it, says what it sees. What is
//! attested is what was seen, not what was asked for.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::act;
use super::attempt::run;
use super::builder::{Builder, INNER_USER};
use super::observation::End;
use super::request::{Mount, Request, Reuse};
use super::run::RunError;
use crate::base::limits::Limits;
use crate::sandbox::profile::Access;
use crate::sandbox::sys;
use crate::sandbox::{Attestation, Host, Layer, LayerReport, LayerState, Profile, landlock};

/// The hidden subcommand under which the program reports.
pub const SUBCOMMAND: &str = "__probe";
/// No mode or mount flag keeps a job from opening it for writing: only Landlock can.
const DEVICE: &str = "/dev/urandom";
const INSIDE: &str = "/fumehood-probe";
const NAMESPACES: [&str; 7] = ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"];

/// What the probe saw of itself and its surroundings.
#[derive(Debug, Default, Serialize, Deserialize)]
struct View {
    status: BTreeMap<String, String>,
    namespaces: BTreeMap<String, String>,
    user: u32,
    root: Vec<String>,
    root_writable: bool,
    masked: Vec<PathBuf>,
    limits: String,
    /// The file system, by its number, behind each of the profile's folders and files.
    file_systems: BTreeMap<PathBuf, u64>,
    /// The same of its devices.
    devices: BTreeMap<PathBuf, u64>,
    /// Whether a device could be written that any user may write, but not every profile's Landlock
    /// rules let a job write.
    device_written: bool,
}

/// What the worker wants to know, on the probe's standard input.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Asked {
    /// Parts of `/proc` that must be covered.
    masks: Vec<PathBuf>,
    /// Folders and files of the host that the profile shows.
    trees: Vec<PathBuf>,
    /// Devices that the profile shows.
    devices: Vec<PathBuf>,
}

/// Reports what this process sees, as JSON on its standard output. Runs inside a sandbox.
#[expect(
    clippy::print_stdout,
    reason = "the sandbox's standard output is the way to the worker"
)]
pub fn report() -> ExitCode {
    match serde_json::to_string(&look()) {
        Ok(view) => {
            println!("{view}");
            ExitCode::SUCCESS
        }
        Err(_) => ExitCode::FAILURE,
    }
}

fn look() -> View {
    // Refused under every profile, and reported if anything is: the worker looks for it.
    let _ = sys::call_nothing();
    let asked: Asked = serde_json::from_reader(std::io::stdin()).unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let fields = status.lines().filter_map(|line| line.split_once(':'));
    let names = fs::read_dir("/").into_iter().flatten().flatten();
    let mut root: Vec<String> = names
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    root.sort();
    View {
        status: fields
            .map(|(key, value)| (key.to_owned(), value.trim().to_owned()))
            .collect(),
        namespaces: namespaces(),
        user: nix::unistd::geteuid().as_raw(),
        root,
        root_writable: fs::create_dir("/made-by-the-probe").is_ok()
            || fs::write("/usr/made-by-the-probe", "").is_ok(),
        masked: masked(&asked.masks),
        file_systems: file_systems(&asked.trees),
        devices: file_systems(&asked.devices),
        device_written: fs::File::options().write(true).open(DEVICE).is_ok(),
        limits: fs::read_to_string("/proc/self/limits").unwrap_or_default(),
    }
}

fn namespaces() -> BTreeMap<String, String> {
    let link = |name: &&str| {
        let target = fs::read_link(format!("/proc/self/ns/{name}")).ok()?;
        Some(((*name).to_owned(), target.to_string_lossy().into_owned()))
    };
    NAMESPACES.iter().filter_map(link).collect()
}

/// Parts of `/proc` that give nothing away here: missing, empty or refused.
fn masked(paths: &[PathBuf]) -> Vec<PathBuf> {
    let gives_nothing = |path: &&PathBuf| match fs::symlink_metadata(path) {
        Err(_) => true,
        Ok(found) if found.is_dir() => {
            fs::read_dir(path).map_or(true, |mut entries| entries.next().is_none())
        }
        Ok(_) => {
            let mut first = [0; 1];
            let read = fs::File::open(path)
                .and_then(|mut file| std::io::Read::read(&mut file, &mut first));
            !matches!(read, Ok(1))
        }
    };
    paths.iter().filter(gives_nothing).cloned().collect()
}

/// On which file systems folders and files are that are no links.
fn file_systems(paths: &[PathBuf]) -> BTreeMap<PathBuf, u64> {
    let number = |path: &PathBuf| {
        let found = fs::symlink_metadata(path).ok()?;
        (!found.is_symlink()).then(|| (path.clone(), found.dev()))
    };
    paths.iter().filter_map(number).collect()
}

/// Those that are on the same file systems out here.
fn shared(inside: &BTreeMap<PathBuf, u64>) -> Vec<String> {
    let outside = file_systems(&inside.keys().cloned().collect::<Vec<_>>());
    let is_same = |(path, number): &(&PathBuf, &u64)| inside.get(*path) == Some(*number);
    let shared = outside.iter().filter(is_same);
    shared.map(|(path, _)| path.display().to_string()).collect()
}

/// Runs the probe under a profile and compares what it sees with what the profile requires.
///
/// # Errors
/// When the sandbox cannot be built, the probe does not report, or a required layer does not hold:
/// nothing may run then.
pub(super) fn attest(
    builder: &mut Builder,
    profile: &Profile,
    supervisor: BorrowedFd<'_>,
) -> Result<Attestation, String> {
    let executable =
        fs::read_link("/proc/self/exe").map_err(|error| format!("find this program: {error}"))?;
    let asked = Asked {
        masks: profile.mask.iter().map(|mask| mask.path.clone()).collect(),
        trees: profile.tree.iter().map(|tree| tree.path.clone()).collect(),
        devices: (profile.device.iter())
            .map(|device| device.path.clone())
            .collect(),
    };
    let request = Request {
        argv: vec![INSIDE.to_owned(), SUBCOMMAND.to_owned()],
        env: Vec::new(),
        stdin: serde_json::to_vec(&asked).map_err(|error| format!("ask the probe: {error}"))?,
        payload: None,
        events_limit: None,
        profile: profile.name.clone(),
        mounts: vec![Mount {
            source: executable,
            target: PathBuf::from(INSIDE),
        }],
        limits: Limits::default(),
        reuse: Reuse::Sandbox,
    };
    let seen = run(builder, profile, &request, supervisor).map_err(|error| match error {
        RunError::Host(what)
        | RunError::Busy(what)
        | RunError::Shortage(what)
        | RunError::Request(what) => what,
        RunError::Abandoned => "the supervisor has gone".to_owned(),
    })?;
    if seen.end != End::Exited(0) {
        let stderr = String::from_utf8_lossy(&seen.stderr.bytes).into_owned();
        return Err(format!(
            "the probe failed inside the sandbox ({:?}): {stderr}",
            seen.end
        ));
    }
    let told = seen.behaviour.is_some_and(|behaviour| {
        let nothing = act::name(sys::NO_CALL);
        behaviour.acts.iter().any(|act| act.call == nothing)
    });
    let known = Known {
        host: &builder.host,
        given_up: &builder.given_up,
        profile,
        told,
    };
    let attestation = conclude(&seen.stdout.bytes, known)?;
    let holds = |layer| attestation.missing().all(|report| report.layer != layer);
    if holds(Layer::OwnInodes) {
        builder.own_inodes.insert(profile.name.clone());
    }
    if holds(Layer::OwnDevices) {
        builder.own_devices.insert(profile.name.clone());
    }
    Ok(attestation)
}

/// What is known outside of the sandbox.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The host.
    pub host: &'a Host,
    /// Layers that the user gave up.
    pub given_up: &'a [Layer],
    /// The profile under which the probe ran.
    pub profile: &'a Profile,
    /// Whether the probe's own forbidden act was reported.
    pub told: bool,
}

impl Known<'_> {
    fn gave_up(self, layer: Layer) -> bool {
        self.given_up.contains(&layer)
    }
}

/// What the probe's report, beside what is known outside, shows to be enforced.
///
/// # Errors
/// When it cannot be read, or shows that a layer which the profile requires does not hold.
pub fn conclude(report: &[u8], known: Known<'_>) -> Result<Attestation, String> {
    let profile = known.profile;
    let view: View = serde_json::from_slice(report)
        .map_err(|error| format!("the probe's report cannot be read: {error}"))?;
    let layers = Layer::ALL
        .into_iter()
        .map(|layer| report_on(layer, &view, known))
        .collect();
    let attestation = Attestation {
        profile: profile.name.clone(),
        profile_digest: profile.digest(),
        layers,
    };
    let broken: Vec<String> = attestation
        .missing()
        .filter(|report| report.state == LayerState::Unavailable && profile.requires(report.layer))
        .map(|report| format!("{}: {}", report.layer, report.detail))
        .collect();
    if broken.is_empty() {
        Ok(attestation)
    } else {
        Err(format!(
            "profile `{}` requires layers that do not hold here: {}",
            profile.name,
            broken.join("; ")
        ))
    }
}

fn report_on(layer: Layer, view: &View, known: Known<'_>) -> LayerReport {
    if known.gave_up(layer) {
        return LayerReport {
            layer,
            state: LayerState::GivenUp,
            detail: "given up by the user".to_owned(),
        };
    }
    let (holds, mut detail) = match layer {
        Layer::Behaviour => behaviour(known),
        _ => judge(layer, view, known),
    };
    let by_proc = [
        Layer::UserNamespace,
        Layer::PidNamespace,
        Layer::NetworkNamespace,
        Layer::IpcNamespace,
        Layer::UtsNamespace,
        Layer::CgroupNamespace,
        Layer::Capabilities,
        Layer::NoNewPrivs,
        Layer::Seccomp,
        Layer::Rlimits,
    ];
    if known.gave_up(Layer::MaskedProc) && by_proc.contains(&layer) {
        detail
            .push_str(" (set without an error; not seen from the inside, where /proc is missing)");
    }
    let state = if holds {
        LayerState::Enforced
    } else {
        LayerState::Unavailable
    };
    LayerReport {
        layer,
        state,
        detail,
    }
}

/// Whether the probe's own forbidden act was reported.
fn behaviour(known: Known<'_>) -> (bool, String) {
    let detail = match (known.told, known.host.notifications) {
        (true, _) => "refused system calls are reported",
        (false, false) => "this kernel cannot tell of refused system calls (Linux 5.5 can)",
        (false, true) => {
            "the kernel gives no listener for refused system calls: another one may listen to \
             fumehood itself (a container's seccomp agent), or the profile refuses sendmsg"
        }
    };
    (known.told, detail.to_owned())
}

fn judge(layer: Layer, view: &View, known: Known<'_>) -> (bool, String) {
    let profile = known.profile;
    let outside = namespaces();
    // Without /proc inside there is nothing to compare; the clone itself did not fail.
    let proc = !known.gave_up(Layer::MaskedProc);
    let own = |name: &str| {
        let inside = view.namespaces.get(name);
        let holds = inside.is_some() && inside != outside.get(name) || !proc;
        (holds, "its own".to_owned())
    };
    let status = |key: &str| view.status.get(key).map_or("", String::as_str);
    match layer {
        Layer::UserNamespace => {
            let (holds, detail) = own("user");
            (
                holds && view.user == INNER_USER,
                format!("{detail}, as user {}", view.user),
            )
        }
        Layer::PidNamespace => own("pid"),
        Layer::NetworkNamespace => own("net"),
        Layer::IpcNamespace => own("ipc"),
        Layer::UtsNamespace => own("uts"),
        Layer::CgroupNamespace => own("cgroup"),
        Layer::PrivateRoot => {
            let expected = |name: &str| Path::new("/").join(name);
            let stray: Vec<&String> = view
                .root
                .iter()
                .filter(|name| !is_planned(&expected(name), profile))
                .collect();
            let holds = own("mnt").0 && !view.root_writable && stray.is_empty();
            (
                holds,
                if holds {
                    "read-only, nothing of the host but the profile's trees".to_owned()
                } else {
                    format!("unexpected: {stray:?}")
                },
            )
        }
        Layer::OwnInodes => {
            let shared = shared(&view.file_systems);
            if shared.is_empty() {
                let detail = "overlays and copies; a large file shown by itself is shared";
                return (true, detail.to_owned());
            }
            let detail = format!(
                "locks, sockets and named pipes are shared with other jobs in {} (no overlay of \
                 them can be mounted here, or other file systems are mounted below)",
                shared.join(", ")
            );
            (false, detail)
        }
        Layer::OwnDevices => {
            let (shared, seen) = (shared(&view.devices), view.devices.len());
            if shared.is_empty() && seen == profile.device.len() {
                return (true, format!("{seen} nodes"));
            }
            let detail = "the host's nodes are shown, and locks on them seen by other jobs (only the \
                          host's root may make nodes)";
            (false, detail.to_owned())
        }
        Layer::MaskedProc => {
            let open: Vec<String> = profile
                .mask
                .iter()
                .filter(|mask| !view.masked.contains(&mask.path))
                .map(|mask| mask.path.display().to_string())
                .collect();
            (
                open.is_empty(),
                if open.is_empty() {
                    format!("{} parts covered", profile.mask.len())
                } else {
                    format!("still open: {}", open.join(", "))
                },
            )
        }
        Layer::Capabilities => {
            let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
            let empty = sets
                .iter()
                .all(|set| status(set).bytes().all(|digit| digit == b'0'));
            (
                empty && (!proc || !status("CapEff").is_empty()),
                "all five sets are empty".to_owned(),
            )
        }
        Layer::NoNewPrivs => (status("NoNewPrivs") == "1" || !proc, "set".to_owned()),
        Layer::Seccomp => {
            let holds = status("Seccomp") == "2" || !proc;
            let counted = !known.gave_up(Layer::Cgroup) && known.host.cgroups.memory.is_some();
            let mut detail = format!("{} system-call rules", profile.system_calls(counted).len());
            if !counted {
                let own = profile.without_memory_group.iter();
                let names: Vec<&str> = own
                    .flat_map(|rule| rule.names.iter().map(String::as_str))
                    .collect();
                detail.push_str(&format!(
                    "; {} refused, as no control group counts memory",
                    names.join(", ")
                ));
            }
            (holds, detail)
        }
        Layer::Landlock => {
            let offered = known.host.landlock;
            let detail = if offered == 0 {
                "this kernel has none (Linux 5.13 has; boot with `lsm=…,landlock`)".to_owned()
            } else {
                landlock::describe(offered)
            };
            let may_write = profile.landlock.iter().any(|rule| {
                matches!(rule.access, Access::Use | Access::Write)
                    && Path::new(DEVICE).starts_with(&rule.path)
            });
            if view.device_written && !may_write {
                return (
                    false,
                    format!("{DEVICE} could be written against the rules"),
                );
            }
            (offered > 0, detail)
        }
        Layer::Cgroup => {
            let groups = &known.host.cgroups;
            let detail = match groups.is_complete() {
                true => groups.describe(),
                false => format!(
                    "{} ({}); per-process limits and polling instead",
                    groups.describe(),
                    groups.notes.join("; ")
                ),
            };
            (groups.is_complete(), detail)
        }
        // Not told by what the probe sees.
        Layer::Behaviour => (false, String::new()),
        Layer::Rlimits => {
            let core = view
                .limits
                .lines()
                .find(|line| line.starts_with("Max core file size"));
            let holds = core
                .is_some_and(|line| matches!(line.split_whitespace().nth(4), Some("0" | "1")))
                || !proc;
            (
                holds,
                "cpu, file size, descriptors, core, locked memory, message queues, pending signals"
                    .to_owned(),
            )
        }
    }
}

/// Whether an entry of the root folder comes from the profile.
fn is_planned(path: &Path, profile: &Profile) -> bool {
    let trees = profile.tree.iter().map(|tree| &tree.path);
    let files = profile.file.iter().map(|file| &file.path);
    let scratch = profile.scratch.iter().map(|scratch| &scratch.path);
    let mut planned = trees.chain(files).chain(scratch).map(PathBuf::as_path);
    let always = [Path::new("/proc"), Path::new("/dev"), Path::new(INSIDE)];
    always.contains(&path) || planned.any(|known| known.starts_with(path))
}
