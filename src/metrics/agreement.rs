//! How far two scanners agree, on the samples that both could analyse.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::estimator::{Z, wilson};
use super::figure::Interval;
use crate::scan::Security;

/// What two scanners say of the same samples, counted. Counts of different samples are added by
/// [`Agreement::merge`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Both say insecure.
    pub both_insecure: u64,
    /// Only the first says insecure.
    pub only_first: u64,
    /// Only the second says insecure.
    pub only_second: u64,
    /// Both say secure.
    pub both_secure: u64,
    /// Left out of all the others: at least one of them does not know.
    pub left_out: u64,
}

/// Cohen's kappa.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kappa {
    /// `(observed - expected) / (1 - expected)`.
    pub value: f64,
    /// Its large-sample standard error; `None` where that is 0, which says how the counts lie and not
    /// how sure they are.
    pub standard_error: Option<f64>,
    /// The 95 % interval, cut at -1 and 1; `None` with the standard error.
    pub interval: Option<Interval>,
}

impl Agreement {
    /// Counts `samples` of which the scanners say this.
    pub fn add(&mut self, first: Security, second: Security, samples: u64) {
        use Security::{Insecure, Secure, Unknown};
        *match (first, second) {
            (Unknown, _) | (_, Unknown) => &mut self.left_out,
            (Insecure, Insecure) => &mut self.both_insecure,
            (Insecure, Secure) => &mut self.only_first,
            (Secure, Insecure) => &mut self.only_second,
            (Secure, Secure) => &mut self.both_secure,
        } += samples;
    }

    /// Adds the counts of other samples.
    pub fn merge(&mut self, other: &Self) {
        self.both_insecure += other.both_insecure;
        self.only_first += other.only_first;
        self.only_second += other.only_second;
        self.both_secure += other.both_secure;
        self.left_out += other.left_out;
    }

    /// Samples that both could analyse.
    pub fn samples(&self) -> u64 {
        self.both_insecure + self.only_first + self.only_second + self.both_secure
    }

    /// Samples of which both say the same.
    pub fn agreed(&self) -> u64 {
        self.both_insecure + self.both_secure
    }

    /// The share of which both say the same, `None` without samples.
    pub fn observed(&self) -> Option<f64> {
        let samples = self.samples();
        (samples > 0).then(|| self.agreed() as f64 / samples as f64)
    }

    /// The 95 % interval of that share (Wilson).
    pub fn observed_interval(&self) -> Option<Interval> {
        wilson(self.agreed(), self.samples())
    }

    /// The share of which both would say the same by chance, if each said insecure as often as it
    /// does and looked at nothing.
    pub fn expected(&self) -> Option<f64> {
        let table = Table::of(self)?;
        Some(table.expected())
    }

    /// Cohen's kappa (J. Cohen, A coefficient of agreement for nominal scales, 1960), with the
    /// standard error of J. L. Fleiss, J. Cohen and B. S. Everitt, Large sample standard errors of
    /// kappa and weighted kappa, 1969.
    ///
    /// `None` without samples, and where both scanners say the same of every sample, be it secure or
    /// insecure: chance alone explains that, and the quotient is 0/0.
    pub fn kappa(&self) -> Option<Kappa> {
        let table = Table::of(self)?;
        if table.is_constant() {
            return None;
        }
        let (expected, value) = (table.expected(), table.kappa());
        let spread = table.spread(value);
        // Rounding leaves some 1e-16 where the sum is 0.
        let standard_error =
            (spread > 1e-14).then(|| (spread / self.samples() as f64).sqrt() / (1.0 - expected));
        Some(Kappa {
            value,
            standard_error,
            interval: standard_error.map(|error| Interval {
                low: (value - Z * error).max(-1.0),
                high: (value + Z * error).min(1.0),
            }),
        })
    }
}

/// The shares of the four cells; the first index is what the first scanner says, 1 for insecure.
struct Table {
    shares: [[f64; 2]; 2],
}

impl Table {
    fn of(counts: &Agreement) -> Option<Self> {
        let samples = counts.samples();
        let share = |count: u64| count as f64 / samples as f64;
        (samples > 0).then(|| Self {
            shares: [
                [share(counts.both_secure), share(counts.only_second)],
                [share(counts.only_first), share(counts.both_insecure)],
            ],
        })
    }

    /// How often the first scanner says `what`.
    fn first(&self, what: usize) -> f64 {
        self.shares[what][0] + self.shares[what][1]
    }

    fn second(&self, what: usize) -> f64 {
        self.shares[0][what] + self.shares[1][what]
    }

    /// Whether all samples are in one of the two cells of agreement.
    fn is_constant(&self) -> bool {
        self.shares[0][0] == 1.0 || self.shares[1][1] == 1.0
    }

    fn observed(&self) -> f64 {
        self.shares[0][0] + self.shares[1][1]
    }

    fn expected(&self) -> f64 {
        self.first(0) * self.second(0) + self.first(1) * self.second(1)
    }

    fn kappa(&self) -> f64 {
        let expected = self.expected();
        (self.observed() - expected) / (1.0 - expected)
    }

    /// The variance of kappa times `n (1 - expected)^2`: with `p` the shares and `k` kappa,
    ///
    /// ```text
    /// sum over i of       p_ii (1 - (p_i. + p_.i)(1 - k))^2
    /// + (1 - k)^2 * sum over i != j of p_ij (p_.i + p_j.)^2
    /// - (k - expected (1 - k))^2
    /// ```
    fn spread(&self, kappa: f64) -> f64 {
        let rest = 1.0 - kappa;
        let square = |x: f64| x * x;
        let agreed =
            |i: usize| self.shares[i][i] * square(1.0 - (self.first(i) + self.second(i)) * rest);
        let apart = |i: usize, j: usize| self.shares[i][j] * square(self.second(i) + self.first(j));
        agreed(0) + agreed(1) + square(rest) * (apart(0, 1) + apart(1, 0))
            - square(kappa - self.expected() * rest)
    }
}
