//! MITRE's weaknesses: names, and which is a kind of which. The data are MITRE's, see `hierarchy.toml`.
//!
//! The relation is `ChildOf` of the Research view (CWE-1000). A weakness may have several parents. Scanners
//! may name any number, also one that MITRE does not have: such a number has no name and no parents, and is
//! the same weakness only as itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

const TEXT: &str = include_str!("hierarchy.toml");

static MITRE: LazyLock<Hierarchy> = LazyLock::new(|| {
    let hierarchy = Hierarchy::parse(TEXT);
    hierarchy.expect("the hierarchy is part of the program, and a test reads it")
});

/// MITRE's version of the list, such as `4.14`.
pub fn version() -> &'static str {
    &MITRE.version
}

/// MITRE's name of a weakness.
pub fn name(cwe: u32) -> Option<&'static str> {
    MITRE.weaknesses.get(&cwe).map(|known| known.name.as_str())
}

/// The weaknesses that this one is directly a kind of, MITRE's primary one first.
pub fn parents(cwe: u32) -> &'static [u32] {
    MITRE.parents(cwe)
}

/// All weaknesses that this one is a kind of, directly or not; never itself.
pub fn ancestors(cwe: u32) -> BTreeSet<u32> {
    MITRE.ancestors(cwe)
}

/// Whether `above` is the weakness `cwe` itself or one that it is a kind of.
pub fn is_same_or_ancestor(above: u32, cwe: u32) -> bool {
    above == cwe || ancestors(cwe).contains(&above)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hierarchy {
    version: String,
    weaknesses: BTreeMap<u32, Weakness>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Weakness {
    name: String,
    #[serde(default)]
    parents: Vec<u32>,
}

impl Hierarchy {
    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    fn parents(&self, cwe: u32) -> &[u32] {
        self.weaknesses
            .get(&cwe)
            .map_or(&[], |known| known.parents.as_slice())
    }

    fn ancestors(&self, cwe: u32) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        let mut open = self.parents(cwe).to_vec();
        while let Some(parent) = open.pop() {
            // Seen once is seen for all, so that a loop in the data ends.
            if found.insert(parent) {
                open.extend(self.parents(parent));
            }
        }
        found.remove(&cwe);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole() {
        let text = Hierarchy::parse(TEXT).unwrap();
        assert_eq!(
            (text.version.as_str(), text.weaknesses.len()),
            ("4.14", 963)
        );
        let relations: usize = text
            .weaknesses
            .values()
            .map(|known| known.parents.len())
            .sum();
        assert_eq!(
            relations, 1076,
            "as many as MITRE's own table of the view has"
        );
        for (number, known) in &text.weaknesses {
            assert!(!known.name.is_empty(), "{number}");
            for parent in &known.parents {
                assert!(text.weaknesses.contains_key(parent), "{number} of {parent}");
            }
            assert!(
                !ancestors(*number).contains(number),
                "{number} is in a loop"
            );
        }
        // MITRE's ten pillars, and what is deprecated, stand for themselves.
        let tops = text
            .weaknesses
            .iter()
            .filter(|(_, known)| known.parents.is_empty());
        let alive = tops.filter(|(_, known)| !known.name.starts_with("DEPRECATED"));
        let pillars: Vec<u32> = alive.map(|(number, _)| *number).collect();
        assert_eq!(pillars, [284, 435, 664, 682, 691, 693, 697, 703, 707, 710]);
        assert!(
            TEXT.contains("The MITRE Corporation") && TEXT.contains("non-exclusive, royalty-free")
        );
    }

    #[test]
    fn every_number_of_our_tables_has_a_name() {
        for text in [
            include_str!("../cwe.toml"),
            include_str!("../behaviour.toml"),
        ] {
            let tables: toml::Table = toml::from_str(text).unwrap();
            for table in tables.values().filter_map(toml::Value::as_table) {
                for (rule, number) in table.iter().filter(|(key, _)| *key != "severity") {
                    if let Some(number) = number.as_integer() {
                        let number = u32::try_from(number).unwrap();
                        assert!(name(number).is_some(), "{rule}: CWE-{number}");
                    }
                }
            }
        }
    }

    #[test]
    fn kinds_of_weaknesses() {
        assert_eq!(
            name(78).unwrap(),
            "Improper Neutralization of Special Elements used in an OS Command ('OS Command Injection')"
        );
        assert_eq!(parents(22), [706, 668]);
        assert_eq!(ancestors(78), BTreeSet::from([74, 77, 707]));
        assert_eq!(ancestors(916), BTreeSet::from([326, 327, 328, 693]));
        assert!(is_same_or_ancestor(327, 916) && is_same_or_ancestor(327, 327));
        assert!(!is_same_or_ancestor(916, 327), "only upwards");
        assert!(!is_same_or_ancestor(89, 78), "siblings");
        assert!(ancestors(707).is_empty());
    }

    #[test]
    fn numbers_that_nobody_knows_and_loops_are_safe() {
        for number in [0, 16, 310, 4_000_000_000] {
            assert_eq!(name(number), None);
            assert!(parents(number).is_empty() && ancestors(number).is_empty());
            assert!(is_same_or_ancestor(number, number) && !is_same_or_ancestor(number, 78));
        }
        let looped = Hierarchy::parse(
            "version = \"0\"\n[weaknesses]\n1 = { name = \"a\", parents = [2, 1] }\n\
             2 = { name = \"b\", parents = [3] }\n3 = { name = \"c\", parents = [1, 9] }\n",
        );
        let looped = looped.unwrap();
        assert_eq!(looped.ancestors(1), BTreeSet::from([2, 3, 9]));
        assert_eq!(looped.ancestors(3), BTreeSet::from([1, 2, 9]));
        assert_eq!(looped.ancestors(9), BTreeSet::new());
    }
}
