//! Every rule of every profile both ways on the real kernel: what it allows goes through, what it refuses
//! is refused with the error that it names, and neither would be so without it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on should panic, and one that is skipped says so"
)]

mod acts;
mod calls;
mod cases;
mod landlock;
mod reach;
mod rules;
#[path = "../support/mod.rs"]
mod support;
