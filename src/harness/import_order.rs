//! In which order the jobs of a run have their imports made. Interpreters that have made the most popular ones are
//! worth keeping, and jobs share more of them if all make theirs in one order.
//!
//! Popular is what comes with the imports of many tasks, named or not: an interpreter that has imported numpy may
//! run whatever begins with pandas, which brings it. So the ladder that a job climbs has every import of the run of
//! which all that comes with it comes with the job's own (see [`Closures`]); no module is on it that the job
//! would not have loaded itself before its first own line.
//!
//! What a program sees at that line is the same modules in any order. That a library behaves otherwise
//! when another one was imported before it is possible; the comparison of warm and cold runs over whole datasets
//! (`tests/warm/`) is there to find it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use fixedbitset::FixedBitSet;

use super::closures::Closures;
use super::plan::first_imports;
use crate::dataset::Task;

/// How many tasks must make an import for a survey of it to pay: it costs as much as the import itself.
const OFTEN: u32 = 3;
/// The least cost of a rung, in microseconds: what costs less is left to the job. An interpreter takes 10 ms to make.
const WORTH: u64 = 10_000;
/// How many jobs of each worker must climb to a rung for it to be worth an interpreter at once.
const SURELY: u32 = 3;

/// How many tasks make an import, by its name as in [`super::imports::leading`], and what comes with it.
#[derive(Clone, Debug, Default)]
pub struct ImportOrder {
    counts: BTreeMap<String, u32>,
    /// What comes with each import that was surveyed.
    known: BTreeMap<String, FixedBitSet>,
    /// Those of them that are worth an interpreter, the most popular first.
    ladder: Vec<String>,
    /// The ladders of tasks, and all beginnings of these that enough tasks have in common.
    popular: BTreeSet<Vec<String>>,
}

/// What a task's own answer imports, or else its prompt.
fn imports_of(task: &Task) -> BTreeSet<String> {
    let code = task.ground_truth.as_ref().unwrap_or(&task.prompt);
    first_imports(task, code).into_iter().collect()
}

