//! From rules by name to rules by number.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::sandbox::profile::SyscallRule;
use crate::sandbox::sys::{PERMIT_ARGUMENT, PERMITTED, Permit};

/// The most instructions that the kernel takes in one filter.
pub const LONGEST_PROGRAM: usize = 4096;
/// The most conditions of one rule: what a jump of the filter can skip, with room to spare.
const MOST_CONDITIONS: usize = 16;

/// What happens to a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes ahead.
    Allow,
    /// It fails with this error, and the act is reported.
    Refuse(Errno),
    /// It fails with this error and nobody is told: honest programs try it, too.
    Routine(Errno),
    /// The process is killed.
    Kill,
}

/// What stands before the error of a refusal that is not reported.
const ROUTINE: &str = "routine ";

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Kill => f.write_str("kill"),
            Self::Refuse(errno) => write!(f, "{errno:?}"),
            Self::Routine(errno) => write!(f, "{ROUTINE}{errno:?}"),
        }
    }
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const ERRORS: [Errno; 7] = [
            Errno::EPERM,
            Errno::EACCES,
            Errno::ENOSYS,
            Errno::EINVAL,
            Errno::ENOTTY,
            Errno::EAFNOSUPPORT,
            Errno::EOPNOTSUPP,
        ];
        let refuse: fn(Errno) -> Self = match text.starts_with(ROUTINE) {
            true => Self::Routine,
            false => Self::Refuse,
        };
        match text.strip_prefix(ROUTINE).unwrap_or(text) {
            "allow" if text == "allow" => Ok(Self::Allow),
            "kill" if text == "kill" => Ok(Self::Kill),
            name => ERRORS
                .into_iter()
                .find(|errno| format!("{errno:?}") == name)
                .map(refuse)
                .ok_or_else(|| {
                    format!(
                        "`{text}` is no action: allow, kill, or one of {ERRORS:?}, \
                         with `routine` before it where the act is not to be reported"
                    )
                }),
        }
    }
}

impl Serialize for Action {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A condition on one argument of a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Which argument, from 0 to 5.
    pub argument: u8,
    /// How it is compared.
    pub is: Comparison,
    /// With what.
    pub value: u64,
    /// Bits that count, for the masked comparisons; all of them by default.
    #[serde(default = "all_bits")]
    pub mask: u64,
    /// Whether the kernel looks at the lower 32 bits only (an `int`), so that the upper half, which
    /// the caller can fill as they like, must not count.
    #[serde(default)]
    pub int: bool,
}

fn all_bits() -> u64 {
    u64::MAX
}

/// How an argument is compared, after masking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Comparison {
    /// Equal to the value.
    Equal,
    /// Different from the value.
    NotEqual,
}

/// What happens to one system call: the first branch whose conditions all hold, else `otherwise`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Branches, in order.
    pub branches: Vec<(Vec<Condition>, Action)>,
    /// The action when none applies.
    pub otherwise: Action,
}

impl Decision {
    fn always(action: Action) -> Self {
        Self {
            branches: Vec::new(),
            otherwise: action,
        }
    }
}

/// A policy over system-call numbers of this architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Decisions by number; calls that are not named get [`Policy::DEFAULT`].
    pub decisions: BTreeMap<u32, Decision>,
}

/// Why rules are no policy.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PolicyError {
    /// No architecture has such a call.
    #[error("no system call is named `{0}`")]
    UnknownCall(String),
    /// Conditions without `otherwise`, or the other way round.
    #[error("system call `{0}`: `when` and `otherwise` go together")]
    Incomplete(String),
    /// A condition that cannot be.
    #[error("system call `{0}`: {1}")]
    Condition(String, String),
    /// More rules than the kernel takes.
    #[error("the filter has {0} instructions, but the kernel takes {LONGEST_PROGRAM}")]
    TooLong(usize),
}

impl Policy {
    /// What happens to a call that no rule names. Libraries treat ENOSYS as an older kernel and
    /// take another way; EPERM makes them give up. It is reported.
    pub const DEFAULT: Action = Action::Refuse(Errno::ENOSYS);

    /// Whether no sockets can be made but local ones (AF_UNIX): every rule that lets `socket` or
    /// `socketpair` go ahead asks for them.
    pub fn has_local_sockets_only(&self) -> bool {
        let is_local = |condition: &Condition| {
            (condition.argument, condition.is) == (0, Comparison::Equal)
                && condition.value == libc::AF_UNIX as u64
                && condition.mask & u64::from(u32::MAX) == u64::from(u32::MAX)
        };
        [libc::SYS_socket, libc::SYS_socketpair]
            .into_iter()
            .filter_map(|number| self.decisions.get(&(number as u32)))
            .all(|decision| {
                let mut allowed = decision.branches.iter();
                decision.otherwise != Action::Allow
                    && allowed
                        .all(|(when, action)| *action != Action::Allow || when.iter().any(is_local))
            })
    }

