//! A report in SARIF as a tool's output on a batch of ours.

use super::adapter::Adapter;
use super::outcome::{BatchFailure, Collector, FileOutcome};
use super::sarif::Sarif;
use super::staging::Layout;
use super::syntax;

/// What the check of the syntax and the tool's report behind it say about each sample.
pub(super) fn outcomes(
    adapter: &dyn Adapter,
    stdout: &[u8],
    layout: &Layout,
) -> Result<Vec<FileOutcome>, BatchFailure> {
    let mut collector = Collector::new(adapter, layout);
    let sarif = Sarif::parse(syntax::take(stdout, &mut collector)?)?;
    if let Some(why) = sarif.failure() {
        return Err(why.to_owned());
    }
    for (path, why) in sarif.problems() {
        collector.problem(&absolute(path, layout), why)?;
    }
    for path in sarif.analysed() {
        collector.read(&absolute(path, layout))?;
    }
    for (path, findings) in sarif.all_findings() {
        let path = absolute(path, layout);
        for finding in findings {
            collector.hit(&path, finding.clone())?;
        }
    }
    collector.finish()
}

/// A path as we name it: tools write it as it was given, relative to the tree that they were given, or
/// relative to the root.
fn absolute(path: &str, layout: &Layout) -> String {
    let spellings = [
        path.to_owned(),
        layout.path(path),
        layout.path(&format!("s/{path}")),
    ];
    let known = spellings.iter().find(|path| layout.member(path).is_some());
    known.cloned().unwrap_or_else(|| path.to_owned())
}
