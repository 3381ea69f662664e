//! The estimators, for one task: numbers in, a number out.
//!
//! All of them use nothing but the four operations and the square root, which IEEE 754 defines to the
//! last bit, so that the same counts give the same figures on every machine.

use super::figure::Interval;

/// Half of the width of a 95 % interval, in standard errors.
pub(super) const Z: f64 = 1.959_963_984_540_054;

/// The probability that at least one of `k` samples, drawn without replacement from `n` of which
/// `c` are good, is good: `1 - C(n-c, k) / C(n, k)`.
///
/// `None` when fewer than `k` samples exist (it cannot be estimated then, and is certainly not 1),
/// and for counts that make no sense (`k = 0`, `c > n`).
pub fn any_at_k(n: u64, c: u64, k: u64) -> Option<f64> {
    if k == 0 || n < k || c > n {
        return None;
    }
    Some(1.0 - all_of(n, n - c, k))
}

/// The probability that all of `k` samples, drawn without replacement from `n` of which `c` are
/// good, are good: `C(c, k) / C(n, k)`. `None` as for [`any_at_k`].
pub fn all_at_k(n: u64, c: u64, k: u64) -> Option<f64> {
    if k == 0 || n < k || c > n {
        return None;
    }
    Some(all_of(n, c, k))
}

/// `C(c, k) / C(n, k)` as a product of `k` ratios, none above 1: nothing overflows.
fn all_of(n: u64, c: u64, k: u64) -> f64 {
    if c < k {
        return 0.0;
    }
    (0..k).fold(1.0, |product, i| {
        product * ((c - i) as f64 / (n - i) as f64)
    })
}

/// SAFE's weight of a sample that passes the share `p` of its cases: `(e^p - 1) / (e - 1)`.
///
/// It grows from 0 to 1 and never exceeds `p`. Shares outside 0 to 1 count as the nearer end.
pub fn gain(p: f64) -> f64 {
    if p >= 1.0 {
        return 1.0;
    }
    if p.is_nan() || p <= 0.0 {
        return 0.0;
    }
    // The Taylor series of e^p - 1, innermost term first. For p < 1 the 20th term is below 1e-18;
    // the platform's expm1 would differ in its last bit between C libraries.
    let series = (1..=20)
        .rev()
        .fold(0.0, |rest, i| (p / f64::from(i)) * (1.0 + rest));
    series / (std::f64::consts::E - 1.0)
}

/// The Wilson score interval at 95 % for `good` of `n` independent yes-or-no observations.
/// `None` without observations, or when `good` exceeds them.
pub fn wilson(good: u64, n: u64) -> Option<Interval> {
    if n == 0 || good > n {
        return None;
    }
    let (count, share) = (n as f64, good as f64 / n as f64);
    let scale = 1.0 + Z * Z / count;
    let centre = share + Z * Z / (2.0 * count);
    let spread = Z * (share * (1.0 - share) / count + Z * Z / (4.0 * count * count)).sqrt();
    // At the ends one bound is exactly 0 or 1; rounding must not push it past.
    let low = if good == 0 {
        0.0
    } else {
        (centre - spread) / scale
    };
    let high = if good == n {
        1.0
    } else {
        (centre + spread) / scale
    };
    Some(Interval {
        low: low.max(0.0),
        high: high.min(1.0),
    })
}
