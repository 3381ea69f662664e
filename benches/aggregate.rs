//! Throughput of the aggregator, and what a sample costs in memory.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fumehood::base::id::SampleId;
use fumehood::metrics::{Aggregator, Facts, Functional, Panel, figures};
use fumehood::scan::Security;
use fumehood::verdict::VerdictKind;

const TASKS: u32 = 1_140;
const SAMPLES: u32 = 20;

fn run() -> Vec<Facts> {
    let scanners = BTreeMap::from([
        ("bandit".to_owned(), Security::Secure),
        ("ruff-s".to_owned(), Security::Insecure),
    ]);
    let mut all: Vec<Facts> = (0..TASKS * SAMPLES)
        .map(|at| Facts {
            sample: SampleId {
                task: format!("BigCodeBench/{}", at % TASKS).into(),
                index: at / TASKS,
            },
            group: None,
            kind: VerdictKind::Failed,
            passed_cases: at % 6,
            declared_cases: 5,
            functional: Functional::NotPassed,
            scanners: scanners.clone(),
            combined: Security::Insecure,
            rank: None,
        })
        .collect();
    // A fixed shuffle: results arrive in no order.
    let mut state = 1_u64;
    for at in (1..all.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        all.swap(at, (state >> 33) as usize % (at + 1));
    }
    all
}

fn collect(all: &[Facts]) -> Aggregator {
    let mut aggregator = Aggregator::new(Panel::new(["bandit", "ruff-s"]).unwrap());
    for facts in all {
        aggregator.add(facts).unwrap();
    }
    aggregator
}

fn aggregate(criterion: &mut Criterion) {
    let all = run();
    let whole = collect(&all);
    eprintln!(
        "{} samples of {} tasks: {:.1} bytes a sample",
        whole.samples(),
        whole.tasks(),
        whole.footprint() as f64 / whole.samples() as f64
    );
    let mut group = criterion.benchmark_group("aggregate");
    group.throughput(Throughput::Elements(all.len() as u64));
    group.bench_function("add", |bencher| bencher.iter(|| collect(black_box(&all))));
    let halves = [
        collect(&all[..all.len() / 2]),
        collect(&all[all.len() / 2..]),
    ];
    group.bench_function("merge", |bencher| {
        bencher.iter_batched_ref(
            || halves[0].clone(),
            |sum| sum.merge(&halves[1]).unwrap(),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("figures", |bencher| {
        bencher.iter(|| figures::all(black_box(&whole), &figures::DEFAULT_KS));
    });
    group.finish();
}

criterion_group!(benches, aggregate);
criterion_main!(benches);
