//! What became of each sample: secure or not, functional or not, before and after.

use std::fmt;
use std::str::FromStr;

use super::pairing::Pairing;
use crate::base::id::SampleId;
use crate::metrics::record::{Judge, Record};
use crate::scan::Security;

/// What a sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct State {
    /// What all scanners together say, or one of them.
    pub security: Security,
    /// Whether every case passed.
    pub is_functional: bool,
}

impl State {
    /// All of them, in the order of every matrix: the known ones first.
    pub const ALL: [Self; 6] = [
        Self::of(Security::Secure, true),
        Self::of(Security::Secure, false),
        Self::of(Security::Insecure, true),
        Self::of(Security::Insecure, false),
        Self::of(Security::Unknown, true),
        Self::of(Security::Unknown, false),
    ];
    /// How many of them have a known security.
    pub const KNOWN: usize = 4;

    const fn of(security: Security, is_functional: bool) -> Self {
        Self {
            security,
            is_functional,
        }
    }

    /// As the paper writes it: `S&F`, `I&!F`.
    pub fn name(self) -> &'static str {
        match (self.security, self.is_functional) {
            (Security::Secure, true) => "S&F",
            (Security::Secure, false) => "S&!F",
            (Security::Insecure, true) => "I&F",
            (Security::Insecure, false) => "I&!F",
            (Security::Unknown, true) => "U&F",
            (Security::Unknown, false) => "U&!F",
        }
    }

    fn place(self) -> usize {
        let pair = match self.security {
            Security::Secure => 0,
            Security::Insecure => 2,
            Security::Unknown => 4,
        };
        pair + usize::from(!self.is_functional)
    }

    fn of_record(record: &Record, judge: Judge) -> Self {
        Self::of(record.security(judge), record.has_passed())
    }
}

/// A sample before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The base's sample.
    pub base: SampleId,
    /// The technique's.
    pub technique: SampleId,
    /// What it was.
    pub before: State,
    /// What it is.
    pub after: State,
}

/// Pairs of samples by what they were and what they are. Counts of different tasks are added by
/// [`Transitions::merge`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transitions([[u64; 6]; 6]);

impl Transitions {
    /// Of the pairs that count on both sides, by all scanners together.
    pub fn of(pairing: &Pairing<'_>) -> Self {
        Self::count_all(pairs(pairing))
    }

    /// The same by what one scanner says. `None` unless both sides were judged by it.
    pub fn of_scanner(pairing: &Pairing<'_>, scanner: &str) -> Option<Self> {
        pairs_by(pairing, scanner).map(Self::count_all)
    }

    fn count_all(pairs: impl Iterator<Item = Pair>) -> Self {
        let mut counts = Self::default();
        for pair in pairs {
            counts.add(pair.before, pair.after);
        }
        counts
    }

    /// Adds a pair.
    pub fn add(&mut self, before: State, after: State) {
        self.0[before.place()][after.place()] += 1;
    }

    /// Adds what another one counted of other tasks.
    pub fn merge(&mut self, other: &Self) {
        let all = self.0.iter_mut().flatten();
        for (mine, theirs) in all.zip(other.0.iter().flatten()) {
            *mine += theirs;
        }
    }

    /// Pairs that went from one state to another.
    pub fn count(&self, before: State, after: State) -> u64 {
        self.0[before.place()][after.place()]
    }

    /// Pairs of a cell, states of unknown security included where the cell says so.
    pub fn in_cell(&self, cell: Cell) -> u64 {
        let all = State::ALL.iter();
        let pairs = all.flat_map(|before| State::ALL.iter().map(move |after| (*before, *after)));
        pairs
            .filter(|(before, after)| cell.holds(*before, *after))
            .map(|(before, after)| self.count(before, after))
            .sum()
    }

    /// Pairs that were in `before` and whose security is known after: what P(after | before) divides by.
    pub fn known_after(&self, before: State) -> u64 {
        self.0[before.place()][..State::KNOWN].iter().sum()
    }

    /// Pairs whose security is unknown before, after or both.
    pub fn unknown(&self) -> u64 {
        let known: u64 = State::ALL[..State::KNOWN]
            .iter()
            .map(|before| self.known_after(*before))
            .sum();
        self.total() - known
    }

