//! gosec, which the user brings with a Go toolchain: it needs the types of what it reads, and so the standard library.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Severity;
use super::adapter::Adapter;
use super::brought::{self, Also, Wanted};
use super::language::{CANARY_COMMAND, CANARY_MD5, Language};
use super::outcome::{BatchFailure, Collector, FileOutcome, ToolOutput, check_end, finding, json};
use super::staging::Layout;
use crate::base::limits::{Limits, MIB};
use crate::base::text;
use crate::environment::Interpreter;
use crate::environment::program::{never_shown, on_path};
use crate::worker::Mount;

/// gosec.
#[derive(Clone, Copy, Debug)]
pub struct Gosec;

/// The variable that names the `go` to be used, if it is not the one on PATH.
const GO_VARIABLE: &str = "FUMEHOOD_GO";
/// Where the sandbox shows Go.
const GO: &str = "/scanner/go";

impl Adapter for Gosec {
    fn name(&self) -> &str {
        "gosec"
    }

    fn languages(&self) -> &'static [Language] {
        &[Language::Go]
    }

    fn environment(&self) -> Option<&'static str> {
        None
    }

    fn wants(&self) -> Option<&'static Wanted> {
        Some(&Wanted {
            program: "gosec",
            program_variable: "FUMEHOOD_GOSEC",
            rules_variable: None,
            with_folder: false,
            also: Some(toolchain),
            get: "tools/install_gosec.sh FOLDER, and naming FOLDER/gosec in FUMEHOOD_GOSEC; it needs a Go toolchain, on PATH or \
                  named in FUMEHOOD_GO",
        })
    }

    fn version_command(&self, _: &Interpreter) -> Option<Vec<String>> {
        Some([brought::PROGRAM, "-version"].map(str::to_owned).to_vec())
    }

    fn version(&self, line: &str) -> Option<String> {
        let version = line.strip_prefix("Version:")?.trim();
        Some(version.strip_prefix('v').unwrap_or(version).to_owned())
    }

    /// It reads no configuration unless it is told to.
    ///
    /// - `-nosec`: comments in the code switch nothing off.
    /// - `-no-fail`: findings are no failure, so that any other exit code is one.
    /// - `-quiet`: no log of each file beside the report, which there always is, as the canary is in it.
    fn command(&self, _: &Interpreter, root: &str, _: Language) -> Vec<String> {
        let tree = format!("{root}/s/...");
        [
            brought::PROGRAM,
            "-fmt=json",
            "-nosec",
            "-no-fail",
            "-quiet",
            "-concurrency=2",
            &tree,
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// Go finds itself, fetches nothing, neither packages nor another version of itself, and compiles no C. What it compiles
    /// of its library is kept for the batch.
    fn variables(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("PATH", "/scanner/go/bin:/usr/bin:/bin"),
            ("GOROOT", GO),
            ("GOCACHE", "/tmp/go-cache"),
            ("GOPATH", "/tmp/go-path"),
            ("TMPDIR", "/tmp"),
            ("GOENV", "off"),
            ("GOFLAGS", ""),
            ("GO111MODULE", "on"),
            ("GOPROXY", "off"),
            ("GOSUMDB", "off"),
            ("GOVCS", "*:off"),
            ("GOTOOLCHAIN", "local"),
            ("GOWORK", "off"),
            ("CGO_ENABLED", "0"),
        ]
    }

    fn is_mark(&self, rule: &str) -> bool {
        rule == "G101"
    }

    /// By a call, and by following a value.
    fn knows(&self, _: Language, lines: &[u32]) -> bool {
        lines.contains(&CANARY_MD5) && lines.contains(&CANARY_COMMAND)
    }

    /// Compiling what samples import of the standard library takes half a minute of a processor's time, once a batch.
    fn limits(&self, files: usize, bytes: usize) -> Limits {
        let seconds = 240 + files as u64 + (bytes as u64 >> 20) * 240;
        Limits {
            cpu: std::time::Duration::from_secs(seconds),
            wall: std::time::Duration::from_secs(seconds * 4),
            memory: 4096 * MIB,
            processes: 512,
            output: 64 * MIB,
            file_size: 256 * MIB,
            disk: 1024 * MIB,
            inodes: 65_536,
            open_files: 1024,
        }
    }

    /// gosec reads on in code whose types it does not know, and says so; such a file is not wholly analysed. What Go itself
    /// says is filed under the file's folder, or under no name, with the file's in its words.
    fn parse(
        &self,
        output: &ToolOutput<'_>,
        layout: &Layout,
    ) -> Result<Vec<FileOutcome>, BatchFailure> {
        check_end(output)?;
        let report: Report = json(output.stdout)?;
        let mut collector = Collector::new(self, layout);
        for (path, errors) in &report.errors {
            for error in errors {
                if layout.member(path).is_some() {
                    let why = format!("line {}: {}", error.line, error.error);
                    collector.problem(path, &why)?;
                } else {
                    let why = format!("{path}: {}", error.error);
                    nameless(why.trim_start_matches(": "), &mut collector, layout)?;
                }
            }
        }
        for hit in report.issues.unwrap_or_default() {
            let line = hit.first_line()?;
            let mut found = finding(hit.rule_id, line, hit.details);
            found.severity = severity(&hit.severity);
            found.confidence = severity(&hit.confidence);
            found.native_cwe = hit.cwe.and_then(|cwe| cwe.id.parse().ok());
            collector.hit(&hit.file, found)?;
        }
        collector.finish()
    }
}

