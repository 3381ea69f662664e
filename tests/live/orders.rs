//! The order of events does not matter, nor how often they come, nor how they were split.

use std::collections::BTreeMap;

use fumehood::journal::{Index, Manifest, Reader, Record};
use fumehood::metrics::{Exclusion, Facts, Groups, Panel, State, Stream, figures};
use fumehood::pipeline::{Grouping, Replay, replay};
use fumehood::scan::assess;

use super::journals::{SCANNERS, graded, journal, manifest, scanned, write_run};
use super::{Numbers, fumehood, text};

const KS: [u32; 3] = [1, 2, 3];

fn counted<'r>(manifest: &Manifest, records: impl IntoIterator<Item = &'r Record>) -> Stream {
    let mut replay = Replay::new(manifest, &Grouping::default(), Some(&KS)).unwrap();
    for record in records {
        replay.add(record).unwrap();
    }
    replay.stream
}

fn bytes(stream: &Stream) -> Vec<u8> {
    postcard::to_stdvec(&State::of(stream)).unwrap()
}

/// Every figure, from the samples.
fn all(stream: &Stream, replicates: u32) -> String {
    let groups = stream.groups().iter();
    let figures: Vec<_> = groups
        .map(|(name, group)| (name, figures::all(group, &KS, replicates)))
        .collect();
    serde_json::to_string(&figures).unwrap()
}

/// The same as they are at this moment.
fn now(stream: &mut Stream) -> String {
    serde_json::to_string(&stream.now()).unwrap()
}

#[test]
fn a_hundred_orders_with_repetition_give_the_same_bytes() {
    let manifest = manifest();
    for seed in 0..4 {
        let records = journal(seed);
        let mut first = counted(&manifest, &records);
        let (state, figures, live) = (bytes(&first), all(&first, 100), now(&mut first));
        assert!(!first.weaknesses().counts("bandit").is_empty());
        let mut numbers = Numbers(seed + 100);
        for round in 0..100 {
            let mut order: Vec<&Record> = records.iter().collect();
            for _ in 0..numbers.below(records.len()) {
                order.push(&records[numbers.below(records.len())]);
            }
            numbers.shuffle(&mut order);
            let mut other = counted(&manifest, order);
            assert_eq!(bytes(&other), state, "seed {seed}, round {round}");
            assert_eq!(all(&other, 100), figures, "seed {seed}, round {round}");
            assert_eq!(now(&mut other), live, "seed {seed}, round {round}");
            assert_eq!(other.weaknesses(), first.weaknesses());
            assert_eq!(other.rejected_lines(), first.rejected_lines());
            assert_eq!(other.unstable(), first.unstable());
            assert_eq!(other.infra(), first.infra());
        }
    }
}

#[test]
fn figures_of_a_moment_are_those_of_what_came_so_far() {
    let manifest = manifest();
    for seed in 10..20 {
        let mut records = journal(seed);
        let mut numbers = Numbers(seed);
        numbers.shuffle(&mut records);
        let mut replay = Replay::new(&manifest, &Grouping::default(), Some(&KS)).unwrap();
        for record in &records {
            replay.add(record).unwrap();
            if numbers.below(4) == 0 {
                let live = now(&mut replay.stream);
                assert_eq!(live, all(&replay.stream, 0), "seed {seed}");
            }
        }
    }
}

/// What the records come to without any stream: verdicts that know from the start what scanners and ground truths say.
fn by_hand(manifest: &Manifest, index: &Index) -> String {
    let mut groups = Groups::new(Panel::combining(SCANNERS, &manifest.identity.policy).unwrap());
    for record in index.verdicts() {
        let record = record.unwrap();
        let results = replay::results(manifest, index, &record);
        let said = assess(&results, &manifest.identity.policy).per_scanner;
        let mut facts = Facts::of(record.sample.clone(), &record.verdict)
            .with_security(said)
            .in_group(record.model.clone());
        let reference = index.references().get(&record.sample.task);
        if reference.is_some_and(|known| known.status == fumehood::journal::ReferenceStatus::Failed)
        {
            facts = facts.excluded(Exclusion::GroundTruth);
        }
        groups.add(&facts).unwrap();
    }
    let figures: Vec<_> = groups
        .iter()
        .map(|(name, group)| (name, figures::all(group, &KS, 50)))
        .collect();
    serde_json::to_string(&figures).unwrap()
}

#[test]
fn what_comes_late_counts_as_if_it_had_been_known() {
    let manifest = manifest();
    let home = tempfile::tempdir().unwrap();
    for seed in 20..40 {
        let name = format!("run{seed}");
        let mut records = journal(seed);
        Numbers(seed).shuffle(&mut records);
        write_run(home.path(), &name, &manifest, &records);
        let reader = Reader::open(&home.path().join(&name).join("journal.jsonl")).unwrap();
        let index = Index::read(reader).unwrap();
        let stream = counted(&manifest, &records);
        assert_eq!(all(&stream, 50), by_hand(&manifest, &index), "seed {seed}");
    }
}

