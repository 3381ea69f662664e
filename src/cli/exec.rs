//! `fumehood exec`.

use clap::Args;

use super::Global;
use super::exit_code::Exit;
use super::failure::Failure;

/// Arguments as typed.
#[derive(Args, Debug)]
pub(super) struct ExecArgs {}

/// Runs it.
pub(super) fn run(_args: &ExecArgs, _global: Global) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Usage, anyhow::anyhow!("not built yet")))
}
