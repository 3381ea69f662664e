//! What is compared with what: run folders, or groups of one, as typed and as found.

use std::path::{Path, PathBuf};

use super::exit_code::Exit;
use super::failure::Failure;
use super::output::say;
use super::render::{exit, read_counted};
use crate::base::text::one_line;
use crate::journal::{Index, Manifest, RunFolder};

use crate::metrics::paired::Partners;
use crate::metrics::{Aggregator, Opinions};
use crate::pipeline::{Grouping, Replay, Study};
use crate::report::compare::Difference;
use crate::report::format::group_name;

/// Groups and differences that an error names.
const NAMED: usize = 20;
/// Characters of a hostile name.
const NAME: usize = 100;

/// A run, counted.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) path: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) index: Index,
    pub(super) replay: Replay,
}

/// One side: a group of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Side {
    /// The run's place.
    pub(super) run: usize,
    /// Its name: the folder as typed, or the group.
    pub(super) name: String,
    pub(super) group: Option<String>,
}

/// All runs that were named, and the sides that they hold.
#[derive(Debug)]
pub(super) struct Sides {
    pub(super) runs: Vec<Run>,
    pub(super) base: Side,
    pub(super) techniques: Vec<Side>,
    pub(super) partners: Partners,
    /// Where techniques differ from the base though they should not.
    pub(super) differences: Vec<Difference>,
}

impl Run {
    fn read(path: &Path, policy: Option<&Path>) -> Result<Self, Failure> {
        let folder = RunFolder::at(path);
        let (manifest, index, replay) = read_counted(&folder, policy, &Grouping::default())?;
        Ok(Self {
            path: path.to_owned(),
            manifest,
            index,
            replay,
        })
    }

    fn groups(&self) -> impl Iterator<Item = Option<&str>> {
        self.replay.stream.groups().iter().map(|(name, _)| name)
    }

    /// The groups' names, for an error.
    fn named_groups(&self) -> String {
        let mut names: Vec<String> = self
            .groups()
            .take(NAMED)
            .map(|name| format!("`{}`", one_line(group_name(name), NAME)))
            .collect();
        let all = self.groups().count();
        if all > NAMED {
            names.push(format!("and {} more", all - NAMED));
        }
        names.join(", ")
    }

    /// The group of this name, as [`group_name`] writes it.
    fn find(&self, wanted: &str) -> Result<Option<String>, Failure> {
        let mut groups = self.groups();
        let found = groups.find(|name| group_name(*name) == wanted);
        found.map(|name| name.map(str::to_owned)).ok_or_else(|| {
            let error = anyhow::anyhow!(
                "{} has no group `{}`",
                self.path.display(),
                one_line(wanted, NAME)
            );
            Failure::new(Exit::Usage, error)
                .hint(format!("its samples name {}", self.named_groups()))
        })
    }
}

impl Sides {
    /// Reads the runs and finds the sides.
    pub(super) fn read(
        paths: &[PathBuf],
        base: Option<&str>,
        techniques: &[String],
        policy: Option<&Path>,
    ) -> Result<Self, Failure> {
        match (paths, base) {
            ([run], Some(base)) => Self::of_groups(Run::read(run, policy)?, base, techniques),
            ([_], None) => Err(Failure::new(
                Exit::Usage,
                anyhow::anyhow!("there is nothing to compare the run with"),
            )
            .hint("name two run folders or more, or a group of this one with --base")),
            (_, Some(_)) => Err(Failure::new(
                Exit::Usage,
                anyhow::anyhow!(
                    "--base names a group of one run, but several run folders are given"
                ),
            )
            .hint("leave --base out: the first folder is the base; or give one folder only")),
            (paths, None) => Self::of_runs(paths, policy),
        }
    }

    fn of_groups(run: Run, base: &str, techniques: &[String]) -> Result<Self, Failure> {
        let group = run.find(base)?;
        let side = |group: Option<String>| Side {
            run: 0,
            name: group_name(group.as_deref()).to_owned(),
            group,
        };
        let wanted: Vec<Option<String>> = if techniques.is_empty() {
            let others = run.groups().filter(|name| *name != group.as_deref());
            others.map(|name| name.map(str::to_owned)).collect()
        } else {
            let found = techniques.iter().map(|name| run.find(name));
            found.collect::<Result<_, _>>()?
        };
        if wanted.is_empty() {
            let error = anyhow::anyhow!("{} has no other group than the base", run.path.display());
            return Err(Failure::new(Exit::Usage, error).hint(
                "its samples need `model` or `technique` to tell groups apart; or name another run folder",
            ));
        }
        Ok(Self {
            base: side(group),
            techniques: wanted.into_iter().map(side).collect(),
            partners: Partners::ByOrder,
            differences: Vec::new(),
            runs: vec![run],
        })
    }

