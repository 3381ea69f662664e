//! The codes behind a comparison: journals hold only their digests.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::exit_code::Exit;
use super::failure::Failure;
use super::inputs::{InputArgs, Inputs};
use super::sides::{Run, Side, Sides};
use crate::autopsy::{Patient, examine_all};
use crate::base::digest::Digest;
use crate::base::id::SampleId;
use crate::base::text::one_line;
use crate::dataset::TaskSet;
use crate::journal::VerdictRecord;
use crate::metrics::paired::transitions::{pairs, pairs_by};
use crate::metrics::paired::{Cell, JudgedCell, Pair, Pairing};
use crate::report::listing::{Diff, Failures, ListedPair, ListedSample, Listing};
use crate::scan::{Finding, behaviour};

/// Findings that are named of one sample.
const FINDINGS: usize = 10;
/// Characters of a name.
const NAME: usize = 200;
/// Bytes of code that are held at one time.
const MOST: usize = 512 << 20;
/// What Table 6 is about: insecure and functional before, secure and not functional after.
const BROKEN: &str = "IF:SN";

/// Arguments as typed.
#[derive(Args, Debug)]
pub(super) struct CodeArgs {
    /// List the samples behind a cell of the transitions: BEFORE:AFTER, each S, I, U or * and F, N or *, such as IF:SN;
    /// by one scanner if its name stands before it, such as 'bandit IF:SN'.
    #[arg(long, value_name = "[SCANNER] CELL", conflicts_with_all = ["latex", "csv"])]
    list: Option<JudgedCell>,
    /// How many pairs of samples are listed.
    #[arg(long, value_name = "N", default_value = "20", requires = "list",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    list_limit: u32,
    /// The samples that the base was evaluated with: for differences, and why samples stopped working.
    #[arg(long, value_name = "FILE", requires = "samples")]
    samples_base: Option<String>,
    /// The samples of each technique, in the order of the runs; of the one run where its groups are compared.
    #[arg(long, value_name = "FILE", requires = "data")]
    samples: Vec<String>,
    /// The dataset that was evaluated; needed with --samples.
    #[arg(long, value_name = "PATH", requires = "samples")]
    data: Option<PathBuf>,
    /// The samples were evaluated with --keep-fences.
    #[arg(long, requires = "samples")]
    keep_fences: bool,
}

/// The codes that are needed, by run and sample, with the tasks.
#[derive(Debug, Default)]
pub(super) struct Codes {
    tasks: Option<Arc<TaskSet>>,
    by_run: Vec<HashMap<SampleId, String>>,
}

/// What is listed and examined of one technique.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) listing: Option<Listing>,
    pub(super) failures: Option<Failures>,
}

/// The pairs that are asked for of one technique.
#[derive(Debug)]
struct Asked {
    listed: Vec<Pair>,
    count: u64,
    broken: Vec<Pair>,
}

impl CodeArgs {
    /// The scanner by whose judgement samples are listed.
    pub(super) fn scanner(&self) -> Option<&str> {
        self.list.as_ref()?.scanner.as_deref()
    }

