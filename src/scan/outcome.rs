//! What a tool's output says about each file of a batch: the part that all parsers share.

use serde::Deserialize;

use super::adapter::Adapter;
use super::cwe::cwe;
use super::staging::{Layout, Member};
use super::{Finding, Severity};
use crate::base::text;
use crate::worker::End;

/// Findings kept of one file. A file with more is not wholly judged, as the surplus is dropped.
const MAX_FINDINGS: usize = 1000;
/// Characters kept of a scanner's message.
const MAX_MESSAGE: usize = 200;

/// What a tool left behind; hostile bytes, since they hold parts of samples.
#[derive(Clone, Copy, Debug)]
pub struct ToolOutput<'a> {
    /// Its standard output, whole.
    pub stdout: &'a [u8],
    /// Its standard error, whole.
    pub stderr: &'a [u8],
    /// How it ended.
    pub end: End,
}

/// What a batch's run says about one of its samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileOutcome {
    /// Every hit, sorted.
    pub findings: Vec<Finding>,
    /// Why the file was not, or not wholly, analysed.
    pub not_analysed: Option<String>,
}

impl FileOutcome {
    /// Nothing is known.
    pub fn unknown(why: &str) -> Self {
        Self {
            findings: Vec::new(),
            not_analysed: Some(why.to_owned()),
        }
    }
}

/// Why a batch's run says nothing at all.
pub type BatchFailure = String;

/// Gathers what a tool reported, takes the known answers out, and checks them.
pub(crate) struct Collector<'a> {
    adapter: &'a dyn Adapter,
    layout: &'a Layout,
    outcomes: Vec<FileOutcome>,
    /// Of which it is proven that they were read to their end.
    read: Vec<bool>,
    /// The canary's lines that were reported.
    canary: Vec<u32>,
    /// Lines of the mark behind each sample.
    mark_lines: u32,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(adapter: &'a dyn Adapter, layout: &'a Layout) -> Self {
        let count = layout.files().len();
        let language = layout.language();
        Self {
            adapter,
            layout,
            outcomes: vec![FileOutcome::default(); count],
            read: vec![false; count],
            canary: Vec::new(),
            mark_lines: language.lines(adapter.mark(language)),
        }
    }

    /// Takes one hit. The normalised CWE is filled in here.
    pub(crate) fn hit(&mut self, path: &str, mut finding: Finding) -> Result<(), BatchFailure> {
        match self.member(path)? {
            Member::Canary => self.canary.push(finding.line),
            Member::Clean => {
                return Err(format!(
                    "it flagged code that is known to be clean ({} in line {})",
                    text::one_line(&finding.rule, 40),
                    finding.line
                ));
            }
            Member::Sample(index) => {
                let mark = self.layout.files()[index].mark;
                let last = mark + self.mark_lines.saturating_sub(1);
                if (mark..=last).contains(&finding.line) && self.adapter.is_mark(&finding.rule) {
                    self.read[index] = true;
                    return Ok(());
                }
                if finding.line > last {
                    return Err(format!(
                        "it reported line {} of a file with {last} lines",
                        finding.line
                    ));
                }
                let outcome = &mut self.outcomes[index];
                if outcome.findings.len() >= MAX_FINDINGS {
                    outcome.not_analysed = Some(format!(
                        "more than {MAX_FINDINGS} findings; the rest was dropped"
                    ));
                    return Ok(());
                }
                // Nothing of ours is reported on the mark's line, which is beyond the sample.
                finding.line = finding.line.clamp(1, mark.saturating_sub(1).max(1));
                finding.cwe = cwe(self.adapter.name(), &finding.rule).or(finding.native_cwe);
                finding.rule = text::one_line(&finding.rule, 60);
                finding.message = text::one_line(&finding.message, MAX_MESSAGE);
                outcome.findings.push(finding);
            }
        }
        Ok(())
    }

    /// Takes it that the tool itself shows that it read a file to its end.
    pub(crate) fn read(&mut self, path: &str) -> Result<(), BatchFailure> {
        if let Member::Sample(index) = self.member(path)? {
            self.read[index] = true;
        }
        Ok(())
    }

    /// Takes a hit of a rule that is ours and looks for nothing but marks: elsewhere it is no weakness of the sample.
    pub(crate) fn mark(&mut self, path: &str, line: u32) -> Result<(), BatchFailure> {
        if let Member::Sample(index) = self.member(path)? {
            let mark = self.layout.files()[index].mark;
            let last = mark + self.mark_lines.saturating_sub(1);
            self.read[index] |= (mark..=last).contains(&line);
        }
        Ok(())
    }

    /// Takes a reason why a file was not, or not wholly, analysed; the first one is kept.
    pub(crate) fn problem(&mut self, path: &str, why: &str) -> Result<(), BatchFailure> {
        let why = text::one_line(why, MAX_MESSAGE);
        match self.member(path)? {
            Member::Sample(index) => {
                self.outcomes[index].not_analysed.get_or_insert(why);
                Ok(())
            }
            Member::Canary | Member::Clean => {
                Err(format!("it could not analyse a file of ours: {why}"))
            }
        }
    }

    /// Checks the known answers, and gives one outcome a sample, in order.
    pub(crate) fn finish(mut self) -> Result<Vec<FileOutcome>, BatchFailure> {
        if !self.adapter.knows(self.layout.language(), &self.canary) {
            return Err("it did not flag code that is known to be weak".to_owned());
        }
        for (outcome, read) in self.outcomes.iter_mut().zip(&self.read) {
            if !read {
                outcome
                    .not_analysed
                    .get_or_insert_with(|| "the scanner did not reach its end".to_owned());
            }
            outcome.findings.sort();
            outcome.findings.dedup();
        }
        Ok(self.outcomes)
    }

    fn member(&self, path: &str) -> Result<Member, BatchFailure> {
        self.layout.member(path).ok_or_else(|| {
            format!(
                "it reported a file that it was not given ({})",
                text::one_line(path, 100)
            )
        })
    }
}

