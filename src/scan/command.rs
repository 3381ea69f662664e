//! Any tool of the user's that writes SARIF, run in the sandbox like our own.

use super::adapter::Adapter;
use super::language::{CANARY_EVAL, CANARY_REQUEST, CANARY_SHELL, Language, WEAK};
use super::outcome::{BatchFailure, FileOutcome, ToolOutput, check_end};
use super::sarif::Sarif;
use super::sarif_batch::outcomes;
use super::staging::Layout;
use super::syntax;
use crate::base::limits::{Limits, MIB};
use crate::environment::{Interpreter, Program};
use crate::sandbox::Profile;
use crate::worker::End;

/// Where the tool's report is put if it is not its standard output.
const OUTPUT: &str = "/tmp/report.sarif";
/// The sandbox profile that it runs under.
const PROFILE: &str = "scanner";
/// Longest name.
const MAX_NAME: usize = 32;

/// A command line that scans a folder and writes SARIF.
#[derive(Clone, Debug)]
pub struct SarifCommand {
    /// `sarif-cmd:` and the name that the user gave it.
    name: String,
    program: Program,
    arguments: Vec<String>,
}

impl SarifCommand {
    /// Reads `NAME=PROGRAM ARGUMENT...`, quoted as for a shell, which is not asked. `{tree}` stands for the folder to be
    /// scanned; `{output}` for the file to write the report to, else it is taken from standard output.
    ///
    /// # Errors
    /// What is wrong with it, such as a program that is not there.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, command) = text
            .split_once('=')
            .ok_or("write it as NAME=PROGRAM ARGUMENT...")?;
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(is_plain) {
            return Err(format!(
                "its name must be of a-z, 0-9 and -, {MAX_NAME} at most"
            ));
        }
        let words = shlex::split(command).ok_or("a quote in it is not closed")?;
        let (program, arguments) = words.split_first().ok_or("it names no program")?;
        if !arguments.iter().any(|word| word.contains("{tree}")) {
            return Err("no argument has {tree}, the folder to be scanned".to_owned());
        }
        let program = Program::find(program)?;
        check_is_shown(&program)?;
        Ok(Self {
            name: format!("sarif-cmd:{name}"),
            program,
            arguments: arguments.to_vec(),
        })
    }
}

/// Every sandbox has empty folders of its own in places such as `/tmp`. What the host has below them is not to be
/// seen in there.
fn check_is_shown(program: &Program) -> Result<(), String> {
    let profile = Profile::load(PROFILE, None).map_err(|error| error.to_string())?;
    let mut targets = program.mounts.iter().map(|mount| &mount.target);
    let covered = targets.find_map(|target| Some((target, profile.covers(target)?)));
    match covered {
        None => Ok(()),
        Some((target, folder)) => Err(format!(
            "it needs {}, and no sandbox shows what the host has below {}; move it elsewhere",
            target.display(),
            folder.display()
        )),
    }
}

impl Adapter for SarifCommand {
    fn name(&self) -> &str {
        &self.name
    }

    fn program(&self) -> Option<&Program> {
        Some(&self.program)
    }

    fn profile(&self) -> &'static str {
        PROFILE
    }

    fn version_command(&self, _: &Interpreter) -> Option<Vec<String>> {
        None
    }

    fn version(&self, said: &str) -> Option<String> {
        // Behind the check of the syntax.
        let (_, report) = said.split_once('\n')?;
        let sarif = Sarif::parse(report.as_bytes()).ok()?;
        let tool = sarif.scanner.strip_prefix("sarif:")?;
        Some(format!("{tool} {}", sarif.version).trim().to_owned())
    }

    fn reads_with_python(&self) -> bool {
        true
    }

    /// Nobody knows whether it reads on where Python does not, so the files are compiled first. A shell only where the
    /// report is a file: what the tool prints must not get in between.
    fn command(&self, interpreter: &Interpreter, root: &str, _: Language) -> Vec<String> {
        let program = self.program.path.to_string_lossy().into_owned();
        let tree = format!("{root}/s");
        let fill = |word: &String| word.replace("{tree}", &tree).replace("{output}", OUTPUT);
        let own = std::iter::once(program).chain(self.arguments.iter().map(fill));
        let has_file = self.arguments.iter().any(|word| word.contains("{output}"));
        let script = format!(
            "\"$@\" >&2; code=$?; [ $code -gt 1 ] && exit $code; cat {OUTPUT} || exit 2; exit $code"
        );
        let shell = ["/bin/sh", "-c", &script, "sh"].map(str::to_owned);
        let shell = shell.into_iter().filter(|_| has_file);
        syntax::checked(interpreter, root, shell.chain(own).collect())
    }

    fn variables(&self) -> &'static [(&'static str, &'static str)] {
        &[("HOME", "/tmp"), ("TMPDIR", "/tmp")]
    }

    fn files(&self, _: Language) -> &'static [(&'static str, &'static str)] {
        &[syntax::FILE]
    }

    /// Nothing is known of its rules, but that they are about weak code.
    fn mark(&self, _: Language) -> &'static str {
        WEAK
    }

    fn is_mark(&self, _: &str) -> bool {
        true
    }

    fn knows(&self, _: Language, lines: &[u32]) -> bool {
        let weak = [CANARY_SHELL, CANARY_EVAL, CANARY_REQUEST];
        weak.iter().any(|line| lines.contains(line))
    }

    fn limits(&self, files: usize, bytes: usize) -> Limits {
        let seconds = 120 + files as u64 + (bytes as u64 >> 20) * 120;
        Limits {
            cpu: std::time::Duration::from_secs(seconds),
            wall: std::time::Duration::from_secs(seconds * 4),
            memory: 4096 * MIB,
            processes: 256,
            output: 64 * MIB,
            file_size: 256 * MIB,
            disk: 512 * MIB,
            inodes: 65_536,
            open_files: 1024,
        }
    }

    /// Many tools end with 1 if they found something. That it did its work is shown by the known answers.
    fn parse(
        &self,
        output: &ToolOutput<'_>,
        layout: &Layout,
    ) -> Result<Vec<FileOutcome>, BatchFailure> {
        if output.end != End::Exited(1) {
            check_end(output)?;
        }
        outcomes(self, output.stdout, layout)
    }
}

#[cfg(test)]
mod tests;
