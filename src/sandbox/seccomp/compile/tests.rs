use nix::errno::Errno;
use proptest::prelude::*;

use super::*;
use crate::sandbox::profile::{Profile, SyscallRule};
use crate::sandbox::seccomp::{Policy, interpret};

fn raw(action: Action) -> u32 {
    Answers::Alone.give(action).k
}

fn raw_observed(action: Action) -> u32 {
    Answers::Listener.give(action).k
}

fn run(program: &[Instruction], number: u32, arguments: &[u64; 6]) -> u32 {
    interpret(program, THIS_ARCHITECTURE, number, arguments).unwrap()
}

#[test]
fn foreign_architectures_and_x32_are_killed() {
    let program = compile(&Policy::of(&[]).unwrap());
    let i386 = 0x4000_0003;
    assert_eq!(
        interpret(&program, i386, 1, &[0; 6]),
        Some(raw(Action::Kill))
    );
    assert_eq!(run(&program, 0x4000_0000, &[0; 6]), raw(Action::Kill));
    assert_eq!(run(&program, u32::MAX, &[0; 6]), raw(Action::Kill));
    assert_eq!(run(&program, 1, &[0; 6]), raw(Policy::DEFAULT));
}

#[test]
fn built_in_profiles_mean_what_they_say_for_every_call() {
    for name in Profile::built_in() {
        let policy = Policy::of(&Profile::load(name, None).unwrap().syscall).unwrap();
        let program = compile(&policy);
        let observed = compile_observed(&policy);
        assert_eq!(program.len(), observed.len());
        assert!(
            program.len() < 1024,
            "{name}: {} instructions",
            program.len()
        );
        for number in 0..600 {
            for arguments in [
                [0; 6],
                [u64::MAX; 6],
                [1; 6],
                [0x7E02_0000; 6],
                [2, 1, 0, 0, 0, 0],
            ] {
                assert_eq!(
                    run(&program, number, &arguments),
                    raw(policy.decide(number, &arguments)),
                    "{name}: call {number} with {arguments:x?}"
                );
                assert_eq!(
                    run(&observed, number, &arguments),
                    raw_observed(policy.decide(number, &arguments)),
                    "{name}, observed: call {number} with {arguments:x?}"
                );
            }
        }
    }
}

/// Arguments around every value that a policy compares with: the value, its neighbours, nothing and
/// everything.
fn telling_arguments(policies: [&Policy; 2], number: u32) -> Vec<[u64; 6]> {
    let mut sets = vec![[0; 6], [u64::MAX; 6]];
    for decision in policies
        .iter()
        .filter_map(|policy| policy.decisions.get(&number))
    {
        for (conditions, _) in &decision.branches {
            let mut at_zero = [0; 6];
            let mut at_most = [u64::MAX; 6];
            for condition in conditions {
                let value = match condition.is {
                    Comparison::Equal => condition.value,
                    Comparison::NotEqual => condition.value ^ 1,
                };
                at_zero[usize::from(condition.argument)] = value;
                at_most[usize::from(condition.argument)] = value;
            }
            sets.extend([at_zero, at_most]);
        }
    }
    sets
}

#[test]
fn no_rule_of_a_built_in_profile_is_redundant() {
    for name in Profile::built_in() {
        let rules = Profile::load(name, None).unwrap().syscall;
        let whole = Policy::of(&rules).unwrap();
        for (index, rule) in rules.iter().enumerate() {
            for call in &rule.names {
                let Ok(number) = call.parse::<syscalls::Sysno>() else {
                    continue;
                };
                let number = number.id() as u32;
                let mut fewer = rules.clone();
                fewer[index].names.retain(|other| other != call);
                let without = Policy::of(&fewer).unwrap();
                if rule.action == Policy::DEFAULT && rule.when.is_empty() {
                    // It only says why; then no other rule may speak of the call.
                    assert!(!without.decisions.contains_key(&number), "{name}: {call}");
                    continue;
                }
                let changed =
                    telling_arguments([&whole, &without], number)
                        .iter()
                        .any(|arguments| {
                            whole.decide(number, arguments) != without.decide(number, arguments)
                        });
                assert!(changed, "{name}: rule {index} changes nothing for {call}");
            }
        }
    }
}

#[test]
fn names_are_checked() {
    let rule = |name: &str| SyscallRule {
        names: vec![name.to_owned()],
        action: Action::Allow,
        when: Vec::new(),
        otherwise: None,
        reason: "test".to_owned(),
    };
    assert!(Policy::of(&[rule("no_such_call")]).is_err());
    assert!(Policy::of(&[rule("read")]).is_ok());
}

