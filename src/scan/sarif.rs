//! Results of any tool in SARIF 2.1.0: what another machine found, or a scanner that is not run here, such as CodeQL.
//!
//! The report is as little trusted as any scanner's: a file of which it does not show that it was analysed is unknown.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::cwe::cwe;
use super::outcome::finding;
use super::{Finding, ScanResult, Severity};
use crate::base::text;

/// Characters kept of a tool's words.
const MAX_MESSAGE: usize = 200;
/// Findings kept of one file.
const MAX_FINDINGS: usize = 1000;
/// Notifications by which CodeQL says that it has read a file whole.
const EXTRACTED: &str = "successfully-extracted-files";

/// What a SARIF file says, by the paths in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sarif {
    /// `sarif:` and the tool's name.
    pub scanner: String,
    /// The tool's version; empty if it does not say.
    pub version: String,
    findings: BTreeMap<String, Vec<Finding>>,
    analysed: BTreeSet<String>,
    problems: BTreeMap<String, String>,
    /// Why the tool's run as a whole is worth nothing.
    failure: Option<String>,
}

impl Sarif {
    /// Reads a report.
    ///
    /// # Errors
    /// When it is no SARIF, or holds the runs of several tools.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        // Some tools on Windows begin with a mark.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let log: Log = serde_json::from_slice(bytes).map_err(|e| format!("it is no SARIF: {e}"))?;
        let mut sarif = Self::default();
        if log.runs.is_empty() {
            return Err("it holds no run of a tool".to_owned());
        }
        for run in log.runs {
            let driver = &run.tool.driver;
            let scanner = format!("sarif:{}", text::one_line(&driver.name, 40).to_lowercase());
            if !sarif.scanner.is_empty() && sarif.scanner != scanner {
                return Err(format!("it holds runs of {} and {scanner}", sarif.scanner));
            }
            sarif.scanner = scanner;
            let version = driver.semantic_version.as_ref().or(driver.version.as_ref());
            sarif.version = version.map_or_else(String::new, |v| text::one_line(v, 40));
            sarif.take(&run);
        }
        for found in sarif.findings.values_mut() {
            found.sort();
            found.dedup();
        }
        Ok(sarif)
    }

    fn take(&mut self, run: &Run) {
        for invocation in &run.invocations {
            if !invocation.execution_successful {
                self.failure
                    .get_or_insert("the tool says that it failed".to_owned());
            }
            let executing = &invocation.tool_execution_notifications;
            for note in executing
                .iter()
                .chain(&invocation.tool_configuration_notifications)
            {
                let paths = note.locations.iter().filter_map(|place| place.path(run));
                let paths: Vec<String> = paths.collect();
                if note.descriptor.id.ends_with(EXTRACTED) {
                    self.analysed.extend(paths);
                    continue;
                }
                let why = text::one_line(&note.message.text, MAX_MESSAGE);
                match note.level.as_deref() {
                    // What went wrong nobody knows where may have gone wrong everywhere.
                    Some("error") if paths.is_empty() => {
                        self.failure.get_or_insert(format!("the tool says: {why}"));
                    }
                    // By the standard a note without a level is a warning.
                    Some("error" | "warning") | None => {
                        self.problems
                            .extend(paths.into_iter().map(|path| (path, why.clone())));
                    }
                    Some(_) => {}
                }
            }
        }
        for artifact in &run.artifacts {
            if artifact.roles.iter().any(|role| role == "analysisTarget") {
                self.analysed
                    .extend(artifact.location.as_ref().and_then(Location::path));
            }
        }
        let Some(results) = &run.results else {
            self.failure
                .get_or_insert("the tool gives no list of results".to_owned());
            return;
        };
        for result in results {
            let Some((path, found)) = result.finding(run, &self.scanner) else {
                continue;
            };
            let Some(path) = path else {
                self.failure
                    .get_or_insert(format!("it names no file for a result of {}", found.rule));
                continue;
            };
            let list = self.findings.entry(path.clone()).or_default();
            if list.len() < MAX_FINDINGS {
                list.push(found);
            } else {
                let why = format!("more than {MAX_FINDINGS} findings; the rest was dropped");
                self.problems.insert(path, why);
            }
        }
    }

    /// Why the tool's run as a whole is worth nothing.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// What went wrong, by path.
    pub(super) fn problems(&self) -> impl Iterator<Item = (&str, &str)> {
        let problems = self.problems.iter();
        problems.map(|(path, why)| (path.as_str(), why.as_str()))
    }

    /// The files that it shows to be analysed.
    pub(super) fn analysed(&self) -> impl Iterator<Item = &str> {
        self.analysed.iter().map(String::as_str)
    }

    /// What was found, by path.
    pub(super) fn all_findings(&self) -> impl Iterator<Item = (&str, &[Finding])> {
        let all = self.findings.iter();
        all.map(|(path, found)| (path.as_str(), found.as_slice()))
    }

    /// How many findings it holds.
    pub fn findings(&self) -> usize {
        self.findings.values().map(Vec::len).sum()
    }

    /// What it says about a file that goes by any of these `names`: its path, and that path as seen from other folders.
    /// Only the very same name is the same file.
    pub fn result<S: AsRef<str>>(&self, names: &[S]) -> ScanResult {
        let names = || names.iter().map(AsRef::as_ref);
        let mut findings: Vec<Finding> = names()
            .filter_map(|name| self.findings.get(name))
            .flatten()
            .cloned()
            .collect();
        findings.sort();
        let problem = names().find_map(|name| self.problems.get(name));
        let not_analysed = match (&self.failure, problem) {
            (Some(why), _) | (None, Some(why)) => Some(why.clone()),
            (None, None) if names().any(|name| self.analysed.contains(name)) => None,
            // A result proves that it was read; not that it was read whole, but nothing says otherwise either.
            (None, None) if !findings.is_empty() => None,
            (None, None) => Some("the report does not show that it was analysed".to_owned()),
        };
        ScanResult {
            scanner: self.scanner.clone(),
            version: self.version.clone(),
            findings,
            not_analysed,
        }
    }
}

