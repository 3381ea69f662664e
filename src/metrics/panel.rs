//! The scanners of a run, and what they say together.

use serde::{Deserialize, Serialize};

use super::aggregator::MetricsError;
use super::record::bits;
use crate::base::digest::Digest;
use crate::scan::{Combine, Policy, combined};

/// The lower of the two bits that each judge has: set where it says secure.
const SECURE: u64 = 0x5555_5555_5555_5555;

/// The scanners of a run, sorted by name, and how they combine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Panel {
    names: Vec<String>,
    /// How scanners make one answer.
    combine: Combine,
    /// The policy that says so, and which findings count: what was counted by different ones does not add up.
    policy: Digest,
    /// The lower bit of each scanner that is asked.
    asked: u64,
}

/// No scanner at all.
impl Default for Panel {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            combine: Combine::default(),
            policy: Policy::default().digest(),
            asked: 0,
        }
    }
}

impl Panel {
    /// The most scanners in one run: two bits each, and two for all of them together.
    pub const MAX: usize = 31;

    /// A panel of these scanners, of which any can make a sample insecure; order and repetition do not matter.
    ///
    /// # Errors
    /// When there are more than [`Panel::MAX`].
    pub fn new<S: Into<String>>(
        scanners: impl IntoIterator<Item = S>,
    ) -> Result<Self, MetricsError> {
        Self::combining(scanners, &Policy::default())
    }

    /// A panel of these scanners that combine by this policy.
    ///
    /// # Errors
    /// When there are more than [`Panel::MAX`].
    pub fn combining<S: Into<String>>(
        scanners: impl IntoIterator<Item = S>,
        policy: &Policy,
    ) -> Result<Self, MetricsError> {
        let mut names: Vec<String> = scanners.into_iter().map(Into::into).collect();
        names.sort();
        names.dedup();
        if names.len() > Self::MAX {
            return Err(MetricsError::TooManyScanners(names.len()));
        }
        let is_asked = |name| policy.scanners.is_empty() || policy.scanners.contains(name);
        let places = names.iter().enumerate();
        let asked = places.filter(|(_, name)| is_asked(*name));
        Ok(Self {
            asked: asked.fold(0, |all, (place, _)| all | 1 << (2 * (place + 1))),
            names,
            combine: policy.combine,
            policy: policy.digest(),
        })
    }

    /// Whether it is one that [`Panel::combining`] makes, and not forged.
    pub fn is_sound(&self) -> bool {
        let bits = 2 * (self.names.len().min(Self::MAX) + 1);
        let places = u64::MAX >> (64 - bits);
        self.names.len() <= Self::MAX
            && self.names.is_sorted_by(|one, other| one < other)
            && self.asked & !(SECURE & places & !1) == 0
    }

    /// The scanners' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The place of a scanner.
    pub(super) fn place(&self, scanner: &str) -> Option<usize> {
        self.names
            .binary_search_by(|known| known.as_str().cmp(scanner))
            .ok()
    }

    /// The same judgements, with that of all scanners together in the lowest two bits.
    pub(super) fn combine(&self, security: u64) -> u64 {
        let asked = security >> 2 << 2 & (self.asked | self.asked << 1);
        let secure = (asked & SECURE).count_ones();
        let insecure = (asked & !SECURE).count_ones();
        // A forged judgement may be both.
        let known = secure.saturating_add(insecure);
        let unknown = self.asked.count_ones().saturating_sub(known);
        let together = combined(self.combine, secure, insecure, unknown);
        security >> 2 << 2 | bits(together)
    }

    pub(super) fn describe(&self) -> String {
        if self.names.is_empty() {
            return "none".to_owned();
        }
        let names = self.names.join(", ");
        match self.policy == Policy::default().digest() {
            true => names,
            false => format!("{names} by the policy {}", self.policy.short(12)),
        }
    }
}
