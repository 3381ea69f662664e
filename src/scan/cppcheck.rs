//! cppcheck, which the user brings: it follows values through C and C++. Its licence (GPL) is no matter of ours, as it is
//! run as a program of its own.

use std::path::Path;

use roxmltree::{Document, Node};

use super::Severity;
use super::adapter::Adapter;
use super::brought::{self, Also, Wanted};
use super::cwe::cwe;
use super::language::{BEYOND, CANARY_GETS, CANARY_INDEX, Language};
use super::outcome::{BatchFailure, Collector, FileOutcome, ToolOutput, check_end, finding};
use super::staging::Layout;
use crate::base::limits::{Limits, MIB};
use crate::base::text;
use crate::environment::Interpreter;
use crate::worker::Mount;

/// cppcheck.
#[derive(Clone, Copy, Debug)]
pub struct Cppcheck;

const NAME: &str = "cppcheck";
/// The number under which it files what is no weakness.
const QUALITY: u32 = 398;
/// Where the sandbox shows what it knows of the standard library: beside the program, where it looks.
const LIBRARY: &str = "/scanner/cfg";
/// What it reports when it did not, or not wholly, analyse a file.
const PROBLEMS: [&str; 19] = [
    "syntaxError",
    "unknownMacro",
    "unhandledChar",
    "preprocessorErrorDirective",
    "includeNestedTooDeeply",
    "missingFile",
    "instantiationError",
    "templateRecursion",
    "internalError",
    "internalAstError",
    "internalErrorSuspectExpression",
    "cppcheckError",
    "AnalysisError",
    "toomanyconfigs",
    "noValidConfiguration",
    "ConfigurationNotChecked",
    "purgedConfiguration",
    "valueFlowMaxIterations",
    "normalCheckLevelMaxBranches",
];
/// What it reports of the batch as a whole and is known: samples are read without the headers that they name, and
/// newer versions say which of their checks they ran.
const KNOWN: [&str; 4] = [
    "missingInclude",
    "missingIncludeSystem",
    "checkersReport",
    "checkLevelNormal",
];

impl Adapter for Cppcheck {
    fn name(&self) -> &str {
        NAME
    }

    fn languages(&self) -> &'static [Language] {
        &[Language::C, Language::Cpp]
    }

    fn environment(&self) -> Option<&'static str> {
        None
    }

    fn wants(&self) -> Option<&'static Wanted> {
        Some(&Wanted {
            program: "cppcheck",
            program_variable: "FUMEHOOD_CPPCHECK",
            rules_variable: None,
            with_folder: false,
            also: Some(library),
            get: "installing cppcheck 2.10 or later (on Debian: apt-get install cppcheck), and naming it in FUMEHOOD_CPPCHECK if it \
                  is not on PATH",
        })
    }

    fn version_command(&self, _: &Interpreter) -> Option<Vec<String>> {
        Some([brought::PROGRAM, "--version"].map(str::to_owned).to_vec())
    }

    fn version(&self, line: &str) -> Option<String> {
        line.strip_prefix("Cppcheck ").map(str::to_owned)
    }

    /// Without `--inline-suppr` it obeys no comment, and without a project file no configuration.
    ///
    /// - `-j2`: each file in a process of its own. Else files are compared at the end, and what one sample calls as
    ///   another does is a finding, depending on the batch that they are in.
    /// - `--enable=warning,information`: weaknesses of less weight than errors, and what it passed over.
    /// - `--max-configs=64`: code is read once for each macro that it asks for; what is more than that is said.
    /// - `--xml`: all that is known of a finding, and an end, so that half a report is none.
    fn command(&self, _: &Interpreter, root: &str, _: Language) -> Vec<String> {
        let tree = format!("{root}/s");
        [
            brought::PROGRAM,
            "-j2",
            "--enable=warning,information",
            "--max-configs=64",
            "--quiet",
            "--xml",
            &tree,
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn mark(&self, _: Language) -> &'static str {
        BEYOND
    }

    fn is_mark(&self, rule: &str) -> bool {
        rule == "arrayIndexOutOfBounds"
    }

    /// By following values, and by what it is told of the standard library.
    fn knows(&self, _: Language, lines: &[u32]) -> bool {
        lines.contains(&CANARY_INDEX) && lines.contains(&CANARY_GETS)
    }

    fn limits(&self, files: usize, bytes: usize) -> Limits {
        let seconds = 60 + files as u64 / 2 + (bytes as u64 >> 20) * 240;
        Limits {
            cpu: std::time::Duration::from_secs(seconds),
            wall: std::time::Duration::from_secs(seconds * 4),
            memory: 4096 * MIB,
            processes: 32,
            output: 64 * MIB,
            file_size: 16 * MIB,
            disk: 64 * MIB,
            inodes: 4096,
            open_files: 256,
        }
    }

    /// Its report is on standard error. It gives up on code that it does not understand and says so; where it does not, the
    /// mark behind the sample is not seen.
    fn parse(
        &self,
        output: &ToolOutput<'_>,
        layout: &Layout,
    ) -> Result<Vec<FileOutcome>, BatchFailure> {
        check_end(output)?;
        let wrong = |why: &dyn std::fmt::Display| {
            let why = text::one_line(&why.to_string(), 200);
            format!("its output is not what it should be: {why}")
        };
        let report = std::str::from_utf8(output.stderr).map_err(|error| wrong(&error))?;
        let report = Document::parse(report).map_err(|error| wrong(&error))?;
        let root = report.root_element();
        let errors = child(root, "errors")
            .filter(|_| root.has_tag_name("results") && root.attribute("version") == Some("2"))
            .ok_or_else(|| wrong(&"it is no report of version 2"))?;
        let mut collector = Collector::new(self, layout);
        for node in errors.children().filter(Node::is_element) {
            Hit::of(node)
                .ok_or_else(|| wrong(&"an error without name or place"))?
                .tell(&mut collector)?;
        }
        collector.finish()
    }
}

