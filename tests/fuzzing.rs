//! The laws of `fuzz/`, held against the seeds and what was once found, and against small changes of
//! these. The fuzzer looks much further; this keeps what it found.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "a crate of its own for the fuzzer")]
mod laws;

use std::fs;
use std::path::{Path, PathBuf};

/// Changed copies of each seed.
const COPIES: u64 = 25;

#[test]
fn every_law_holds_for_its_seeds_and_their_neighbours() {
    std::thread::scope(|scope| {
        for law in laws::LAWS {
            scope.spawn(move || {
                let seeds = seeds(law.name);
                assert!(seeds.len() >= 4, "{}: {} seeds", law.name, seeds.len());
                (law.check)(b"");
                for (path, seed) in &seeds {
                    hold(law, seed, &format!("{}", path.display()));
                    for copy in 0..COPIES {
                        let place = format!("{}, changed copy {copy}", path.display());
                        hold(law, &changed(seed, &seeds, copy), &place);
                    }
                }
            });
        }
    });
}

/// Names the seed before a law's own message: the bytes are then easily found again.
fn hold(law: laws::Law, data: &[u8], place: &str) {
    let outcome = std::panic::catch_unwind(|| (law.check)(data));
    assert!(
        outcome.is_ok(),
        "the law `{}` is broken by {place}: {}",
        law.name,
        data.escape_ascii()
    );
}

#[test]
fn laws_targets_and_seeds_belong_together() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest: toml::Table = fs::read_to_string(fuzz.join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let mut targets: Vec<&str> = manifest["bin"]
        .as_array()
        .unwrap()
        .iter()
        .map(|target| target["name"].as_str().unwrap())
        .collect();
    targets.sort_unstable();
    let laws = laws::LAWS.map(|law| law.name);
    assert_eq!(targets, laws);
    for law in laws::LAWS {
        let text = fs::read_to_string(fuzz.join(format!("fuzz_targets/{}.rs", law.name))).unwrap();
        assert!(text.contains(&format!("\"{}\"", law.name)), "{}", law.name);
        assert!(law.memory > 0 && law.memory_per_byte > 0);
    }
    for entry in fs::read_dir(fuzz.join("seeds")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(laws.contains(&name.as_str()), "no law is named {name}");
    }
}

fn seeds(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(name);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let bytes = fs::read(&path).unwrap();
            (path, bytes)
        })
        .collect()
}

/// `seed` with one to four small changes, the same ones every time.
fn changed(seed: &[u8], seeds: &[(PathBuf, Vec<u8>)], copy: u64) -> Vec<u8> {
    let mut state = (copy + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ seed.len() as u64;
    let mut next = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end.max(1) as u64) as usize
    };
    let mut bytes = seed.to_vec();
    for _ in 0..=next(4) {
        let place = next(bytes.len() + 1);
        match next(5) {
            0 => bytes.insert(place, next(256) as u8),
            1 if place < bytes.len() => bytes[place] ^= 1 << next(8),
            2 => bytes.truncate(place),
            3 => {
                let end = (place + next(8)).min(bytes.len());
                bytes.drain(place..end);
            }
            _ => {
                let (_, other) = &seeds[next(seeds.len())];
                let start = next(other.len() + 1);
                let end = (start + next(40)).min(other.len());
                bytes.splice(place..place, other[start..end].iter().copied());
            }
        }
    }
    bytes
}
