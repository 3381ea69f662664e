//! What came of one hostile program: pure functions from what was seen to what is wrong with it.

use super::corpus::Program;
use super::manifest::{Family, Run};
use super::mode::Mode;
use super::report::Trial;
use crate::base::limits::LimitKind;
use crate::base::text::one_line;
use crate::verdict::VerdictKind;
use crate::worker::{Behaviour, End, Observation, Origin};

/// The ways in which a program of its own can end. `exited` is by itself with 0, `died` with any
/// other code, `crashed` by a signal, the others by a limit.
pub const ENDINGS: [&str; 8] = [
    "exited",
    "died",
    "crashed",
    "cpu",
    "wall",
    "memory",
    "output",
    "processes",
];
/// How many of a program's problems are kept.
const PROBLEMS: usize = 8;

/// What was seen of one program.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// How it ended: one of [`ENDINGS`], a verdict's kind, or `infra`.
    pub got: String,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
    /// What it wrote to the event channel.
    pub events: Vec<u8>,
    /// The forbidden acts that were reported of it; `None` where nobody could tell.
    pub behaviour: Option<Behaviour>,
    /// How long after its CPU or wall limit it was ended, in milliseconds.
    pub late_ms: Option<u64>,
    /// Why, in a sentence.
    pub detail: String,
    /// What is said of a program of its own that was run as a snippet.
    pub verdict: Option<VerdictKind>,
    /// How its process came to be.
    pub origin: Option<Origin>,
}

impl Seen {
    /// A program that was not run.
    pub fn skipped(reason: &str) -> Self {
        Self {
            got: "skipped".to_owned(),
            stdout: format!("skipped: {reason}\n").into_bytes(),
            ..Self::default()
        }
    }

    /// What an observation of a program of its own shows.
    pub fn of(observation: &Observation, program: &Program) -> Self {
        let got = ending(observation);
        let over = match observation.limit {
            Some(LimitKind::Cpu) => Some((observation.usage.cpu, program.limits.cpu)),
            Some(LimitKind::Wall) => Some((observation.usage.wall, program.limits.wall)),
            _ => None,
        };
        Self {
            got: got.to_owned(),
            stdout: observation.stdout.bytes.clone(),
            stderr: observation.stderr.bytes.clone(),
            events: observation.events.clone(),
            behaviour: observation.behaviour.clone(),
            late_ms: over.map(|(used, limit)| {
                u64::try_from(used.saturating_sub(limit).as_millis()).unwrap_or(u64::MAX)
            }),
            detail: match observation.end {
                End::Exited(code) => format!("exit code {code}"),
                End::Signaled(signal) => format!("signal {signal}"),
            },
            verdict: None,
            origin: Some(observation.course.origin),
        }
    }
}

/// How a program of its own ended.
pub fn ending(observation: &Observation) -> &'static str {
    match (observation.limit, observation.end) {
        (Some(LimitKind::Cpu), _) => "cpu",
        (Some(LimitKind::Wall), _) => "wall",
        (Some(LimitKind::Memory), _) => "memory",
        (Some(LimitKind::Output), _) => "output",
        (Some(LimitKind::Processes), _) => "processes",
        (None, End::Exited(0)) => "exited",
        (None, End::Exited(_)) => "died",
        (None, End::Signaled(_)) => "crashed",
    }
}

/// What jobs have on this host, as far as it decides what hostile programs come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offers {
    /// Control groups.
    pub groups: bool,
    /// Inodes of their own in the folders that they are shown.
    pub own_inodes: bool,
    /// Device nodes of their own.
    pub own_devices: bool,
    /// Interpreters that they can be forked from.
    pub warm: bool,
}

#[cfg(test)]
impl Offers {
    /// A host that has all of it.
    pub(super) const ALL: Self = Self {
        groups: true,
        own_inodes: true,
        own_devices: true,
        warm: true,
    };
}

