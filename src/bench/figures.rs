//! From the paces of all rounds to the figures.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::host::Host;

/// The contenders, by the word under which their paces are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// Bare spawn of the least program.
    Floor,
    /// The same program through fumehood.
    Sandbox,
    /// The same program through bubblewrap.
    Bubblewrap,
    /// A cold interpreter without isolation.
    Cold,
    /// A graded test.
    Warm,
    /// Fork from a warm interpreter without isolation.
    Fork,
}

/// Everything that was measured. What could not be is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The least program there is.
    pub exec: Exec,
    /// A test of one assertion.
    pub python: Python,
    /// Time that the sandbox adds to the least program at half load.
    pub latency_ms: Latency,
    /// What sandboxes cost while they do nothing.
    pub memory: Memory,
    /// Where and how it was measured.
    pub host: Measured,
}

/// Runs of the least program in a second.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exec {
    /// Started and waited for, nothing else.
    pub floor_per_s: f64,
    /// Through fumehood.
    pub sandbox_per_s: f64,
    /// The share of the floor that fumehood reaches.
    pub ratio: f64,
    /// How many times as fast as bubblewrap it is.
    pub vs_bubblewrap: Option<f64>,
}

/// Tests in a second.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Python {
    /// Each in an interpreter of its own, without isolation.
    pub cold_per_s: Option<f64>,
    /// Graded by fumehood.
    pub warm_per_s: Option<f64>,
    /// Each in a fork of a warm interpreter, without isolation.
    pub floor_per_s: Option<f64>,
    /// The share of the floor that fumehood reaches.
    pub ratio: Option<f64>,
    /// How many times as fast as cold interpreters it is.
    pub vs_cold: Option<f64>,
}

/// Milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Half of the jobs wait no longer.
    pub p50: Option<f64>,
    /// All but one in a hundred wait no longer.
    pub p99: Option<f64>,
}

/// KiB.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Memory {
    /// Private, changed memory of one idle sandbox; `None` where none is kept.
    pub slot_private_kib: Option<f64>,
}

/// The host, and how it was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The host.
    #[serde(flatten)]
    pub host: Host,
    /// The program that was run instead of the least there is.
    pub program: Option<PathBuf>,
    /// The interpreter's version.
    pub python: Option<String>,
    /// Workers, and as many of every other contender.
    pub workers: usize,
    /// Rounds in which all took their turns.
    pub rounds: u32,
    /// Seconds of one turn.
    pub seconds: f64,
    /// Layers of the sandbox that were not enforced: figures without them cannot be compared.
    pub missing_layers: Vec<String>,
    /// The lowest and highest value of each ratio and pace in any one round.
    pub spread: BTreeMap<&'static str, [f64; 2]>,
    /// What could not be measured, and what makes figures doubtful.
    pub notes: Vec<String>,
}

/// The paces of all rounds: for each contender one a round.
#[derive(Clone, Debug, Default)]
pub(super) struct Paces(pub(super) BTreeMap<Who, Vec<f64>>);

impl Paces {
    pub(super) fn add(&mut self, who: Who, pace: f64) {
        self.0.entry(who).or_default().push(pace);
    }

    /// The median pace.
    pub(super) fn pace(&self, who: Who) -> Option<f64> {
        median(self.0.get(&who)?)
    }

    /// The median of the ratios within each round.
    fn ratio(&self, one: Who, other: Who) -> Option<f64> {
        median(&self.ratios(one, other)?)
    }

    fn ratios(&self, one: Who, other: Who) -> Option<Vec<f64>> {
        let (one, other) = (self.0.get(&one)?, self.0.get(&other)?);
        Some(one.iter().zip(other).map(|(a, b)| a / b).collect())
    }

    pub(super) fn exec(&self) -> Exec {
        Exec {
            floor_per_s: self.pace(Who::Floor).unwrap_or_default(),
            sandbox_per_s: self.pace(Who::Sandbox).unwrap_or_default(),
            ratio: self.ratio(Who::Sandbox, Who::Floor).unwrap_or_default(),
            vs_bubblewrap: self.ratio(Who::Sandbox, Who::Bubblewrap),
        }
    }

    pub(super) fn python(&self) -> Python {
        Python {
            cold_per_s: self.pace(Who::Cold),
            warm_per_s: self.pace(Who::Warm),
            floor_per_s: self.pace(Who::Fork),
            ratio: self.ratio(Who::Warm, Who::Fork),
            vs_cold: self.ratio(Who::Warm, Who::Cold),
        }
    }

    /// The extremes of every figure, by its key.
    pub(super) fn spread(&self) -> BTreeMap<&'static str, [f64; 2]> {
        let pace = |who| self.0.get(&who).cloned();
        let all = [
            ("exec.floor_per_s", pace(Who::Floor)),
            ("exec.sandbox_per_s", pace(Who::Sandbox)),
            ("exec.ratio", self.ratios(Who::Sandbox, Who::Floor)),
            (
                "exec.vs_bubblewrap",
                self.ratios(Who::Sandbox, Who::Bubblewrap),
            ),
            ("python.cold_per_s", pace(Who::Cold)),
            ("python.warm_per_s", pace(Who::Warm)),
            ("python.floor_per_s", pace(Who::Fork)),
            ("python.ratio", self.ratios(Who::Warm, Who::Fork)),
            ("python.vs_cold", self.ratios(Who::Warm, Who::Cold)),
        ];
        all.into_iter()
            .filter_map(|(key, values)| Some((key, extremes(&values?)?)))
            .collect()
    }
}

fn extremes(values: &[f64]) -> Option<[f64; 2]> {
    let lowest = values.iter().copied().min_by(f64::total_cmp)?;
    let highest = values.iter().copied().max_by(f64::total_cmp)?;
    Some([lowest, highest])
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        1 => sorted.get(middle).copied(),
        _ => Some((sorted.get(middle.checked_sub(1)?)? + sorted.get(middle)?) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_a_round() {
        let mut paces = Paces::default();
        // The host grows three times as slow from round to round; the ratio does not change.
        for round in 0..3 {
            let speed = 900.0 / 3_f64.powi(round);
            paces.add(Who::Floor, 2.0 * speed);
            paces.add(Who::Sandbox, speed);
        }
        let exec = paces.exec();
        assert_eq!((exec.floor_per_s, exec.ratio), (600.0, 0.5));
        assert_eq!(exec.vs_bubblewrap, None);
        let spread = paces.spread();
        assert_eq!(spread["exec.ratio"], [0.5, 0.5]);
        assert_eq!(spread["exec.sandbox_per_s"], [100.0, 900.0]);
        assert!(!spread.contains_key("python.ratio"));
        assert_eq!(paces.python().cold_per_s, None);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
