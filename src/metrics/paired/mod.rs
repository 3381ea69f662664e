//! Two groups of samples side by side, task by task: what changed, and whether chance explains it.
//!
//! A [`Pairing`] holds the tasks that count in both; [`deltas`] compares every metric over them,
//! [`Transitions`] say what became of each sample, [`Shifts`] which weaknesses came and went, a [`Gate`] whether
//! that is a regression.

pub mod bootstrap;
pub mod delta;
pub mod gate;
pub mod holm;
pub mod judged_cell;
pub mod mcnemar;
pub mod pairing;
pub mod shifts;
pub mod transitions;

pub use bootstrap::{Bootstrap, Term, Weights};
pub use delta::{Delta, Estimate, UnknownDelta, deltas};
pub use gate::{Direction, Gate, GateError, Ruling, Verdict};
pub use judged_cell::JudgedCell;
pub use mcnemar::McNemar;
pub use pairing::{PairCounts, Pairing, Partners, Unpaired};
pub use shifts::{Seen, Shift, Shifts};
pub use transitions::{Cell, Pair, State, Transitions};
