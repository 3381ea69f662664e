//! What a judge may cost, and has cost. Pure.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::config::{Allowance, Price};

/// Bytes of text that make at least one token. Most text makes far fewer, but need not: what is set aside for a
/// question is never less than it can cost.
const BYTES_PER_TOKEN: usize = 1;

/// Tokens, in and out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) input: u64,
    pub(super) output: u64,
}

/// The spendings of one judge. What a request may cost at most is set aside before it is sent, and settled
/// when it is known, so that requests side by side never spend more than is allowed.
#[derive(Debug)]
pub(super) struct Budget {
    allowance: Allowance,
    price: Option<Price>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    spent: Tokens,
    aside: Tokens,
}

/// What became of a wish to set something aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// It is set aside.
    Granted,
    /// There may be room when others are settled.
    Later,
    /// There is none, and why.
    None(String),
}

impl Budget {
    pub(super) fn new(allowance: Allowance, price: Option<Price>) -> Self {
        Self {
            allowance,
            price,
            state: Mutex::default(),
        }
    }

    /// The most that a request can cost.
    pub(super) fn most(question: usize, answer: u32) -> Tokens {
        Tokens {
            input: (question.div_ceil(BYTES_PER_TOKEN)) as u64,
            output: u64::from(answer),
        }
    }

    /// Sets `most` aside, if that leaves the budget whole.
    pub(super) fn reserve(&self, most: Tokens) -> Room {
        let mut state = self.state();
        if let Some(why) = self.excess(state.spent.plus(most)) {
            return Room::None(why);
        }
        if self
            .excess(state.spent.plus(state.aside).plus(most))
            .is_some()
        {
            return Room::Later;
        }
        state.aside = state.aside.plus(most);
        Room::Granted
    }

    /// Puts what a request did cost in the place of what was set aside for it.
    pub(super) fn settle(&self, most: Tokens, real: Tokens) {
        let mut state = self.state();
        state.aside.input = state.aside.input.saturating_sub(most.input);
        state.aside.output = state.aside.output.saturating_sub(most.output);
        state.spent = state.spent.plus(real);
    }

    /// What was spent.
    pub(super) fn spent(&self) -> Tokens {
        self.state().spent
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why so many are too many.
    fn excess(&self, then: Tokens) -> Option<String> {
        let all = then.input.saturating_add(then.output);
        if let Some(tokens) = self.allowance.tokens.filter(|tokens| all > *tokens) {
            return Some(format!(
                "the judge's budget of {tokens} tokens does not reach for it"
            ));
        }
        let cost = self.price.map_or(0.0, |price| price.of(then));
        let usd = self.allowance.usd.filter(|usd| cost > *usd)?;
        Some(format!(
            "the judge's budget of {usd} USD does not reach for it"
        ))
    }
}

impl Tokens {
    fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
        }
    }
}

impl Price {
    /// What these tokens cost in USD.
    pub(super) fn of(&self, tokens: Tokens) -> f64 {
        (tokens.input as f64 * self.input + tokens.output as f64 * self.output) / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(input: u64, output: u64) -> Tokens {
        Tokens { input, output }
    }

    #[test]
    fn what_is_set_aside_counts_until_it_is_settled() {
        let allowance = Allowance {
            tokens: Some(100),
            usd: None,
        };
        let budget = Budget::new(allowance, None);
        let refused =
            |most| matches!(budget.reserve(most), Room::None(why) if why.contains("100 tokens"));
        assert_eq!(budget.reserve(tokens(40, 20)), Room::Granted);
        // It may yet fit, and never will.
        assert_eq!(budget.reserve(tokens(30, 11)), Room::Later);
        assert!(refused(tokens(101, 0)));
        budget.settle(tokens(40, 20), tokens(10, 5));
        assert_eq!(budget.reserve(tokens(30, 11)), Room::Granted);
        assert_eq!(budget.spent(), tokens(10, 5));
        // A request that failed gives all of it back.
        budget.settle(tokens(30, 11), Tokens::default());
        assert_eq!(budget.reserve(tokens(85, 0)), Room::Granted);
        budget.settle(tokens(85, 0), tokens(0, 0));
        assert!(refused(tokens(86, 0)));
        // An answer that says it cost more than was possible is believed: it was paid.
        budget.settle(Tokens::default(), tokens(u64::MAX, 0));
        assert!(refused(tokens(0, 0)));
    }

    #[test]
    fn money_is_counted_by_the_million() {
        let allowance = Allowance {
            tokens: None,
            usd: Some(1.0),
        };
        let price = Price {
            input: 0.5,
            output: 2.0,
        };
        let budget = Budget::new(allowance, Some(price));
        assert_eq!(budget.reserve(tokens(1_000_000, 250_000)), Room::Granted);
        assert_eq!(budget.reserve(tokens(0, 1)), Room::Later);
        budget.settle(tokens(1_000_000, 250_000), tokens(1_000_000, 250_000));
        assert!(matches!(budget.reserve(tokens(0, 1)), Room::None(why) if why.contains("1 USD")));
        assert_eq!(Budget::most(7, 100), tokens(7, 100));
    }
}
