//! Policies that the user writes: which findings count, and how scanners combine.

use std::path::Path;

use super::exit_code::Exit;
use super::failure::Failure;
use crate::base::text::one_line;
use crate::scan::Policy;

/// Reads a policy for a run with these scanners; the default one if no file is named.
pub(super) fn read<'a>(
    path: Option<&Path>,
    scanners: impl Iterator<Item = &'a str>,
) -> Result<Policy, Failure> {
    let Some(path) = path else {
        return Ok(Policy::default());
    };
    let failed = |why: String| {
        Failure::new(
            Exit::Input,
            anyhow::anyhow!("{}: {why}", path.display()),
        )
        .hint("a policy is TOML with combine, scanners, ignored_rules, min_severity and min_confidence; see docs/scanners.md")
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| failed(format!("cannot read the policy: {error}")))?;
    let policy = Policy::parse(&text).map_err(|why| failed(why.trim_end().to_owned()))?;
    let known: Vec<&str> = scanners.collect();
    if let Some(stranger) = policy
        .named()
        .into_iter()
        .find(|name| !known.contains(name))
    {
        return Err(failed(format!(
            "it names `{}`, which is no scanner of this run ({})",
            one_line(stranger, 40),
            known.join(", ")
        )));
    }
    Ok(policy)
}
