//! The system-call filter: policy, program, and what the kernel makes of the program.

use fumehood::sandbox::profile::SyscallRule;
use fumehood::sandbox::seccomp::{
    Action, Comparison, Condition, LONGEST_PROGRAM, Policy, compile, compile_observed, interpret,
};

use super::bytes::Bytes;

const ARCHITECTURE: u32 = if cfg!(target_arch = "x86_64") {
    0xC000_003E
} else {
    0xC000_00B7
};
/// Calls with numbers far apart and side by side, and one that only another architecture has.
const NAMES: [&str; 12] = [
    "read",
    "write",
    "openat",
    "close",
    "socket",
    "clone",
    "clone3",
    "ioctl",
    "prctl",
    "kill",
    "io_uring_setup",
    "nosuch",
];

/// The program does what the policy says for the arguments at which it could differ, never lets a
/// foreign call through, and fits the kernel; rules that make no policy are refused.
pub(crate) fn check(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut rules = Vec::new();
    while !bytes.is_empty() && rules.len() < 64 {
        rules.push(rule(&mut bytes));
    }
    let Ok(policy) = Policy::of(&rules) else {
        return;
    };
    let program = compile(&policy);
    assert!(program.len() <= LONGEST_PROGRAM, "{} rules", rules.len());
    let observed = compile_observed(&policy);
    assert_eq!(observed.len(), program.len());
    let foreign = interpret(&program, 0x4000_0003, 1, &[0; 6]);
    assert_eq!(
        foreign.map(|action| action & 0xFFFF_0000),
        Some(0x8000_0000)
    );
    let x32 = interpret(&program, ARCHITECTURE, 0x4000_0000 | 1, &[0; 6]);
    assert_eq!(x32.map(|action| action & 0xFFFF_0000), Some(0x8000_0000));
    let numbers: Vec<u32> = policy.decisions.keys().copied().collect();
    let around = |number: u32| [number.wrapping_sub(1), number, number + 1];
    for number in numbers.into_iter().flat_map(around).chain([0, 1 << 29]) {
        if number >= 0x4000_0000 {
            continue;
        }
        for arguments in telling(&rules) {
            let meant = policy.decide(number, &arguments);
            let done = interpret(&program, ARCHITECTURE, number, &arguments);
            assert_eq!(done, Some(raw(meant)), "call {number} with {arguments:x?}");
            // The other program asks whoever listens, and does the rest alike.
            let asked = interpret(&observed, ARCHITECTURE, number, &arguments);
            let expected = match meant {
                Action::Refuse(_) => 0x7FC0_0000,
                other => raw(other),
            };
            assert_eq!(asked, Some(expected), "call {number} with {arguments:x?}");
        }
    }
}

fn rule(bytes: &mut Bytes<'_>) -> SyscallRule {
    let action = |bytes: &mut Bytes<'_>| -> Action {
        ["allow", "kill", "EPERM", "ENOSYS", "routine EINVAL"][bytes.below(5)]
            .parse()
            .expect("an action")
    };
    let conditions = match bytes.byte() {
        count @ 0..240 => usize::from(count) % 4,
        _ => bytes.below(64),
    };
    let when: Vec<Condition> = (0..conditions)
        .map(|_| {
            let mask = bytes.number();
            Condition {
                argument: bytes.below(7) as u8,
                is: match bytes.byte() & 1 {
                    0 => Comparison::Equal,
                    _ => Comparison::NotEqual,
                },
                value: bytes.number() & mask,
                mask,
                int: bytes.byte() & 1 == 1,
            }
        })
        .collect();
    let names = 1 + bytes.below(3);
    SyscallRule {
        names: (0..names)
            .map(|_| {
                let known = if bytes.byte() > 250 { 12 } else { 11 };
                NAMES[bytes.below(known)].to_owned()
            })
            .collect(),
        action: action(bytes),
        otherwise: (!when.is_empty()).then(|| action(bytes)),
        when,
        reason: "any".to_owned(),
    }
}

/// Arguments at which a decision can change: what conditions compare with, and one bit beside it.
fn telling(rules: &[SyscallRule]) -> Vec<[u64; 6]> {
    let mut sets = vec![[0; 6], [u64::MAX; 6], [1 << 32; 6]];
    for rule in rules {
        let mut all = [0; 6];
        for condition in &rule.when {
            let place = usize::from(condition.argument.min(5));
            all[place] = condition.value;
            let bit = condition.mask & condition.mask.wrapping_neg();
            for value in [condition.value ^ bit, condition.value ^ 1 << 32] {
                let mut near = all;
                near[place] = value;
                if sets.len() < 200 {
                    sets.push(near);
                }
            }
        }
        if sets.len() < 200 {
            sets.push(all);
        }
    }
    sets
}

fn raw(action: Action) -> u32 {
    match action {
        Action::Allow => 0x7FFF_0000,
        Action::Kill => 0x8000_0000,
        Action::Refuse(errno) | Action::Routine(errno) => 0x0005_0000 | errno as u32,
    }
}
