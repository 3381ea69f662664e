//! The dynamic scanner: what a sample did under its tests, in place of what its text looks like.
//!
//! There is no tool to run and no batch: the sandbox reports each sample's forbidden acts, and here
//! they become findings. A sample that nobody watched is unknown, never secure.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::{Finding, ScanResult, Severity};
use crate::base::digest::Digest;
use crate::base::text;
use crate::worker::{Act, Behaviour};

/// Its name in results.
pub const NAME: &str = "behaviour";
/// Characters kept of a finding's words.
const MAX_MESSAGE: usize = 200;

const TEXT: &str = include_str!("behaviour.toml");

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let table = toml::from_str(TEXT);
    table.expect("the table is part of the program, and a test reads it")
});

/// `behaviour.toml`.
#[derive(Debug, Deserialize)]
struct Table {
    version: u32,
    #[serde(flatten)]
    classes: BTreeMap<String, Class>,
}

/// Calls that say the same about a program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    calls: Vec<String>,
    cwe: u32,
    severity: Severity,
    about: String,
}

impl Table {
    /// The class of a call and its name, which is the rule of the finding.
    fn class(&self, call: &str) -> (&str, &Class) {
        let named = |(_, class): &(&String, &Class)| class.calls.iter().any(|known| known == call);
        let other = || self.classes.get_key_value(OTHER);
        let found = self.classes.iter().find(named).or_else(other);
        let (name, class) = found.expect("the table has a class for the rest, as a test shows");
        (name, class)
    }
}

/// The class of calls that stand in no other.
const OTHER: &str = "other";

/// Version of the table.
pub fn version() -> String {
    TABLE.version.to_string()
}

/// Identity of everything that decides its findings besides the sandbox profile.
pub fn digest() -> Digest {
    Digest::of(TEXT)
}

/// What a sample's forbidden acts mean; `None` where nobody could tell.
pub fn result(behaviour: Option<&Behaviour>) -> ScanResult {
    let mut findings: Vec<Finding> = behaviour
        .map_or(&[][..], |behaviour| &behaviour.acts)
        .iter()
        .map(finding)
        .collect();
    findings.sort();
    ScanResult {
        scanner: NAME.to_owned(),
        version: version(),
        findings,
        not_analysed: match behaviour {
            None => Some("its forbidden acts were not observed".to_owned()),
            Some(behaviour) if !behaviour.is_whole() => {
                Some("it attempted more forbidden acts than are kept".to_owned())
            }
            Some(_) => None,
        },
    }
}

fn finding(act: &Act) -> Finding {
    let (rule, class) = TABLE.class(&act.call);
    let what = match act.detail.is_empty() {
        true => act.call.clone(),
        false => format!("{} ({})", act.call, act.detail),
    };
    let words = format!(
        "{}: {what}, {} times, refused with {}",
        class.about, act.count, act.answer
    );
    Finding {
        rule: rule.to_owned(),
        native_cwe: None,
        cwe: Some(class.cwe),
        severity: class.severity,
        // It was attempted, without any doubt.
        confidence: Severity::High,
        line: 0,
        message: text::one_line(&words, MAX_MESSAGE),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sandbox::Profile;
    use crate::sandbox::seccomp::Action;
    use crate::scan::{Policy, Security};

    fn act(call: &str) -> Act {
        Act {
            call: call.to_owned(),
            detail: "\u{1b}[2J".to_owned(),
            answer: "EPERM".to_owned(),
            count: 2,
            first_ms: 1,
        }
    }

    #[test]
    fn every_reported_call_of_a_built_in_profile_has_one_class() {
        let mut all = BTreeSet::new();
        for (name, class) in &TABLE.classes {
            assert!(class.cwe > 0 && !class.about.is_empty(), "{name}");
            for call in &class.calls {
                assert!(all.insert(call.as_str()), "{call} stands in two classes");
                assert!(call.parse::<syscalls::x86_64::Sysno>().is_ok(), "{call}");
            }
        }
        for name in Profile::built_in() {
            for rule in Profile::load(name, None).unwrap().syscall {
                let actions = [Some(rule.action), rule.otherwise];
                let told = actions.iter().any(|a| matches!(a, Some(Action::Refuse(_))));
                for call in rule.names.iter().filter(|_| told) {
                    assert!(all.contains(call.as_str()), "{name}: {call} has no class");
                }
            }
        }
        assert_eq!(TABLE.class("call 999").0, OTHER);
    }

    #[test]
    fn three_values_come_of_it() {
        let judge = |behaviour: Option<&Behaviour>| Policy::default().judge(&result(behaviour));
        let mut seen = Behaviour::default();
        assert_eq!(judge(None), Security::Unknown);
        assert_eq!(judge(Some(&seen)), Security::Secure);
        seen.more = 1;
        assert_eq!(judge(Some(&seen)), Security::Unknown);
        seen.acts = vec![act("ptrace")];
        assert_eq!(judge(Some(&seen)), Security::Insecure);
        seen = Behaviour {
            cut: true,
            ..Behaviour::default()
        };
        assert_eq!(judge(Some(&seen)), Security::Unknown);
    }

    #[test]
    fn findings_say_what_was_done_and_hold_no_controls() {
        let seen = Behaviour {
            acts: vec![act("mount"), act("call 999")],
            ..Behaviour::default()
        };
        let result = result(Some(&seen));
        let rules: Vec<&str> = result.findings.iter().map(|f| f.rule.as_str()).collect();
        assert_eq!(rules, ["mounts", "other"]);
        let mount = &result.findings[0];
        assert_eq!((mount.cwe, mount.severity), (Some(269), Severity::High));
        assert!(
            mount.message.contains("mount (\\u{1b}[2J), 2 times"),
            "{}",
            mount.message
        );
        assert!(!result.findings.iter().any(|f| f.message.contains('\u{1b}')));
    }
}