/// Judges one program. `secret` stands in a file of the host that nothing may read.
pub fn judge(program: &Program, mode: Mode, seen: &Seen, secret: &str, offers: Offers) -> Trial {
    let row = &program.row;
    let expected = if offers.groups || row.allowed_without_group.is_empty() {
        &row.allowed
    } else {
        &row.allowed_without_group
    };
    let stdout = String::from_utf8_lossy(&seen.stdout);
    let skipped = stdout
        .lines()
        .find_map(|line| line.strip_prefix("skipped: "))
        .map(|reason| one_line(reason, 200));
    let mut problems = Vec::new();
    if !expected.contains(&seen.got) && skipped.is_none() {
        let last = String::from_utf8_lossy(&seen.stderr);
        let last = last.trim().lines().last().unwrap_or("").to_owned();
        let why = [seen.detail.as_str(), last.as_str()].join("; ");
        problems.push(format!(
            "it ended as `{}`, not as {} ({})",
            seen.got,
            expected.join(" or "),
            one_line(why.trim_matches([';', ' ']), 300)
        ));
    }
    if let Some(kind @ (VerdictKind::Passed | VerdictKind::Infra)) = seen.verdict {
        problems.push(format!("its verdict is `{}`", kind.name()));
    }
    if mode == Mode::Warm && skipped.is_none() && seen.origin.is_none_or(|it| it == Origin::Own) {
        problems.push(format!(
            "it was not forked from a warm interpreter ({})",
            one_line(&seen.detail, 200)
        ));
    }
    for line in stdout.lines() {
        if line.starts_with("ESCAPED") || line.starts_with("unclear: ") {
            problems.push(one_line(line, 200));
        }
    }
    // Not in a line of its own perhaps, or on another stream.
    let streams = [&seen.stdout, &seen.stderr, &seen.events];
    if problems.is_empty() && contains(&seen.stderr, b"ESCAPED") {
        problems.push("its standard error says that it escaped".to_owned());
    }
    if streams
        .iter()
        .any(|bytes| contains(bytes, secret.as_bytes()))
    {
        problems.push("it read the planted secret".to_owned());
    }
    // A program that ended by itself and says nothing may not have tried anything.
    let spoke = stdout.lines().any(|line| line.starts_with("refused: "));
    let must_speak = match program.family {
        Family::Escape => matches!(seen.got.as_str(), "exited" | "crashed"),
        Family::Exhaustion => seen.got == "exited",
        Family::Forgery => false,
    };
    if must_speak && !spoke && skipped.is_none() && problems.is_empty() {
        problems.push("it does not say what became of its attempt".to_owned());
    }
    let acts = calls(seen.behaviour.as_ref());
    if seen.behaviour.is_some() && skipped.is_none() {
        let silent = row.reports.iter().filter(|call| !acts.contains(call));
        for call in silent {
            problems.push(format!("its forbidden act `{call}` was not reported"));
        }
    }
    let group = row.gap_without_group.as_ref().filter(|_| !offers.groups);
    let inodes = (row.gap_without_own_inodes.as_ref()).filter(|_| !offers.own_inodes);
    let devices = (row.gap_without_own_devices.as_ref()).filter(|_| !offers.own_devices);
    let gap = row.gap.as_ref().or(group).or(inodes).or(devices);
    if gap.is_some() && problems.is_empty() && skipped.is_none() {
        problems.push("it is held now: take the gap out of its manifest".to_owned());
    }
    problems.truncate(PROBLEMS);
    Trial {
        family: program.family,
        name: row.name.clone(),
        class: row.class.clone(),
        mode,
        expected: expected.clone(),
        got: seen.got.clone(),
        late_ms: seen.late_ms.filter(|_| row.run == Run::Exec),
        skipped,
        gap: gap.cloned(),
        acts,
        problems,
    }
}

