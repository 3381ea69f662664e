//! fumehood runs code written by language models in a sandbox, grades it with its task's own tests,
//! scans the very same code for vulnerabilities, and folds both into one set of metrics.
//!
//! The modules below stand in reading order, which is also the order in which data flows. Each one
//! imports only from those above it (`tests/layering.rs` checks that).

pub mod base;

pub mod dataset;

pub mod harness;

pub mod job;

pub mod sandbox;

pub mod worker;

pub mod verdict;

pub mod environment;

pub mod scan;

pub mod autopsy;

pub mod metrics;

pub mod journal;

pub mod pipeline;

pub mod containment;

pub mod bench;

pub mod report;

pub mod cli;