    /// The policy of these rules. Among unconditional rules for one call the last one holds;
    /// conditional ones add up, and end with the last one's `otherwise`.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn of(rules: &[SyscallRule]) -> Result<Self, PolicyError> {
        let mut decisions: BTreeMap<u32, Decision> = BTreeMap::new();
        for rule in rules {
            for name in &rule.names {
                let Some(number) = number(name)? else {
                    continue;
                };
                match (rule.when.is_empty(), rule.otherwise) {
                    (true, None) => {
                        decisions.insert(number, Decision::always(rule.action));
                    }
                    (false, Some(otherwise)) => {
                        if rule.when.len() > MOST_CONDITIONS {
                            let what = format!("more than {MOST_CONDITIONS} conditions");
                            return Err(PolicyError::Condition(name.clone(), what));
                        }
                        for condition in &rule.when {
                            check(name, condition)?;
                        }
                        let decision = decisions
                            .entry(number)
                            .or_insert_with(|| Decision::always(otherwise));
                        decision.branches.push((rule.when.clone(), rule.action));
                        decision.otherwise = otherwise;
                    }
                    _ => return Err(PolicyError::Incomplete(name.clone())),
                }
            }
        }
        let policy = Self { decisions };
        match super::compile(&policy).len() {
            0..=LONGEST_PROGRAM => Ok(policy),
            length => Err(PolicyError::TooLong(length)),
        }
    }

    /// Whether this call goes ahead whatever its arguments are.
    pub fn always_allows(&self, call: syscalls::Sysno) -> bool {
        self.decisions
            .get(&(call.id() as u32))
            .is_some_and(|decision| *decision == Decision::always(Action::Allow))
    }

    /// The same, but for calls that show a permit: those go ahead.
    pub fn with_permit(&self, permit: Permit) -> Self {
        let mut policy = self.clone();
        for call in PERMITTED {
            let shown = Condition {
                argument: PERMIT_ARGUMENT,
                is: Comparison::Equal,
                value: permit.number(),
                mask: u64::MAX,
                int: false,
            };
            let decision = policy
                .decisions
                .entry(call.id() as u32)
                .or_insert_with(|| Decision::always(Self::DEFAULT));
            decision.branches.insert(0, (vec![shown], Action::Allow));
        }
        policy
    }

    /// What happens to a call with these arguments: the meaning that [`super::compile`] must keep.
    pub fn decide(&self, number: u32, arguments: &[u64; 6]) -> Action {
        let Some(decision) = self.decisions.get(&number) else {
            return Self::DEFAULT;
        };
        decision
            .branches
            .iter()
            .find(|(conditions, _)| {
                conditions
                    .iter()
                    .all(|condition| condition.holds(arguments))
            })
            .map_or(decision.otherwise, |(_, action)| *action)
    }
}

impl Condition {
    fn holds(&self, arguments: &[u64; 6]) -> bool {
        let width = if self.int {
            u64::from(u32::MAX)
        } else {
            u64::MAX
        };
        let masked = arguments[usize::from(self.argument)] & self.mask & width;
        (masked == self.value) == (self.is == Comparison::Equal)
    }
}

fn check(name: &str, condition: &Condition) -> Result<(), PolicyError> {
    let wrong = |what: &str| Err(PolicyError::Condition(name.to_owned(), what.to_owned()));
    if condition.argument > 5 {
        return wrong("arguments are numbered 0 to 5");
    }
    let width = if condition.int {
        u64::from(u32::MAX)
    } else {
        u64::MAX
    };
    if condition.value & !(condition.mask & width) != 0 {
        return wrong("the value has bits that the mask takes away");
    }
    Ok(())
}

/// The call's number here; `None` when only another architecture has it.
fn number(name: &str) -> Result<Option<u32>, PolicyError> {
    if let Ok(call) = syscalls::Sysno::from_str(name) {
        return Ok(Some(call.id() as u32));
    }
    let elsewhere = syscalls::x86_64::Sysno::from_str(name).is_ok()
        || syscalls::aarch64::Sysno::from_str(name).is_ok();
    if elsewhere {
        Ok(None)
    } else {
        Err(PolicyError::UnknownCall(name.to_owned()))
    }
}
