//! Calls to make: at least one for every system call that a profile names, and for every condition the
//! arguments that meet it and each neighbour that differs in one bit.

use std::collections::BTreeSet;
use std::str::FromStr;

use fumehood::sandbox::profile::SyscallRule;
use fumehood::sandbox::seccomp::{Comparison, Condition};
use syscalls::Sysno;

/// One call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) number: u32,
    pub(crate) arguments: [u64; 6],
}

impl Case {
    pub(crate) fn line(&self, word: usize) -> String {
        let arguments: Vec<String> = self
            .arguments
            .iter()
            .map(|argument| (*argument as i64).to_string())
            .collect();
        // The one call that waits for ever; all others answer, however busy the host is.
        let seconds = if self.name == "pause" { 1 } else { 120 };
        format!("{word} {seconds} {} {}\n", self.number, arguments.join(" "))
    }
}

/// Arguments that do no harm where a call is let through: no descriptor, no address, no process and no
/// flag has all bits set.
const NOTHING: [u64; 6] = [u64::MAX; 6];

/// Calls for which that does not do.
fn harmless(name: &str) -> [u64; 6] {
    match name {
        // With all bits it is another operation that does not exist, and the kernel says ENOSYS.
        "futex" => [8, 1, 0, 0, 0, 0],
        // Sharing signal handlers without sharing memory is refused before anything is made.
        "clone" => [0x800, 0, 0, 0, 0, 0],
        "exit" | "exit_group" => [77, 0, 0, 0, 0, 0],
        // The lowest priority of this process, and no more: anything else would be someone else's.
        "setpriority" => [0, 0, 19, 0, 0, 0],
        _ => NOTHING,
    }
}

/// Bits of an argument that must not be tried, since the call would then do something.
fn untouchable(name: &str, argument: usize) -> u64 {
    match (name, argument) {
        // Shared memory makes the combination above a valid one; so does taking it away.
        ("clone", 0) => 0x900,
        _ => 0,
    }
}

/// The number of a call here; `None` where only another architecture has it.
pub(crate) fn number(name: &str) -> Option<u32> {
    Sysno::from_str(name).ok().map(|call| call.id() as u32)
}

/// Every case for these rules, each once.
pub(crate) fn all(rules: &[SyscallRule]) -> Vec<Case> {
    let mut cases = BTreeSet::new();
    for rule in rules {
        for name in &rule.names {
            let Some(number) = number(name) else { continue };
            let mut add = |arguments| {
                cases.insert(Case {
                    name: name.clone(),
                    number,
                    arguments,
                });
            };
            let held = held(name, &rule.when);
            add(held);
            for condition in &rule.when {
                let place = usize::from(condition.argument);
                let refused = untouchable(name, place);
                // What the kernel does not look at need not be tried bit by bit.
                let bits = if condition.int { 34 } else { 64 };
                for bit in (0..bits)
                    .map(|bit| 1_u64 << bit)
                    .filter(|bit| bit & refused == 0)
                {
                    let mut near = held;
                    near[place] ^= bit;
                    add(near);
                }
                // An `int` in a register: what stands in the upper half is the caller's choice.
                let mut filled = held;
                filled[place] ^= 0xFFFF_FFFF_0000_0000;
                add(filled);
            }
        }
    }
    cases.into_iter().collect()
}

/// Arguments that meet all conditions.
fn held(name: &str, when: &[Condition]) -> [u64; 6] {
    let mut arguments = harmless(name);
    for condition in when {
        let argument = &mut arguments[usize::from(condition.argument)];
        let mask = match condition.int {
            true => condition.mask & 0xFFFF_FFFF,
            false => condition.mask,
        };
        *argument = match condition.is {
            Comparison::Equal if name == "clone" => *argument & !mask | condition.value,
            // Bits that do not count are 0: most flags are harmless only so.
            Comparison::Equal => condition.value,
            Comparison::NotEqual => !(condition.value & mask & 1),
        };
    }
    arguments
}
