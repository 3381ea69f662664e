//! EvalPlus's pairs of inputs and expected values.

use fumehood::dataset::Tests;
use fumehood::harness::{CaseOutcome, CaseReport, Grading};
use fumehood::verdict::VerdictKind;

use super::{grade_against, outcomes, python, task};

#[test]
fn pairs_follow_the_shape_and_the_tolerance() {
    let Some(python) = python() else { return };
    let task = task(Tests::Pairs {
        base: "[[1, [2, 3]], [2, [4]]]".to_owned(),
        plus: "[[0.1, [0.2]]]".to_owned(),
        atol: 0.0,
        shape: "tuple_second".to_owned(),
        oracle: "equal".to_owned(),
    });
    let truth = "def f(a, b):\n    assert type(b) is tuple\n    return a + sum(b)\n";
    let grade = |code: &str| grade_against(python, &task, truth, code, Grading::Strict);
    assert_eq!(grade(truth).kind, VerdictKind::Passed);
    // The order of additions changes the last bit of 0.1 + 0.2; that is within the tolerance.
    let near = grade("def f(a, b): return sum(b) + a + 1e-9 * (a == 0.1)");
    assert_eq!(near.kind, VerdictKind::Passed, "{near:?}");
    let liar = "class E(float):\n    def __eq__(s, o): return True\ndef f(a, b): return E(1)";
    let verdict = grade(liar);
    assert_eq!(outcomes(&verdict), [CaseOutcome::Failed; 3], "{verdict:?}");
    let half = grade("def f(a, b):\n    if a == 2: raise SystemExit\n    return a + sum(b)");
    // What a snippet raises ends its own case and no other.
    let held = |set: &str| {
        let mut of_set = half.cases.iter().filter(|case| case.id.starts_with(set));
        of_set.all(|case| case.outcome == CaseOutcome::Passed)
    };
    assert!(!held("base/") && held("plus/"), "{half:?}");
}

#[test]
fn who_runs_out_of_time_again_and_again_is_not_asked_further() {
    let Some(python) = python() else { return };
    let task = task(Tests::Pairs {
        base: "[[1], [2], [0], [3]]".to_owned(),
        plus: "[[4], [0], [5]]".to_owned(),
        atol: 0.0,
        shape: "plain".to_owned(),
        oracle: "equal".to_owned(),
    });
    let truth = "def f(a): return a";
    let slow = "def f(a):\n    while a: pass\n    return a";
    let verdict = grade_against(python, &task, truth, slow, Grading::Strict);
    let timeout = CaseOutcome::Timeout;
    assert_eq!(
        outcomes(&verdict),
        [
            timeout,
            timeout,
            CaseOutcome::Passed,
            timeout,
            timeout,
            timeout,
            timeout
        ],
        "{verdict:?}"
    );
    let not_run = |case: &&CaseReport| case.detail.starts_with("not run: 3 inputs");
    assert_eq!(verdict.cases.iter().filter(not_run).count(), 3);
}

/// A call that takes `seconds` of CPU time for the argument 1, and little for others.
fn busy(seconds: f64, before: &str) -> String {
    format!(
        "import time, signal\n\
         def f(a):\n    \
             {before}\n    \
             begin = time.process_time()\n    \
             while a == 1 and time.process_time() - begin < {seconds}: pass\n    \
             return a\n"
    )
}

#[test]
fn an_input_may_take_a_second_or_four_times_as_long_as_the_truth() {
    let Some(python) = python() else { return };
    let task = task(Tests::Pairs {
        base: "[[1], [2]]".to_owned(),
        plus: "[]".to_owned(),
        atol: 0.0,
        shape: "plain".to_owned(),
        oracle: "equal".to_owned(),
    });
    let (passed, timeout) = (CaseOutcome::Passed, CaseOutcome::Timeout);
    let no_alarm = "signal.setitimer(signal.ITIMER_PROF, 0)";
    for (truth, answer, before, expected) in [
        (0.5, 1.4, "pass", passed),
        (0.0, 1.4, "pass", timeout),
        (0.0, 0.3, "pass", passed),
        // Who switches the alarm off is asked how long it took.
        (0.0, 1.4, no_alarm, timeout),
        (0.0, 0.3, no_alarm, passed),
    ] {
        let truth = busy(truth, "pass");
        let verdict = grade_against(
            python,
            &task,
            &truth,
            &busy(answer, before),
            Grading::Strict,
        );
        assert_eq!(
            outcomes(&verdict),
            [expected, passed],
            "{truth}: {verdict:?}"
        );
    }
}

#[test]
fn a_call_finds_streams_and_alarms_as_the_first_one_did() {
    let Some(python) = python() else { return };
    let task = task(Tests::Pairs {
        base: "[[1], [2], [3]]".to_owned(),
        plus: "[]".to_owned(),
        atol: 0.0,
        shape: "plain".to_owned(),
        oracle: "equal".to_owned(),
    });
    let fresh = "    s = sys.stdout\n    \
                 assert s is sys.stdin is sys.stderr and not vars(s) and s.tell() == 0 and s.getvalue() == ''\n    \
                 assert len(signal.pthread_sigmask(signal.SIG_BLOCK, ())) == 0\n";
    for trace in [
        "print('left')",
        "sys.stdout.write('x'); sys.stdout.seek(0)",
        "sys.stdout.close()",
        "sys.stdout.mark = 1",
        "sys.stderr = None",
    ] {
        let code = format!("import sys, signal\ndef f(a):\n{fresh}    {trace}\n    return a\n");
        let verdict = grade_against(python, &task, "def f(a): return a", &code, Grading::Strict);
        assert_eq!(verdict.kind, VerdictKind::Passed, "{trace}: {verdict:?}");
    }
    // Handlers that the first call replaced are in their place for the second.
    let deaf = "import signal, time\n\
                to_the_end = []\n\
                def f(a):\n    \
                    if a == 1:\n        \
                        for number in (signal.SIGPROF, signal.SIGALRM): signal.signal(number, signal.SIG_IGN)\n    \
                    while a == 2 and time.process_time() < 5: pass\n    \
                    if a == 2: to_the_end.append(a)\n    \
                    assert not to_the_end\n    \
                    return a\n";
    let verdict = grade_against(python, &task, "def f(a): return a", deaf, Grading::Strict);
    let (passed, timeout) = (CaseOutcome::Passed, CaseOutcome::Timeout);
    assert_eq!(outcomes(&verdict), [passed, timeout, passed], "{verdict:?}");
}
