//! What is kept of the samples of one task.

use std::borrow::Cow;

use super::record::Record;

/// A full list gets room for this many records more, or for one in [`ROOM`] of those it has: doubling
/// would leave up to half of all memory unused.
const LEAST_ROOM: usize = 4;
const ROOM: usize = 8;
/// Records that come late are put among the others when there are this many, or one in [`ROOM`] of those: to
/// move the others for every single one would cost far more.
const LATE: usize = 16;

/// The records of one task, each sample once.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    /// By index.
    sorted: Vec<Record>,
    /// Those that came after one with a higher index, by index; none is for a sample of `sorted`.
    late: Vec<Record>,
}

/// What became of a sample's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// What was known of it.
    pub(super) before: Option<Record>,
    /// What is known now.
    pub(super) after: Record,
}

impl Records {
    /// Adds a record. `settle` has the last word on what two records for one sample come to.
    pub(super) fn keep(&mut self, record: Record, settle: impl Fn(Record) -> Record) -> Change {
        let known = match self.sorted.last() {
            Some(last) if last.index >= record.index => self.find(record.index),
            _ => {
                let after = settle(record);
                push(&mut self.sorted, after);
                return Change {
                    before: None,
                    after,
                };
            }
        };
        match known {
            Some(known) => {
                let before = *known;
                *known = settle(before.join(&record));
                Change {
                    before: Some(before),
                    after: *known,
                }
            }
            None => {
                let after = settle(record);
                self.keep_late(after);
                Change {
                    before: None,
                    after,
                }
            }
        }
    }

    fn keep_late(&mut self, record: Record) {
        let place = self
            .late
            .partition_point(|known| known.index < record.index);
        make_room(&mut self.late);
        self.late.insert(place, record);
        if self.late.len() > LATE.max(self.sorted.len() / ROOM) {
            let mut all = self.settled().into_owned();
            // What fits exactly would be moved whole for the next record.
            make_room(&mut all);
            *self = Self {
                sorted: all,
                late: Vec::new(),
            };
        }
    }

    /// The record of a sample.
    pub(super) fn find(&mut self, index: u32) -> Option<&mut Record> {
        for list in [&mut self.sorted, &mut self.late] {
            if let Ok(place) = list.binary_search_by_key(&index, |known| known.index) {
                return list.get_mut(place);
            }
        }
        None
    }

    /// All records by index, each sample once.
    pub(super) fn settled(&self) -> Cow<'_, [Record]> {
        if self.late.is_empty() {
            return Cow::Borrowed(&self.sorted);
        }
        let mut all = Vec::with_capacity(self.len());
        let mut late = self.late.iter().peekable();
        for record in &self.sorted {
            while let Some(other) = late.next_if(|other| other.index < record.index) {
                all.push(*other);
            }
            all.push(*record);
        }
        all.extend(late);
        Cow::Owned(all)
    }

    /// All records in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Record> {
        self.sorted.iter().chain(&self.late)
    }

    /// Samples.
    pub(super) fn len(&self) -> usize {
        self.sorted.len() + self.late.len()
    }

    /// Bytes that they take, spare room included.
    pub(super) fn footprint(&self) -> usize {
        (self.sorted.capacity() + self.late.capacity()) * size_of::<Record>()
    }
}

/// What was kept is the same, in whatever order it came.
impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.settled() == other.settled()
    }
}

impl Eq for Records {}

fn push(list: &mut Vec<Record>, record: Record) {
    make_room(list);
    list.push(record);
}

fn make_room(list: &mut Vec<Record>) {
    if list.len() == list.capacity() {
        // Many tasks have one sample and no more.
        let more = match list.len() {
            0 => 1,
            some => LEAST_ROOM.max(some / ROOM),
        };
        list.reserve_exact(more);
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::Functional;
    use super::*;
    use crate::verdict::VerdictKind;

    fn record(index: u32, passed: u32) -> Record {
        Record {
            index,
            passed,
            declared: 9,
            rank: None,
            kind: VerdictKind::Failed,
            functional: Functional::NotPassed,
            security: 0,
        }
    }

    fn collect(records: impl IntoIterator<Item = Record>) -> Records {
        let mut all = Records::default();
        records.into_iter().for_each(|record| {
            all.keep(record, |same| same);
        });
        all
    }

    #[test]
    fn order_and_repetition_do_not_matter_however_many_there_are() {
        const SAMPLES: u32 = 5_000;
        let sorted = collect((0..SAMPLES).map(|at| record(at, at % 7)));
        assert!(sorted.late.is_empty());
        // 1,777 has no divisor in common with 5,000. Every sample comes twice, once less favourably.
        let mixed = (0..2 * SAMPLES).map(|at| record(at * 1_777 % SAMPLES, 0));
        let mixed = mixed.enumerate().map(|(at, mut record)| {
            let better = at as u32 % 3;
            record.passed = record.index % 7 + if at < SAMPLES as usize { better } else { 0 };
            record
        });
        let mixed = collect(mixed);
        assert_eq!(mixed, sorted);
        assert_eq!(mixed.len(), SAMPLES as usize);
        assert_eq!(mixed.iter().count(), SAMPLES as usize);
        let backwards = collect((0..SAMPLES).rev().map(|at| record(at, at % 7)));
        assert_eq!(backwards, sorted);
        let other = collect((0..SAMPLES).map(|at| record(at, at % 6)));
        assert_ne!(other, sorted);
    }

    #[test]
    fn each_change_tells_what_was_known() {
        let mut all = Records::default();
        let mut keep = |index, passed| all.keep(record(index, passed), |same| same);
        assert_eq!(keep(5, 3).before, None);
        assert_eq!(keep(2, 4).before, None, "late");
        let change = keep(2, 1);
        assert_eq!(change.before, Some(record(2, 4)));
        assert_eq!(change.after, record(2, 1), "the less favourable one");
        let change = keep(5, 9);
        assert_eq!(change.before, Some(change.after), "no change");
    }

    #[test]
    fn little_room_is_left_unused() {
        for step in [1, 617] {
            let all = collect((0..1_000).map(|at| record(at * step % 1_000, 0)));
            let each = all.footprint() as f64 / 1_000.0;
            assert!(each <= 48.0, "step {step}: {each} bytes");
        }
    }
}
