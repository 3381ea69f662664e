//! Jobs that have a verdict in the journal, and where: so that an equal job need not run again.

use crate::base::digest::Digest;
use crate::journal::Place;

/// Jobs that one set holds; a new one pushes out the one that was longest out of use.
const WAYS: usize = 8;
/// Sets of the table.
const SETS: usize = 1 << 14;

/// Where verdicts stand in the journal, by job: the latest 131,072 jobs or so, in 4 MiB whatever the
/// length of the run. A job that was pushed out runs again, which costs time and changes nothing.
///
/// A hit is a hint: half of the digest is compared here, all of it where the record is read.
#[derive(Debug)]
pub(super) struct Executed {
    sets: Vec<[Entry; WAYS]>,
}

/// Part of the digest, then offset, length and line; a length of zero is an empty entry. Plain numbers,
/// so that the system gives the pages only as they are written.
type Entry = [u64; 4];

impl Default for Executed {
    fn default() -> Self {
        Self {
            sets: vec![[[0; 4]; WAYS]; SETS],
        }
    }
}

impl Executed {
    /// Where the job's verdict stands.
    pub(super) fn find(&mut self, job: &Digest) -> Option<Place> {
        let (set, key) = self.set(job);
        let way = set.iter().position(|entry| holds(entry, key))?;
        set[..=way].rotate_right(1);
        let [_, offset, length, line] = set[0];
        Some(Place {
            offset,
            length: u32::try_from(length).ok()?,
            line,
        })
    }

    /// Notes where the job's verdict stands.
    pub(super) fn insert(&mut self, job: &Digest, place: Place) {
        let (set, key) = self.set(job);
        let known = set.iter().position(|entry| holds(entry, key));
        set[..=known.unwrap_or(WAYS - 1)].rotate_right(1);
        set[0] = [key, place.offset, u64::from(place.length), place.line];
    }

    fn set(&mut self, job: &Digest) -> (&mut [Entry; WAYS], u64) {
        let number = |from: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&job.as_bytes()[from..from + 8]);
            u64::from_le_bytes(bytes)
        };
        let set = number(8) as usize % SETS;
        (&mut self.sets[set], number(0))
    }
}

fn holds(entry: &Entry, key: u64) -> bool {
    entry[0] == key && entry[2] > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: u32) -> Place {
        Place {
            offset: u64::from(number) * 100,
            length: 100,
            line: u64::from(number) + 1,
        }
    }

    #[test]
    fn what_was_put_in_is_found_and_nothing_else() {
        let mut executed = Executed::default();
        let jobs: Vec<Digest> = (0..1000_u32).map(|n| Digest::of(n.to_le_bytes())).collect();
        for (job, number) in jobs.iter().zip(0..) {
            assert_eq!(executed.find(job), None);
            executed.insert(job, place(number));
        }
        for (job, number) in jobs.iter().zip(0..) {
            assert_eq!(executed.find(job), Some(place(number)));
        }
        executed.insert(&jobs[7], place(4000));
        assert_eq!(executed.find(&jobs[7]), Some(place(4000)));
    }

    #[test]
    fn the_table_stays_as_large_as_it_is_and_keeps_what_is_used() {
        let mut executed = Executed::default();
        let favourite = Digest::of("favourite");
        executed.insert(&favourite, place(1));
        let capacity = (SETS * WAYS) as u32;
        let mut latest = 0;
        for number in 0..3 * capacity {
            executed.insert(&Digest::of(number.to_le_bytes()), place(number));
            if number % 1000 == 0 {
                assert_eq!(executed.find(&favourite), Some(place(1)), "{number}");
            }
        }
        for number in 2 * capacity..3 * capacity {
            latest += u32::from(executed.find(&Digest::of(number.to_le_bytes())).is_some());
        }
        assert_eq!(executed.sets.len() * WAYS, capacity as usize);
        // Sets fill unevenly: what is pushed out is mostly old.
        assert!(latest > capacity / 2, "{latest}");
    }
}
