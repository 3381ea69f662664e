//! The hidden subcommand by which fumehood runs itself again as a worker.

use clap::Args;

use super::exit_code::Exit;
use super::failure::Failure;

/// Arguments as typed.
#[derive(Args, Debug)]
pub(super) struct WorkerArgs {}

/// Runs it. No thread may have been started before.
pub(super) fn run(_args: &WorkerArgs) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Usage, anyhow::anyhow!("not built yet")))
}
