//! What is kept of the samples of one task.

use std::borrow::Cow;

use super::record::Record;

/// A full list gets room for this many records more, or for one in [`ROOM`] of those it has: doubling
/// would leave up to half of all memory unused.
const LEAST_ROOM: usize = 4;
const ROOM: usize = 8;
/// Records that come late are put in order when there are this many, or one in [`ROOM`] of the others:
/// to move those for every single one would cost far more.
const LATE: usize = 16;

/// The records of one task, each sample once.
#[derive(Clone, Debug)]
pub(super) struct Records {
    /// By index, each once.
    sorted: Vec<Record>,
    /// Those that came after one with a higher index, in no order. Some may be for samples of
    /// `sorted`, or for one and the same: which is kept is decided when they are put in order.
    late: Vec<Record>,
}

impl Records {
    pub(super) fn of(record: Record) -> Self {
        Self {
            sorted: vec![record],
            late: Vec::new(),
        }
    }

    /// Adds a record; of two for one sample the one with precedence counts.
    pub(super) fn keep(&mut self, record: Record) {
        match self.sorted.last_mut() {
            Some(last) if last.index == record.index => {
                if record.precedence() < last.precedence() {
                    *last = record;
                }
            }
            Some(last) if last.index > record.index => {
                push(&mut self.late, record);
                if self.late.len() > LATE.max(self.sorted.len() / ROOM) {
                    *self = Self {
                        sorted: self.settled().into_owned(),
                        late: Vec::new(),
                    };
                }
            }
            _ => push(&mut self.sorted, record),
        }
    }

    /// All records by index, each sample once.
    pub(super) fn settled(&self) -> Cow<'_, [Record]> {
        if self.late.is_empty() {
            return Cow::Borrowed(&self.sorted);
        }
        let mut late = self.late.clone();
        late.sort_by(|a, b| {
            let by_index = a.index.cmp(&b.index);
            by_index.then_with(|| a.precedence().cmp(&b.precedence()))
        });
        late.dedup_by_key(|record| record.index);
        let mut all = Vec::with_capacity(self.sorted.len() + late.len());
        let mut late = late.into_iter().peekable();
        for record in &self.sorted {
            while let Some(other) = late.next_if(|other| other.index < record.index) {
                all.push(other);
            }
            match late.next_if(|other| other.index == record.index) {
                Some(other) if other.precedence() < record.precedence() => all.push(other),
                _ => all.push(*record),
            }
        }
        all.extend(late);
        Cow::Owned(all)
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
    if list.len() == list.capacity() {
        list.reserve_exact(LEAST_ROOM.max(list.len() / ROOM));
    }
    list.push(record);
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
        let mut records = records.into_iter();
        let mut all = Records::of(records.next().unwrap());
        records.for_each(|record| all.keep(record));
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
        assert_eq!(mixed.settled().len(), SAMPLES as usize);
        let backwards = collect((0..SAMPLES).rev().map(|at| record(at, at % 7)));
        assert_eq!(backwards, sorted);
        let other = collect((0..SAMPLES).map(|at| record(at, at % 6)));
        assert_ne!(other, sorted);
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
