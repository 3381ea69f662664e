//! A SARIF report on programs that `fumehood stage` wrote, by a tool that ran elsewhere.
//!
//! Files are known by their names, which are digests of what is in them: wherever the tree was moved to, a finding
//! belongs to one program only.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::sarif::Sarif;
use super::staging::KNOWN;
use super::{FileOutcome, Language};
use crate::base::digest::Digest;

/// A report, with the programs that it is about.
#[derive(Clone, Debug)]
pub struct StagedReport {
    sarif: Sarif,
    /// Paths by file name without folder.
    places: HashMap<String, Vec<String>>,
    digest: Digest,
    /// Why it says nothing of any program.
    failure: Option<String>,
}

impl StagedReport {
    /// Reads a report.
    ///
    /// # Errors
    /// When it cannot be read, or is no SARIF.
    pub fn read(path: &Path) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|error| format!("it cannot be read: {error}"))?;
        Self::parse(&bytes)
    }

    /// Takes a report apart.
    ///
    /// # Errors
    /// When it is no SARIF.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let sarif = Sarif::parse(bytes)?;
        let mut places = HashMap::<String, Vec<String>>::new();
        let paths = sarif.analysed().map(str::to_owned);
        let paths = paths.chain(sarif.all_findings().map(|(path, _)| path.to_owned()));
        for path in paths.chain(sarif.problems().map(|(path, _)| path.to_owned())) {
            let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
            let known = places.entry(name).or_default();
            if !known.contains(&path) {
                known.push(path);
            }
        }
        let failure = unknowing(&sarif);
        Ok(Self {
            failure,
            digest: Digest::of(bytes),
            places,
            sarif,
        })
    }

    /// `sarif:` and the tool's name.
    pub fn scanner(&self) -> &str {
        &self.sarif.scanner
    }

    /// The tool's version.
    pub fn version(&self) -> &str {
        &self.sarif.version
    }

    /// Identity of the report.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What it says about a program.
    pub fn outcome(&self, digest: &Digest, code: &str) -> FileOutcome {
        if let Some(why) = &self.failure {
            return FileOutcome::unknown(why);
        }
        let places = self.places.get(&format!("{digest}.py"));
        let result = self.sarif.result(places.map_or(&[][..], Vec::as_slice));
        let last = Language::Python.lines(code).max(1);
        let beyond = result.findings.iter().find(|found| found.line > last);
        if let Some(found) = beyond {
            let why = format!(
                "it reports line {} of a program with {last} lines",
                found.line
            );
            return FileOutcome::unknown(&why);
        }
        FileOutcome {
            findings: result.findings,
            not_analysed: result.not_analysed,
        }
    }
}

/// Why a report is not believed: the tree holds weak code, which must be in it, and clean code, which must not.
fn unknowing(sarif: &Sarif) -> Option<String> {
    let flags = |name: &str| {
        let ending = format!("/{name}");
        let mut paths = sarif.all_findings().map(|(path, _)| path);
        paths.any(|path| path == name || path.ends_with(&ending))
    };
    let [(bad, _), (good, _)] = KNOWN;
    if !flags(bad) {
        return Some(format!(
            "the report does not flag {bad}, which is known to be weak; was the tool run on a whole tree that `fumehood \
             stage` wrote?"
        ));
    }
    flags(good).then(|| format!("the report flags {good}, which is known to be clean"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(hits: &[(&str, u32)], analysed: &[&str]) -> Vec<u8> {
        let hit = |(path, line): &(&str, u32)| {
            json!({"ruleId": "r", "message": {"text": "m"}, "locations": [{"physicalLocation": {
                "artifactLocation": {"uri": path}, "region": {"startLine": line}}}]})
        };
        let target = |path: &&str| json!({"location": {"uri": path}, "roles": ["analysisTarget"]});
        let run = json!({
            "tool": {"driver": {"name": "Tool", "version": "3"}},
            "results": hits.iter().map(hit).collect::<Vec<_>>(),
            "artifacts": analysed.iter().map(target).collect::<Vec<_>>(),
        });
        json!({"runs": [run]}).to_string().into_bytes()
    }

    #[test]
    fn programs_are_found_by_their_digest_wherever_the_tree_was() {
        let codes = ["eval(x)\n", "x = 1\n", "y = 2\n"];
        let digest = |index: usize| Digest::of(codes[index]);
        let name = |index: usize| {
            format!(
                "file:///build/t/{}",
                super::super::staging::name_of(Language::Python, &digest(index))
            )
        };
        let (weak, clean) = (name(0), name(1));
        let bytes = report(&[("known/bad.py", 5), (&weak, 1)], &[&clean]);
        let report = StagedReport::parse(&bytes).unwrap();
        assert_eq!((report.scanner(), report.version()), ("sarif:tool", "3"));
        let of = |index: usize| report.outcome(&digest(index), codes[index]);
        assert_eq!(of(0).findings.len(), 1);
        assert_eq!(of(1), FileOutcome::default());
        let why = of(2).not_analysed.unwrap();
        assert!(why.contains("does not show that it was analysed"), "{why}");
    }

    #[test]
    fn a_report_without_the_known_answers_says_nothing() {
        let code = "x = 1\n";
        let name = super::super::staging::name_of(Language::Python, &Digest::of(code));
        for (hits, says) in [
            (&[][..], "does not flag known/bad.py"),
            (
                &[("s/known/bad.py", 5), ("s/known/good.py", 1)],
                "flags known/good.py",
            ),
            (
                &[("known/bad.py", 5), (name.as_str(), 2)],
                "line 2 of a program with 1 lines",
            ),
        ] {
            let report = StagedReport::parse(&report(hits, &[&name])).unwrap();
            let why = report
                .outcome(&Digest::of(code), code)
                .not_analysed
                .unwrap();
            assert!(why.contains(says), "{why}");
        }
    }
}