/// Takes an error of no file: those are not analysed whose folder, which each has to itself, is in its words.
fn nameless(why: &str, collector: &mut Collector<'_>, layout: &Layout) -> Result<(), BatchFailure> {
    let mut is_known = false;
    for file in layout.files() {
        let folder = file.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        if why.contains(folder) {
            collector.problem(&layout.path(&file.name), why)?;
            is_known = true;
        }
    }
    if is_known {
        return Ok(());
    }
    Err(text::one_line(why, 200))
}

#[derive(Deserialize)]
struct Report {
    #[serde(rename = "Golang errors")]
    errors: BTreeMap<String, Vec<Problem>>,
    /// `null` where there is none.
    #[serde(rename = "Issues")]
    issues: Option<Vec<Hit>>,
}

#[derive(Deserialize)]
struct Problem {
    line: i64,
    error: String,
}

#[derive(Deserialize)]
struct Hit {
    severity: String,
    confidence: String,
    #[serde(default)]
    cwe: Option<Cwe>,
    rule_id: String,
    details: String,
    file: String,
    /// One, or the first and the last.
    line: String,
}

#[derive(Deserialize)]
struct Cwe {
    #[serde(default)]
    id: String,
}

impl Hit {
    fn first_line(&self) -> Result<u32, BatchFailure> {
        let first = self.line.split('-').next().unwrap_or_default();
        first
            .parse()
            .map_err(|_| format!("it reported line \"{}\"", text::one_line(&self.line, 40)))
    }
}

fn severity(word: &str) -> Severity {
    match word {
        "LOW" => Severity::Low,
        "MEDIUM" => Severity::Medium,
        "HIGH" => Severity::High,
        _ => Severity::Undefined,
    }
}

/// The Go toolchain: the one that its variable names, else the one on PATH.
fn toolchain(_: &Path) -> Result<Also, String> {
    let named = std::env::var_os(GO_VARIABLE).map(PathBuf::from);
    let program = named.or_else(|| on_path("go"));
    let program =
        program.ok_or_else(|| format!("there is no `go` on PATH, and {GO_VARIABLE} names none"))?;
    toolchain_of(&program)
}

fn toolchain_of(program: &Path) -> Result<Also, String> {
    let unreadable = |path: &Path, error| format!("{} cannot be read: {error}", path.display());
    let program = std::fs::canonicalize(program).map_err(|error| unreadable(program, error))?;
    let root = program.parent().and_then(Path::parent);
    let root = root.filter(|root| root.join("VERSION").is_file() && root.join("src").is_dir());
    let root = root.ok_or_else(|| format!("{} is in no Go toolchain", program.display()))?;
    if let Some(why) = never_shown(root) {
        return Err(format!("Go's folder {} {why}", root.display()));
    }
    let version = root.join("VERSION");
    let version = std::fs::read_to_string(&version).map_err(|error| unreadable(&version, error))?;
    let version = version.lines().next().unwrap_or_default();
    Ok(Also {
        mounts: vec![Mount {
            source: root.to_owned(),
            target: GO.into(),
        }],
        identity: text::one_line(version, 20),
    })
}

#[cfg(test)]
mod tests;
