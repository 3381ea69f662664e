//! Throughput of the aggregator over a million samples, and what one of them costs in memory.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a benchmark that cannot go on should panic, and it has something to say"
)]

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fumehood::base::id::SampleId;
use fumehood::metrics::{Aggregator, Facts, Functional, Panel, figures};
use fumehood::scan::Security;
use fumehood::verdict::VerdictKind;

/// As many as BigCodeBench has.
const TASKS: u32 = 1_140;
const SAMPLES: u32 = 1_000_000;

/// In which order samples come.
#[derive(Clone, Copy)]
enum Order {
    /// Task by task, as a journal is counted.
    Sorted,
    /// Every task once, then again, as evaluators write sample files.
    InTurns,
    /// Without any order. The step has no divisor in common with the number of samples.
    Shuffled,
}

impl Order {
    /// The task and the index of the `at`th sample to come.
    fn sample(self, at: u32) -> (u32, u32) {
        let each = SAMPLES.div_ceil(TASKS);
        match self {
            Self::Sorted => (at / each, at % each),
            Self::InTurns => (at % TASKS, at / TASKS),
            Self::Shuffled => {
                let at = (u64::from(at) * 617_293 % u64::from(SAMPLES)) as u32;
                (at % TASKS, at / TASKS)
            }
        }
    }
}

/// Hands samples one after the other to `take`, as a run does: nothing but the one is in memory.
fn each(order: Order, range: std::ops::Range<u32>, mut take: impl FnMut(&Facts)) {
    let mut names: Vec<String> = (0..TASKS).map(|at| format!("BigCodeBench/{at}")).collect();
    names.sort();
    let mut facts = Facts {
        sample: SampleId {
            task: names[0].as_str().into(),
            index: 0,
        },
        group: None,
        kind: VerdictKind::Failed,
        passed_cases: 0,
        declared_cases: 5,
        functional: Functional::NotPassed,
        scanners: BTreeMap::from([
            ("bandit".to_owned(), Security::Secure),
            ("ruff-s".to_owned(), Security::Insecure),
        ]),
        rank: None,
    };
    for at in range {
        let (task, index) = order.sample(at);
        facts.sample.task.0.clone_from(&names[task as usize]);
        facts.sample.index = index;
        facts.passed_cases = at % 6;
        take(black_box(&facts));
    }
}

fn collect(order: Order, range: std::ops::Range<u32>) -> Aggregator {
    let mut aggregator = Aggregator::new(Panel::new(["bandit", "ruff-s"]).unwrap());
    each(order, range, |facts| aggregator.add(facts).unwrap());
    aggregator
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.unwrap().split_whitespace().next().unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

fn memory(name: &str, order: Order) -> Aggregator {
    let before = resident();
    let whole = collect(order, 0..SAMPLES);
    let taken = resident().saturating_sub(before);
    let samples = whole.samples() as f64;
    eprintln!(
        "{name}: {samples} samples of {} tasks, {:.1} bytes each by the allocator's pages, {:.1} by \
         what was asked for",
        whole.tasks(),
        taken as f64 / samples,
        whole.footprint() as f64 / samples,
    );
    whole
}

fn aggregate(criterion: &mut Criterion) {
    // The first is measured in a process that has freed nothing yet. It stays, so that the pages
    // of the second are new ones, too.
    let whole = memory("shuffled", Order::Shuffled);
    drop(memory("in turns", Order::InTurns));
    let mut group = criterion.benchmark_group("aggregate");
    group.sample_size(10);
    group.throughput(Throughput::Elements(SAMPLES.into()));
    let mut nothing = 0_u64;
    group.bench_function("no aggregator, for comparison", |bencher| {
        bencher.iter(|| {
            each(Order::Shuffled, 0..SAMPLES, |facts| {
                nothing += u64::from(facts.sample.index);
            });
        });
    });
    for (name, order) in [
        ("add, sorted", Order::Sorted),
        ("add, in turns", Order::InTurns),
        ("add, shuffled", Order::Shuffled),
    ] {
        group.bench_function(name, |bencher| bencher.iter(|| collect(order, 0..SAMPLES)));
    }
    let halves = [
        collect(Order::InTurns, 0..SAMPLES / 2),
        collect(Order::InTurns, SAMPLES / 2..SAMPLES),
    ];
    group.bench_function("merge", |bencher| {
        bencher.iter_batched_ref(
            || halves[0].clone(),
            |sum| sum.merge(&halves[1]).unwrap(),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("figures", |bencher| {
        bencher.iter(|| figures::all(black_box(&whole), &figures::DEFAULT_KS, 0));
    });
    group.finish();
}

criterion_group!(benches, aggregate);
criterion_main!(benches);
