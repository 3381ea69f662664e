//! flawfinder: names of functions in C and C++ that are known for the mistakes made with them. It is under the GPL, and a
//! program of its own in its environment; nothing of it is part of fumehood.

use serde::Deserialize;

use super::Severity;
use super::adapter::Adapter;
use super::language::{CANARY_COPY, CANARY_SYSTEM, Language};
use super::outcome::{BatchFailure, Collector, FileOutcome, ToolOutput, check_end, finding, json};
use super::quotes::may_hide;
use super::staging::Layout;
use crate::environment::Interpreter;

/// flawfinder.
#[derive(Clone, Copy, Debug)]
pub struct Flawfinder;

impl Adapter for Flawfinder {
    fn name(&self) -> &str {
        "flawfinder"
    }

    fn languages(&self) -> &'static [Language] {
        &[Language::C, Language::Cpp]
    }

    fn version_command(&self, interpreter: &Interpreter) -> Option<Vec<String>> {
        Some(interpreter.module("flawfinder", &["--version"]))
    }

    fn version(&self, line: &str) -> Option<String> {
        Some(line.to_owned())
    }

    /// - `--sarif`: the one of its formats that says of each hit line, level and CWE numbers and shows where it ends, so
    ///   that half a report is none. It holds what flawfinder shows by default, and level 0 beside it.
    /// - `--neverignore`: comments in the code switch nothing off.
    fn command(&self, interpreter: &Interpreter, root: &str, _: Language) -> Vec<String> {
        let tree = format!("{root}/s");
        interpreter.module("flawfinder", &["--sarif", "--neverignore", &tree])
    }

    /// It reads quotes by rules of its own.
    fn refuses(&self, language: Language, code: &str) -> Option<&'static str> {
        may_hide(language, code)
    }

    fn is_mark(&self, rule: &str) -> bool {
        rule == "FF1014"
    }

    fn knows(&self, _: Language, lines: &[u32]) -> bool {
        lines.contains(&CANARY_COPY) && lines.contains(&CANARY_SYSTEM)
    }

    /// flawfinder does not say which files it read, and leaves out one that it cannot decode, with an exit code for all; so the
    /// mark behind each sample is the only proof. It reads on in code that no compiler takes.
    fn parse(
        &self,
        output: &ToolOutput<'_>,
        layout: &Layout,
    ) -> Result<Vec<FileOutcome>, BatchFailure> {
        check_end(output)?;
        let report: Report = json(output.stdout)?;
        let [run] = &report.runs[..] else {
            return Err(format!("it reported {} runs, not one", report.runs.len()));
        };
        let mut collector = Collector::new(self, layout);
        for hit in &run.results {
            // Known uses without risk, which flawfinder itself does not show unless it is asked to.
            let level = hit.level()?;
            if level == 0 {
                continue;
            }
            let [place] = &hit.locations[..] else {
                return Err("it reported a hit that is not in one place".to_owned());
            };
            let place = &place.physical_location;
            let text = &hit.message.text;
            let mut found = finding(hit.rule_id.clone(), place.region.start_line, text.clone());
            found.severity = severity(level);
            found.native_cwe = number(text);
            collector.hit(&place.artifact_location.uri, found)?;
        }
        collector.finish()
    }
}

#[derive(Deserialize)]
struct Report {
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    results: Vec<Hit>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hit {
    rule_id: String,
    message: Message,
    locations: Vec<Place>,
    /// A fifth of the level.
    rank: f64,
}

#[derive(Deserialize)]
struct Message {
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    physical_location: Physical,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Deserialize)]
struct Artifact {
    uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
}

impl Hit {
    fn level(&self) -> Result<u8, BatchFailure> {
        // A level that is none must not be taken for the one that is left out.
        (0..=5u8)
            .find(|level| (self.rank * 5.0 - f64::from(*level)).abs() < 0.01)
            .ok_or_else(|| format!("it reported a rank of {}", self.rank))
    }
}

fn severity(level: u8) -> Severity {
    match level {
        4.. => Severity::High,
        3 => Severity::Medium,
        _ => Severity::Low,
    }
}

/// The first number of `… (CWE-119!/CWE-120)` without a `!`, by which flawfinder marks the more general ones.
fn number(text: &str) -> Option<u32> {
    let numbers = text.split("CWE-").skip(1);
    let mut plain = numbers.filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit());
        let (digits, behind) = rest.split_at(end.unwrap_or(rest.len()));
        let number = digits.parse().ok().filter(|number| *number > 0)?;
        (!behind.starts_with('!')).then_some(number)
    });
    plain.next()
}

#[cfg(test)]
mod tests;
