//! What the stages around a job cost: its way over the wire, a sandbox, and reading what comes in.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a benchmark that cannot go on should panic, and one that is skipped says so"
)]

use std::hint::black_box;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fumehood::base::limits::Limits;
use fumehood::dataset::{DatasetKind, SampleOptions, Samples, TaskSet};
use fumehood::harness::{Grading, Transcript, launch, plan};
use fumehood::worker::wire::{FromWorker, ToWorker, decode, encode};
use fumehood::worker::{
    Captured, End, Mount, Observation, Pool, PoolConfig, Request, Reuse, Usage,
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const NONCE: [u8; 32] = [7; 32];

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/demo")
        .join(name)
}

fn tasks() -> TaskSet {
    TaskSet::load(DatasetKind::BigCodeBench, &fixture("bigcodebench.jsonl")).unwrap()
}

/// A graded job as the pipeline asks for it.
fn request() -> Request {
    let tasks = tasks();
    let task = tasks.iter().next().unwrap();
    let code = task.ground_truth.as_deref().unwrap();
    let python = PathBuf::from("/usr/bin/python3");
    Request {
        argv: launch::command("/usr/bin/python3"),
        env: launch::environment(&python, 0),
        stdin: Vec::new(),
        payload: Some(plan(task, code, Grading::Strict, NONCE, None, None).input()),
        events_limit: Some(64 << 20),
        profile: "grade".to_owned(),
        mounts: ["/usr/lib", "/usr/local"].map(Mount::same).to_vec(),
        limits: Limits::default(),
        reuse: Reuse::Sandbox,
    }
}

/// Events as a driver writes them: twenty tests, one of which fails.
fn events() -> Vec<u8> {
    let names: Vec<String> = (0..20).map(|at| format!("test_case_{at:02}")).collect();
    let mut all = vec![serde_json::json!({"event": "begin", "cases": names})];
    all.push(serde_json::json!({"event": "loaded"}));
    for (at, name) in names.iter().enumerate() {
        let (outcome, detail) = match at {
            7 => ("failed", "AssertionError: 1 != 2\n".repeat(20)),
            _ => ("passed", String::new()),
        };
        all.push(serde_json::json!({
            "event": "case", "id": name, "outcome": outcome, "detail": detail,
        }));
    }
    all.push(serde_json::json!({"event": "end", "fixture": ""}));
    let mut bytes = Vec::new();
    for (seq, mut event) in all.into_iter().enumerate() {
        event["seq"] = seq.into();
        let json = event.to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(&NONCE).unwrap();
        mac.update(json.as_bytes());
        bytes.extend_from_slice(json.as_bytes());
        bytes.push(b' ');
        for byte in mac.finalize().into_bytes() {
            write!(bytes, "{byte:02x}").unwrap();
        }
        bytes.push(b'\n');
    }
    bytes
}

fn observation() -> Observation {
    let captured = |length: usize| Captured {
        bytes: vec![b'x'; length],
        total: length as u64,
    };
    Observation {
        end: End::Exited(0),
        limit: None,
        usage: Usage {
            cpu: Duration::from_micros(51_234),
            wall: Duration::from_micros(60_021),
            peak_memory: Some(34 << 20),
        },
        stdout: captured(4096),
        stderr: captured(512),
        events: events(),
        events_overflow: false,
        behaviour: None,
        course: Box::default(),
    }
}

