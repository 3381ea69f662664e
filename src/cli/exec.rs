//! `fumehood exec`: one program in the sandbox, its result as JSON.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::Global;
use super::eval_args::LimitArgs;
use super::exit_code::Exit;
use super::failure::Failure;
use super::output::print_json;
use crate::base::limits::{LimitKind, Limits};
use crate::base::text::Excerpt;
use crate::base::version;
use crate::worker::{
    Captured, End, Mount, Observation, Pool, PoolConfig, Request, Reuse, WorkerError,
};

/// The variables that a program gets when none are named.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("HOME", "/work"),
    ("LANG", "C.UTF-8"),
    ("TZ", "UTC"),
];

/// Arguments as typed.
#[derive(Args, Debug)]
#[command(
    after_help = "The program starts in /work, an empty folder; it sees /usr and what --mount adds, read-only.\n\
    fumehood itself ends with 0 when the program was run, however that went: the JSON says."
)]
pub(super) struct ExecArgs {
    /// The policy: strict (no network), grade (own loopback) or scanner, or one of --profile-dir.
    #[arg(long, default_value = "strict")]
    profile: String,
    /// Folder with policies of your own, one NAME.toml each.
    #[arg(long, value_name = "DIR")]
    profile_dir: Option<PathBuf>,
    /// Show a host folder or file read-only, at the same path or at TARGET; may be repeated.
    #[arg(long, value_name = "SOURCE[:TARGET]")]
    mount: Vec<String>,
    /// Set a variable; may be repeated. Nothing is inherited.
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Pass on standard input; else the program's is empty.
    #[arg(long)]
    stdin: bool,
    /// Give up this layer of the sandbox, so that a weaker host can run at all; may be repeated.
    #[arg(long, value_name = "LAYER")]
    give_up: Vec<String>,
    #[command(flatten)]
    limits: LimitArgs,
    /// The program and its arguments.
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    command: Vec<String>,
}

/// Runs it.
pub(super) fn run(args: &ExecArgs, _global: Global) -> Result<Exit, Failure> {
    let request = request(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Sandbox, error))?;
    runtime.block_on(async {
        let pool = Pool::start(config(args)?).await.map_err(sandbox_failure)?;
        let attestation = pool.attestation(&request.profile);
        let outcome = tokio::select! {
            outcome = pool.run(request) => outcome,
            _ = tokio::signal::ctrl_c() => {
                pool.shutdown().await;
                return Ok(Exit::Interrupted);
            }
        };
        pool.shutdown().await;
        print_json(&document(&outcome.map_err(sandbox_failure)?, attestation))?;
        Ok(Exit::Success)
    })
}

fn config(args: &ExecArgs) -> Result<PoolConfig, Failure> {
    Ok(PoolConfig {
        workers: 1,
        executable: executable()?,
        profile_dir: args.profile_dir.clone(),
        without: args.give_up.clone(),
    })
}

/// This program, to be run again as a worker.
pub(super) fn executable() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::new(
            Exit::Sandbox,
            anyhow::Error::new(error).context("cannot find this program's own file"),
        )
    })
}

/// Maps what a pool says to an exit code and advice.
pub(super) fn sandbox_failure(error: WorkerError) -> Failure {
    match error {
        WorkerError::Request(_) => Failure::new(Exit::Usage, error),
        WorkerError::Busy(_) | WorkerError::Shortage(_) => Failure::new(Exit::Sandbox, error),
        WorkerError::Sandbox(_) | WorkerError::Lost(_) => Failure::new(Exit::Sandbox, error)
            .hint("`fumehood doctor` says what this host can enforce, and how to get the rest"),
    }
}

fn request(args: &ExecArgs) -> Result<Request, Failure> {
    let mut env: Vec<(String, String)> = ENVIRONMENT
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    for variable in &args.env {
        let (name, value) = variable
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| usage(format!("--env {variable}: it must be NAME=VALUE")))?;
        env.retain(|(known, _)| known != name);
        env.push((name.to_owned(), value.to_owned()));
    }
    let mut stdin = Vec::new();
    if args.stdin {
        std::io::stdin()
            .lock()
            .read_to_end(&mut stdin)
            .map_err(|error| {
                Failure::new(
                    Exit::Input,
                    anyhow::Error::new(error).context("cannot read standard input"),
                )
            })?;
    }
    Ok(Request {
        argv: args.command.clone(),
        env,
        stdin,
        payload: None,
        events_limit: None,
        profile: args.profile.clone(),
        mounts: args
            .mount
            .iter()
            .map(|mount| parse_mount(mount))
            .collect::<Result<_, _>>()?,
        limits: args.limits.over(Limits::default()),
        reuse: Reuse::Sandbox,
    })
}

fn parse_mount(text: &str) -> Result<Mount, Failure> {
    let (source, target) = text.split_once(':').unwrap_or((text, text));
    let source = std::fs::canonicalize(source)
        .map_err(|error| usage(format!("--mount {text}: {source}: {error}")))?;
    let target = if text.contains(':') {
        PathBuf::from(target)
    } else {
        std::path::absolute(target).unwrap_or_else(|_| source.clone())
    };
    if !target.is_absolute() {
        return Err(usage(format!(
            "--mount {text}: {} is not absolute",
            target.display()
        )));
    }
    Ok(Mount { source, target })
}

fn usage(message: String) -> Failure {
    Failure::new(Exit::Usage, anyhow::anyhow!(message))
}

fn document(observation: &Observation, attestation: Option<Value>) -> Value {
    let (exit_code, signal) = match observation.end {
        End::Exited(code) => (Some(code), None),
        End::Signaled(signal) => (None, Some(signal)),
    };
    json!({
        "version": version::EXEC,
        "status": status(observation),
        "exit_code": exit_code,
        "signal": signal,
        "limit": observation.limit,
        "cpu_seconds": observation.usage.cpu.as_secs_f64(),
        "wall_seconds": observation.usage.wall.as_secs_f64(),
        "peak_memory_bytes": observation.usage.peak_memory,
        "stdout": captured(&observation.stdout),
        "stderr": captured(&observation.stderr),
        "behaviour": observation.behaviour,
        "attestation": attestation,
    })
}

fn status(observation: &Observation) -> &'static str {
    match (observation.limit, observation.end) {
        (Some(LimitKind::Cpu | LimitKind::Wall), _) => "timeout",
        (Some(LimitKind::Memory), _) => "memory",
        (Some(LimitKind::Processes), _) => "processes",
        (Some(LimitKind::Output), _) => "output",
        (None, End::Exited(_)) => "exited",
        (None, End::Signaled(_)) => "crashed",
    }
}

fn captured(stream: &Captured) -> Value {
    let excerpt = Excerpt::of(&stream.bytes, stream.bytes.len(), 0);
    json!({ "text": excerpt.head, "bytes": stream.total, "cut": stream.total > stream.bytes.len() as u64 })
}
