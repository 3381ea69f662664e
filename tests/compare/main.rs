//! Two groups of samples side by side: the statistics against brute force and published numbers, the laws that
//! always hold, and the command as a user meets it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    missing_docs,
    reason = "a test that cannot go on should panic, and one that is skipped says so"
)]

mod command;
mod diffs;
mod exports;
mod gates;
mod html;
mod laws;
mod paper;
mod real;
mod scanner_laws;
mod scanners;
mod statistics;
mod table4;

use std::collections::BTreeMap;

use fumehood::base::id::SampleId;
use fumehood::metrics::paired::{Delta, Pairing, Partners, deltas};
use fumehood::metrics::{Aggregator, Facts, Functional, Panel};
use fumehood::scan::Security;
use fumehood::verdict::VerdictKind;

use Security::{Insecure, Secure, Unknown};

const SCANNERS: [&str; 2] = ["bandit", "ruff-s"];

/// Facts of a sample with `passed` of `declared` cases.
fn facts(task: &str, index: u32, passed: u32, declared: u32, security: [Security; 2]) -> Facts {
    let has_passed = passed == declared;
    Facts {
        sample: SampleId {
            task: task.into(),
            index,
        },
        group: None,
        kind: match has_passed {
            true => VerdictKind::Passed,
            false => VerdictKind::Failed,
        },
        passed_cases: passed,
        declared_cases: declared,
        functional: match has_passed {
            true => Functional::Passed,
            false => Functional::NotPassed,
        },
        scanners: SCANNERS
            .iter()
            .map(|name| (*name).to_owned())
            .zip(security)
            .collect::<BTreeMap<_, _>>(),
        rank: None,
    }
}

fn collect<'a>(all: impl IntoIterator<Item = &'a Facts>) -> Aggregator {
    let mut aggregator = Aggregator::new(Panel::new(SCANNERS).unwrap());
    for one in all {
        aggregator.add(one).unwrap();
    }
    aggregator
}

fn changes(base: &Aggregator, technique: &Aggregator, ks: &[u32], replicates: u32) -> Vec<Delta> {
    let pairing = Pairing::of(base, technique, Partners::ByIndex);
    deltas(&pairing, ks, replicates)
}

fn named<'a>(deltas: &'a [Delta], name: &str) -> &'a Delta {
    let found = deltas.iter().find(|delta| delta.name == name);
    found.unwrap_or_else(|| panic!("no {name}"))
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + b.abs())
}
