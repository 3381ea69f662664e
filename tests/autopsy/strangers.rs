//! Answers that pass follow the instruction, and the passing answer to another task does not: no label is needed.

use fumehood::autopsy::{Class, Patient, examine_all};

use super::pool::{Pair, working};

#[test]
fn names_tell_an_answer_from_one_to_another_task() {
    let Some(pairs) = working() else {
        eprintln!("SKIPPED: ../shared/data has not all of the answers");
        return;
    };
    // Of tasks whose answers are a few lines the rules would rather say nothing.
    for (dataset, most_own, least_other) in [
        ("bigcodebench", 0.005, 0.85),
        ("humaneval", 0.04, 0.25),
        ("mbpp", 0.02, 0.05),
    ] {
        let pairs: Vec<&Pair> = pairs
            .iter()
            .filter(|pair| pair.dataset == dataset)
            .collect();
        let own: Vec<Patient<'_>> = pairs.iter().map(|pair| pair.patient()).collect();
        // Under the name that is asked for: without it the name alone would decide.
        let others = (0..pairs.len()).map(|at| {
            let other = pairs[(at + pairs.len() / 2) % pairs.len()];
            other.after.replace(&other.entry, &pairs[at].entry)
        });
        let others: Vec<String> = others.collect();
        let strangers: Vec<Patient<'_>> = own
            .iter()
            .zip(&others)
            .map(|(own, after)| Patient { after, ..*own })
            .collect();
        let share = |patients: &[Patient<'_>]| {
            let found = examine_all(patients);
            let so = found.iter().filter(|one| one.class == Class::NotFollowing);
            so.count() as f64 / patients.len() as f64
        };
        let (own, other) = (share(&own), share(&strangers));
        eprintln!(
            "{dataset}: of {} answers that pass {own:.3} are said not to follow, of others' {other:.3}",
            pairs.len()
        );
        assert!(
            own <= most_own && other >= least_other,
            "{dataset}: {own} {other}"
        );
    }
}
