//! `fumehood doctor`: what this host can enforce, layer by layer, and how to get the rest.

use std::fmt::Write as _;

use clap::Args;
use serde_json::json;

use super::Global;
use super::attack::{self, Attack};
use super::exec::executable;
use super::exit_code::Exit;
use super::failure::Failure;
use super::output::{print, print_json};
use crate::base::text::for_terminal;
use crate::sandbox::{Host, Layer, LayerState, Profile};
use crate::worker::{Pool, PoolConfig, WorkerError};

/// Arguments as typed.
#[derive(Args, Debug)]
pub(super) struct DoctorArgs {
    /// The policy to look at.
    #[arg(long, default_value = "grade")]
    profile: String,
    /// Look at the host as if this layer had been given up; may be repeated.
    #[arg(long, value_name = "LAYER")]
    give_up: Vec<String>,
    /// Let the built-in hostile programs loose in the sandbox and say what came of them, one line a
    /// family; ends with 8 when one of them got somewhere.
    #[arg(long)]
    attack: bool,
    /// With --attack: only the hostile program, or the class or family of programs, of this name; may
    /// be repeated.
    #[arg(long, value_name = "NAME", requires = "attack")]
    only: Vec<String>,
    /// With --attack, on a host that is N times slower than usual hardware (an emulated one, say):
    /// give every program N times its CPU and wall-clock time. The report says so.
    #[arg(long, value_name = "N", requires = "attack", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=100))]
    time_factor: u32,
}

/// Runs it.
pub(super) fn run(args: &DoctorArgs, global: Global) -> Result<Exit, Failure> {
    if args.attack {
        let wanted = Attack {
            executable: executable()?,
            give_up: args.give_up.clone(),
            only: args.only.clone(),
            time_factor: args.time_factor,
        };
        return attack::run(wanted, global);
    }
    let host = Host::look();
    let profile =
        Profile::load(&args.profile, None).map_err(|error| Failure::new(Exit::Usage, error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Sandbox, error))?;
    let config = PoolConfig {
        workers: 1,
        executable: executable()?,
        profile_dir: None,
        without: args.give_up.clone(),
    };
    let outcome = runtime.block_on(async {
        let pool = Pool::start(config).await?;
        let attestation = pool.attestations().get(&args.profile).cloned();
        pool.shutdown().await;
        Ok::<_, WorkerError>(attestation)
    });
    match outcome {
        Ok(Some(attestation)) => {
            if global.json {
                print_json(
                    &json!({ "host": describe(&host), "usable": true, "attestation": attestation }),
                )?;
            } else {
                print(&table(&host, &profile, &attestation))?;
            }
            Ok(Exit::Success)
        }
        Ok(None) => Err(Failure::new(
            Exit::Usage,
            anyhow::anyhow!("no profile is named `{}`", args.profile),
        )),
        Err(error) => {
            if global.json {
                print_json(
                    &json!({ "host": describe(&host), "usable": false, "error": error.to_string() }),
                )?;
            } else {
                print(&failure(&host, &error))?;
            }
            Ok(Exit::Sandbox)
        }
    }
}

fn describe(host: &Host) -> serde_json::Value {
    json!({
        "kernel": host.kernel,
        "privileged": host.privileged,
        "landlock_interface": host.landlock,
        "cgroups": host.cgroups.describe(),
        "notes": host.cgroups.notes,
    })
}

fn heading(host: &Host) -> String {
    let user = if host.privileged {
        "root"
    } else if nix::unistd::geteuid().is_root() {
        "root without all rights over this host, and so like an ordinary user"
    } else {
        "an ordinary user"
    };
    format!("Linux {}, as {user}\n\n", for_terminal(&host.kernel))
}

fn table(host: &Host, profile: &Profile, attestation: &crate::sandbox::Attestation) -> String {
    let mut text = heading(host);
    for report in &attestation.layers {
        let (mark, note) = match report.state {
            LayerState::Enforced => ("ok     ", ""),
            LayerState::Unavailable => ("missing", " (not required by this profile)"),
            LayerState::GivenUp => ("given up", ""),
        };
        let _ = writeln!(
            text,
            "{mark:<9} {:<18} {}{note}",
            report.layer.name(),
            for_terminal(&report.detail)
        );
    }
    let missing: Vec<Layer> = attestation.missing().map(|report| report.layer).collect();
    let _ = write!(text, "\nProfile `{}` can be used here.", profile.name);
    if missing.contains(&Layer::Cgroup) {
        text.push_str(
            "\nWithout a control group of its own, a job's memory, processes and CPU time are watched by polling,\n\
             and bounded for each process by itself. To get one as an ordinary user:\n  \
             systemd-run --user --scope -p Delegate=yes fumehood ...",
        );
    }
    text.push('\n');
    text
}

fn failure(host: &Host, error: &WorkerError) -> String {
    let mut text = heading(host);
    let _ = writeln!(
        text,
        "This host cannot run the sandbox: {}",
        for_terminal(&error.to_string())
    );
    let _ = writeln!(text, "Landlock interface: {}", host.landlock);
    let _ = writeln!(text, "Control groups: {}", host.cgroups.describe());
    let names = Layer::CAN_BE_GIVEN_UP.map(Layer::name).join(", ");
    let _ = writeln!(
        text,
        "Layers that can be given up by name (`--give-up LAYER`): {names}"
    );
    text
}