fn conditions() -> impl Strategy<Value = Condition> {
    let value = prop_oneof![
        Just(0),
        Just(1),
        Just(1 << 32),
        Just(u64::MAX),
        any::<u64>()
    ];
    (0..6_u8, any::<bool>(), value.clone(), value, any::<bool>()).prop_map(
        |(argument, equal, value, mask, int)| {
            let width = if int { u64::from(u32::MAX) } else { u64::MAX };
            let is = if equal {
                Comparison::Equal
            } else {
                Comparison::NotEqual
            };
            Condition {
                argument,
                is,
                value: value & mask & width,
                mask,
                int,
            }
        },
    )
}

fn actions() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(Action::Allow),
        Just(Action::Kill),
        Just(Action::Refuse(Errno::EACCES)),
        Just(Action::Routine(Errno::ENOSYS)),
    ]
}

#[test]
fn only_what_is_reported_waits_for_a_listener() {
    let waits = libc::SECCOMP_RET_USER_NOTIF;
    assert_eq!(raw_observed(Action::Refuse(Errno::EPERM)), waits);
    for action in [Action::Allow, Action::Kill, Action::Routine(Errno::EPERM)] {
        assert_ne!(raw_observed(action), waits);
        assert_eq!(raw_observed(action), raw(action));
    }
    // Whoever reaches the kernel by other numbers is killed, not asked about.
    let program = compile_observed(&Policy::of(&[]).unwrap());
    assert_eq!(
        interpret(&program, 0x4000_0003, 1, &[0; 6]),
        Some(raw(Action::Kill))
    );
    assert_eq!(run(&program, 0x4000_0000, &[0; 6]), raw(Action::Kill));
    assert_eq!(run(&program, 599, &[0; 6]), waits);
}

#[test]
fn actions_survive_their_names() {
    for action in [
        Action::Allow,
        Action::Kill,
        Action::Refuse(Errno::EPERM),
        Action::Routine(Errno::ENOSYS),
    ] {
        assert_eq!(action.to_string().parse(), Ok(action));
    }
    for wrong in [
        "routine allow",
        "routine kill",
        "routine",
        "routine  EPERM",
        "ENOENT",
        "",
    ] {
        assert!(wrong.parse::<Action>().is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn compiled_policies_decide_as_written(
        rules in prop::collection::vec((0..40_u32, prop::collection::vec(conditions(), 0..4), actions()), 0..40),
        arguments in prop::array::uniform6(prop_oneof![Just(0), Just(1), Just(1_u64 << 32), any::<u64>()]),
    ) {
        let mut policy = Policy::of(&[]).unwrap();
        for (number, when, action) in rules {
            let decision = policy.decisions.entry(number * 3).or_insert_with(|| Decision {
                branches: Vec::new(),
                otherwise: Action::Refuse(Errno::EPERM),
            });
            decision.branches.push((when, action));
        }
        let program = compile(&policy);
        let observed = compile_observed(&policy);
        for number in 0..130 {
            let action = policy.decide(number, &arguments);
            prop_assert_eq!(run(&program, number, &arguments), raw(action));
            prop_assert_eq!(run(&observed, number, &arguments), raw_observed(action));
        }
    }
}

#[test]
fn a_policy_says_whether_sockets_of_a_network_can_be_made() {
    let is_local = |rules: &[SyscallRule]| Policy::of(rules).unwrap().has_local_sockets_only();
    let rules = |name| Profile::load(name, None).unwrap().syscall;
    assert!(is_local(&[]));
    assert!(is_local(&rules("strict")));
    assert!(!is_local(&rules("grade")));
    for name in ["socket", "socketpair"] {
        let rule = |value, mask| {
            let rule = format!(
                "names = [\"{name}\"]\naction = \"allow\"\nreason = \"a test\"\n\
                 when = [{{ argument = 0, is = \"equal\", value = {value}, mask = {mask} }}]\notherwise = \"EPERM\""
            );
            toml::from_str::<SyscallRule>(&rule).unwrap()
        };
        assert!(is_local(&[rule(1, 0xffff_ffff_u32)]));
        assert!(!is_local(&[rule(2, 0xffff_ffff)]));
        assert!(!is_local(&[rule(1, 1)]), "3 and 17 have that bit, too");
        let mut any = rule(1, 0xffff_ffff);
        (any.when, any.otherwise) = (Vec::new(), None);
        assert!(!is_local(&[any]));
    }
}
