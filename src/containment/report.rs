//! What came of the whole corpus, by family.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use super::judge::Offers;
use super::manifest::Family;
use super::mode::Mode;
use crate::verdict::VerdictKind;

/// What a trial says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It got nowhere.
    Held,
    /// It got somewhere, or its end says nothing.
    Failed,
    /// It got somewhere, as is known and said.
    Gap,
    /// This host cannot run it.
    Skipped,
}

/// What came of one program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// Its family.
    pub family: Family,
    /// Its name.
    pub name: String,
    /// What kind of thing it tried.
    pub class: String,
    /// How it came to run.
    pub mode: Mode,
    /// How it may end here.
    pub expected: Vec<String>,
    /// How it ended.
    pub got: String,
    /// How long after its limit, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_ms: Option<u64>,
    /// Why it shows nothing here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// Why it is known to get somewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<String>,
    /// System calls that were reported as forbidden acts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<String>,
    /// What is wrong; empty when it was held.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

impl Trial {
    /// What it says.
    pub fn outcome(&self) -> Outcome {
        if self.is_gap() {
            Outcome::Gap
        } else if !self.problems.is_empty() {
            Outcome::Failed
        } else if self.skipped.is_some() {
            Outcome::Skipped
        } else {
            Outcome::Held
        }
    }

    /// Whether it got somewhere, as is known and said. A known gap covers nothing else: not an end
    /// by another limit, and not that it is held now and its manifest out of date.
    fn is_gap(&self) -> bool {
        let got_through = |problem: &String| {
            problem.starts_with("ESCAPED") || self.got == VerdictKind::Passed.name()
        };
        self.gap.is_some() && !self.problems.is_empty() && self.problems.iter().all(got_through)
    }
}

/// What came of one family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FamilyReport {
    /// Which.
    pub family: Family,
    /// Programs tried or skipped.
    pub programs: usize,
    /// How often, in all modes.
    pub trials: usize,
    /// Trials that got nowhere.
    pub held: usize,
    /// Those that got somewhere, or whose end says nothing.
    pub failed: usize,
    /// Those that are known to get somewhere.
    pub gaps: usize,
    /// Those that this host cannot run.
    pub skipped: usize,
    /// The longest time between a CPU or wall limit and the end of a program, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_ms: Option<u64>,
}

/// What came of the whole corpus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether fumehood was privileged.
    pub privileged: bool,
    /// Whether jobs had control groups.
    pub control_groups: bool,
    /// How many times longer than in the manifests every time limit was, because the host is slow.
    pub time_factor: u32,
    /// Whether jobs had inodes of their own in the folders that they are shown.
    pub own_inodes: bool,
    /// Whether their device nodes were their own.
    pub own_devices: bool,
    /// Whether jobs were forked from warm interpreters.
    pub warm: bool,
    /// One a family.
    pub families: Vec<FamilyReport>,
    /// What is different on the host, or was noticed by a trap.
    pub host: Vec<String>,
    /// Honest programs that were run in between, and how many came to what they should.
    pub honest: (usize, usize),
    /// Every program, by family and name.
    #[serde(serialize_with = "with_outcomes")]
    pub trials: Vec<Trial>,
}

/// Writes trials with what they say, which readers should not have to work out for themselves.
fn with_outcomes<S: Serializer>(trials: &[Trial], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Told<'a> {
        outcome: Outcome,
        #[serde(flatten)]
        trial: &'a Trial,
    }
    serializer.collect_seq(trials.iter().map(|trial| Told {
        outcome: trial.outcome(),
        trial,
    }))
}

impl Report {
    /// Adds up trials.
    pub fn new(
        privileged: bool,
        offers: Offers,
        mut trials: Vec<Trial>,
        host: Vec<String>,
        honest: (usize, usize),
    ) -> Self {
        trials.sort_by(|a, b| (a.family, &a.name, a.mode).cmp(&(b.family, &b.name, b.mode)));
        let of = |family: Family| {
            let own = || trials.iter().filter(|trial| trial.family == family);
            let count = |outcome| own().filter(|trial| trial.outcome() == outcome).count();
            let names: BTreeSet<&str> = own().map(|trial| trial.name.as_str()).collect();
            FamilyReport {
                family,
                programs: names.len(),
                trials: own().count(),
                held: count(Outcome::Held),
                failed: count(Outcome::Failed),
                gaps: count(Outcome::Gap),
                skipped: count(Outcome::Skipped),
                latest_ms: own().filter_map(|trial| trial.late_ms).max(),
            }
        };
        Self {
            privileged,
            control_groups: offers.groups,
            own_inodes: offers.own_inodes,
            own_devices: offers.own_devices,
            warm: offers.warm,
            time_factor: 1,
            families: Family::ALL.map(of).to_vec(),
            host,
            honest,
            trials,
        }
    }

    /// Whether nothing got anywhere that was not known to, the host is as it was, and no honest
    /// program was harmed.
    pub fn is_clean(&self) -> bool {
        let (run, unharmed) = self.honest;
        self.families.iter().all(|family| family.failed == 0)
            && self.host.is_empty()
            && run == unharmed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(name: &str, problem: Option<&str>, gap: Option<&str>) -> Trial {
        Trial {
            family: Family::Escape,
            name: name.to_owned(),
            class: String::new(),
            mode: Mode::Exec,
            expected: Vec::new(),
            got: "exited".to_owned(),
            late_ms: None,
            skipped: None,
            gap: gap.map(str::to_owned),
            acts: Vec::new(),
            problems: problem.map(str::to_owned).into_iter().collect(),
        }
    }

    #[test]
    fn known_gaps_are_neither_held_nor_failures_but_outdated_ones_are() {
        let known = trial("a", Some("ESCAPED: x"), Some("why"));
        let outdated = trial("b", Some("it is held now: ..."), Some("why"));
        let report = Report::new(true, Offers::ALL, vec![known.clone()], Vec::new(), (1, 1));
        assert!(report.is_clean());
        assert_eq!((report.families[0].held, report.families[0].gaps), (0, 1));
        let report = Report::new(true, Offers::ALL, vec![known, outdated], Vec::new(), (1, 1));
        assert!(!report.is_clean());
    }

    #[test]
    fn a_changed_host_or_a_harmed_program_is_not_clean() {
        let held = || vec![trial("a", None, None)];
        assert!(Report::new(true, Offers::ALL, held(), Vec::new(), (2, 2)).is_clean());
        assert!(!Report::new(true, Offers::ALL, held(), vec!["x".to_owned()], (2, 2)).is_clean());
        assert!(!Report::new(true, Offers::ALL, held(), Vec::new(), (2, 1)).is_clean());
    }
}
