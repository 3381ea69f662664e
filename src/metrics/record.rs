//! What is kept of one sample.

use std::cmp::Reverse;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    /// Which of two records for one sample is kept: the smaller, whatever the order of arrival.
    /// A ground truth that fails outweighs any result, and any result outweighs an infrastructure
    /// failure; otherwise the one less favourable to the sample.
    pub(super) fn precedence(&self) -> impl Ord {
        let state = match self.functional {
            Functional::Excluded(Exclusion::GroundTruth) => 0,
            Functional::Excluded(Exclusion::NoCases) => 1,
            Functional::NotPassed => 2,
            Functional::Passed => 3,
            Functional::Excluded(Exclusion::Infra) => 4,
        };
        (
            state,
            self.passed,
            Reverse(self.declared),
            Reverse(self.security),
            self.rank,
            Reverse(self.kind),
        )
    }
}

/// Two bits.
pub(super) fn bits(security: Security) -> u64 {
    match security {
        Security::Unknown => 0,
        Security::Secure => 1,
        Security::Insecure => 2,
    }
}