    /// Lists and examines what is asked for, technique by technique.
    pub(super) fn show(
        &self,
        sides: &Sides,
        pairings: &[&Pairing<'_>],
    ) -> Result<Vec<Shown>, Failure> {
        let files = self.files(sides)?;
        let broken: Option<Cell> = BROKEN.parse().ok();
        let asked: Vec<Asked> = pairings
            .iter()
            .map(|pairing| {
                let mut asked = Asked {
                    listed: Vec::new(),
                    count: 0,
                    broken: Vec::new(),
                };
                if let Some(wanted) = &self.list {
                    for pair in judged(pairing, wanted.scanner.as_deref()) {
                        if wanted.cell.holds(pair.before, pair.after) {
                            asked.count += 1;
                            if asked.listed.len() < self.list_limit as usize {
                                asked.listed.push(pair);
                            }
                        }
                    }
                }
                if let (Some(broken), false) = (broken, files.is_empty()) {
                    let all = pairs(pairing);
                    let those = all.filter(|pair| broken.holds(pair.before, pair.after));
                    asked.broken.extend(those);
                }
                asked
            })
            .collect();
        let codes = self.read(sides, &files, &asked)?;
        let all = sides.techniques.iter().zip(asked);
        all.map(|(technique, asked)| {
            let listing = match &self.list {
                Some(wanted) => Some(listing(sides, technique, wanted, &asked, &codes)?),
                None => None,
            };
            let failures = match files.is_empty() {
                false => Some(failures(sides, technique, &asked.broken, &codes)?),
                true => None,
            };
            Ok(Shown { listing, failures })
        })
        .collect()
    }

    /// The sample file of each run; none if none is given.
    fn files(&self, sides: &Sides) -> Result<Vec<&str>, Failure> {
        if self.samples.is_empty() {
            return Ok(Vec::new());
        }
        let usage = |what: String, hint: &str| {
            Err(Failure::new(Exit::Usage, anyhow::anyhow!(what)).hint(hint))
        };
        let samples = self.samples.iter().map(String::as_str);
        match (&self.samples_base, sides.runs.len()) {
            (None, 1) if self.samples.len() == 1 => Ok(samples.collect()),
            (_, 1) => usage(
                "the groups of one run have one sample file".to_owned(),
                "give it once, with --samples",
            ),
            (None, _) => usage(
                "the base's samples are not given".to_owned(),
                "give them with --samples-base FILE",
            ),
            (Some(base), runs) if self.samples.len() == runs - 1 => {
                Ok(std::iter::once(base.as_str()).chain(samples).collect())
            }
            (Some(_), runs) => usage(
                format!(
                    "{} sample files for {} techniques",
                    self.samples.len(),
                    runs - 1
                ),
                "give --samples FILE once for each technique, in their order",
            ),
        }
    }

    /// Reads the codes of all pairs that are asked for.
    fn read(&self, sides: &Sides, files: &[&str], asked: &[Asked]) -> Result<Codes, Failure> {
        let Some(data) = self.data.as_ref().filter(|_| !files.is_empty()) else {
            return Ok(Codes::default());
        };
        let mut wanted: Vec<HashMap<SampleId, Digest>> = vec![HashMap::new(); sides.runs.len()];
        for (technique, asked) in sides.techniques.iter().zip(asked) {
            for pair in asked.listed.iter().chain(&asked.broken) {
                for (run, sample) in [
                    (sides.base.run, &pair.base),
                    (technique.run, &pair.technique),
                ] {
                    if !wanted[run].contains_key(sample) {
                        let record = record(&sides.runs[run], sample)?;
                        wanted[run].insert(sample.clone(), record.code);
                    }
                }
            }
        }
        let mut codes = Codes::default();
        let mut bytes = 0;
        for ((run, file), wanted) in sides.runs.iter().zip(files).zip(wanted) {
            let inputs = Inputs::resolve(&InputArgs {
                dataset: run.manifest.identity.dataset.clone(),
                data: data.clone(),
                samples: (*file).to_owned(),
                keep_fences: self.keep_fences,
                ..InputArgs::default()
            })?;
            codes
                .by_run
                .push(codes_of(run, file, &inputs, &wanted, &mut bytes)?);
            codes.tasks = Some(inputs.tasks);
        }
        Ok(codes)
    }
}

/// The pairs of samples as all scanners together judge them, or as one does that both sides have.
fn judged<'p>(
    pairing: &'p Pairing<'_>,
    scanner: Option<&str>,
) -> Box<dyn Iterator<Item = Pair> + 'p> {
    match scanner {
        None => Box::new(pairs(pairing)),
        Some(scanner) => Box::new(pairs_by(pairing, scanner).into_iter().flatten()),
    }
}

/// The wanted codes of one file.
fn codes_of(
    run: &Run,
    file: &str,
    inputs: &Inputs,
    wanted: &HashMap<SampleId, Digest>,
    bytes: &mut usize,
) -> Result<HashMap<SampleId, String>, Failure> {
    let mut found = HashMap::new();
    let other = |what: String| {
        let error = anyhow::anyhow!(
            "{file} is not what {} was evaluated with: {}",
            run.path.display(),
            one_line(&what, 300)
        );
        Failure::new(Exit::Input, error).hint(
            "give the file, the dataset and --keep-fences as they were given to `fumehood eval`",
        )
    };
    // Lines that are no samples were told of when the run was made.
    for sample in inputs.open()?.flatten() {
        let Some(digest) = wanted.get(&sample.id) else {
            continue;
        };
        if sample.code_digest() != *digest {
            return Err(other(format!(
                "the sample of line {} has other code",
                sample.line
            )));
        }
        *bytes += sample.code.len();
        if *bytes > MOST {
            let error =
                anyhow::anyhow!("the codes of all samples in question take more than 512 MiB");
            return Err(Failure::new(Exit::Input, error)
                .hint("compare fewer tasks, or one technique at a time"));
        }
        found.insert(sample.id, sample.code);
    }
    match wanted
        .keys()
        .filter(|sample| !found.contains_key(*sample))
        .min()
    {
        Some(missing) => Err(other(format!("it has no sample {missing}"))),
        None => Ok(found),
    }
}

