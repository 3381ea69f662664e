//! What was met a while ago, in bounded memory.

use crate::base::digest::Digest;

/// Digests that one set holds; a new one pushes out the one that was longest unmet.
const WAYS: usize = 8;
/// Sets of the table.
const SETS: usize = 1 << 14;

/// The latest 131,072 digests or so, in 4 MiB however many there were. One that was pushed out counts
/// as new again.
#[derive(Debug)]
pub(super) struct Seen {
    /// All zeros is an empty entry. Plain numbers, so that the system gives the pages only as they
    /// are written.
    sets: Vec<[[u64; 4]; WAYS]>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            sets: vec![[[0; 4]; WAYS]; SETS],
        }
    }
}

impl Seen {
    /// Notes a digest; says whether it is new.
    pub(super) fn insert(&mut self, digest: &Digest) -> bool {
        let mut entry = [0; 4];
        for (number, bytes) in entry.iter_mut().zip(digest.as_bytes().chunks_exact(8)) {
            let mut eight = [0; 8];
            eight.copy_from_slice(bytes);
            *number = u64::from_le_bytes(eight);
        }
        let set = &mut self.sets[entry[0] as usize % SETS];
        let known = set.iter().position(|known| *known == entry);
        set[..=known.unwrap_or(WAYS - 1)].rotate_right(1);
        set[0] = entry;
        known.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_new_once_while_it_is_remembered() {
        let mut seen = Seen::default();
        let digest = |number: u32| Digest::of(number.to_le_bytes());
        assert!((0..1000).all(|number| seen.insert(&digest(number))));
        assert!((0..1000).all(|number| !seen.insert(&digest(number))));
        let capacity = (SETS * WAYS) as u32;
        for number in 1000..1000 + 3 * capacity {
            seen.insert(&digest(number));
            assert!(!seen.insert(&digest(number)));
        }
        let forgotten = (0..1000).filter(|number| seen.insert(&digest(*number)));
        assert!(forgotten.count() > 900, "the table is bounded");
    }
}
