//! Whatever is killed, taken away or used up under a run, and whenever: it ends right, or it says what
//! is wrong and `--resume` ends right, with the same bytes. No sample is judged wrongly or twice, and
//! nothing stays behind.
//!
//! What happens is drawn at random from a seed that is printed; what must come of it does not depend
//! on the moment at which it happens.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on should panic, and one that is skipped says so"
)]

mod groups;
mod host;
mod kills;
mod story;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tree.rs"]
mod tree;
