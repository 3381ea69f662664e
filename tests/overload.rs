//! A host without a free processor: time that a job waits for one is not the job's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::process::{Child, Command};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde_json::Value;
use support::{Mode, modes};

/// Busy neighbours, all on one processor with this process and all that it starts from now on.
struct Neighbours(Vec<Child>);

impl Neighbours {
    const COUNT: usize = 5;

    fn move_in() -> Self {
        let this = Pid::from_raw(0);
        let allowed = sched_getaffinity(this).unwrap();
        let first = (0..CpuSet::count()).find(|cpu| allowed.is_set(*cpu).unwrap());
        let mut one = CpuSet::new();
        one.set(first.unwrap()).unwrap();
        sched_setaffinity(this, &one).unwrap();
        // Each in a session of its own, as jobs are: some kernels share processors by session.
        let spin = || {
            let mut command = Command::new("setsid");
            let endless = "while kill -0 $PPID 2>/dev/null; do i=0; while [ $i -lt 99999 ]; do i=$((i+1)); done; done";
            command.args(["sh", "-c", endless]).spawn().unwrap()
        };
        Self((0..Self::COUNT).map(|_| spin()).collect())
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn seconds(result: &Value, which: &str) -> f64 {
    result[format!("{which}_seconds")].as_f64().unwrap()
}

/// Uses that much processor time, then says so.
fn work(seconds: f64) -> String {
    format!("import time\nwhile time.process_time() < {seconds}: pass\nprint('done', flush=True)")
}

#[test]
fn waiting_for_a_processor_is_not_counted() {
    if !std::path::Path::new("/usr/bin/python3").exists() {
        return support::skip("this host has no /usr/bin/python3");
    }
    let modes = modes();
    let _neighbours = Neighbours::move_in();
    let python = |mode: &Mode, options: &[&str], program: &str| {
        let command = ["/usr/bin/python3", "-I", "-S", "-c", program];
        support::exec(mode, options, &command)
    };
    for mode in modes {
        // One part in six of a processor: an honest job takes longer than its wall-clock limit.
        let limits = ["--wall-seconds", "2", "--cpu-seconds", "30"];
        let honest = python(&mode, &limits, &work(0.6));
        assert_eq!(honest["limit"], Value::Null, "{mode:?}: {honest}");
        assert_eq!(honest["stdout"]["text"], "done\n", "{mode:?}: {honest}");
        assert!(seconds(&honest, "wall") > 2.0, "{mode:?}: {honest}");
        // Who sleeps is ended all the same, and who spins by the processor time that it used.
        let asleep = python(&mode, &limits, "import time; time.sleep(250)");
        assert_eq!(asleep["limit"], "wall", "{mode:?}: {asleep}");
        let limits = ["--wall-seconds", "30", "--cpu-seconds", "1"];
        let spinning = python(&mode, &limits, &work(250.0));
        assert_eq!(spinning["limit"], "cpu", "{mode:?}: {spinning}");
        // Who had its time's worth of a processor is not the host's fault, however late that was.
        let limits = ["--wall-seconds", "1", "--cpu-seconds", "3"];
        let starved = python(&mode, &limits, &work(250.0));
        assert_eq!(starved["limit"], "wall", "{mode:?}: {starved}");
        // Who gives way to others does so in its own time.
        let limits = ["--wall-seconds", "2", "--cpu-seconds", "30"];
        let polite = format!("import os; os.nice(19)\n{}", work(250.0));
        let polite = python(&mode, &limits, &polite);
        assert_eq!(polite["limit"], "wall", "{mode:?}: {polite}");
        eprintln!(
            "{mode:?}: wall {:.1} s of which {:.1} s its own work",
            seconds(&honest, "wall"),
            seconds(&honest, "cpu")
        );
    }
}