fn wire(criterion: &mut Criterion) {
    let request = ToWorker::Run(Box::new(request()));
    let answer = FromWorker::Done(Box::new(observation()));
    let frames = [encode(&request).unwrap(), encode(&answer).unwrap()];
    let mut group = criterion.benchmark_group("wire");
    group.throughput(Throughput::Bytes(frames[0].len() as u64));
    group.bench_function("encode a request", |bencher| {
        bencher.iter(|| encode(black_box(&request)).unwrap());
    });
    group.bench_function("decode a request", |bencher| {
        bencher.iter(|| decode::<ToWorker>(black_box(&frames[0][4..])).unwrap());
    });
    group.throughput(Throughput::Bytes(frames[1].len() as u64));
    group.bench_function("encode an observation", |bencher| {
        bencher.iter(|| encode(black_box(&answer)).unwrap());
    });
    group.bench_function("decode an observation", |bencher| {
        bencher.iter(|| decode::<FromWorker>(black_box(&frames[1][4..])).unwrap());
    });
    group.finish();
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    let events = events();
    assert!(Transcript::read(&events, &NONCE).ended);
    group.throughput(Throughput::Bytes(events.len() as u64));
    group.bench_function("a transcript of 20 tests", |bencher| {
        bencher.iter(|| Transcript::read(black_box(&events), &NONCE));
    });
    let tasks = Arc::new(tasks());
    let path = fixture("bigcodebench.samples.jsonl");
    let length = std::fs::metadata(&path).unwrap().len();
    group.throughput(Throughput::Bytes(length));
    group.bench_function("the samples of the demo", |bencher| {
        bencher.iter(|| {
            let options = SampleOptions::default();
            let samples = Samples::open(&path, Arc::clone(&tasks), options).unwrap();
            samples.filter(Result::is_ok).count()
        });
    });
    group.finish();
}

/// A pool of one worker, and what runs it; `None` where this host has no sandbox.
fn pool() -> Option<(tokio::runtime::Runtime, Pool)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = PoolConfig {
        workers: 1,
        executable: PathBuf::from(env!("CARGO_BIN_EXE_fumehood")),
        profile_dir: None,
        without: Vec::new(),
    };
    match runtime.block_on(Pool::start(config)) {
        Ok(pool) => Some((runtime, pool)),
        Err(error) => {
            eprintln!("SKIPPED: this host cannot enforce the sandbox: {error}");
            None
        }
    }
}

fn program(argv: &[&str], reuse: Reuse) -> Request {
    Request {
        argv: argv.iter().copied().map(str::to_owned).collect(),
        env: Vec::new(),
        payload: None,
        events_limit: None,
        profile: "strict".to_owned(),
        mounts: Vec::new(),
        reuse,
        ..request()
    }
}

/// One program after the other through a pool of one worker: everything between `Pool::run` and its
/// answer, for a program that does nothing.
fn spawn(criterion: &mut Criterion) {
    let Some((runtime, pool)) = pool() else {
        return;
    };
    let nothing = program(&["/bin/true"], Reuse::Sandbox);
    let mut group = criterion.benchmark_group("spawn");
    group.measurement_time(Duration::from_secs(10));
    group.bench_function("/bin/true in the sandbox", |bencher| {
        bencher.iter(|| {
            let observation = runtime.block_on(pool.run(nothing.clone())).unwrap();
            assert_eq!(observation.end, End::Exited(0));
        });
    });
    group.bench_function("/bin/true without it", |bencher| {
        bencher.iter(|| {
            let status = std::process::Command::new("/bin/true").env_clear().status();
            assert!(status.unwrap().success());
        });
    });
    group.finish();
    runtime.block_on(pool.shutdown());
}

/// What it takes to have a sandbox clear for the next program, by what the last one left; and to make one.
fn reset(criterion: &mut Criterion) {
    let Some((runtime, pool)) = pool() else {
        return;
    };
    let shell = |script| program(&["/bin/sh", "-c", script], Reuse::Sandbox);
    let mut group = criterion.benchmark_group("reset");
    group.measurement_time(Duration::from_secs(10));
    for (name, request) in [
        ("nothing left", shell(":")),
        ("a file left", shell(": > /tmp/left")),
        ("a process left", shell("exec 2>&- >&-; /bin/sleep 60 & :")),
        (
            "the sandbox made for it",
            program(&["/bin/sh", "-c", ":"], Reuse::Nothing),
        ),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let observation = runtime.block_on(pool.run(request.clone())).unwrap();
                assert_eq!(observation.end, End::Exited(0));
            });
        });
    }
    group.finish();
    runtime.block_on(pool.shutdown());
}

criterion_group!(benches, wire, parse, spawn, reset);
criterion_main!(benches);
