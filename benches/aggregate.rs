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
use fumehood::base::digest::Digest;
use fumehood::base::id::SampleId;
use fumehood::metrics::{Aggregator, Facts, Functional, Graded, Panel, Stream, figures};
use fumehood::scan::Security;
use fumehood::verdict::{Verdict, VerdictKind};
use fumehood::worker::Behaviour;

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

/// Facts of some sample with five cases.
fn failed() -> Facts {
    let sample = SampleId {
        task: "t".into(),
        index: 0,
    };
    let verdict = Verdict {
        declared: 5,
        ..Verdict::of(VerdictKind::Failed)
    };
    Facts::of(sample, &verdict)
}

/// Hands samples one after the other to `take`, as a run does: nothing but the one is in memory.
fn each(order: Order, range: std::ops::Range<u32>, mut take: impl FnMut(&Facts)) {
    let mut names: Vec<String> = (0..TASKS).map(|at| format!("BigCodeBench/{at}")).collect();
    names.sort();
    let mut facts = failed();
    facts.scanners = BTreeMap::from([
        ("bandit".to_owned(), Security::Secure),
        ("ruff-s".to_owned(), Security::Insecure),
    ]);
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

/// Streams events: of every sample its verdict and what two scanners say of its code, in an order in which the three
/// come long after each other.
struct Events {
    stream: Stream,
    names: Vec<String>,
    verdict: Verdict,
    facts: Facts,
    /// A code for every sample, so that none shares what scanners say with another: the most that a stream can cost.
    codes: Vec<Digest>,
}

impl Events {
    fn new(samples: u64, tasks: u64) -> Self {
        let panel = Panel::new(["bandit", "ruff-s"]).unwrap();
        Self {
            stream: Stream::watched(panel, &figures::DEFAULT_KS),
            names: (0..tasks).map(|at| format!("BigCodeBench/{at}")).collect(),
            verdict: Verdict {
                declared: 5,
                behaviour: Some(Behaviour::default()),
                ..Verdict::of(VerdictKind::Failed)
            },
            facts: failed(),
            codes: (0..samples)
                .map(|at| Digest::of(at.to_le_bytes()))
                .collect(),
        }
    }

    /// The `at`th event of three times as many as there are samples.
    fn event(&mut self, at: u64, order: Order, is_counted: bool) {
        let (turn, place) = (at % 3, at / 3);
        let samples = self.codes.len() as u64;
        let sample = match order {
            // A scanner answers for a thousand samples at a time.
            Order::InTurns => (place + samples - turn * 1_000) % samples,
            // No step has a divisor in common with the numbers of samples that are used here.
            _ => match turn {
                0 => place * 617_293 % samples,
                1 => place * 7_001 % samples,
                _ => (place * 104_729 + 13) % samples,
            },
        };
        match turn {
            0 => {
                let tasks = self.names.len() as u64;
                let name = &self.names[(sample % tasks) as usize];
                self.facts.sample.task.0.clone_from(name);
                self.facts.sample.index = (sample / tasks) as u32;
                self.facts.passed_cases = (sample % 6) as u32;
                self.facts.functional = match sample % 6 {
                    5 => Functional::Passed,
                    _ => Functional::NotPassed,
                };
                let graded = Graded {
                    facts: self.facts.clone(),
                    groups: vec![None],
                    code: self.codes[sample as usize],
                    found: Vec::new(),
                    verdict: &self.verdict,
                };
                if is_counted {
                    self.stream.graded(black_box(&graded)).unwrap();
                }
                black_box(&graded);
            }
            turn => {
                let scanner = ["bandit", "ruff-s"][turn as usize - 1];
                let (security, found) = match sample % 4 {
                    0 => (Security::Insecure, Some(Some(78))),
                    _ => (Security::Secure, None),
                };
                let code = &self.codes[sample as usize];
                if is_counted {
                    self.stream.scanned(code, scanner, security, found);
                }
                black_box(code.as_bytes()[0]);
            }
        }
    }
}

/// Processor time of this process, in seconds: machines are shared.
fn processor_time() -> f64 {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap();
    time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9
}

/// Ten million events: how many a second, what a sample takes, and how long whoever asks for figures waits.
fn stream() {
    const EVENTS: u64 = 10_000_000;
    for (name, tasks, order) in [
        ("1,140 tasks, as a run comes", 1_140, Order::InTurns),
        ("1,140 tasks, no order", 1_140, Order::Shuffled),
        (
            "a task for each sample, no order",
            EVENTS / 3,
            Order::Shuffled,
        ),
    ] {
        let samples = EVENTS / 3;
        let before = resident();
        let mut events = Events::new(samples, tasks);
        let given = resident().saturating_sub(before);
        // What it costs to make the events, and to fetch codes from memory that is in no cache.
        let begun = processor_time();
        (0..3 * samples).for_each(|at| events.event(at, order, false));
        let making = processor_time() - begun;
        let (mut longest, mut total) = (0.0_f64, 0.0);
        let mut looks = Vec::new();
        let begun = processor_time();
        for at in 0..3 * samples {
            events.event(at, order, true);
            if at % 500_000 == 499_999 {
                let asked = processor_time();
                black_box(events.stream.now());
                let waited = (processor_time() - asked) * 1000.0;
                longest = longest.max(waited);
                total += waited;
                looks.push(waited);
            }
        }
        let seconds = processor_time() - begun - total / 1000.0 - making;
        let taken = resident().saturating_sub(before + given);
        assert_eq!(events.stream.groups().samples(), samples);
        eprintln!(
            "stream, {name}: {} events of {samples} samples and as many codes: {:.2} million a second, {:.0} bytes a sample; \
             figures in {:.1} ms at first, {longest:.1} ms at most, {:.1} ms at the end",
            3 * samples,
            (3 * samples) as f64 / seconds / 1e6,
            taken as f64 / samples as f64,
            looks.first().unwrap_or(&0.0),
            looks.last().unwrap_or(&0.0),
        );
    }
}

fn streams(_: &mut Criterion) {
    stream();
}

criterion_group!(benches, aggregate, streams);
criterion_main!(benches);
