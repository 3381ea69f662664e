//! A rule that says which change is a regression: `safe@1 drops 0.01 (p<0.05)`.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::delta::Delta;
use crate::metrics::Metric;

/// What separates a change of exactly the amount from rounding.
const ROUNDING: f64 = 1e-12;
/// Characters of a rule.
const LONGEST: usize = 200;
/// The names of metrics, as rules have them.
const METRICS: [(&str, Metric); 7] = [
    ("pass", Metric::Pass),
    ("case", Metric::CaseMacro),
    ("case-micro", Metric::CaseMicro),
    ("secure", Metric::SecureAny),
    ("secure-all", Metric::SecureAll),
    ("secure-pass", Metric::SecurePass),
    ("safe", Metric::Safe),
];

/// A rule: `METRIC[@K] [SCANNER] drops|rises AMOUNT [(p<ALPHA)]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// The metric.
    pub metric: Metric,
    /// Samples that may be drawn; 1 unless it is said.
    pub k: u32,
    /// Whose judgement; `None` for all together.
    pub scanner: Option<String>,
    /// Which way it must not go.
    pub direction: Direction,
    /// By how much at least.
    pub amount: f64,
    /// The p-value, after Holm's correction, must also be below this.
    pub alpha: Option<f64>,
}

/// Which way a metric goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// It gets smaller.
    Drops,
    /// It gets larger.
    Rises,
}

/// Why a text is no rule.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "`{rule}`, character {at}: {what}; a rule is METRIC[@K] [SCANNER] drops|rises AMOUNT [(p<ALPHA)], such as `safe@1 drops 0.01 (p<0.05)`"
)]
pub struct GateError {
    /// The rule.
    pub rule: String,
    /// Where, in characters from 1.
    pub at: usize,
    /// What is wrong there.
    pub what: String,
}

/// What a rule says of one comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The change is not what the rule forbids.
    Holds,
    /// The change is what the rule forbids.
    Broken,
    /// The figure has no value in this comparison; it counts as broken, for nobody can say that it holds.
    Undecided,
}

/// A verdict with its reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ruling {
    /// The rule, as this program writes it.
    pub rule: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The change, where there is one.
    pub delta: Option<f64>,
    /// Its p-value after Holm's correction, where there is one.
    pub p_holm: Option<f64>,
}

impl Gate {
    /// What the rule says of these changes.
    pub fn rule(&self, deltas: &[Delta]) -> Ruling {
        let found = self.find(deltas);
        let estimate = found.and_then(|delta| delta.strict);
        let verdict = match (found, estimate) {
            (Some(delta), Some(estimate)) => self.judge(estimate.delta, delta.p_holm),
            _ => Verdict::Undecided,
        };
        Ruling {
            rule: self.to_string(),
            verdict,
            delta: estimate.map(|estimate| estimate.delta),
            p_holm: found
                .filter(|_| estimate.is_some())
                .and_then(|delta| delta.p_holm),
        }
    }

    fn find<'a>(&self, deltas: &'a [Delta]) -> Option<&'a Delta> {
        let fits = |delta: &&Delta| {
            delta.metric == self.metric && delta.k == self.k && delta.scanner == self.scanner
        };
        deltas.iter().find(fits).or_else(|| {
            // With one scanner the combined judgement is that scanner's, and listed under its name.
            let mut others = deltas
                .iter()
                .filter(|delta| delta.metric == self.metric && delta.k == self.k);
            match (others.next(), others.next()) {
                (Some(only), None) if self.scanner.is_none() => Some(only),
                _ => None,
            }
        })
    }

    fn judge(&self, delta: f64, p: Option<f64>) -> Verdict {
        let change = match self.direction {
            Direction::Drops => -delta,
            Direction::Rises => delta,
        };
        if change <= 0.0 || change + ROUNDING < self.amount {
            return Verdict::Holds;
        }
        match (self.alpha, p) {
            (None, _) => Verdict::Broken,
            (Some(_), None) => Verdict::Undecided,
            (Some(alpha), Some(p)) if p < alpha => Verdict::Broken,
            (Some(_), Some(_)) => Verdict::Holds,
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = METRICS.iter().find(|(_, metric)| *metric == self.metric);
        write!(f, "{}@{}", name.map_or("", |(name, _)| name), self.k)?;
        if let Some(scanner) = &self.scanner {
            write!(f, " {scanner}")?;
        }
        let direction = match self.direction {
            Direction::Drops => "drops",
            Direction::Rises => "rises",
        };
        write!(f, " {direction} {}", self.amount)?;
        match self.alpha {
            Some(alpha) => write!(f, " (p<{alpha})"),
            None => Ok(()),
        }
    }
}

impl FromStr for Gate {
    type Err = GateError;

    fn from_str(text: &str) -> Result<Self, GateError> {
        Parser::new(text)?.gate()
    }
}

