//! Mergeable counters, and every metric that is computed from them. Pure: nothing is read or written.
//!
//! [`Facts`] say what one sample came to; an [`Aggregator`] keeps them, each sample once, in any
//! order; [`figures::all`] makes [`Figure`]s of them.

pub mod acts;
pub mod aggregator;
pub mod estimator;
pub mod facts;
pub mod figure;
pub mod figures;
pub mod groups;
mod record;
mod records;
pub mod suspects;
pub mod weaknesses;

pub use acts::Acts;
pub use aggregator::{Aggregator, MetricsError, Panel, SecurityCounts};
pub use facts::{Exclusion, Facts, Functional};
pub use figure::{Coverage, Figure, Interval, Metric, UnknownRange};
pub use groups::Groups;
pub use suspects::Suspects;
pub use weaknesses::Weaknesses;
