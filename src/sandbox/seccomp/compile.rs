//! From a policy to a BPF program.

use super::policy::{Action, Comparison, Condition, Decision, Policy};
use crate::sandbox::sys::Instruction;

const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
const JUMP_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const JUMP_AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

#[cfg(target_arch = "x86_64")]
const THIS_ARCHITECTURE: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const THIS_ARCHITECTURE: u32 = 0xC000_00B7;

/// Numbers from here on belong to the x32 interface, which reaches the same calls by other numbers.
const X32: u32 = 0x4000_0000;

/// Compiles a policy. The program kills a process that enters by a foreign architecture or by x32,
/// and answers what it refuses by itself.
pub fn compile(policy: &Policy) -> Vec<Instruction> {
    Answers::Alone.program(policy)
}

/// The same program, but a call whose refusal is to be reported waits for whoever listens to say
/// no. As long as the other, so that allowed calls cost the same.
pub fn compile_observed(policy: &Policy) -> Vec<Instruction> {
    Answers::Listener.program(policy)
}

/// Who answers a refused call that is to be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    /// The program itself: nobody is told.
    Alone,
    /// Whoever listens (`SECCOMP_RET_USER_NOTIF`).
    Listener,
}

/// A decision that holds from this number up to the next range's.
type Range<'a> = (u32, &'a Decision);

static DEFAULT: Decision = Decision {
    branches: Vec::new(),
    otherwise: Policy::DEFAULT,
};

/// The whole number line as ranges of equal decisions, in order, from 0.
fn ranges(policy: &Policy) -> Vec<Range<'_>> {
    let mut ranges: Vec<Range<'_>> = vec![(0, &DEFAULT)];
    let mut next = 0;
    for (&number, decision) in &policy.decisions {
        if number > next {
            push(&mut ranges, next, &DEFAULT);
        }
        push(&mut ranges, number, decision);
        next = number + 1;
    }
    push(&mut ranges, next, &DEFAULT);
    ranges
}

fn push<'a>(ranges: &mut Vec<Range<'a>>, start: u32, decision: &'a Decision) {
    match ranges.last_mut() {
        Some((_, last)) if *last == decision => {}
        Some((last_start, last)) if *last_start == start => *last = decision,
        _ => ranges.push((start, decision)),
    }
}

impl Answers {
    fn program(self, policy: &Policy) -> Vec<Instruction> {
        let mut program = vec![
            load(ARCHITECTURE),
            jump(JUMP_EQUAL, THIS_ARCHITECTURE, 1, 0),
            self.give(Action::Kill),
            load(NUMBER),
            jump(JUMP_AT_LEAST, X32, 0, 1),
            self.give(Action::Kill),
        ];
        program.extend(self.search(&ranges(policy)));
        program
    }

    /// A binary search over the ranges, with the number in the accumulator.
    fn search(self, ranges: &[Range<'_>]) -> Vec<Instruction> {
        if let [(_, decision)] = ranges {
            return self.decide(decision);
        }
        let (low, high) = ranges.split_at(ranges.len() / 2);
        let below = self.search(low);
        let above = self.search(high);
        let mut code = Vec::with_capacity(below.len() + above.len() + 2);
        match u8::try_from(below.len()) {
            Ok(distance) => code.push(jump(JUMP_AT_LEAST, high[0].0, distance, 0)),
            Err(_) => {
                code.push(jump(JUMP_AT_LEAST, high[0].0, 0, 1));
                code.push(Instruction {
                    code: JUMP,
                    jt: 0,
                    jf: 0,
                    k: below.len() as u32,
                });
            }
        }
        code.extend(below);
        code.extend(above);
        code
    }

    /// The branches of one decision, one after the other, and its last action.
    fn decide(self, decision: &Decision) -> Vec<Instruction> {
        let mut code = Vec::new();
        for (conditions, action) in &decision.branches {
            code.extend(self.branch(conditions, *action));
        }
        code.push(self.give(decision.otherwise));
        code
    }

    /// Gives `action` if all conditions hold, else goes on behind.
    fn branch(self, conditions: &[Condition], action: Action) -> Vec<Instruction> {
        // Built from the end, so that the way to "does not hold" is the length of what follows.
        let mut code = vec![self.give(action)];
        for condition in conditions.iter().rev() {
            let mut all = test(condition, code.len());
            all.append(&mut code);
            code = all;
        }
        code
    }

    fn give(self, action: Action) -> Instruction {
        let k = match (action, self) {
            (Action::Allow, _) => libc::SECCOMP_RET_ALLOW,
            (Action::Kill, _) => libc::SECCOMP_RET_KILL_PROCESS,
            (Action::Refuse(_), Self::Listener) => libc::SECCOMP_RET_USER_NOTIF,
            (Action::Refuse(errno) | Action::Routine(errno), _) => {
                libc::SECCOMP_RET_ERRNO | errno as u32
            }
        };
        Instruction {
            code: RETURN,
            jt: 0,
            jf: 0,
            k,
        }
    }
}

/// One condition: falls through when it holds, else skips `rest` instructions behind it.
fn test(condition: &Condition, rest: usize) -> Vec<Instruction> {
    let rest = u8::try_from(rest).unwrap_or(u8::MAX);
    let offset = ARGUMENTS + 8 * u32::from(condition.argument);
    let (low, high) = halves(condition.value);
    let (low_mask, high_mask) = halves(condition.mask);
    let low_word = [load(offset), and(low_mask)];
    if condition.int {
        let last = match condition.is {
            Comparison::Equal => jump(JUMP_EQUAL, low, 0, rest),
            Comparison::NotEqual => jump(JUMP_EQUAL, low, rest, 0),
        };
        return vec![low_word[0], low_word[1], last];
    }
    let high_word = [load(offset + 4), and(high_mask)];
    let (first, last) = match condition.is {
        Comparison::Equal => (
            jump(JUMP_EQUAL, low, 0, rest + 3),
            jump(JUMP_EQUAL, high, 0, rest),
        ),
        Comparison::NotEqual => (jump(JUMP_EQUAL, low, 0, 3), jump(JUMP_EQUAL, high, rest, 0)),
    };
    vec![
        low_word[0],
        low_word[1],
        first,
        high_word[0],
        high_word[1],
        last,
    ]
}

fn halves(value: u64) -> (u32, u32) {
    (value as u32, (value >> 32) as u32)
}

fn load(offset: u32) -> Instruction {
    Instruction {
        code: LOAD_WORD,
        jt: 0,
        jf: 0,
        k: offset,
    }
}

fn and(mask: u32) -> Instruction {
    Instruction {
        code: AND,
        jt: 0,
        jf: 0,
        k: mask,
    }
}

fn jump(code: u16, k: u32, jt: u8, jf: u8) -> Instruction {
    Instruction { code, jt, jf, k }
}

#[cfg(test)]
mod tests;
