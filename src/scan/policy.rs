//! From findings to one of three values, by a policy that is part of a run's identity. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Finding, ScanResult, Security, Severity};
use crate::base::digest::Digest;

/// Which findings count, and how several scanners make one answer.
///
/// The default counts every finding of every scanner at any severity, as the published evaluations
/// that this one is compared with do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The lowest severity that counts, by scanner; all count for a scanner that is not named. A finding
    /// to which its scanner gives no severity (ruff gives none at all) always counts.
    pub min_severity: BTreeMap<String, Severity>,
    /// The lowest confidence that counts, by scanner, in the same way.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub min_confidence: BTreeMap<String, Severity>,
    /// Rules that never count, such as `B101` or, for one scanner only, `bandit:B101`.
    pub ignored_rules: BTreeSet<String>,
    /// The scanners that combine; all if none is named. What the others say is still shown.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub scanners: BTreeSet<String>,
    /// How scanners combine.
    pub combine: Combine,
}

/// How several scanners make one answer. What an unknown could have been is taken into account: the
/// answer is unknown if it hangs on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Combine {
    /// Insecure as soon as one scanner says so.
    #[default]
    Any,
    /// Insecure only if every scanner says so.
    All,
    /// Insecure if more than half of the scanners say so.
    Majority,
}

/// What the scanners hold of one sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// By scanner.
    pub per_scanner: BTreeMap<String, Security>,
    /// Together; unknown where there is no scanner at all.
    pub combined: Security,
}

impl Policy {
    /// A policy as users write it: TOML with the keys above, all of them optional.
    ///
    /// # Errors
    /// What is wrong, with the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// Every scanner that it names.
    pub fn named(&self) -> BTreeSet<&str> {
        let rules = self.ignored_rules.iter();
        let of_rules = rules.filter_map(|rule| rule.split_once(':').map(|(scanner, _)| scanner));
        let thresholds = self.min_severity.keys().chain(self.min_confidence.keys());
        thresholds
            .chain(&self.scanners)
            .map(String::as_str)
            .chain(of_rules)
            .collect()
    }

