//! Every hostile program of the corpus, in every mode that this host offers: none gets anywhere, and
//! the host is afterwards as it was.
//!
//! The corpus is run by `fumehood doctor --attack`, once as this user and, for root, once more as an
//! ordinary one. Where the modes differ by their control groups only, the programs that these bear on
//! are run; `FUMEHOOD_WHOLE_CORPUS=1` runs all of them in every mode.

mod support;

use std::collections::BTreeMap;

use serde_json::Value;
use support::{Mode, groups, modes};

/// Runs the corpus and gives the report with the exit code.
fn attack(mode: &Mode, options: &[&str]) -> (Value, Option<i32>) {
    let arguments = [&["doctor", "--attack", "--json"], options].concat();
    let output = support::run(mode, &arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{mode:?}: {error}: {stderr}"));
    (report, output.status.code())
}

/// The programs that show nothing here, by the reason.
fn skipped(trials: &[Value]) -> BTreeMap<&str, Vec<&str>> {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for trial in trials {
        if let (Some(reason), Some(name)) = (trial["skipped"].as_str(), trial["name"].as_str()) {
            by_reason.entry(reason).or_default().push(name);
        }
    }
    by_reason
}

#[test]
fn no_hostile_program_gets_anywhere() {
    let whole: (&[&str], usize) = (&[], 500);
    let everything = std::env::var_os("FUMEHOOD_WHOLE_CORPUS").is_some();
    let bounded: (&[&str], usize) = match everything {
        true => whole,
        false => (&["--only", "exhaustion", "--only", "between jobs"], 150),
    };
    let own = modes().into_iter().map(|mode| (mode, whole));
    let others = groups::modes().into_iter().map(|mode| (mode, bounded));
    for (mode, (options, least)) in own.chain(others) {
        let (report, code) = attack(&mode, options);
        for family in report["families"].as_array().unwrap() {
            eprintln!("{mode:?}: {family}");
        }
        let trials = report["trials"].as_array().unwrap();
        for (reason, programs) in skipped(trials) {
            support::skip(&format!("{mode:?}: {reason}: {}", programs.join(" ")));
        }
        if trials.iter().all(|trial| trial["acts"].is_null()) {
            support::skip(&format!("{mode:?}: this kernel tells of no refused calls"));
        }
        let failed: Vec<&Value> = trials
            .iter()
            .filter(|trial| trial["outcome"] == "failed")
            .collect();
        assert!(failed.is_empty(), "{mode:?}: {failed:#?}");
        assert_eq!(report["host"], serde_json::json!([]), "{mode:?}");
        assert_eq!(report["honest"][0], report["honest"][1], "{mode:?}");
        assert!(trials.len() >= least, "{mode:?}: {}", trials.len());
        // A hybrid host has nothing to give away that bounds memory.
        if report["control_groups"] == true && mode != Mode::Delegated {
            assert_eq!(report["warm"], true, "{mode:?}: nothing was tried warm");
        }
        assert_eq!(code, Some(0), "{mode:?}");
    }
}

#[test]
fn a_single_program_can_be_named() {
    for mode in modes() {
        let (report, code) = attack(&mode, &["--only", "find-traces", "--only", "exit-at-load"]);
        let trials = report["trials"].as_array().unwrap();
        let names: Vec<&str> = trials
            .iter()
            .map(|trial| trial["name"].as_str().unwrap())
            .collect();
        // The one that leaves the traces comes with the one that looks for them.
        let mut expected = vec!["find-traces"; 3];
        expected.extend(["leave-traces"; 3]);
        expected.extend(["exit-at-load"; 2]);
        assert_eq!(names, expected);
        assert_eq!(code, Some(0), "{mode:?}: {report}");
        let unknown = support::run(&mode, &["doctor", "--attack", "--only", "nosuch"]);
        assert_eq!(unknown.status.code(), Some(2));
    }
}
