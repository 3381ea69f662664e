//! Jobs that are forked from warm interpreters, beside the same jobs in interpreters of their own: what they see
//! and what they come to is the same.
//!
//! Each file of `snippets/` says on its standard output what it finds. Needs a `python3`; some snippets
//! need libraries, and say so where they are missing. Over real data, with the interpreter that its
//! libraries are in:
//!
//!     FUMEHOOD_PYTHON=.../bin/python FUMEHOOD_DATASET=bigcodebench FUMEHOOD_DATA=tasks.jsonl.gz \
//!         cargo test --release --test warm -- --ignored --nocapture

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on should panic, and one that is skipped says so"
)]

mod ladder;
mod spite;
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::sync::Arc;

use fumehood::base::limits::Limits;
use fumehood::dataset::{DatasetKind, Task, TaskSet, Tests};
use fumehood::environment::Interpreter;
use fumehood::harness::{Grading, ImportOrder, launch, plan};
use fumehood::pipeline::Runner;
use fumehood::pipeline::survey::survey;
use fumehood::worker::{Observation, Outlook, Pool, PoolConfig, Request, Reuse};
use support::skip;

const NONCE: [u8; 32] = [7; 32];

/// Times that a job is run warm. The first may be cold, and others make interpreters.
const TIMES: usize = 6;

fn interpreter() -> Option<Interpreter> {
    let python = std::env::var_os("FUMEHOOD_PYTHON").unwrap_or_else(|| "/usr/bin/python3".into());
    match Interpreter::inspect(&PathBuf::from(python), &[]) {
        Ok(interpreter) => Some(interpreter),
        Err(error) => {
            skip(&format!("no Python: {error}"));
            None
        }
    }
}

async fn pool() -> Option<Pool> {
    if support::modes().is_empty() {
        return None;
    }
    let config = PoolConfig {
        workers: 1,
        executable: support::binary().to_owned(),
        profile_dir: None,
        without: Vec::new(),
    };
    Some(Pool::start(config).await.unwrap())
}

fn task(tests: Tests) -> Task {
    Task::bare("T/1", "f", tests)
}

/// One task for each driver that may be warm. All but the tests of the last share the snippet's process.
fn tasks() -> Vec<(&'static str, Task)> {
    let unittest = "import unittest\nclass TestCases(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(f(1), 2)\n";
    vec![
        (
            "unittest",
            task(Tests::Unittest {
                source: unittest.to_owned(),
            }),
        ),
        (
            "asserts",
            task(Tests::Asserts {
                setup: String::new(),
                asserts: vec!["assert f(1) == 2".to_owned()],
            }),
        ),
        (
            "cases",
            task(Tests::Cases {
                setup: "X = 1".to_owned(),
                source: "function = 'f'\ntest_cases = [{'x': 1}]\n".to_owned(),
            }),
        ),
    ]
}

fn request(interpreter: &Interpreter, task: &Task, code: &str, is_warm: bool) -> Request {
    let plan = plan(task, code, Grading::Strict, NONCE, None, None);
    let mut env = launch::environment(&interpreter.executable, 0);
    env.extend(interpreter.env.iter().cloned());
    Request {
        argv: launch::command(&interpreter.executable.to_string_lossy()),
        env,
        stdin: Vec::new(),
        payload: Some(plan.input()),
        events_limit: Some(1 << 20),
        profile: "grade".to_owned(),
        mounts: interpreter.mounts.clone(),
        limits: Limits {
            processes: 64,
            ..Limits::default()
        },
        reuse: match plan.imports {
            Some(imports) if is_warm => Reuse::Interpreter {
                imports,
                popular: 0,
            },
            _ => Reuse::Sandbox,
        },
    }
}

/// What must be equal. The last words of processes that the job left behind may or may not be heard.
fn shown(observation: &Observation) -> (String, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        format!("{:?} {:?}", observation.end, observation.limit),
        text(&observation.stdout.bytes),
        text(&observation.events),
    )
}