/// The words of a rule, with where each begins.
struct Parser<'a> {
    text: &'a str,
    words: std::iter::Peekable<std::vec::IntoIter<(usize, &'a str)>>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self, GateError> {
        let mut words = Vec::new();
        let mut rest = 0;
        for word in text.split_whitespace() {
            // Words come in order, so each is found behind the one before it.
            let start = text[rest..].find(word).map_or(rest, |offset| rest + offset);
            words.push((start, word));
            rest = start + word.len();
        }
        let parser = Self {
            text,
            words: words.into_iter().peekable(),
        };
        if text.chars().count() > LONGEST {
            return Err(parser.error(0, format!("it is longer than {LONGEST} characters")));
        }
        Ok(parser)
    }

    fn error(&self, byte: usize, what: impl Into<String>) -> GateError {
        let at = self.text[..byte].chars().count() + 1;
        GateError {
            rule: crate::base::text::one_line(self.text, LONGEST),
            at,
            what: crate::base::text::one_line(&what.into(), LONGEST),
        }
    }

    fn next(&mut self, wanted: &str) -> Result<(usize, &'a str), GateError> {
        match self.words.next() {
            Some(word) => Ok(word),
            None => Err(self.error(self.text.len(), format!("{wanted} is missing"))),
        }
    }

    fn gate(mut self) -> Result<Gate, GateError> {
        let (metric, k) = self.metric()?;
        let scanner = self.scanner(metric)?;
        let (at, word) = self.next("`drops` or `rises`")?;
        let direction = match word.to_ascii_lowercase().as_str() {
            "drops" => Direction::Drops,
            "rises" => Direction::Rises,
            _ => return Err(self.error(at, format!("`{word}` is neither `drops` nor `rises`"))),
        };
        let (at, word) = self.next("the amount")?;
        let amount = share(word).ok_or_else(|| {
            self.error(
                at,
                format!("`{word}` is no amount from 0 to 1, such as 0.01"),
            )
        })?;
        let alpha = self.alpha()?;
        Ok(Gate {
            metric,
            k,
            scanner,
            direction,
            amount,
            alpha,
        })
    }

    fn metric(&mut self) -> Result<(Metric, u32), GateError> {
        let (at, word) = self.next("the metric")?;
        let (name, k) = match word.split_once('@') {
            Some((name, k)) => (name, Some(k)),
            None => (word, None),
        };
        let lower = name.to_ascii_lowercase();
        let Some((_, metric)) = METRICS.iter().find(|(known, _)| *known == lower) else {
            let known: Vec<&str> = METRICS.iter().map(|(name, _)| *name).collect();
            return Err(self.error(
                at,
                format!("there is no metric `{name}`, only {}", known.join(", ")),
            ));
        };
        let k = match k {
            None => 1,
            Some(k) => match k.parse() {
                Ok(k) if k > 0 => k,
                _ => {
                    let place = at + name.len() + 1;
                    return Err(self.error(place, format!("`{k}` is no number of samples, from 1")));
                }
            },
        };
        if k > 1 && matches!(metric, Metric::CaseMacro | Metric::CaseMicro) {
            return Err(self.error(at, format!("`{name}` has no k but 1")));
        }
        // Any one of one and all of one are the same.
        let metric = match metric {
            Metric::SecureAll if k == 1 => Metric::SecureAny,
            other => *other,
        };
        Ok((metric, k))
    }

    fn scanner(&mut self, metric: Metric) -> Result<Option<String>, GateError> {
        let is_direction =
            |word: &str| matches!(word.to_ascii_lowercase().as_str(), "drops" | "rises");
        let Some((at, word)) = self.words.next_if(|(_, word)| !is_direction(word)) else {
            return Ok(None);
        };
        let inner = word
            .strip_prefix('(')
            .and_then(|word| word.strip_suffix(')'));
        let name = inner.unwrap_or(word);
        if self
            .words
            .peek()
            .is_none_or(|(_, word)| !is_direction(word))
        {
            return Err(self.error(
                at,
                format!("`{word}` is not followed by `drops` or `rises`"),
            ));
        }
        if name == "combined" {
            return Ok(None);
        }
        if !matches!(metric, Metric::SecureAny | Metric::SecureAll) {
            return Err(self.error(
                at,
                format!("`{name}`: only `secure` and `secure-all` are told by scanner"),
            ));
        }
        Ok(Some(name.to_owned()))
    }

    fn alpha(&mut self) -> Result<Option<f64>, GateError> {
        let Some((start, first)) = self.words.next() else {
            return Ok(None);
        };
        let mut clause = first.to_owned();
        clause.extend(self.words.by_ref().map(|(_, word)| word));
        let inner = clause
            .strip_prefix('(')
            .and_then(|clause| clause.strip_suffix(')'));
        let level = inner.and_then(|inner| inner.strip_prefix(['p', 'P'])?.strip_prefix('<'));
        match level.map(share) {
            Some(Some(alpha)) if alpha > 0.0 => Ok(Some(alpha)),
            Some(_) => Err(self.error(start, "the level is no number above 0 and at most 1")),
            None => Err(self.error(
                start,
                format!("`{clause}` is no condition such as `(p<0.05)`"),
            )),
        }
    }
}

/// A decimal number from 0 to 1.
fn share(text: &str) -> Option<f64> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = text.parse().ok().filter(|_| plain)?;
    (0.0..=1.0).contains(&number).then_some(number)
}
