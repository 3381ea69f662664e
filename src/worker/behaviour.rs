//! What forbidden acts a program attempted: system calls that the filter refused, as the kernel
//! told of them.

use serde::{Deserialize, Serialize};

/// Distinct acts that are kept of one job.
pub const MOST_ACTS: usize = 64;
/// Distinct details that are kept of one system call; what comes after them is counted under an
/// empty one, so that no call hides another.
const MOST_DETAILS: usize = 8;

/// The forbidden acts of one job.
///
/// A refused call that honest programs make as well (the profile calls it `routine`) is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behaviour {
    /// Distinct acts, in the order in which they were first attempted.
    pub acts: Vec<Act>,
    /// Attempts beyond those, which were counted but not told apart.
    pub more: u64,
    /// Whether the listener was closed before the job ended, after very many attempts: what came
    /// later was refused as before, but is not counted.
    pub cut: bool,
}

/// One forbidden act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// The system call's name, or `call NUMBER` for one that has none.
    pub call: String,
    /// What it was to be done to or with, as far as that is cheap to tell: a path, a flag, a family
    /// of addresses. Hostile text, made printable and bounded. Empty where there is nothing to tell.
    pub detail: String,
    /// The error that it was answered with.
    pub answer: String,
    /// How often it was attempted.
    pub count: u64,
    /// When it was first attempted, in milliseconds from the program's start.
    pub first_ms: u64,
}

impl Behaviour {
    /// Whether nothing forbidden was attempted, and everything was seen.
    pub fn is_clean(&self) -> bool {
        self.acts.is_empty() && self.is_whole()
    }

    /// Whether every attempt is among the acts.
    pub fn is_whole(&self) -> bool {
        self.more == 0 && !self.cut
    }

    /// Attempts that are known.
    pub fn attempts(&self) -> u64 {
        self.acts.iter().map(|act| act.count).sum::<u64>() + self.more
    }

    /// Whether a new detail of this call would be kept, so that it is worth finding out.
    pub(super) fn has_room(&self, call: &str) -> bool {
        let of_call = self.acts.iter().filter(|act| act.call == call).count();
        of_call < MOST_DETAILS && self.acts.len() < MOST_ACTS
    }

    /// Counts an attempt.
    pub(super) fn add(&mut self, call: &str, detail: &str, answer: &str, at_ms: u64) {
        let place = |acts: &[Act], detail: &str| {
            acts.iter()
                .position(|act| act.call == call && act.detail == detail && act.answer == answer)
        };
        let known = place(&self.acts, detail);
        // Without room, under an act of the same call that tells nothing more, if there is one.
        let known = known.or_else(|| match self.has_room(call) {
            true => None,
            false => place(&self.acts, ""),
        });
        if let Some(place) = known {
            self.acts[place].count += 1;
        } else if self.acts.len() < MOST_ACTS {
            self.acts.push(Act {
                call: call.to_owned(),
                detail: match self.has_room(call) {
                    true => detail.to_owned(),
                    false => String::new(),
                },
                answer: answer.to_owned(),
                count: 1,
                first_ms: at_ms,
            });
        } else {
            self.more += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_acts_are_one() {
        let mut seen = Behaviour::default();
        for at in 5..8 {
            seen.add("mount", "tmpfs on /tmp", "EPERM", at);
        }
        seen.add("mount", "tmpfs on /usr", "EPERM", 9);
        let counts: Vec<_> = seen.acts.iter().map(|a| (a.count, a.first_ms)).collect();
        assert_eq!(counts, [(3, 5), (1, 9)]);
        assert_eq!((seen.attempts(), seen.is_whole()), (4, true));
    }

    #[test]
    fn a_flood_of_details_hides_no_other_call() {
        let mut seen = Behaviour::default();
        for n in 0..1000 {
            seen.add("mount", &format!("on /{n}"), "EPERM", n);
        }
        seen.add("ptrace", "", "EPERM", 1000);
        assert_eq!(seen.acts.len(), MOST_DETAILS + 2);
        assert_eq!((seen.attempts(), seen.more), (1001, 0));
        assert!(seen.acts.iter().any(|act| act.call == "ptrace"));
    }

    #[test]
    fn a_flood_of_calls_is_bounded_and_counted() {
        let mut seen = Behaviour::default();
        for n in 0..1000 {
            seen.add(&format!("call {n}"), "", "ENOSYS", n);
        }
        assert_eq!(seen.acts.len(), MOST_ACTS);
        assert_eq!((seen.attempts(), seen.is_whole()), (1000, false));
        assert!(!seen.is_clean() && Behaviour::default().is_clean());
    }
}