impl ImportOrder {
    /// Of these tasks, by the imports that they name.
    pub fn of<'a>(tasks: impl Iterator<Item = &'a Task>) -> Self {
        let mut counts = BTreeMap::new();
        for import in tasks.flat_map(imports_of) {
            *counts.entry(import).or_default() += 1;
        }
        Self {
            counts,
            ..Self::default()
        }
    }

    /// The imports of which it pays to know what comes with them.
    pub fn worth_a_survey(&self) -> Vec<String> {
        let often = self.counts.iter().filter(|(_, count)| **count >= OFTEN);
        often.map(|(import, _)| import.clone()).collect()
    }

    /// The same with what a survey found, for these tasks and so many workers, each of which has interpreters of its own.
    #[must_use]
    pub fn with<'a>(
        mut self,
        closures: &Closures,
        tasks: impl Iterator<Item = &'a Task>,
        workers: usize,
    ) -> Self {
        let mut rungs = Vec::new();
        for (import, micros, modules) in closures.iter() {
            if micros >= WORTH {
                rungs.push((0_u32, import.to_owned()));
            }
            self.known.insert(import.to_owned(), modules);
        }
        let tasks: Vec<Vec<String>> = tasks
            .map(|task| imports_of(task).into_iter().collect())
            .collect();
        for imports in &tasks {
            let brought = self.brought_by(imports.iter());
            for (count, import) in &mut rungs {
                *count += u32::from(self.known[import].is_subset(&brought));
            }
        }
        rungs.retain(|(count, _)| *count > 0);
        // What comes with another import is at least as popular as that one; if no more than that, it has fewer modules.
        rungs.sort_by_key(|(count, import)| (Reverse(*count), self.known[import].count_ones(..)));
        self.ladder = rungs.into_iter().map(|(_, import)| import).collect();
        let mut beginnings = BTreeMap::<Vec<String>, u32>::new();
        for imports in &tasks {
            let rungs = self.rungs_for(imports);
            for length in 1..=rungs.len() {
                *beginnings.entry(rungs[..length].to_vec()).or_default() += 1;
            }
        }
        let enough = u32::try_from(workers)
            .unwrap_or(u32::MAX)
            .saturating_mul(SURELY);
        let popular = beginnings.into_iter().filter(|(_, count)| *count >= enough);
        self.popular = popular.map(|(beginning, _)| beginning).collect();
        self
    }

    /// All modules that come with these imports, as far as is known.
    fn brought_by<'a>(&self, imports: impl Iterator<Item = &'a String>) -> FixedBitSet {
        let mut brought = FixedBitSet::new();
        for modules in imports.filter_map(|import| self.known.get(import)) {
            brought.union_with(modules);
        }
        brought
    }

    /// The imports of the ladder that may be made for a job that makes these, each of which brings something new.
    fn rungs_for(&self, imports: &[String]) -> Vec<String> {
        let brought = self.brought_by(imports.iter());
        let mut there = FixedBitSet::new();
        let mut rungs = Vec::new();
        for import in &self.ladder {
            let modules = &self.known[import];
            if modules.is_subset(&brought) && !modules.is_subset(&there) {
                there.union_with(modules);
                rungs.push(import.clone());
            }
        }
        rungs
    }

    /// The imports to be made for a job that makes these first of all, in their order: those of the ladder that bring
    /// something new, then those of which nothing is known, the most popular first. Equally popular ones stay in their
    /// order, so that a module comes before its parts. With them, how many from the first on will surely be wanted again.
    pub fn ladder_for(&self, imports: Vec<String>) -> (Vec<String>, usize) {
        let mut order = self.rungs_for(&imports);
        let is_popular = |length: &usize| self.popular.contains(&order[..*length]);
        let popular = (1..=order.len()).take_while(is_popular).last().unwrap_or(0);
        let mut unknown: Vec<String> = imports;
        unknown.retain(|import| !self.known.contains_key(import));
        unknown.sort_by_key(|import| Reverse(self.counts.get(import).copied().unwrap_or(0)));
        order.append(&mut unknown);
        (order, popular)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Tests;

    fn task(imports: &[&str]) -> Task {
        let lines: String = imports
            .iter()
            .map(|name| format!("import {name}\n"))
            .collect();
        Task {
            ground_truth: Some(lines + "def f(): pass\n"),
            ..Task::bare(
                imports.join("+").as_str(),
                "f",
                Tests::Check {
                    source: String::new(),
                },
            )
        }
    }

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn without_a_survey_the_most_popular_come_first_and_a_module_before_its_parts() {
        let tasks = [
            task(&["b", "b.x", "a"]),
            task(&["b", "b.x"]),
            task(&["a", "b"]),
        ];
        let order = ImportOrder::of(tasks.iter());
        assert_eq!(order.worth_a_survey(), ["b"]);
        assert_eq!(
            order.ladder_for(words("new c b.x a b newer")),
            (words("b b.x a new c newer"), 0)
        );
        let nothing = ImportOrder::default();
        assert_eq!(nothing.ladder_for(words("c a")).0, words("c a"));
    }

    #[test]
    fn what_comes_with_an_import_may_be_made_before_it() {
        let tasks = [
            task(&["num"]),
            task(&["frames"]),
            task(&["frames", "plot"]),
            task(&["plot"]),
            task(&["charts"]),
            task(&["cheap", "num"]),
        ];
        let survey = r#"{"modules": ["num", "frames", "plot", "charts", "cheap", "base"], "imports": {
            "num": {"micros": 50000, "modules": [0, 5]},
            "frames": {"micros": 200000, "modules": [0, 1, 5]},
            "plot": {"micros": 300000, "modules": [0, 2, 5]},
            "charts": {"micros": 500000, "modules": [0, 1, 2, 3, 5]},
            "cheap": {"micros": 100, "modules": [4, 5]}}}"#;
        let closures: Closures = serde_json::from_str(survey).unwrap();
        let order = ImportOrder::of(tasks.iter()).with(&closures, tasks.iter(), 1);
        // Six tasks have num below all else, three of these frames behind it, one plot.
        for (imports, ladder, popular) in [
            ("num", "num", 1),
            ("frames", "num frames", 2),
            ("frames num", "num frames", 2),
            ("charts", "num frames plot charts", 2),
            ("plot new", "num plot new", 1),
            // What is cheap is left to the job, and what only others bring is not made for it.
            ("cheap", "", 0),
            ("cheap new", "new", 0),
        ] {
            let expected = (words(ladder), popular);
            assert_eq!(order.ladder_for(words(imports)), expected, "{imports}");
        }
    }
}