const SNIPPETS: [(&str, &str, &[&str]); 12] = [
    ("broken", include_str!("snippets/broken.py"), &["pandas"]),
    ("collector", include_str!("snippets/collector.py"), &[]),
    ("late", include_str!("snippets/late.py"), &[]),
    ("lazy", include_str!("snippets/lazy.py"), &[]),
    (
        "numeric",
        include_str!("snippets/numeric.py"),
        &["numpy", "pandas", "matplotlib", "scipy"],
    ),
    ("printing", include_str!("snippets/printing.py"), &[]),
    ("processes", include_str!("snippets/processes.py"), &[]),
    ("reload", include_str!("snippets/reload.py"), &[]),
    ("signals", include_str!("snippets/signals.py"), &[]),
    ("state", include_str!("snippets/state.py"), &[]),
    ("turned", include_str!("snippets/turned.py"), &[]),
    ("wrapped", include_str!("snippets/wrapped.py"), &["pandas"]),
];

fn has(interpreter: &Interpreter, modules: &[&str]) -> bool {
    modules.iter().all(|module| {
        std::process::Command::new(&interpreter.executable)
            .args([
                "-c",
                &format!("import importlib.util as u, sys; sys.exit(not u.find_spec('{module}'))"),
            ])
            .status()
            .is_ok_and(|status| status.success())
    })
}

#[tokio::test]
async fn warm_jobs_see_and_do_what_cold_ones_do() {
    let (Some(interpreter), Some(pool)) = (interpreter(), pool().await) else {
        return;
    };
    for (kind, task) in tasks() {
        for (name, code, needs) in SNIPPETS {
            if !has(&interpreter, needs) {
                skip(&format!("{name}: {needs:?} are not all installed"));
                continue;
            }
            // These say what only one driver does.
            if kind != "unittest"
                && matches!(name, "wrapped" | "numeric" | "processes" | "printing")
            {
                continue;
            }
            let code = format!("{code}\ndef f(x):\n    return x + 1\n");
            let cold = pool
                .run(request(&interpreter, &task, &code, false))
                .await
                .unwrap();
            assert!(cold.events.starts_with(b"{"), "{kind} {name}: {cold:?}");
            for time in 0..TIMES {
                let warm = pool
                    .run(request(&interpreter, &task, &code, true))
                    .await
                    .unwrap();
                let (cold, warm) = (shown(&cold), shown(&warm));
                assert_eq!(cold, warm, "{kind} {name}, time {time}");
            }
        }
    }
    pool.shutdown().await;
}

/// Says whether it was forked, and whether who forked it has a library that `xmlrpc.server` needs.
const PARENT: &str = "import os\nimport xmlrpc.server\nparent = os.getppid()\nmaps = open(f'/proc/{parent}/maps').read() if parent > 1 else ''\nos.write(1, repr((parent > 1, '_decimal' in maps)).encode())\ndef f(x): return x + 1\n";

#[tokio::test]
async fn jobs_are_forked_from_interpreters_that_have_their_imports() {
    let (Some(interpreter), Some(pool)) = (interpreter(), pool().await) else {
        return;
    };
    let (_, task) = tasks().remove(0);
    let mut said = Vec::new();
    for _ in 0..TIMES {
        let observation = pool
            .run(request(&interpreter, &task, PARENT, true))
            .await
            .unwrap();
        said.push(String::from_utf8(observation.stdout.bytes).unwrap());
    }
    assert_eq!(said.first().unwrap(), "(False, False)");
    assert_eq!(said.last().unwrap(), "(True, True)", "{said:?}");
    pool.shutdown().await;
}