#[test]
fn parts_can_be_put_together_in_any_way() {
    let manifest = manifest();
    for seed in 40..60 {
        let records = journal(seed);
        let whole = bytes(&counted(&manifest, &records));
        let mut numbers = Numbers(seed);
        // Every record is in one part at least, some in several.
        let mut parts: [Vec<&Record>; 3] = Default::default();
        for record in &records {
            parts[numbers.below(3)].push(record);
            parts[numbers.below(3)].push(record);
        }
        let parts = parts.map(|part| counted(&manifest, part));
        let merged = |order: [usize; 4]| {
            let mut sum = counted(&manifest, []);
            for part in order {
                sum.merge(&parts[part]).unwrap();
            }
            bytes(&sum)
        };
        assert_eq!(merged([0, 1, 2, 0]), whole, "seed {seed}");
        assert_eq!(merged([2, 2, 1, 0]), whole, "seed {seed}");
        let mut right = parts[1].clone();
        right.merge(&parts[2]).unwrap();
        let mut left = parts[0].clone();
        left.merge(&right).unwrap();
        assert_eq!(bytes(&left), whole, "seed {seed}: in brackets");
        assert_eq!(now(&mut left), all(&counted(&manifest, &records), 0));
    }
}

#[test]
fn what_is_written_to_a_file_is_what_was_known() {
    let manifest = manifest();
    let records = journal(60);
    let (some, rest) = records.split_at(records.len() / 2);
    let state = bytes(&counted(&manifest, some));
    let read: State = postcard::from_bytes(&state).unwrap();
    let mut stream = read.stream().unwrap();
    assert_eq!(bytes(&stream), state);
    stream.merge(&counted(&manifest, rest)).unwrap();
    assert_eq!(bytes(&stream), bytes(&counted(&manifest, &records)));
}

#[test]
fn samples_of_another_file_are_counted_on() {
    let manifest = manifest();
    let one = counted(&manifest, &journal(70));
    let other = counted(&manifest, &journal(71));
    let mut sum = one.clone();
    sum.append(&other).unwrap();
    assert_eq!(
        sum.groups().samples(),
        one.groups().samples() + other.groups().samples()
    );
    let mut twice = one.clone();
    twice.append(&one).unwrap();
    let counts = |stream: &Stream| stream.weaknesses().counts("bandit");
    let doubled: BTreeMap<_, _> = counts(&one)
        .into_iter()
        .map(|(cwe, n)| (cwe, 2 * n))
        .collect();
    assert_eq!(counts(&twice), doubled);
    let lines: Vec<u64> = twice.rejected_lines().keys().copied().collect();
    assert_eq!(lines, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn the_graver_of_two_judgements_counts() {
    let manifest = manifest();
    let sample = graded("T/0", 0, "code", 1, 1);
    let secure = scanned("bandit", "code", &[], None);
    let insecure = scanned("bandit", "code", &[78], None);
    let unknown = scanned("bandit", "code", &[], Some("it stopped"));
    let value = |records: &[&Record]| {
        let mut stream = counted(&manifest, records.iter().copied());
        let (_, figures) = stream.now().remove(0);
        let figure = figures
            .into_iter()
            .find(|figure| figure.name == "Secure@1 (bandit)");
        figure.unwrap().value
    };
    assert_eq!(value(&[&sample]), None, "nobody looked");
    assert_eq!(value(&[&unknown, &sample]), None);
    assert_eq!(value(&[&secure, &sample, &unknown]), Some(1.0));
    assert_eq!(value(&[&sample, &insecure, &secure]), Some(0.0));
    assert_eq!(value(&[&insecure, &unknown, &secure, &sample]), Some(0.0));
}

#[test]
fn reports_of_shuffled_journals_are_the_same() {
    let home = tempfile::tempdir().unwrap();
    let manifest = manifest();
    let records = journal(80);
    write_run(home.path(), "run", &manifest, &records);
    let report = |run: &str, more: &[&str]| {
        let output = fumehood(home.path(), &[&["report", run, "--json"], more].concat());
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let (first, grouped) = (
        report("run", &[]),
        report("run", &["--group-by", "library"]),
    );
    for round in 0..3 {
        let name = format!("run{round}");
        let mut order = [records.clone(), records.clone()].concat();
        Numbers(round).shuffle(&mut order);
        write_run(home.path(), &name, &manifest, &order);
        assert_eq!(report(&name, &[]), first);
        assert_eq!(report(&name, &["--group-by", "library"]), grouped);
    }
}
