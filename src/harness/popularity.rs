//! Which imports the tasks of a run make most often. Interpreters that have made these are worth keeping, and
//! jobs share more of them if all make their imports in one order: the most popular first.
//!
//! What a program sees at its first own line is the same modules in any order. That a library behaves otherwise
//! when another one was imported before it is possible; the comparison of warm and cold runs over whole datasets
//! (`tests/warm/`) is there to find it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::plan::first_imports;
use crate::dataset::TaskSet;

/// How many tasks make an import, by its name as in [`super::imports::leading`].
#[derive(Clone, Debug, Default)]
pub struct Popularity(BTreeMap<String, u32>);

impl Popularity {
    /// Of the tasks of a dataset, by what their own answers import, or else their prompts.
    pub fn of(tasks: &TaskSet) -> Self {
        let mut counts = BTreeMap::new();
        for task in tasks.iter() {
            let code = task.ground_truth.as_ref().unwrap_or(&task.prompt);
            for import in BTreeSet::from_iter(first_imports(task, code)) {
                *counts.entry(import).or_default() += 1;
            }
        }
        Self(counts)
    }

    /// The most popular first; those that are equally popular stay in their order, so that a module comes
    /// before its parts.
    pub fn sort(&self, imports: &mut [String]) {
        let count = |import: &String| self.0.get(import).copied().unwrap_or(0);
        imports.sort_by_key(|import| Reverse(count(import)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_popular_come_first_and_a_module_before_its_parts() {
        let counts = [("a", 3), ("b", 5), ("b:x", 5), ("c", 1)];
        let popularity = Popularity(counts.map(|(name, count)| (name.to_owned(), count)).into());
        let mut imports = ["new", "c", "a", "b", "b:x", "newer"].map(str::to_owned);
        popularity.sort(&mut imports);
        assert_eq!(imports, ["b", "b:x", "a", "c", "new", "newer"]);
        Popularity::default().sort(&mut imports);
        assert_eq!(imports, ["b", "b:x", "a", "c", "new", "newer"]);
    }
}
