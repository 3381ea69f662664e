//! The system-call filter on the real kernel.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::str::FromStr;

use fumehood::sandbox::Profile;
use fumehood::sandbox::profile::SyscallRule;
use fumehood::sandbox::seccomp::{Action, Policy, compile};
use nix::errno::Errno;

use crate::cases::{self, Case, number};
use crate::support::{self, Mode, modes};

/// An error that no kernel gives for the calls tried here.
const MARK: &str = "EOPNOTSUPP";

/// Calls that newer kernels for x86_64 let past every filter (uretprobe and uprobe). They are for the pages
/// that the kernel itself maps into a probed process, and do nothing elsewhere.
const UNFILTERED: [u32; 2] = [335, 336];

/// What came of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// It failed so.
    Failed(Errno),
    /// It did what it does, ended the process, or went on for ever.
    Went,
}

impl Seen {
    fn parse(kind: &str, number: i32) -> Self {
        match (kind, number) {
            ("exit", 77 | 200) => Self::Went,
            // The filter kills with this one.
            ("signal", number) if number != libc::SIGSYS => Self::Went,
            ("exit", errno @ 1..=133) => Self::Failed(Errno::from_raw(errno)),
            _ => panic!("the driver said {kind} {number}"),
        }
    }
}

/// The error of a refusal, whether or not it is reported; `None` for what is allowed.
fn refusal(action: Action) -> Option<Errno> {
    let text = action.to_string();
    let name = text.rsplit(' ').next().unwrap();
    (name != "allow").then(|| {
        (1..=133)
            .map(Errno::from_raw)
            .find(|errno| format!("{errno:?}") == name)
            .unwrap_or_else(|| panic!("no error is named {name}"))
    })
}

/// A folder with the driver and a list, which every user can read.
fn folder(cases: &[Case]) -> tempfile::TempDir {
    let folder = support::shared_folder();
    let list: String = cases
        .iter()
        .enumerate()
        .map(|(word, case)| case.line(word))
        .collect();
    std::fs::write(folder.path().join("driver.pl"), include_str!("driver.pl")).unwrap();
    std::fs::write(folder.path().join("list"), list).unwrap();
    folder
}

fn parsed(stdout: &str, count: usize) -> Vec<Seen> {
    let seen: BTreeMap<usize, Seen> = stdout
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let number = words[2].parse().unwrap();
            (words[0].parse().unwrap(), Seen::parse(words[1], number))
        })
        .collect();
    assert_eq!(seen.len(), count, "calls without an answer: {stdout}");
    seen.into_values().collect()
}

/// Makes the calls inside the sandbox.
fn inside(mode: &Mode, options: &[&str], cases: &[Case]) -> Vec<Seen> {
    let folder = folder(cases);
    let mount = format!("{}:/calls", folder.path().display());
    let fixed = [
        "--mount",
        &mount,
        "--wall-seconds",
        "600",
        "--cpu-seconds",
        "300",
        "--output-kib",
        "4096",
    ];
    let result = support::exec(
        mode,
        &[options, &fixed].concat(),
        &["/usr/bin/perl", "/calls/driver.pl", "/calls/list"],
    );
    assert_eq!(result["status"], "exited", "{mode:?}: {result}");
    assert_eq!(result["exit_code"], 0, "{mode:?}: {result}");
    parsed(result["stdout"]["text"].as_str().unwrap(), cases.len())
}

/// A profile folder with one profile: every refusal of `profile` gives the mark instead.
fn marked(profile: &Profile) -> tempfile::TempDir {
    let mark = Action::from_str(MARK).unwrap();
    let changed = |action: Action| match refusal(action) {
        None => action,
        Some(_) => mark,
    };
    let mut profile = profile.clone();
    profile.name = "marked".to_owned();
    // Its base's rules are joined to it already.
    profile.extends = None;
    let others = profile.without_memory_group.iter_mut();
    for rule in profile.syscall.iter_mut().chain(others) {
        rule.action = changed(rule.action);
        rule.otherwise = rule.otherwise.map(changed);
    }
    let folder = support::shared_folder();
    let text = toml::to_string(&profile).unwrap();
    std::fs::write(folder.path().join("marked.toml"), text).unwrap();
    folder
}

#[test]
fn every_rule_holds_on_this_kernel_and_decides_itself() {
    for mode in modes() {
        let strict = Profile::load("strict", None).unwrap();
        let strict = Policy::of(&strict.system_calls(mode.has_memory_group())).unwrap();
        for name in ["strict", "grade"] {
            let profile = Profile::load(name, None).unwrap();
            let rules = profile.system_calls(mode.has_memory_group());
            let policy = Policy::of(&rules).unwrap();
            let mut cases = cases::all(&rules);
            if name != "strict" {
                // What is decided as there was tried there.
                cases.retain(|case| {
                    policy.decisions.get(&case.number) != strict.decisions.get(&case.number)
                });
            }
            let real = inside(&mode, &["--profile", name], &cases);
            let folder = marked(&profile);
            let dir = folder.path().display().to_string();
            let options = ["--profile-dir", dir.as_str(), "--profile", "marked"];
            let with_mark = inside(&mode, &options, &cases);
            let mark = Seen::Failed(Errno::EOPNOTSUPP);
            let mut problems = String::new();
            let (mut allowed, mut refused) = (0, 0);
            for ((case, real), with_mark) in cases.iter().zip(real).zip(with_mark) {
                let good = match refusal(policy.decide(case.number, &case.arguments)) {
                    // The very error, and another one where the rule names another.
                    Some(errno) => {
                        refused += 1;
                        real == Seen::Failed(errno) && with_mark == mark
                    }
                    // Whatever the kernel says, it is not what the filter would.
                    None => {
                        allowed += 1;
                        with_mark != mark
                            && (real == with_mark || goes_by_history(&case.name))
                            && (real != Seen::Failed(Errno::ENOSYS) || is_missing(&case.name))
                    }
                };
                if !good {
                    let _ = writeln!(problems, "{case:x?}: {real:?}, marked {with_mark:?}");
                }
            }
            assert!(problems.is_empty(), "{mode:?}, {name}:\n{problems}");
            eprintln!("{mode:?}, {name}: {allowed} calls allowed, {refused} refused");
            assert!(allowed > 10 && refused > 10);
        }
    }
}