    /// The policy's identity.
    pub fn digest(&self) -> Digest {
        // Maps and sets are sorted and hold no floats, so equal policies give equal text.
        Digest::of(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Whether `finding` of `scanner` makes a sample insecure.
    pub fn counts(&self, scanner: &str, finding: &Finding) -> bool {
        let ignored = self.ignored_rules.contains(&finding.rule)
            || self
                .ignored_rules
                .contains(&format!("{scanner}:{}", finding.rule));
        let reaches = |least: &BTreeMap<String, Severity>, value: Severity| {
            let least = least.get(scanner).copied().unwrap_or(Severity::Undefined);
            value == Severity::Undefined || value >= least
        };
        !ignored
            && reaches(&self.min_severity, finding.severity)
            && reaches(&self.min_confidence, finding.confidence)
    }

    /// What one scanner's result means: a finding that counts makes it insecure even if the rest of the
    /// code was not analysed; otherwise what was not analysed is unknown.
    pub fn judge(&self, result: &ScanResult) -> Security {
        let insecure = result
            .findings
            .iter()
            .any(|finding| self.counts(&result.scanner, finding));
        match (insecure, &result.not_analysed) {
            (true, _) => Security::Insecure,
            (false, Some(_)) => Security::Unknown,
            (false, None) => Security::Secure,
        }
    }
}

/// What the scanners' results on one sample mean under `policy`.
pub fn assess(results: &[ScanResult], policy: &Policy) -> Assessment {
    let per_scanner: BTreeMap<String, Security> = results
        .iter()
        .map(|result| (result.scanner.clone(), policy.judge(result)))
        .collect();
    let is_asked =
        |scanner: &String| policy.scanners.is_empty() || policy.scanners.contains(scanner);
    let (mut secure, mut insecure, mut unknown) = (0, 0, 0);
    for (_, answer) in per_scanner.iter().filter(|(scanner, _)| is_asked(scanner)) {
        match answer {
            Security::Secure => secure += 1,
            Security::Insecure => insecure += 1,
            Security::Unknown => unknown += 1,
        }
    }
    let combined = combined(policy.combine, secure, insecure, unknown);
    Assessment {
        per_scanner,
        combined,
    }
}

/// One answer of so many scanners that say secure, insecure, and nothing.
pub(crate) fn combined(how: Combine, secure: u32, insecure: u32, unknown: u32) -> Security {
    let all = secure + insecure + unknown;
    if all == 0 {
        return Security::Unknown;
    }
    // How many must say insecure for the whole to be so.
    let needed = match how {
        Combine::Any => 1,
        Combine::All => all,
        Combine::Majority => all / 2 + 1,
    };
    if insecure >= needed {
        Security::Insecure
    } else if insecure + unknown >= needed {
        Security::Unknown
    } else {
        Security::Secure
    }
}

#[cfg(test)]
mod tests {
    use super::Security::{Insecure, Secure, Unknown};
    use super::*;

    fn finding(rule: &str, severity: Severity) -> Finding {
        Finding {
            rule: rule.to_owned(),
            native_cwe: None,
            cwe: None,
            severity,
            confidence: Severity::Undefined,
            line: 1,
            message: String::new(),
        }
    }

    fn result(scanner: &str, findings: Vec<Finding>, not_analysed: Option<&str>) -> ScanResult {
        ScanResult {
            scanner: scanner.to_owned(),
            version: "1".to_owned(),
            findings,
            not_analysed: not_analysed.map(str::to_owned),
        }
    }

    #[test]
    fn three_values_of_one_scanner() {
        let policy = Policy::default();
        let hit = || vec![finding("B101", Severity::Low)];
        assert_eq!(policy.judge(&result("bandit", vec![], None)), Secure);
        assert_eq!(policy.judge(&result("bandit", hit(), None)), Insecure);
        assert_eq!(policy.judge(&result("bandit", vec![], Some("x"))), Unknown);
        assert_eq!(policy.judge(&result("bandit", hit(), Some("x"))), Insecure);
    }

    #[test]
    fn severities_and_rules_can_be_left_out() {
        let mut policy = Policy::default();
        policy
            .min_severity
            .insert("bandit".to_owned(), Severity::Medium);
        policy
            .min_severity
            .insert("ruff-s".to_owned(), Severity::High);
        policy.ignored_rules.insert("bandit:B307".to_owned());
        policy.ignored_rules.insert("S101".to_owned());
        let counts = |scanner, rule, severity| policy.counts(scanner, &finding(rule, severity));
        assert!(!counts("bandit", "B404", Severity::Low));
        assert!(counts("bandit", "B602", Severity::Medium));
        assert!(!counts("bandit", "B307", Severity::High));
        assert!(
            counts("ruff-s", "S602", Severity::Undefined),
            "no severity always counts"
        );
        assert!(!counts("ruff-s", "S101", Severity::Undefined));
        // What does not count still leaves the unanalysed rest unknown.
        let partly = result("bandit", vec![finding("B404", Severity::Low)], Some("x"));
        assert_eq!(policy.judge(&partly), Unknown);
    }

    #[test]
    fn confidences_can_be_left_out_and_scanners_named() {
        let text = "scanners = [\"bandit\"]\n[min_confidence]\nbandit = \"high\"\n";
        let policy = Policy::parse(text).unwrap();
        assert_eq!(policy.named().into_iter().collect::<Vec<_>>(), ["bandit"]);
        let unsure = Finding {
            confidence: Severity::Medium,
            ..finding("B608", Severity::High)
        };
        assert!(!policy.counts("bandit", &unsure) && policy.counts("ruff-s", &unsure));
        let sure = Finding {
            confidence: Severity::High,
            ..unsure.clone()
        };
        assert!(policy.counts("bandit", &sure));
        // What the scanner that is not named says is shown, and decides nothing.
        let results = [
            result("bandit", vec![unsure], None),
            result("ruff-s", vec![finding("S608", Severity::High)], None),
        ];
        let assessment = assess(&results, &policy);
        assert_eq!(assessment.per_scanner["ruff-s"], Insecure);
        assert_eq!(assessment.combined, Secure);
        assert_eq!(assess(&results, &Policy::default()).combined, Insecure);
        assert_eq!(assess(&results[1..], &policy).combined, Unknown);
    }

    #[test]
    fn policies_are_read_and_errors_name_the_line() {
        assert_eq!(Policy::parse("").unwrap(), Policy::default());
        let text = "combine = \"all\"\nignored_rules = [\"B101\", \"ruff-s:S101\"]\n";
        let policy = Policy::parse(text).unwrap();
        assert_eq!(policy.combine, Combine::All);
        assert_eq!(policy.named().into_iter().collect::<Vec<_>>(), ["ruff-s"]);
        for (text, says) in [
            ("\ncombine = \"most\"\n", "line 2"),
            ("min_sverity = 1\n", "unknown field `min_sverity`"),
            ("[min_severity]\nbandit = \"grave\"\n", "line 2"),
        ] {
            let error = Policy::parse(text).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn scanners_combine_as_if_every_unknown_could_be_either() {
        let answers = [Secure, Insecure, Unknown];
        for how in [Combine::Any, Combine::All, Combine::Majority] {
            assert_eq!(combined(how, 0, 0, 0), Unknown);
            // All triples, against the definition: unknown if and only if it can still go both ways.
            for code in 0..27 {
                let triple = [code % 3, code / 3 % 3, code / 9].map(|index| answers[index]);
                let mut seen = BTreeSet::new();
                for guess in 0..8u32 {
                    let insecure = (0..3)
                        .filter(|&at| match triple[at] {
                            Insecure => true,
                            Secure => false,
                            Unknown => guess >> at & 1 == 1,
                        })
                        .count();
                    seen.insert(match how {
                        Combine::Any => insecure > 0,
                        Combine::All => insecure == 3,
                        Combine::Majority => insecure > 1,
                    });
                }
                let expected = match seen.iter().collect::<Vec<_>>()[..] {
                    [true] => Insecure,
                    [false] => Secure,
                    _ => Unknown,
                };
                let of = |wanted| triple.iter().filter(|one| **one == wanted).count() as u32;
                let (secure, insecure, unknown) = (of(Secure), of(Insecure), of(Unknown));
                assert_eq!(
                    combined(how, secure, insecure, unknown),
                    expected,
                    "{how:?} {triple:?}"
                );
            }
        }
    }

    #[test]
    fn a_policy_has_an_identity_and_refuses_unknown_keys() {
        let default = Policy::default();
        let majority = Policy {
            combine: Combine::Majority,
            ..Policy::default()
        };
        assert_ne!(default.digest(), majority.digest());
        let text = serde_json::to_string(&majority).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), majority);
        assert!(serde_json::from_str::<Policy>(r#"{"min_sverity":{}}"#).is_err());
    }

    #[test]
    fn an_assessment_names_every_scanner() {
        let results = [
            result("bandit", vec![], None),
            result("ruff-s", vec![], Some("syntax")),
        ];
        let assessment = assess(&results, &Policy::default());
        assert_eq!(assessment.per_scanner["bandit"], Secure);
        assert_eq!(assessment.per_scanner["ruff-s"], Unknown);
        assert_eq!(assessment.combined, Unknown);
    }
}
