//! Sums that do not depend on the order of their terms.

use std::ops::{AddAssign, SubAssign};

use serde::{Deserialize, Serialize};

/// Sums are kept in units of 2^-62: terms of 2^-9 and more, such as shares of cases and gains, are whole in it
/// to their last bit, and smaller ones are cut off.
const UNIT: f64 = (1_u64 << 62) as f64;

/// A sum of numbers from 0 to some billions. It is the same in whatever order they are added, which sums of
/// floating point are not, and what was added can be taken back without a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Exact(i128);

impl Exact {
    /// One term.
    pub(super) fn of(term: f64) -> Self {
        Self((term * UNIT) as i128)
    }

    /// The sum, rounded once.
    pub(super) fn value(self) -> f64 {
        self.0 as f64 / UNIT
    }

    /// The sum so many times.
    pub(super) fn times(self, times: i128) -> Self {
        Self(self.0 * times)
    }
}

impl AddAssign for Exact {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl SubAssign for Exact {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_nothing_stays_behind() {
        let terms: Vec<f64> = (1..500).map(|at| 1.0 / f64::from(at)).collect();
        let (mut forwards, mut backwards) = (Exact::default(), Exact::default());
        for (one, other) in terms.iter().zip(terms.iter().rev()) {
            forwards += Exact::of(*one);
            backwards += Exact::of(*other);
        }
        assert_eq!(forwards, backwards);
        assert_ne!(
            terms.iter().sum::<f64>().to_bits(),
            terms.iter().rev().sum::<f64>().to_bits(),
            "plain sums differ, else this proves nothing"
        );
        for term in &terms {
            forwards -= Exact::of(*term);
        }
        assert_eq!(forwards.value(), 0.0);
        let mut thirds = Exact::default();
        (0..3).for_each(|_| thirds += Exact::of(1.0 / 3.0));
        assert_eq!(thirds.value(), 1.0);
        assert_eq!(Exact::of(2.5).times(4).value(), 10.0);
    }
}
