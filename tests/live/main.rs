//! Runs as they are written: events in any order, figures at any moment, shards put together.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by panicking"
)]

#[path = "../support/records.rs"]
mod records;
#[path = "../support/command.rs"]
mod shared;
#[path = "../support/verdicts.rs"]
mod verdicts;

mod journals;
mod merging;
mod orders;
mod watching;

use std::path::Path;
use std::process::Output;

use shared::{run_wide, text};

/// The command, with a terminal's width and no colours.
fn fumehood(folder: &Path, arguments: &[&str]) -> Output {
    run_wide("120", folder, arguments)
}

/// Numbers without end that are the same on each run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}
