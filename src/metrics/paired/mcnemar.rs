//! McNemar's exact test: whether as many yes-or-no answers changed one way as the other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tasks whose answer changed, and how likely it is that chance changed them so unevenly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct McNemar {
    /// Yes before, no after.
    pub lost: u64,
    /// No before, yes after.
    pub gained: u64,
    /// The two-sided probability, if each of them could as well have changed the other way.
    pub p: f64,
}

impl McNemar {
    /// Of these counts.
    pub fn of(lost: u64, gained: u64) -> Self {
        Self {
            lost,
            gained,
            p: two_sided(lost, gained),
        }
    }
}

/// Twice the chance that at most the smaller count of `lost + gained` fair coins shows heads, at most 1.
fn two_sided(lost: u64, gained: u64) -> f64 {
    let (n, fewer) = (lost + gained, lost.min(gained));
    let likeliest = of_fair_coins(n, fewer);
    // From the largest term down, each a ratio below 1 of the one before: nothing overflows.
    let (mut term, mut sum) = (likeliest, 0.0);
    for heads in (0..=fewer).rev() {
        sum += term;
        term *= heads as f64 / (n - heads + 1) as f64;
        if term <= sum * f64::EPSILON / 4.0 {
            break;
        }
    }
    f64::min(2.0 * sum, 1.0)
}

/// The chance that exactly `heads` of `n` fair coins show heads. Only the four operations, so that it is the
/// same to the last bit everywhere.
fn of_fair_coins(n: u64, heads: u64) -> f64 {
    let (mut chance, mut halvings) = (1.0_f64, n);
    for i in 1..=heads {
        chance *= (n - heads + i) as f64 / i as f64;
        // Halved as it grows, so that it stays near 1 until nothing is left to multiply.
        while chance > 1.0 && halvings > 0 {
            chance /= 2.0;
            halvings -= 1;
        }
    }
    while halvings > 0 && chance > 0.0 {
        chance /= 2.0;
        halvings -= 1;
    }
    chance
}
