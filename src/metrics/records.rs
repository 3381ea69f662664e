//! What is kept of the samples of one task.

use std::borrow::Cow;

use super::record::Record;

/// A full list gets room for this many records more, or for one in [`ROOM`] of those it has: doubling
/// would leave up to half of all memory unused.
const LEAST_ROOM: usize = 4;
const ROOM: usize = 8;
/// Records that come late are put among the others when there are more than this many.
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

/// Where a record stands, until another one is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Sorted(usize),
    Late(usize),
}

impl Records {
    /// Where the record of a sample stands, if there is one.
    pub(super) fn slot(&self, index: u32) -> Option<Slot> {
        // Mostly samples come in order.
        if self.sorted.last().is_none_or(|last| last.index < index) {
            return None;
        }
        let sorted = find(&self.sorted, index).map(Slot::Sorted);
        sorted.or_else(|| find(&self.late, index).map(Slot::Late))
    }

    /// The record that stands there.
    pub(super) fn at(&mut self, slot: Slot) -> Option<&mut Record> {
        match slot {
            Slot::Sorted(place) => self.sorted.get_mut(place),
            Slot::Late(place) => self.late.get_mut(place),
        }
    }

    /// Adds the record of a sample that has none.
    pub(super) fn insert(&mut self, record: Record) {
        if self
            .sorted
            .last()
            .is_none_or(|last| last.index < record.index)
        {
            make_room(&mut self.sorted, 1);
            self.sorted.push(record);
            return;
        }
        let place = self
            .late
            .partition_point(|known| known.index < record.index);
        make_room(&mut self.late, 1);
        self.late.insert(place, record);
        // Each late record moves half of the others that are late, and when they are put in order all that are not are moved
        // once: with so many of them both cost the same.
        let most = LATE.max((2 * self.sorted.len()).isqrt());
        if self.late.len() > most {
            self.settle();
        }
    }

    /// Puts the late ones among the others, from the end on, so that none is moved twice.
    fn settle(&mut self) {
        let mut late = std::mem::take(&mut self.late);
        let Some(last) = late.last().copied() else {
            return;
        };
        let mut unmoved = self.sorted.len();
        make_room(&mut self.sorted, late.len());
        self.sorted.resize(unmoved + late.len(), last);
        for place in (0..self.sorted.len()).rev() {
            let Some(next) = late.last() else {
                break;
            };
            match unmoved.checked_sub(1).map(|before| self.sorted[before]) {
                Some(record) if record.index > next.index => {
                    self.sorted[place] = record;
                    unmoved -= 1;
                }
                _ => {
                    self.sorted[place] = *next;
                    late.pop();
                }
            }
        }
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

    /// Changes every record, but for its index.
    pub(super) fn each_mut(&mut self, change: impl FnMut(&mut Record)) {
        self.sorted
            .iter_mut()
            .chain(&mut self.late)
            .for_each(change);
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

/// Searches a list that is sorted by index. Indices are mostly spread evenly, often without a gap, so that the place can be
/// guessed; each step of a plain binary search would be to memory that is in no cache.
fn find(list: &[Record], index: u32) -> Option<usize> {
    let last = list.last()?;
    let guess = (u64::from(index) * list.len() as u64 / (u64::from(last.index) + 1)) as usize;
    let guess = guess.min(list.len() - 1);
    let search = |part: &[Record]| part.binary_search_by_key(&index, |known| known.index);
    let mut step = 1;
    if list[guess].index < index {
        let mut low = guess + 1;
        while let Some(known) = list.get(guess + step) {
            if known.index >= index {
                break;
            }
            low = guess + step + 1;
            step *= 2;
        }
        let high = (guess + step + 1).min(list.len());
        return search(&list[low.min(high)..high])
            .ok()
            .map(|place| low + place);
    }
    let mut high = guess + 1;
    while let Some(place) = guess.checked_sub(step) {
        if list[place].index <= index {
            break;
        }
        high = place;
        step *= 2;
    }
    let low = guess.saturating_sub(step);
    search(&list[low..high]).ok().map(|place| low + place)
}

fn make_room(list: &mut Vec<Record>, wanted: usize) {
    if list.len() + wanted > list.capacity() {
        // Many tasks have one sample and no more.
        let more = match list.len() {
            0 => 1,
            some => LEAST_ROOM.max(some / ROOM),
        };
        list.reserve_exact(more.max(wanted));
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

    fn keep(all: &mut Records, record: Record) -> Change {
        match all.slot(record.index) {
            Some(slot) => {
                let known = all.at(slot).unwrap();
                let before = *known;
                *known = before.join(&record);
                Change {
                    before: Some(before),
                    after: *known,
                }
            }
            None => {
                all.insert(record);
                Change {
                    before: None,
                    after: record,
                }
            }
        }
    }

    fn collect(records: impl IntoIterator<Item = Record>) -> Records {
        let mut all = Records::default();
        records.into_iter().for_each(|record| {
            keep(&mut all, record);
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
    fn whatever_is_there_is_found() {
        // Even and uneven, with gaps and without.
        let lists: [Vec<u32>; 6] = [
            (0..500).collect(),
            (0..500).map(|at| at * 7 + 3).collect(),
            (0..60).map(|at| at * at * at).collect(),
            vec![u32::MAX],
            vec![0, 1, 2, u32::MAX - 1, u32::MAX],
            Vec::new(),
        ];
        for indices in lists {
            let list: Vec<Record> = indices.iter().map(|index| record(*index, 0)).collect();
            for (place, index) in indices.iter().enumerate() {
                assert_eq!(find(&list, *index), Some(place), "{index}");
            }
            for index in (0..5_000).chain([u32::MAX - 2]) {
                let known = indices.binary_search(&index).ok();
                assert_eq!(find(&list, index), known, "{index}");
            }
        }
    }

    #[test]
    fn each_change_tells_what_was_known() {
        let mut all = Records::default();
        let mut keep = |index, passed| keep(&mut all, record(index, passed));
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
