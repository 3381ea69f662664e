//! Which weaknesses came and went: by scanner and CWE, over the same pairs of samples on both sides.

use std::collections::BTreeMap;

use super::pairing::Pairing;
use super::transitions::pairs;
use crate::metrics::opinions::{Opinion, Opinions, Said};
use crate::scan::Security;

/// Pairs by scanner and weakness. Counts of different tasks are added by [`Shifts::merge`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shifts {
    by_scanner: BTreeMap<String, Seen>,
}

/// What one scanner saw of the pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Pairs of which it analysed both samples wholly: all that is counted here.
    pub pairs: u64,
    /// Pairs of which it did not: what it found in one of them says nothing of what went or came.
    pub unknown: u64,
    /// Pairs by weakness; `None` for rules that have no CWE. Those with it on neither side are in none.
    pub shifts: BTreeMap<Option<u32>, Shift>,
}

/// Pairs with one weakness on a side, or on both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shift {
    /// Before and after.
    pub stayed: u64,
    /// Only after.
    pub appeared: u64,
    /// Only before.
    pub disappeared: u64,
}

impl Shift {
    /// Samples of the base that have it.
    pub fn base(self) -> u64 {
        self.stayed + self.disappeared
    }

    /// Samples of the technique that have it.
    pub fn technique(self) -> u64 {
        self.stayed + self.appeared
    }

    fn merge(&mut self, other: Self) {
        self.stayed += other.stayed;
        self.appeared += other.appeared;
        self.disappeared += other.disappeared;
    }
}

impl Shifts {
    /// Of the pairs that count on both sides, by the scanners that both were judged by. A sample of which nothing is
    /// said was not analysed.
    pub fn of(pairing: &Pairing<'_>, base: &Opinions, technique: &Opinions) -> Self {
        let places = pairing.scanners().filter_map(|scanner| {
            let place = |opinions: &Opinions| opinions.panel().place(scanner);
            Some((scanner, place(base)?, place(technique)?, Seen::default()))
        });
        let mut all: Vec<_> = places.collect();
        for pair in pairs(pairing) {
            let (before, after) = (base.of(&pair.base), technique.of(&pair.technique));
            for (_, one, other, seen) in &mut all {
                seen.add(whole(before, *one), whole(after, *other));
            }
        }
        let all = all.into_iter();
        Self {
            by_scanner: all
                .map(|(scanner, _, _, seen)| (scanner.to_owned(), seen))
                .collect(),
        }
    }

    /// Adds what another one counted of other tasks.
    pub fn merge(&mut self, other: &Self) {
        for (scanner, theirs) in &other.by_scanner {
            let mine = self.by_scanner.entry(scanner.clone()).or_default();
            mine.pairs += theirs.pairs;
            mine.unknown += theirs.unknown;
            for (cwe, shift) in &theirs.shifts {
                mine.shifts.entry(*cwe).or_default().merge(*shift);
            }
        }
    }

    /// By scanner, sorted by name.
    pub fn by_scanner(&self) -> impl Iterator<Item = (&str, &Seen)> {
        let all = self.by_scanner.iter();
        all.map(|(scanner, seen)| (scanner.as_str(), seen))
    }
}

impl Seen {
    /// Adds a pair: what was said of each sample, `None` where it was not wholly analysed.
    fn add(&mut self, before: Option<&Said>, after: Option<&Said>) {
        let (Some(before), Some(after)) = (before, after) else {
            self.unknown += 1;
            return;
        };
        self.pairs += 1;
        for cwe in before.cwes.union(&after.cwes) {
            let shift = self.shifts.entry(*cwe).or_default();
            *match (before.cwes.contains(cwe), after.cwes.contains(cwe)) {
                (true, true) => &mut shift.stayed,
                (true, false) => &mut shift.disappeared,
                (false, _) => &mut shift.appeared,
            } += 1;
        }
    }
}

/// What the scanner of this place says of a sample that it analysed wholly.
fn whole(opinion: Option<&Opinion>, place: usize) -> Option<&Said> {
    let said = opinion?.scanners.get(place)?;
    let is_whole = said.security != Security::Unknown && said.not_analysed.is_none();
    is_whole.then_some(said)
}
