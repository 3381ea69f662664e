//! What is kept of one sample.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::facts::{Exclusion, Functional};
use crate::scan::Security;
use crate::verdict::VerdictKind;

/// Whose judgement: that of all scanners together, or that of one by its place in the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judge {
    Combined,
    Scanner(usize),
}

/// One sample's facts, 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) index: u32,
    pub(super) passed: u32,
    pub(super) declared: u32,
    pub(super) rank: Option<u32>,
    pub(super) kind: VerdictKind,
    pub(super) functional: Functional,
    /// Two bits a judge, the combined one lowest: 0 unknown, 1 secure, 2 insecure.
    pub(super) security: u64,
}

impl Record {
    pub(super) fn security(&self, judge: Judge) -> Security {
        let place = match judge {
            Judge::Combined => 0,
            Judge::Scanner(index) => index + 1,
        };
        match self.security >> (2 * place) & 0b11 {
            1 => Security::Secure,
            2 => Security::Insecure,
            _ => Security::Unknown,
        }
    }

    pub(super) fn is_scored(&self) -> bool {
        !matches!(self.functional, Functional::Excluded(_))
    }

    pub(super) fn has_passed(&self) -> bool {
        self.functional == Functional::Passed
    }

    /// The share of declared cases that held.
    pub(super) fn share(&self) -> f64 {
        f64::from(self.passed) / f64::from(self.declared.max(1))
    }

    /// What two records for one sample come to, whatever the order of arrival: of the verdicts the one with
    /// precedence, of each scanner's judgements the graver. That of all scanners together is left as it is.
    pub(super) fn join(&self, other: &Self) -> Self {
        let verdict = match other.precedence() < self.precedence() {
            true => other,
            false => self,
        };
        Self {
            security: graver(self.security, other.security),
            ..*verdict
        }
    }

    /// Which of two verdicts on one sample is kept: the smaller, whatever the order of arrival.
    /// A ground truth that fails outweighs any result, and any result outweighs an infrastructure
    /// failure; otherwise the one less favourable to the sample.
    fn precedence(&self) -> impl Ord + use<> {
        precedence(
            self.functional,
            (self.passed, self.declared),
            self.rank,
            self.kind,
        )
    }
}

/// See [`Record::join`]; cases are those that held, and those that were declared.
pub(super) fn precedence(
    functional: Functional,
    cases: (u32, u32),
    rank: Option<u32>,
    kind: VerdictKind,
) -> impl Ord + use<> {
    let state = match functional {
        Functional::Excluded(Exclusion::GroundTruth) => 0,
        Functional::Excluded(Exclusion::NoCases) => 1,
        Functional::NotPassed => 2,
        Functional::Passed => 3,
        Functional::Excluded(Exclusion::Infra) => 4,
    };
    (state, cases.0, Reverse(cases.1), rank, Reverse(kind))
}

/// Two bits.
pub(super) fn bits(security: Security) -> u64 {
    match security {
        Security::Unknown => 0,
        Security::Secure => 1,
        Security::Insecure => 2,
    }
}

/// Of each judge the graver judgement: what is known outweighs what is not, insecure outweighs secure.
pub(super) fn graver(one: u64, other: u64) -> u64 {
    const UPPER: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    let any = one | other;
    any & !((any & UPPER) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graver_judgement_of_each_counts() {
        use Security::{Insecure, Secure, Unknown};
        let all = [Unknown, Secure, Insecure];
        for one in all {
            for other in all {
                let expected = bits(one).max(bits(other));
                for place in [0, 30, 62] {
                    assert_eq!(
                        graver(bits(one) << place, bits(other) << place),
                        expected << place
                    );
                }
            }
        }
    }

    #[test]
    fn a_sample_takes_32_bytes() {
        assert_eq!(size_of::<Record>(), 32);
    }
}