impl Codes {
    fn get(&self, run: usize, sample: &SampleId) -> Option<&str> {
        self.by_run.get(run)?.get(sample).map(String::as_str)
    }
}

fn record(run: &Run, sample: &SampleId) -> Result<VerdictRecord, Failure> {
    let record = run.index.verdict(sample)?;
    record.ok_or_else(|| {
        let error = anyhow::anyhow!("{} has no verdict on {sample}", run.path.display());
        Failure::new(Exit::RunFolder, error)
    })
}

/// The findings that count, with their scanner, by line.
fn findings(run: &Run, record: &VerdictRecord) -> Vec<(String, Finding)> {
    let policy = &run.manifest.identity.policy;
    let dynamic = behaviour::result(record.verdict.behaviour.as_ref());
    let scanners = run.manifest.identity.scanners.iter();
    let results = scanners.filter_map(|scanner| match scanner.name.as_str() {
        behaviour::NAME => Some(&dynamic),
        name => run.index.scans(&record.code)?.get(name),
    });
    let mut found: Vec<(String, Finding)> = results
        .flat_map(|result| {
            let those = result.findings.iter();
            those.map(|finding| (result.scanner.clone(), finding.clone()))
        })
        .filter(|(scanner, finding)| policy.counts(scanner, finding))
        .collect();
    found.sort_by_key(|(_, finding)| finding.line);
    found
}

fn listed(run: &Run, sample: &SampleId) -> Result<ListedSample, Failure> {
    let record = record(run, sample)?;
    let findings = findings(run, &record).into_iter().take(FINDINGS);
    Ok(ListedSample {
        sample: sample.index,
        line: record.line,
        sample_id: record.name.as_deref().map(|name| one_line(name, NAME)),
        code: record.code,
        verdict: record.verdict.kind,
        findings: findings
            .map(|(scanner, finding)| {
                one_line(
                    &format!("{scanner} {}, line {}", finding.rule, finding.line),
                    NAME,
                )
            })
            .collect(),
    })
}

fn listing(
    sides: &Sides,
    technique: &Side,
    wanted: &JudgedCell,
    asked: &Asked,
    codes: &Codes,
) -> Result<Listing, Failure> {
    let base = &sides.base;
    let pairs = asked.listed.iter().map(|pair| {
        let before = codes.get(base.run, &pair.base);
        let after = codes.get(technique.run, &pair.technique);
        Ok(ListedPair {
            task: one_line(pair.base.task.as_str(), NAME),
            before: pair.before.name().to_owned(),
            after: pair.after.name().to_owned(),
            base: listed(sides.run_of(base), &pair.base)?,
            technique: listed(sides.run_of(technique), &pair.technique)?,
            diff: before
                .zip(after)
                .map(|(before, after)| Diff::of(before, after)),
        })
    });
    Ok(Listing {
        scanner: wanted.scanner.clone(),
        cell: wanted.cell.to_string(),
        count: asked.count,
        pairs: pairs.collect::<Result<_, Failure>>()?,
    })
}

fn failures(
    sides: &Sides,
    technique: &Side,
    broken: &[Pair],
    codes: &Codes,
) -> Result<Failures, Failure> {
    let base = &sides.base;
    let flagged = broken.iter().map(|pair| {
        let run = sides.run_of(base);
        let found = findings(run, &record(run, &pair.base)?);
        let lines = found.into_iter().map(|(_, finding)| finding.line);
        Ok(lines.collect())
    });
    let flagged = flagged.collect::<Result<Vec<Vec<u32>>, Failure>>()?;
    let patients = broken.iter().zip(&flagged).map(|(pair, flagged)| {
        let task = codes
            .tasks
            .as_ref()
            .and_then(|tasks| tasks.get(&pair.base.task));
        Patient {
            before: codes.get(base.run, &pair.base).unwrap_or_default(),
            after: codes
                .get(technique.run, &pair.technique)
                .unwrap_or_default(),
            entry: task.map_or("", |task| &task.entry_point),
            prompt: task.map_or("", |task| &task.prompt),
            flagged,
        }
    });
    let autopsies = examine_all(&patients.collect::<Vec<_>>());
    Ok(Failures::of(broken, autopsies))
}