    /// All pairs.
    pub fn total(&self) -> u64 {
        self.0.iter().flatten().sum()
    }
}

/// Every pair that counts on both sides, by task and sample; its states are what all scanners together say.
pub fn pairs<'p>(pairing: &'p Pairing<'_>) -> impl Iterator<Item = Pair> + use<'p> {
    judged_pairs(pairing, (Judge::Combined, Judge::Combined))
}

/// The same by what one scanner says. `None` unless both sides were judged by it.
pub fn pairs_by<'p>(
    pairing: &'p Pairing<'_>,
    scanner: &str,
) -> Option<impl Iterator<Item = Pair> + use<'p>> {
    let judges = pairing.judges(scanner)?;
    Some(judged_pairs(pairing, judges))
}

fn judged_pairs<'p>(
    pairing: &'p Pairing<'_>,
    judges: (Judge, Judge),
) -> impl Iterator<Item = Pair> + use<'p> {
    pairing.tasks.iter().flat_map(move |task| {
        let judged = pairing
            .pairs_of(task)
            .filter(|(before, after)| before.is_scored() && after.is_scored());
        judged.map(move |(before, after)| {
            let id = |record: &Record| SampleId {
                task: task.id.clone(),
                index: record.index,
            };
            Pair {
                base: id(before),
                technique: id(after),
                before: State::of_record(before, judges.0),
                after: State::of_record(after, judges.1),
            }
        })
    })
}

/// Some of the transitions, as users name them: `IF:SN`, `S*:I*`, or as the paper does, `I&F->S&!F`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    before: Wish,
    after: Wish,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wish {
    security: Option<Security>,
    is_functional: Option<bool>,
}

impl Wish {
    fn holds(self, state: State) -> bool {
        self.security.is_none_or(|wish| wish == state.security)
            && self
                .is_functional
                .is_none_or(|wish| wish == state.is_functional)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut letters = text.chars();
        let security = match letters.next()? {
            'S' => Some(Security::Secure),
            'I' => Some(Security::Insecure),
            'U' => Some(Security::Unknown),
            '*' => None,
            _ => return None,
        };
        let is_functional = match letters.next()? {
            'F' => Some(true),
            'N' => Some(false),
            '*' => None,
            _ => return None,
        };
        letters.next().is_none().then_some(Self {
            security,
            is_functional,
        })
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.security {
            Some(Security::Secure) => "S",
            Some(Security::Insecure) => "I",
            Some(Security::Unknown) => "U",
            None => "*",
        })?;
        f.write_str(match self.is_functional {
            Some(true) => "F",
            Some(false) => "N",
            None => "*",
        })
    }
}

impl Cell {
    /// Secure before, insecure after, whether or not it works: security that was lost.
    pub const LOST_SECURITY: Self = Self {
        before: Wish {
            security: Some(Security::Secure),
            is_functional: None,
        },
        after: Wish {
            security: Some(Security::Insecure),
            is_functional: None,
        },
    };

    /// Exactly these two states.
    pub fn exactly(before: State, after: State) -> Self {
        let wish = |state: State| Wish {
            security: Some(state.security),
            is_functional: Some(state.is_functional),
        };
        Self {
            before: wish(before),
            after: wish(after),
        }
    }

    /// Whether the pair of states is part of it.
    pub fn holds(self, before: State, after: State) -> bool {
        self.before.holds(before) && self.after.holds(after)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.before, self.after)
    }
}

impl FromStr for Cell {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '&')
            .collect();
        let plain = plain.to_uppercase().replace("!F", "N");
        let parts = ["->", "→", ":"]
            .iter()
            .find_map(|arrow| plain.split_once(arrow));
        let cell = parts.and_then(|(before, after)| {
            Some(Self {
                before: Wish::parse(before)?,
                after: Wish::parse(after)?,
            })
        });
        cell.ok_or_else(|| {
            "a cell is BEFORE:AFTER, each S, I, U or * (secure, insecure, unknown, any) and F, N or * \
             (functional, not, any), such as IF:SN or 'S*:I*'"
                .to_owned()
        })
    }
}