/// Whether a call answers by what its caller did before: this one goes on with a call that was
/// interrupted, should there have been one.
fn goes_by_history(name: &str) -> bool {
    name == "restart_syscall"
}

/// Calls that this kernel may be too old, too new or too small for; the filter alone is then tried.
fn is_missing(name: &str) -> bool {
    let may_miss = [
        "futex_wake",
        "futex_wait",
        "futex_requeue",
        "futex_waitv",
        "fchmodat2",
        "pkey_alloc",
        "pkey_free",
        "pkey_mprotect",
        "mbind",
        "get_mempolicy",
        "set_mempolicy",
        "epoll_pwait2",
        "faccessat2",
    ];
    let missing = may_miss.contains(&name);
    if missing {
        support::skip(&format!("{name}: this kernel does not have it"));
    }
    missing
}

/// Whatever no rule names does not exist, up to numbers that no kernel has yet.
#[test]
fn what_no_rule_names_does_not_exist() {
    let profile = Profile::load("strict", None).unwrap();
    let policy = Policy::of(&profile.syscall).unwrap();
    let cases: Vec<Case> = (0..1100)
        .filter(|number| !policy.decisions.contains_key(number) && !UNFILTERED.contains(number))
        .map(|number| Case {
            name: String::new(),
            number,
            arguments: [u64::MAX; 6],
        })
        .collect();
    for mode in modes() {
        let seen = inside(&mode, &[], &cases);
        for (case, seen) in cases.iter().zip(seen) {
            assert_eq!(
                seen,
                Seen::Failed(Errno::ENOSYS),
                "{mode:?}: call {}",
                case.number
            );
        }
    }
}

/// What a kernel lets past the filter itself comes to nothing.
#[test]
fn what_no_filter_sees_does_nothing() {
    for mode in modes() {
        for number in UNFILTERED {
            let script = format!("exit(syscall({number}) == -1 ? $! + 0 : 200)");
            let result = support::exec(&mode, &[], &["/usr/bin/perl", "-e", &script]);
            let ended = result["signal"].as_i64() == Some(libc::SIGILL.into());
            let refused = [Errno::ENOSYS, Errno::ENXIO]
                .iter()
                .any(|errno| result["exit_code"].as_i64() == Some(*errno as i64));
            assert!(ended || refused, "{mode:?}: call {number}: {result}");
        }
    }
}

/// What is allowed without condition is allowed by its rule: without it, the same call is refused. The
/// filters are put on by the driver itself, outside of the sandbox, and let nothing through that is tried.
#[test]
fn without_its_rule_an_allowed_call_is_refused() {
    let profile = Profile::load("grade", None).unwrap();
    let rules: Vec<SyscallRule> = profile.syscall.clone();
    let mut filters = String::new();
    let mut cases = Vec::new();
    for case in cases::all(&rules) {
        let is_free = |rule: &&SyscallRule| rule.when.is_empty() && rule.names.contains(&case.name);
        let Some(_) = rules
            .iter()
            .find(is_free)
            .filter(|rule| refusal(rule.action).is_none())
        else {
            continue;
        };
        let mut fewer = rules.clone();
        for rule in &mut fewer {
            rule.names.retain(|name| *name != case.name);
        }
        let policy = Policy::of(&fewer).unwrap();
        let mut hex = String::new();
        for instruction in compile(&policy) {
            let bytes = [
                instruction.code.to_ne_bytes().as_slice(),
                &[instruction.jt, instruction.jf],
                &instruction.k.to_ne_bytes(),
            ]
            .concat();
            for byte in bytes {
                let _ = write!(hex, "{byte:02x}");
            }
        }
        let _ = writeln!(filters, "{} {hex}", cases.len());
        cases.push(case);
    }
    assert!(cases.len() > 200, "{} cases", cases.len());
    let folder = folder(&cases);
    std::fs::write(folder.path().join("filters"), filters).unwrap();
    let mut command = Command::new("/usr/bin/perl");
    command
        .args(["driver.pl", "list", "filters"])
        .current_dir(folder.path())
        .env("PRCTL", number("prctl").unwrap().to_string())
        .env("SECCOMP", number("seccomp").unwrap().to_string());
    let output = support::as_ordinary_user(&mut command).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let seen = parsed(&String::from_utf8_lossy(&output.stdout), cases.len());
    for (case, seen) in cases.iter().zip(seen) {
        // The driver's own way out is one of the calls: refused, the process crashes.
        let is_way_out = case.name == "exit_group" && seen == Seen::Went;
        assert!(
            seen == Seen::Failed(Errno::ENOSYS) || is_way_out,
            "{}: {seen:?}",
            case.name
        );
    }
}

/// A profile without rules of its own is the one that it extends.
#[test]
fn scanners_get_the_policy_that_theirs_extends() {
    for (name, base) in [("scanner", "strict"), ("scanner-loopback", "grade")] {
        let base = Profile::load(base, None).unwrap();
        let scanner = Profile::load(name, None).unwrap();
        assert_eq!(scanner.syscall, base.syscall, "{name}");
        assert_eq!(scanner.landlock, base.landlock, "{name}");
        assert_eq!(scanner.network, base.network, "{name}");
    }
}
