//! Mergeable counters, and every metric that is computed from them. Pure: nothing is read or written.
//!
//! [`Facts`] say what one sample came to; an [`Aggregator`] keeps them, each sample once, in any
//! order; [`figures::all`] makes [`Figure`]s of them. [`Opinions`] keep what the scanners say of each
//! sample, and a [`Comparison`] of them sets the scanners side by side. [`paired`] compares two groups.

pub mod acts;
pub mod aggregator;
pub mod agreement;
mod board;
mod codes;
pub mod comparison;
pub mod confusion;
mod counts;
pub mod estimator;
mod exact;
pub mod facts;
pub mod figure;
pub mod figures;
pub mod groups;
pub mod opinions;
pub mod paired;
mod panel;
mod record;
mod records;
mod resampling;
pub mod state;
pub mod stream;
pub mod suspects;
mod task;
pub mod weaknesses;

pub use acts::Acts;
pub use aggregator::{Aggregator, MetricsError, SecurityCounts};
pub use agreement::{Agreement, Kappa};
pub use comparison::Comparison;
pub use confusion::{Confusion, Share};
pub use facts::{Exclusion, Facts, Functional};
pub use figure::{Coverage, Figure, Interval, Method, Metric, UnknownRange};
pub use groups::Groups;
pub use opinions::{Opinions, Said};
pub use panel::Panel;
pub use state::State;
pub use stream::{Graded, Stream, TaskFault};
pub use suspects::Suspects;
pub use weaknesses::Weaknesses;