#[derive(Deserialize)]
struct Log {
    runs: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    results: Option<Vec<Hit>>,
    #[serde(default)]
    invocations: Vec<Invocation>,
    #[serde(default)]
    artifacts: Vec<Artifact>,
}

#[derive(Deserialize)]
struct Tool {
    driver: Component,
    #[serde(default)]
    extensions: Vec<Component>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Component {
    name: String,
    version: Option<String>,
    semantic_version: Option<String>,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    #[serde(default)]
    properties: Properties,
    default_configuration: Option<Configuration>,
}

#[derive(Deserialize)]
struct Configuration {
    level: Option<String>,
}

#[derive(Deserialize, Default)]
struct Properties {
    #[serde(default)]
    tags: Vec<String>,
    #[serde(rename = "security-severity", default)]
    security_severity: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hit {
    rule_id: Option<String>,
    rule_index: Option<usize>,
    rule: Option<RuleReference>,
    kind: Option<String>,
    level: Option<String>,
    message: Message,
    #[serde(default)]
    locations: Vec<Place>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuleReference {
    id: Option<String>,
    index: Option<usize>,
    tool_component: Option<ComponentReference>,
}

#[derive(Deserialize)]
struct ComponentReference {
    index: Option<usize>,
}

#[derive(Deserialize, Default)]
struct Message {
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    physical_location: Option<Physical>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Option<Location>,
    region: Option<Region>,
}

#[derive(Deserialize)]
struct Location {
    uri: Option<String>,
    index: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: Option<u32>,
}

#[derive(Deserialize)]
struct Artifact {
    location: Option<Location>,
    #[serde(default)]
    roles: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    #[serde(default)]
    tool_execution_notifications: Vec<Notification>,
    #[serde(default)]
    tool_configuration_notifications: Vec<Notification>,
}

#[derive(Deserialize)]
struct Notification {
    #[serde(default)]
    descriptor: Descriptor,
    level: Option<String>,
    #[serde(default)]
    message: Message,
    #[serde(default)]
    locations: Vec<Place>,
}

#[derive(Deserialize, Default)]
struct Descriptor {
    #[serde(default)]
    id: String,
}

impl Place {
    fn path(&self, run: &Run) -> Option<String> {
        let location = self
            .physical_location
            .as_ref()?
            .artifact_location
            .as_ref()?;
        let listed = || {
            run.artifacts
                .get(location.index?)?
                .location
                .as_ref()?
                .path()
        };
        location.path().or_else(listed)
    }
}

impl Location {
    /// The path of the URI: without a scheme, with what is escaped as it is.
    fn path(&self) -> Option<String> {
        let uri = self.uri.as_deref()?;
        let path = uri.strip_prefix("file://").unwrap_or(uri);
        let path = path.strip_prefix("./").unwrap_or(path);
        let path = decoded(path);
        (!path.is_empty()).then_some(path)
    }
}

fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let escaped = || {
            let digits = std::str::from_utf8(more.get(..2)?).ok()?;
            u8::from_str_radix(digits, 16).ok()
        };
        match escaped() {
            Some(byte) if *first == b'%' => {
                out.push(byte);
                rest = &more[2..];
            }
            _ => {
                out.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl Hit {
    /// The file, where it is named, and the finding; nothing for what is no finding or no security rule's. What the tool leaves
    /// open, or to a reviewer, is one.
    fn finding(&self, run: &Run, scanner: &str) -> Option<(Option<String>, Finding)> {
        let is_none = ["pass", "notApplicable", "informational"];
        if self
            .kind
            .as_deref()
            .is_some_and(|kind| is_none.contains(&kind))
        {
            return None;
        }
        let rule = self.described(run);
        let tags = rule
            .map(|rule| rule.properties.tags.as_slice())
            .unwrap_or_default();
        let number = tags.iter().find_map(|tag| number(tag));
        // A rule that says what it is for, and does not say security, is none of ours: unused imports and the like.
        let is_security =
            tags.is_empty() || number.is_some() || tags.iter().any(|tag| tag == "security");
        if !is_security {
            return None;
        }
        let place = self.locations.first();
        let physical = place.and_then(|place| place.physical_location.as_ref());
        let line = physical
            .and_then(|physical| physical.region.as_ref())
            .and_then(|region| region.start_line)
            .unwrap_or(1)
            .max(1);
        let id = self
            .id()
            .or(rule.map(|rule| rule.id.as_str()))
            .unwrap_or("unnamed");
        let words = text::one_line(&self.message.text, MAX_MESSAGE);
        let mut found = finding(text::one_line(id, 60), line, words);
        found.severity = self.severity(rule);
        found.native_cwe = number;
        found.cwe = cwe(scanner, id).or(number);
        Some((place.and_then(|place| place.path(run)), found))
    }

    fn id(&self) -> Option<&str> {
        let named = self.rule.as_ref().and_then(|rule| rule.id.as_deref());
        self.rule_id.as_deref().or(named)
    }

    /// The rule's description, in the tool itself or in one of its extensions.
    fn described<'a>(&self, run: &'a Run) -> Option<&'a Rule> {
        let reference = self.rule.as_ref();
        let extension = reference
            .and_then(|rule| rule.tool_component.as_ref()?.index)
            .and_then(|index| run.tool.extensions.get(index));
        let component = extension.unwrap_or(&run.tool.driver);
        let index = reference.and_then(|rule| rule.index).or(self.rule_index);
        if let Some(rule) = index.and_then(|index| component.rules.get(index)) {
            return Some(rule);
        }
        let id = self.id()?;
        let all = std::iter::once(&run.tool.driver).chain(&run.tool.extensions);
        all.flat_map(|component| &component.rules)
            .find(|rule| rule.id == id)
    }

    fn severity(&self, rule: Option<&Rule>) -> Severity {
        let score = rule.and_then(|rule| rule.properties.security_severity.as_ref());
        let score = score.and_then(|score| score.as_f64().or_else(|| score.as_str()?.parse().ok()));
        let usual = rule.and_then(|rule| rule.default_configuration.as_ref()?.level.as_deref());
        match (score, self.level.as_deref().or(usual)) {
            // As GitHub reads the score: https://docs.github.com/code-security, security-severity.
            (Some(score), _) if score >= 7.0 => Severity::High,
            (Some(score), _) if score >= 4.0 => Severity::Medium,
            (Some(score), _) if score > 0.0 => Severity::Low,
            (_, Some("error")) => Severity::High,
            (_, Some("warning")) => Severity::Medium,
            (_, Some("note")) => Severity::Low,
            _ => Severity::Undefined,
        }
    }
}

/// 78 of `external/cwe/cwe-078`, of `CWE-78: OS Command Injection`, of `CWE-78`.
fn number(tag: &str) -> Option<u32> {
    let lower = tag.to_ascii_lowercase();
    let rest = lower.strip_prefix("external/cwe/").unwrap_or(&lower);
    let digits = rest.strip_prefix("cwe-")?;
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits[..end].parse().ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests;
