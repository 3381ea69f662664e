//! From a scanner's rule to a CWE number, by a table that is data.

pub mod hierarchy;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::base::digest::Digest;

const TEXT: &str = include_str!("cwe.toml");

static TABLE: LazyLock<BTreeMap<String, BTreeMap<String, u32>>> = LazyLock::new(|| {
    let table: toml::Table = toml::from_str(TEXT).unwrap_or_default();
    table
        .into_iter()
        .filter_map(|(scanner, rules)| {
            let rules = rules.try_into::<BTreeMap<String, u32>>().ok()?;
            Some((scanner, rules))
        })
        .collect()
});

/// The CWE number of `rule`, if the table knows it.
pub fn cwe(scanner: &str, rule: &str) -> Option<u32> {
    TABLE.get(scanner)?.get(rule).copied()
}

/// Identity of the table; part of a run's identity.
pub fn digest() -> Digest {
    Digest::of(TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        assert!(toml::from_str::<toml::Table>(TEXT).unwrap()["version"].is_integer());
        assert_eq!(
            TABLE.keys().collect::<Vec<_>>(),
            [
                "bandit",
                "bearer",
                "codeshield",
                "cppcheck",
                "flawfinder",
                "gosec",
                "ruff-s",
                "semgrep"
            ]
        );
        assert_eq!(TABLE["bandit"].len(), 75);
        assert_eq!(TABLE["ruff-s"].len(), 73);
    }

    #[test]
    fn the_same_weakness_has_one_number_in_both_scanners() {
        for (rule, number) in &TABLE["bandit"] {
            if let Some(other) = cwe("ruff-s", &rule.replace('B', "S")) {
                assert_eq!(*number, other, "{rule}");
            }
        }
        assert_eq!(cwe("bandit", "B324"), Some(328));
        assert_eq!(cwe("ruff-s", "S506"), Some(502));
        assert_eq!(cwe("bandit", "B307"), Some(95));
        assert_eq!(cwe("bandit", "B105"), Some(798));
        assert_eq!(cwe("bandit", "B999"), None);
        assert_eq!(cwe("other", "B101"), None);
    }
}