/// A finding as parsers begin it.
pub(crate) fn finding(rule: String, line: u32, message: String) -> Finding {
    Finding {
        rule,
        native_cwe: None,
        cwe: None,
        severity: Severity::Undefined,
        confidence: Severity::Undefined,
        line,
        message,
    }
}

/// A report that is JSON.
pub(crate) fn json<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, BatchFailure> {
    serde_json::from_slice(text)
        .map_err(|error| format!("its output is not what it should be: {error}"))
}

/// How a tool ended, if that alone says that its output is worthless.
pub(crate) fn check_end(output: &ToolOutput<'_>) -> Result<(), BatchFailure> {
    let how = match output.end {
        End::Exited(0) => return Ok(()),
        End::Exited(code) => format!("it failed with exit code {code}"),
        End::Signaled(signal) => format!("it crashed with signal {signal}"),
    };
    let said = String::from_utf8_lossy(output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    Err(match last {
        Some(last) => format!("{how}: {}", text::one_line(last, MAX_MESSAGE)),
        None => how,
    })
}

/// What the tests of all parsers share.
#[cfg(test)]
pub(crate) mod trial {
    use super::{Adapter, BatchFailure, End, FileOutcome, Layout, ToolOutput};
    use crate::base::digest::Digest;
    use crate::scan::Language;

    /// A batch of these codes, seen at `/batch`.
    pub(crate) fn layout(codes: &[&str]) -> Layout {
        layout_of(Language::Python, codes)
    }

    /// The same, in any language.
    pub(crate) fn layout_of(language: Language, codes: &[&str]) -> Layout {
        let codes: Vec<_> = codes.iter().map(|code| (Digest::of(code), *code)).collect();
        Layout::new("/batch", language, &codes)
    }

    /// The path of one of its samples.
    pub(crate) fn path(codes: &[&str], index: usize) -> String {
        let layout = layout(codes);
        layout.path(&layout.files()[index].name)
    }

    /// What a scanner that ended well, with this output, says of them.
    pub(crate) fn parse(
        scanner: &dyn Adapter,
        codes: &[&str],
        stdout: &[u8],
        stderr: &[u8],
    ) -> Result<Vec<FileOutcome>, BatchFailure> {
        parse_of(Language::Python, scanner, codes, stdout, stderr)
    }

    /// The same, in any language.
    pub(crate) fn parse_of(
        language: Language,
        scanner: &dyn Adapter,
        codes: &[&str],
        stdout: &[u8],
        stderr: &[u8],
    ) -> Result<Vec<FileOutcome>, BatchFailure> {
        let end = End::Exited(0);
        let output = ToolOutput {
            stdout,
            stderr,
            end,
        };
        scanner.parse(&output, &layout_of(language, codes))
    }
}
