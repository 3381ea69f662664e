//! What comes with an import is made before it, in interpreters that jobs share; no job finds a module for it that a
//! fresh interpreter would not have.

use std::sync::Arc;

use fumehood::dataset::{Task, Tests};
use fumehood::harness::{Grading, ImportOrder};
use fumehood::pipeline::Runner;
use fumehood::pipeline::survey::survey;
use fumehood::worker::{Origin, Reuse};

use super::{interpreter, pool, request, shown};

/// Some bring others: `http.server` brings `email.parser`, `statistics` brings `decimal` and `fractions`.
const IMPORTS: [&str; 10] = [
    "import email.parser",
    "import decimal",
    "import fractions",
    "import statistics",
    "import http.client",
    "import http.server",
    "import xml.dom.minidom",
    "from xml import sax",
    "import asyncio",
    "import decimal, logging.config",
];

/// Tells all modules that are loaded at the first line of its own.
fn code(imports: &str) -> String {
    format!(
        "{imports}\nimport sys, os\nos.write(1, '\\n'.join(sorted(sys.modules)).encode())\ndef f(x): return x + 1\n"
    )
}

fn tasks() -> Vec<Task> {
    let task = |(number, imports): (usize, &&str)| Task {
        ground_truth: Some(code(imports)),
        ..Task::bare(
            format!("T/{number}").as_str(),
            "f",
            Tests::Asserts {
                setup: String::new(),
                asserts: vec!["assert f(1) == 2".to_owned()],
            },
        )
    };
    // As many as make a survey worth it.
    let all = IMPORTS.iter().cycle().take(3 * IMPORTS.len());
    all.enumerate().map(task).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_find_the_modules_that_a_fresh_interpreter_has() {
    let (Some(interpreter), Some(pool)) = (interpreter(), pool().await) else {
        return;
    };
    let pool = Arc::new(pool);
    let runner = Runner {
        pool: Arc::clone(&pool),
        interpreter: interpreter.clone(),
        limits: fumehood::base::limits::Limits::default(),
        grading: Grading::Strict,
        warm: None,
        preparations: Arc::default(),
    };
    let tasks = tasks();
    let order = ImportOrder::of(tasks.iter());
    let cache = tempfile::tempdir().unwrap();
    let kept = Some(cache.path().to_owned());
    let mut tried = 0;
    let closures = survey(&runner, &order, kept.clone(), |count| tried = count).await;
    assert!(tried >= IMPORTS.len(), "{tried}");
    let again = survey(&runner, &order, kept, |_| panic!("it was kept")).await;
    assert_eq!(closures, again);
    let order = order.with(&closures, tasks.iter(), 1);
    let mut forked = 0;
    for _ in 0..2 {
        for task in &tasks {
            let code = task.ground_truth.as_deref().unwrap();
            let cold = pool
                .run(request(&interpreter, task, code, false))
                .await
                .unwrap();
            let mut warm = request(&interpreter, task, code, true);
            if let Reuse::Interpreter { imports, popular } = &mut warm.reuse {
                let own = imports.clone();
                (*imports, *popular) = order.ladder_for(own);
                if code.starts_with("import http.server") {
                    assert!(
                        imports.iter().any(|name| name == "email.parser"),
                        "{imports:?}"
                    );
                }
            }
            let warm = pool.run(warm).await.unwrap();
            forked += u32::from(warm.course.origin == Origin::Forked);
            assert!(shown(&cold).1.contains("sys"));
            assert_eq!(shown(&cold), shown(&warm), "{code}");
        }
    }
    assert!(forked as usize > tasks.len(), "{forked}");
    drop(runner);
    if let Some(pool) = Arc::into_inner(pool) {
        pool.shutdown().await;
    }
}