/// What is drawn at random is never drawn twice, and what is to be secret neither.
#[tokio::test]
async fn nothing_random_is_shared() {
    let (Some(interpreter), Some(pool)) = (interpreter(), pool().await) else {
        return;
    };
    let (_, task) = tasks().remove(0);
    let library = if has(&interpreter, &["numpy"]) {
        "numpy"
    } else {
        "random as numpy"
    };
    let draw = if library == "numpy" {
        "numpy.random.rand()"
    } else {
        "numpy.random()"
    };
    let code = format!(
        "import random, os, multiprocessing, tempfile, uuid\nimport {library}\nos.write(1, ' '.join(map(str, [random.random(), \
         {draw}, multiprocessing.current_process().authkey.hex(), tempfile.mktemp(), uuid.uuid4()])).encode())\n\
         def f(x): return x + 1\n"
    );
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..TIMES {
        let observation = pool
            .run(request(&interpreter, &task, &code, true))
            .await
            .unwrap();
        let text = String::from_utf8(observation.stdout.bytes).unwrap();
        for word in text.split(' ') {
            assert!(seen.insert(word.to_owned()), "{word} came twice");
        }
    }
    assert_eq!(seen.len(), TIMES * 5);
    pool.shutdown().await;
}

/// Every ground truth of a dataset, warm and cold.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a dataset and its libraries, and hours"]
async fn ground_truths_come_to_the_same() {
    let (Some(interpreter), Some(pool)) = (interpreter(), pool().await) else {
        return;
    };
    let kind: DatasetKind = std::env::var("FUMEHOOD_DATASET").unwrap().parse().unwrap();
    let data = PathBuf::from(std::env::var("FUMEHOOD_DATA").unwrap());
    let only = std::env::var("FUMEHOOD_TASKS").unwrap_or_default();
    let only: Vec<&str> = only.split_whitespace().collect();
    let tasks = TaskSet::load(kind, &data).unwrap();
    let runner = Runner {
        pool: Arc::new(pool),
        interpreter,
        limits: kind.limits(),
        grading: Grading::Strict,
        warm: None,
        preparations: Arc::default(),
    };
    let order = ImportOrder::of(tasks.iter().map(|task| &**task));
    let closures = survey(&runner, &order, None, |_| ()).await;
    let order = order.with(&closures, tasks.iter().map(|task| &**task), 1);
    let runner = Runner {
        warm: Some(Arc::new(order)),
        ..runner
    };
    let cold = Runner {
        warm: None,
        preparations: Arc::default(),
        ..runner.clone()
    };
    let (mut count, mut different) = (0, Vec::new());
    for task in tasks.iter() {
        let Some(code) = &task.ground_truth else {
            continue;
        };
        if !only.is_empty() && !only.contains(&task.id.as_str()) {
            continue;
        }
        let outcome = |verdict: &fumehood::verdict::Verdict| {
            let cases: Vec<String> = verdict
                .cases
                .iter()
                .map(|case| format!("{} {:?}", case.id, case.outcome))
                .collect();
            (verdict.kind, cases)
        };
        let was = cold
            .grade(task, code, None, Outlook::default())
            .await
            .unwrap();
        for time in 0..3 {
            let is = runner
                .grade(task, code, None, Outlook::default())
                .await
                .unwrap();
            // In a fresh interpreter a library's own import may look suspicious, which costs a control.
            let reasons =
                |verdict: &fumehood::verdict::Verdict| format!("{:?}", verdict.suspicions);
            if reasons(&was) != reasons(&is) {
                eprintln!("{}: cold {}, warm {}", task.id, reasons(&was), reasons(&is));
            }
            if outcome(&was) != outcome(&is) {
                eprintln!(
                    "{} {time}: {:?}\n    {:?}",
                    task.id,
                    outcome(&was),
                    outcome(&is)
                );
                different.push(format!("{} {time}", task.id));
            }
        }
        count += 1;
    }
    eprintln!(
        "{count} ground truths, {} differ: {different:?}",
        different.len()
    );
    assert!(different.is_empty());
}