/// One thing that it reports.
#[derive(Debug)]
struct Hit<'a> {
    id: &'a str,
    severity: &'a str,
    message: &'a str,
    cwe: Option<u32>,
    /// The file that it was asked about.
    asked: Option<&'a str>,
    /// Where it saw it.
    place: Option<(&'a str, u32)>,
}

impl<'a> Hit<'a> {
    fn of(node: Node<'a, 'a>) -> Option<Self> {
        let place = match child(node, "location") {
            None => None,
            Some(at) => Some((at.attribute("file")?, at.attribute("line")?.parse().ok()?)),
        };
        Some(Self {
            id: node.attribute("id")?,
            severity: node.attribute("severity")?,
            message: node.attribute("msg")?,
            cwe: node.attribute("cwe").and_then(|cwe| cwe.parse().ok()),
            asked: node.attribute("file0").filter(|file| !file.is_empty()),
            place,
        })
    }

    fn tell(self, collector: &mut Collector<'_>) -> Result<(), BatchFailure> {
        // By including another's file, a sample would have the other's weakness reported as found while this one was
        // read, and not again. Alone it finds no file to include.
        if let (Some(asked), Some((file, _))) = (self.asked, self.place)
            && asked != file
        {
            return Err(format!(
                "it reported one file while it read another ({})",
                text::one_line(self.id, 40)
            ));
        }
        if KNOWN.contains(&self.id) {
            return Ok(());
        }
        let file = self.asked.or(self.place.map(|(file, _)| file));
        if self.severity == "information" || PROBLEMS.contains(&self.id) {
            let why = format!("{}: {}", self.id, self.message);
            return match file {
                Some(file) => collector.problem(file, &why),
                None => Err(text::one_line(&why, 200)),
            };
        }
        let (Some(file), Some((_, line))) = (self.asked, self.place) else {
            return Err(format!(
                "it reported {} of no file alone",
                text::one_line(self.id, 40)
            ));
        };
        // A matter of quality, by its own word.
        if self.severity == "warning" && self.cwe == Some(QUALITY) && cwe(NAME, self.id).is_none() {
            return Ok(());
        }
        let mut found = finding(self.id.to_owned(), line, self.message.to_owned());
        found.severity = severity(self.severity);
        found.native_cwe = self.cwe.filter(|cwe| *cwe > 0);
        collector.hit(file, found)
    }
}

fn child<'a>(node: Node<'a, 'a>, name: &str) -> Option<Node<'a, 'a>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn severity(word: &str) -> Severity {
    match word {
        "error" => Severity::High,
        "warning" => Severity::Medium,
        _ => Severity::Low,
    }
}

/// What it knows of the standard library: beside the program, or where distributions have it.
fn library(program: &Path) -> Result<Also, String> {
    let folder = program.parent().unwrap_or(Path::new("/"));
    let prefix = folder.join("..");
    // Debian has it in a folder for the kind of machine.
    let machines = std::fs::read_dir(prefix.join("lib")).into_iter().flatten();
    let of_machines = machines
        .flatten()
        .map(|entry| entry.path().join("cppcheck/cfg"));
    let mut places = ["cfg", "../share/cppcheck/cfg", "../share/Cppcheck/cfg"]
        .map(|place| folder.join(place))
        .into_iter()
        .chain(of_machines);
    let place = places
        .find(|place| place.join("std.cfg").is_file())
        .ok_or("there is no cfg/std.cfg beside it, nor in share or lib of its prefix")?;
    let place = std::fs::canonicalize(place).map_err(|error| error.to_string())?;
    let digest = brought::digest_of(&place)
        .map_err(|error| format!("{} cannot be read: {error}", place.display()))?;
    Ok(Also {
        mounts: vec![Mount {
            source: place,
            target: LIBRARY.into(),
        }],
        identity: format!("library {}", digest.short(12)),
    })
}

#[cfg(test)]
mod tests;
