//! `fumehood eval`.

use super::Global;
use super::eval_args::EvalArgs;
use super::exit_code::Exit;
use super::failure::Failure;

/// Runs it.
pub(super) fn run(_args: &EvalArgs, _global: Global) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Usage, anyhow::anyhow!("not built yet")))
}
