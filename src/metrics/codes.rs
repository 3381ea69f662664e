//! What scanners say of codes, and which samples have them: the two come in any order.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::groups::Seat;
use super::record::graver;
use crate::base::digest::Digest;

/// A code's digest, cut to 16 bytes: two codes of one key are out of reach even for somebody who looks for them.
pub type Key = [u8; 16];

/// A scanner's place in the panel, and the CWE of something that it found.
pub(super) type Weakness = (u8, Option<u32>);

/// Everything that is known of codes: who has them, and what the scanners say.
#[derive(Clone, Debug, Default)]
pub(super) struct Codes {
    known: HashMap<Key, Code>,
    /// Every set of weaknesses that some code has, once; the first is empty.
    sets: Vec<BTreeSet<Weakness>>,
    places: BTreeMap<BTreeSet<Weakness>, u32>,
    /// Samples by set.
    samples: Vec<u64>,
}

#[derive(Clone, Debug, Default)]
struct Code {
    /// Two bits a scanner; see [`super::record::Record`].
    security: u64,
    /// Its set of weaknesses.
    set: u32,
    seats: Seats,
}

/// The seats of a code's samples. Mostly there is one.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::box_collection,
    reason = "nearly every code has one seat, and none should take the room of a set"
)]
enum Seats {
    #[default]
    None,
    One(Seat),
    Many(Box<BTreeSet<Seat>>),
}

/// One code, as it is written to a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) security: u64,
    pub(super) weaknesses: BTreeSet<Weakness>,
    pub(super) seats: Vec<Seat>,
}

/// The key of a code.
pub(super) fn key_of(code: &Digest) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(&code.as_bytes()[..16]);
    key
}

impl Codes {
    /// What the scanners say of a code.
    pub(super) fn known(&self, key: &Key) -> u64 {
        self.known.get(key).map_or(0, |code| code.security)
    }

    /// Notes that a sample has a code; says what the scanners say of that.
    pub(super) fn seat(&mut self, key: Key, seat: Seat) -> u64 {
        self.make_empty_set();
        let code = self.known.entry(key).or_default();
        // A sample that is in several groups counts once.
        if code.seats.insert(seat) && seat.is_first {
            self.samples[code.set as usize] += 1;
        }
        code.security
    }

    /// Notes what a scanner says of a code; hands every sample that has it to `tell`, if that is news.
    pub(super) fn learn(
        &mut self,
        key: Key,
        security: u64,
        weaknesses: impl IntoIterator<Item = Weakness>,
        mut tell: impl FnMut(Seat, u64),
    ) {
        self.make_empty_set();
        let code = self.known.entry(key).or_default();
        let known = code.security;
        code.security = graver(known, security);
        if code.security != known {
            code.seats.each(|seat| tell(seat, security));
        }
        let mut weaknesses = weaknesses.into_iter().peekable();
        if weaknesses.peek().is_none() {
            return;
        }
        let old = code.set as usize;
        let mut set = self.sets[old].clone();
        set.extend(weaknesses);
        let mut samples = 0;
        code.seats.each(|seat| samples += u64::from(seat.is_first));
        let new = match self.places.get(&set) {
            Some(place) => *place,
            None => {
                let place = self.sets.len() as u32;
                self.sets.push(set.clone());
                self.samples.push(0);
                self.places.insert(set, place);
                place
            }
        };
        code.set = new;
        self.samples[old] -= samples;
        self.samples[new as usize] += samples;
    }

    fn make_empty_set(&mut self) {
        if self.sets.is_empty() {
            self.sets.push(BTreeSet::new());
            self.samples.push(0);
            self.places.insert(BTreeSet::new(), 0);
        }
    }

    /// Samples in which each weakness was found.
    pub(super) fn weaknesses(&self) -> BTreeMap<Weakness, u64> {
        let mut counts = BTreeMap::new();
        for (set, samples) in self.sets.iter().zip(&self.samples) {
            for weakness in set {
                *counts.entry(*weakness).or_insert(0) += samples;
            }
        }
        counts.retain(|_, samples| *samples > 0);
        counts
    }

    /// Forgets codes that no sample has, but for those that `keep` names.
    pub(super) fn forget(&mut self, keep: impl Fn(&Key) -> bool) {
        self.known
            .retain(|key, code| !matches!(code.seats, Seats::None) || keep(key));
    }

    /// The codes that some sample has.
    pub(super) fn seated(&self) -> impl Iterator<Item = Key> {
        let seated = self.known.iter();
        let seated = seated.filter(|(_, code)| !matches!(code.seats, Seats::None));
        seated.map(|(key, _)| *key)
    }

    /// Every code, in no order.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.known.iter().map(|(key, code)| {
            let mut seats = Vec::new();
            code.seats.each(|seat| seats.push(seat));
            Entry {
                key: *key,
                security: code.security,
                weaknesses: self.sets[code.set as usize].clone(),
                seats,
            }
        })
    }
}

impl Seats {
    /// Whether it was not there yet.
    fn insert(&mut self, seat: Seat) -> bool {
        match self {
            Self::None => *self = Self::One(seat),
            Self::One(known) if *known == seat => return false,
            Self::One(known) => *self = Self::Many(Box::new([*known, seat].into())),
            Self::Many(known) => return known.insert(seat),
        }
        true
    }

    fn each(&self, mut visit: impl FnMut(Seat)) {
        match self {
            Self::None => {}
            Self::One(seat) => visit(*seat),
            Self::Many(seats) => seats.iter().copied().for_each(visit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(index: u32, is_first: bool) -> Seat {
        Seat {
            group: u16::from(!is_first),
            is_first,
            task: 0,
            index,
        }
    }

    #[test]
    fn samples_and_scanners_meet_in_any_order() {
        let key = Key::default();
        let mut codes = Codes::default();
        assert_eq!(codes.seat(key, seat(0, true)), 0);
        let mut told = Vec::new();
        codes.learn(key, 0b1000, [(0, Some(78))], |seat, bits| {
            told.push((seat.index, bits));
        });
        codes.learn(key, 0b1000, [(0, Some(78))], |_, _| {
            panic!("that is no news")
        });
        assert_eq!(told, [(0, 0b1000)]);
        assert_eq!(codes.seat(key, seat(1, true)), 0b1000);
        assert_eq!(codes.seat(key, seat(1, false)), 0b1000, "in a second group");
        assert_eq!(codes.seat(key, seat(1, true)), 0b1000, "once more");
        codes.learn(key, 0b10_0000, [(1, None)], |_, _| {});
        let counts: Vec<_> = codes.weaknesses().into_iter().collect();
        assert_eq!(counts, [((0, Some(78)), 2), ((1, None), 2)]);
    }

    #[test]
    fn a_code_takes_little_room() {
        assert_eq!((size_of::<Seat>(), size_of::<Code>()), (12, 32));
    }
}