    fn of_runs(paths: &[PathBuf], policy: Option<&Path>) -> Result<Self, Failure> {
        let runs = paths.iter().map(|path| Run::read(path, policy));
        let runs: Vec<Run> = runs.collect::<Result<_, _>>()?;
        let sides = runs.iter().enumerate().map(|(place, run)| {
            let mut groups = run.groups();
            let group = match (groups.next(), groups.next()) {
                (Some(only), None) => only.map(str::to_owned),
                (None, _) => {
                    let error = anyhow::anyhow!("{} has no samples yet", run.path.display());
                    return Err(Failure::new(Exit::RunFolder, error)
                        .hint("go on with it: `fumehood eval` with --resume"));
                }
                (Some(_), Some(_)) => {
                    let error = anyhow::anyhow!(
                        "{} holds several groups: {}",
                        run.path.display(),
                        run.named_groups()
                    );
                    return Err(Failure::new(Exit::Usage, error).hint(
                        "compare them with each other (`fumehood compare RUN --base GROUP`), or evaluate \
                         one group a run",
                    ));
                }
            };
            Ok(Side {
                run: place,
                name: run.path.display().to_string(),
                group,
            })
        });
        let mut sides = sides.collect::<Result<Vec<Side>, Failure>>()?;
        let techniques = sides.split_off(1);
        let Some(base) = sides.pop() else {
            return Err(Failure::new(
                Exit::Usage,
                anyhow::anyhow!("no run folder is named"),
            ));
        };
        let mut differences = Vec::new();
        for technique in &techniques {
            let identity = &runs[technique.run].manifest.identity;
            let parts = runs[0].manifest.identity.incomparable(identity);
            let (base, other) = (&runs[0].manifest, &runs[technique.run].manifest);
            if (base.is_mixed || other.is_mixed) && base.sources != other.sources {
                let told = |manifest: &Manifest| match manifest.is_mixed {
                    true => "of several files, numbered by none of them".to_owned(),
                    false => "numbered as in their file".to_owned(),
                };
                differences.push(Difference {
                    technique: one_line(&technique.name, NAME),
                    part: "order of samples".to_owned(),
                    base: told(base),
                    other: told(other),
                });
            }
            differences.extend(parts.into_iter().map(|(part, base, other)| Difference {
                technique: one_line(&technique.name, NAME),
                part,
                base,
                other,
            }));
        }
        Ok(Self {
            runs,
            base,
            techniques,
            partners: Partners::ByIndex,
            differences,
        })
    }

    /// The run of a side.
    pub(super) fn run_of(&self, side: &Side) -> &Run {
        &self.runs[side.run]
    }

    /// The samples of a side.
    pub(super) fn samples_of(&self, side: &Side) -> Result<&Aggregator, Failure> {
        let mut groups = self.run_of(side).replay.stream.groups().iter();
        let found = groups.find(|(name, _)| *name == side.group.as_deref());
        found.map(|(_, samples)| samples).ok_or_else(|| {
            Failure::new(
                Exit::RunFolder,
                anyhow::anyhow!("{} has no samples", side.name),
            )
        })
    }

    /// What the scanners found in each sample, by run; nothing unless every run was scanned.
    pub(super) fn opinions(&self) -> Result<Vec<Opinions>, Failure> {
        let mut runs = self.runs.iter();
        if runs.any(|run| run.manifest.identity.scanners.is_empty()) {
            return Ok(Vec::new());
        }
        let all = self.runs.iter().map(|run| {
            let study = Study::of(&run.manifest, &run.index, None)?;
            Ok(study.opinions)
        });
        all.collect()
    }

    /// Refuses what cannot be compared, unless it is forced.
    pub(super) fn check(&self, is_forced: bool) -> Result<(), Failure> {
        if self.differences.is_empty() || is_forced {
            return Ok(());
        }
        let mut text = String::from("these runs cannot be compared:");
        for difference in self.differences.iter().take(NAMED) {
            text.push_str(&format!(
                "\n  {}: {} is {}, the base's {}",
                difference.technique, difference.part, difference.other, difference.base
            ));
        }
        if self.differences.len() > NAMED {
            text.push_str(&format!(
                "\n  and {} more differences",
                self.differences.len() - NAMED
            ));
        }
        Err(Failure::new(Exit::RunFolder, anyhow::anyhow!(text)).hint(
            "evaluate both alike, count both by one policy (--policy), or compare all the same with --force: \
             the report will say so",
        ))
    }

    /// Says which runs did not come to their end.
    pub(super) fn note_unfinished(&self) {
        for run in self.runs.iter().filter(|run| !run.index.is_finished()) {
            say(&format!(
                "note: {} did not come to its end; what follows is what it has so far",
                run.path.display()
            ));
        }
    }

    /// Whether everything could be judged.
    pub(super) fn is_complete(&self) -> bool {
        let mut runs = self.runs.iter();
        runs.all(|run| exit(&run.replay.stream) == Exit::Success)
    }
}
