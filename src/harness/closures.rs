//! What comes with an import: which modules an interpreter has loaded whose program begins with it, and what
//! that costs. It was tried in a process of its own for each import (`drivers/survey.py`), never worked out from
//! text: what a library imports depends on what is installed.

use std::collections::BTreeMap;

use fixedbitset::FixedBitSet;
use serde::{Deserialize, Serialize};

use super::transcript::authentic;

/// Of one import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Closure {
    /// CPU time that it takes in an interpreter that has made no other, in microseconds.
    micros: u64,
    /// The modules that are loaded then, as numbers in the list of all.
    modules: Vec<u32>,
}

/// Of many imports, by their names as in [`leading`](super::imports::leading).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closures {
    /// The names of all modules.
    modules: Vec<String>,
    imports: BTreeMap<String, Closure>,
}

/// What the survey reports of one import. Modules are numbered in the order in which the same job first told of them.
#[derive(Deserialize)]
struct Report {
    import: String,
    micros: u64,
    new: Vec<String>,
    modules: Vec<u32>,
}

impl Closures {
    /// Reads what the job of a [`survey_plan`](super::survey_plan) reported under this nonce. An import that was not told
    /// of, because it fails or because the job was ended before, is not known.
    pub fn read(events: &[u8], nonce: &[u8; 32]) -> Self {
        let mut found = Self::default();
        for line in events.split(|byte| *byte == b'\n') {
            let json = authentic(line, nonce);
            let report = json.and_then(|json| serde_json::from_slice::<Report>(json).ok());
            let Some(report) = report else { continue };
            found.modules.extend(report.new);
            let closure = Closure {
                micros: report.micros,
                modules: report.modules,
            };
            found.imports.insert(report.import, closure);
        }
        found
    }

    /// Whether every number stands for a module; not so in a file that was damaged.
    pub fn is_whole(&self) -> bool {
        let count = self.modules.len();
        let mut numbers = self.imports.values().flat_map(|closure| &closure.modules);
        numbers.all(|number| (*number as usize) < count)
    }

    /// Whether anything is known of an import.
    pub fn knows(&self, import: &str) -> bool {
        self.imports.contains_key(import)
    }

    /// Adds what others know, which takes the place of what was known of the same imports.
    pub fn add(&mut self, other: Self) {
        let known = self.modules.iter().cloned().zip(0..);
        let mut numbers: BTreeMap<String, u32> = known.collect();
        let mut renumbered = Vec::with_capacity(other.modules.len());
        for module in other.modules {
            let next = numbers.len() as u32;
            let number = *numbers.entry(module.clone()).or_insert(next);
            if number == next {
                self.modules.push(module);
            }
            renumbered.push(number);
        }
        for (import, mut closure) in other.imports {
            for number in &mut closure.modules {
                *number = renumbered.get(*number as usize).copied().unwrap_or(*number);
            }
            self.imports.insert(import, closure);
        }
    }

    /// The imports that are known: each with its cost in microseconds and its modules.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, u64, FixedBitSet)> {
        self.imports.iter().map(|(import, closure)| {
            let modules = closure.modules.iter().map(|number| *number as usize);
            let mut set = FixedBitSet::with_capacity(self.modules.len());
            set.extend(modules.filter(|number| *number < self.modules.len()));
            (import.as_str(), closure.micros, set)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::transcript::signed::signed;

    #[test]
    fn surveys_are_read_and_put_together() {
        let key = [7; 32];
        let reports = |lines: &[&str]| -> Vec<u8> {
            lines.iter().flat_map(|line| signed(&key, line)).collect()
        };
        let first = reports(&[
            r#"{"seq":0,"event":"survey","import":"a","micros":5,"new":["a","b"],"modules":[0,1]}"#,
            r#"{"seq":1,"event":"survey","import":"c","micros":9,"new":["c"],"modules":[1,2]}"#,
        ]);
        let second = reports(&[
            r#"{"seq":0,"event":"survey","import":"d","micros":1,"new":["d","b"],"modules":[0,1]}"#,
        ]);
        let mut all = Closures::read(&first, &key);
        assert_eq!(Closures::read(&first, &[8; 32]), Closures::default());
        all.add(Closures::read(&second, &key));
        assert!(all.is_whole() && all.knows("d") && !all.knows("b"));
        let told: Vec<_> = all
            .iter()
            .map(|(import, micros, set)| {
                let names = set.ones().map(|number| all.modules[number].as_str());
                (import, micros, names.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(
            told,
            [
                ("a", 5, vec!["a", "b"]),
                ("c", 9, vec!["b", "c"]),
                ("d", 1, vec!["b", "d"]),
            ]
        );
        let text = serde_json::to_string(&all)
            .unwrap()
            .replace("[3,1]", "[9,1]");
        assert!(!serde_json::from_str::<Closures>(&text).unwrap().is_whole());
    }
}
