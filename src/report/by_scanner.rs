//! What each scanner by itself says of a comparison: its transitions, and the weaknesses that came and went.

use std::cmp::Reverse;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::compare::TransitionSummary;
use crate::metrics::Opinions;
use crate::metrics::paired::{McNemar, Pairing, Shift, Shifts, Transitions};
use crate::scan::cwe::hierarchy;

/// What became of the samples as one scanner sees them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScannerTransitions {
    /// The scanner.
    pub scanner: String,
    /// The same as for all scanners together.
    pub transitions: TransitionSummary,
}

/// The weaknesses that scanners found before and after, over the same pairs of samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeaknessSummary {
    /// How many pairs each scanner says something of.
    pub scanners: Vec<ScannerPairs>,
    /// Every weakness that a scanner found on either side, the largest change first.
    pub changes: Vec<WeaknessChange>,
}

/// Pairs of samples that one scanner analysed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScannerPairs {
    /// The scanner.
    pub scanner: String,
    /// Pairs of which it analysed both samples wholly: those that are counted.
    pub pairs: u64,
    /// Pairs of which it did not; they are left out.
    pub unknown: u64,
}

/// One weakness as one scanner found it before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeaknessChange {
    /// The scanner.
    pub scanner: String,
    /// The CWE number; `None` for rules that have none.
    pub cwe: Option<u32>,
    /// MITRE's name for it, where it is a weakness of MITRE's list.
    pub name: Option<String>,
    /// Samples of the base in which it was found.
    pub base: u64,
    /// Samples of the technique in which it was found.
    pub technique: u64,
    /// `technique - base`, which is `appeared - disappeared` too.
    pub change: i64,
    /// Pairs that have it after and not before.
    pub appeared: u64,
    /// Pairs that had it before and have it no more.
    pub disappeared: u64,
    /// McNemar's exact two-sided p-value of these two; `None` where a task has several samples a side. It is not
    /// corrected for how many weaknesses there are.
    pub p: Option<f64>,
}

/// One for each scanner that both sides were judged by.
pub(super) fn transitions(pairing: &Pairing<'_>) -> Vec<ScannerTransitions> {
    let all = pairing.scanners().filter_map(|scanner| {
        Some(ScannerTransitions {
            scanner: scanner.to_owned(),
            transitions: TransitionSummary::of(&Transitions::of_scanner(pairing, scanner)?),
        })
    });
    all.collect()
}

impl WeaknessSummary {
    /// Of what the scanners say of either side.
    pub fn of(pairing: &Pairing<'_>, base: &Opinions, technique: &Opinions) -> Self {
        let shifts = Shifts::of(pairing, base, technique);
        let is_single = pairing.is_single();
        let mut summary = Self {
            scanners: Vec::new(),
            changes: Vec::new(),
        };
        for (scanner, seen) in shifts.by_scanner() {
            summary.scanners.push(ScannerPairs {
                scanner: scanner.to_owned(),
                pairs: seen.pairs,
                unknown: seen.unknown,
            });
            let changes = seen.shifts.iter();
            let changes = changes.map(|(cwe, shift)| change(scanner, *cwe, *shift, is_single));
            summary.changes.extend(changes);
        }
        // Stable: what is alike stays in the order of scanners and numbers.
        summary.changes.sort_by_key(|one| {
            let moved = one.appeared + one.disappeared;
            Reverse((one.change.unsigned_abs(), moved, one.base + one.technique))
        });
        summary
    }
}

fn change(scanner: &str, cwe: Option<u32>, shift: Shift, is_single: bool) -> WeaknessChange {
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let p = McNemar::of(shift.disappeared, shift.appeared).p;
    WeaknessChange {
        scanner: scanner.to_owned(),
        cwe,
        name: cwe.and_then(hierarchy::name).map(str::to_owned),
        base: shift.base(),
        technique: shift.technique(),
        change: count(shift.appeared) - count(shift.disappeared),
        appeared: shift.appeared,
        disappeared: shift.disappeared,
        p: is_single.then_some(p),
    }
}
