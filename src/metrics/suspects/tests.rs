use super::*;
use crate::harness::Suspicion;

fn id(index: u32) -> SampleId {
    SampleId {
        task: "t".into(),
        index,
    }
}

fn verdict(kind: VerdictKind, controls: u32, reasons: &[&str]) -> Verdict {
    let suspicion = |reason: &&str| Suspicion {
        reason: (*reason).to_owned(),
        grave: false,
    };
    Verdict {
        suspicions: reasons.iter().map(suspicion).collect(),
        controls,
        ..Verdict::of(kind)
    }
}

fn numbers(suspects: &Suspects) -> (u64, u64, u64) {
    (suspects.passes(), suspects.controls(), suspects.unearned())
}

#[test]
fn only_suspect_passes_count() {
    use VerdictKind::{Failed, Infra, Passed, Tampered};
    let mut suspects = Suspects::default();
    let rows = [
        verdict(Passed, 0, &[]),
        verdict(Passed, 1, &["names gc"]),
        verdict(Tampered, 2, &["names gc", "raises gc.get_objects"]),
        // It earns nothing whether or not it is suspect.
        verdict(Failed, 0, &["names gc"]),
        // The driver saw it at once.
        verdict(Tampered, 0, &["names gc"]),
        // Its controls could not be run: it is tried again.
        verdict(Infra, 1, &["names gc"]),
    ];
    for (index, verdict) in (0..).zip(&rows) {
        suspects.add(&id(index), verdict);
    }
    assert_eq!(numbers(&suspects), (2, 3, 1));
    let listed: Vec<_> = suspects.listed().collect();
    assert_eq!(listed.len(), 2);
    assert_eq!((listed[0].sample, listed[0].controls), (&id(2), 2));
    assert!(listed[0].is_unearned && !listed[1].is_unearned);
    assert_eq!(listed[0].reasons, ["names gc", "raises gc.get_objects"]);
    assert_eq!(listed[1].sample, &id(1));
}

#[test]
fn order_and_repetition_do_not_matter() {
    let rows: Vec<(SampleId, Verdict)> = (0..500)
        .map(|at| {
            let kind = [VerdictKind::Passed, VerdictKind::Tampered][at as usize % 2];
            // Some ids come twice, with another verdict and other reasons.
            let reason = format!("reason {}", 500 - at);
            (id(at * 7 % 400), verdict(kind, at % 3 + 1, &[&reason]))
        })
        .collect();
    let of = |rows: &[(SampleId, Verdict)]| {
        let mut suspects = Suspects::default();
        for (sample, verdict) in rows {
            suspects.add(sample, verdict);
        }
        suspects
    };
    let all = of(&rows);
    assert_eq!(all.passes(), 400);
    let backwards: Vec<_> = rows.iter().rev().cloned().collect();
    assert_eq!(of(&backwards), all);
    let (front, back) = rows.split_at(123);
    let (mut one, mut other) = (of(front), of(back));
    one.merge(&other);
    other.merge(&of(front));
    other.merge(&all);
    assert_eq!(one, all);
    assert_eq!(other, all);
    let shown: Vec<_> = all.listed().map(|suspect| suspect.sample).collect();
    assert!(shown.len() <= 2 * LISTED, "{}", shown.len());
    let mut distinct = shown.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), shown.len(), "a sample is listed once");
}

#[test]
fn what_is_kept_is_bounded() {
    let long = "x".repeat(10_000);
    let reasons = vec![long.as_str(); 300];
    let mut suspects = Suspects::default();
    for index in 0..5000 {
        suspects.add(&id(index), &verdict(VerdictKind::Passed, 1, &reasons));
    }
    assert_eq!(numbers(&suspects), (5000, 5000, 0));
    assert_eq!(suspects.listed().count(), LISTED);
    for suspect in suspects.listed() {
        assert!(suspect.reasons.len() <= REASONS);
        assert!(suspect.reasons.iter().all(|reason| reason.len() <= REASON));
    }
}