/// The system calls that were reported, each once, sorted.
fn calls(behaviour: Option<&Behaviour>) -> Vec<String> {
    let acts = behaviour.map_or(&[][..], |behaviour| &behaviour.acts);
    let mut calls: Vec<String> = acts.iter().map(|act| act.call.clone()).collect();
    calls.sort();
    calls.dedup();
    calls
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::super::corpus::Corpus;
    use super::*;
    use crate::containment::report::Outcome;

    const ALL: Offers = Offers::ALL;

    fn seen(got: &str, stdout: &str) -> Seen {
        Seen {
            got: got.to_owned(),
            stdout: stdout.into(),
            ..Seen::default()
        }
    }

    fn problems(program: &str, seen: &Seen) -> Vec<String> {
        let corpus = Corpus::embedded().unwrap();
        judge(
            corpus.get(program).unwrap(),
            Mode::Exec,
            seen,
            "5ecret",
            ALL,
        )
        .problems
    }

    #[test]
    fn only_a_refusal_is_held() {
        let held = seen("exited", "refused: unshare(CLONE_NEWUSER): EPERM\n");
        assert!(problems("unshare-user", &held).is_empty());
        for (got, stdout) in [
            ("exited", ""),
            ("exited", "refused: x\nESCAPED: unshare\n"),
            ("exited", "unclear: unshare: EINVAL\n"),
            ("exited", "refused: x\nwell, 5ecret is nice\n"),
            ("died", "refused: x\n"),
            ("infra", "refused: x\n"),
        ] {
            assert!(
                !problems("unshare-user", &seen(got, stdout)).is_empty(),
                "{got} {stdout}"
            );
        }
        let mut on_error = held;
        on_error.stderr = b"5ecret".to_vec();
        assert!(!problems("unshare-user", &on_error).is_empty());
    }

    #[test]
    fn a_forbidden_act_must_be_reported_where_the_host_can_tell() {
        let mut held = seen("exited", "refused: unshare(CLONE_NEWUSER): EPERM\n");
        let act = |call: &str| crate::worker::Act {
            call: call.to_owned(),
            detail: String::new(),
            answer: "EPERM".to_owned(),
            count: 1,
            first_ms: 0,
        };
        for (acts, problem_count) in [
            (vec![], 1),
            (vec!["mount"], 1),
            (vec!["mount", "unshare"], 0),
        ] {
            held.behaviour = Some(Behaviour {
                acts: acts.into_iter().map(act).collect(),
                ..Behaviour::default()
            });
            assert_eq!(problems("unshare-user", &held).len(), problem_count);
        }
        held.behaviour = None;
        assert!(problems("unshare-user", &held).is_empty());
    }

    #[test]
    fn a_skipped_program_says_why() {
        let corpus = Corpus::embedded().unwrap();
        let seen = seen("exited", "skipped: another machine\n");
        let trial = judge(
            corpus.get("unshare-user").unwrap(),
            Mode::Exec,
            &seen,
            "5ecret",
            ALL,
        );
        assert_eq!(trial.skipped.as_deref(), Some("another machine"));
        assert!(trial.problems.is_empty());
    }

    #[test]
    fn hosts_without_groups_may_end_programs_otherwise() {
        let corpus = Corpus::embedded().unwrap();
        let heap = corpus.get("heap").unwrap();
        let seen = seen("exited", "refused: no more memory\n");
        let without = Offers {
            groups: false,
            ..ALL
        };
        assert!(
            judge(heap, Mode::Exec, &seen, "5ecret", without)
                .problems
                .is_empty()
        );
        assert!(
            !judge(heap, Mode::Exec, &seen, "5ecret", ALL)
                .problems
                .is_empty()
        );
    }

    #[test]
    fn shared_inodes_are_a_gap_only_where_they_are_shared() {
        let corpus = Corpus::embedded().unwrap();
        let got_through = seen("exited", "ESCAPED: sees another's lock\n");
        let without_inodes = Offers {
            own_inodes: false,
            ..ALL
        };
        let without_devices = Offers {
            own_devices: false,
            ..ALL
        };
        for (name, without, with) in [
            ("shown-lock", without_inodes, without_devices),
            ("device-lock-receiver", without_devices, without_inodes),
        ] {
            let locks = corpus.get(name).unwrap();
            let outcome =
                |offers| judge(locks, Mode::Exec, &got_through, "5ecret", offers).outcome();
            assert_eq!(outcome(without), Outcome::Gap);
            assert_eq!(outcome(with), Outcome::Failed);
            assert_eq!(outcome(ALL), Outcome::Failed);
        }
    }

    #[test]
    fn no_forgery_may_pass() {
        let passed = problems("exit-at-load", &seen("passed", ""));
        assert_eq!(passed.len(), 1, "{passed:?}");
        assert!(problems("exit-at-load", &seen("incomplete", "")).is_empty());
    }
}
