//! What can be said of the rules without a kernel: each has a reason, a case both ways, and an effect.

use std::collections::BTreeSet;

use fumehood::sandbox::Profile;
use fumehood::sandbox::profile::SyscallRule;
use fumehood::sandbox::seccomp::Policy;

use crate::cases::{self, number};

fn profiles() -> Vec<Profile> {
    Profile::built_in()
        .map(|name| Profile::load(name, None).unwrap())
        .collect()
}

fn policy(rules: &[SyscallRule]) -> Policy {
    Policy::of(rules).unwrap()
}

/// For every call of every rule there is a case on which this very rule decides, and beside it (one
/// argument different in one bit, or another call) one that is decided otherwise.
#[test]
fn every_rule_has_a_case_both_ways_and_none_is_redundant() {
    for profile in profiles() {
        let rules = &profile.syscall;
        let whole = policy(rules);
        let cases = cases::all(rules);
        for (index, rule) in rules.iter().enumerate() {
            for name in &rule.names {
                let Some(number) = number(name) else { continue };
                let mut fewer = rules.clone();
                fewer[index].names.retain(|other| other != name);
                let without = policy(&fewer);
                let own: Vec<_> = cases.iter().filter(|case| case.number == number).collect();
                if rule.when.is_empty() {
                    // Its neighbour is a call that nobody names.
                    assert!(
                        !without.decisions.contains_key(&number),
                        "{name}: two rules"
                    );
                    assert!(!own.is_empty(), "{name}: no case");
                    continue;
                }
                let decides: Vec<_> = own
                    .iter()
                    .filter(|case| {
                        whole.decide(number, &case.arguments)
                            != without.decide(number, &case.arguments)
                    })
                    .collect();
                assert!(
                    !decides.is_empty(),
                    "{}: rule {index} decides nothing for {name}",
                    profile.name
                );
                let has_neighbour = decides.iter().any(|case| {
                    own.iter().any(|other| {
                        let apart: u32 = (case.arguments.iter())
                            .zip(&other.arguments)
                            .map(|(a, b)| (a ^ b).count_ones())
                            .sum();
                        apart == 1
                            && whole.decide(number, &case.arguments)
                                != whole.decide(number, &other.arguments)
                    })
                });
                assert!(
                    has_neighbour,
                    "{}: rule {index} has no refused neighbour for {name}",
                    profile.name
                );
            }
        }
    }
}

#[test]
fn no_name_and_no_rule_stands_twice() {
    for profile in profiles() {
        let mut named = BTreeSet::new();
        let mut conditions = BTreeSet::new();
        for rule in &profile.syscall {
            let own: BTreeSet<&String> = rule.names.iter().collect();
            assert_eq!(
                own.len(),
                rule.names.len(),
                "twice in one rule: {:?}",
                rule.names
            );
            for name in &rule.names {
                let fresh = match rule.when.is_empty() {
                    true => named.insert(name.clone()),
                    false => conditions.insert(format!("{name} {:?}", rule.when)),
                };
                assert!(fresh, "{}: {name} stands in two rules", profile.name);
            }
        }
        let paths: BTreeSet<_> = profile.landlock.iter().map(|rule| &rule.path).collect();
        assert_eq!(paths.len(), profile.landlock.len(), "{}", profile.name);
    }
}

#[test]
fn every_rule_says_why() {
    for profile in profiles() {
        let calls = profile.syscall.iter().map(|rule| &rule.reason);
        let files = profile.landlock.iter().map(|rule| &rule.reason);
        for reason in calls.chain(files) {
            assert!(
                reason.split_whitespace().count() >= 2,
                "{}: `{reason}`",
                profile.name
            );
        }
    }
}
