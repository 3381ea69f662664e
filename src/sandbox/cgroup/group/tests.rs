use super::*;

/// A group in a folder that only looks like a hierarchy: what is written can be read back, and
/// what a kernel would report is put there by the test.
fn group(version: Version) -> (tempfile::TempDir, Group, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let base = Some(Base {
        version,
        folder: place.path().to_owned(),
    });
    let controllers = Controllers {
        memory: base.clone(),
        pids: base.clone(),
        cpu: base.clone(),
        kill: base.filter(|base| base.version == Version::V2),
        notes: Vec::new(),
    };
    let group = Group::create(&controllers, 7, &Limits::default()).unwrap();
    let folder = group.folders[0].clone();
    (place, group, folder)
}

/// What a kernel has from the beginning.
fn reopened(group: &mut Group) {
    group.counters = group.open_counters();
}

fn counts(group: &Group) -> Counts {
    group.counts().unwrap()
}

fn put(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

/// The hierarchies of this very host.
#[test]
fn a_real_group_counts_and_is_killed_at_one_stroke() {
    use std::os::unix::process::ExitStatusExt;
    let found = crate::sandbox::cgroup::discover();
    if found.kill.is_none() {
        return eprintln!("skipped: no right to make groups of version 2 here");
    }
    let group = Group::create(&found, 1 << 40, &Limits::default()).unwrap();
    let folders = group.folders.clone();
    let start = || {
        let child = std::process::Command::new("sleep").arg("20").spawn();
        let child = child.unwrap();
        group
            .add(Pid::from_raw(i32::try_from(child.id()).unwrap()))
            .unwrap();
        child
    };
    let mut children = [start(), start()];
    group.kill();
    for child in &mut children {
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(libc::SIGKILL));
    }
    assert!(group.cpu_time().is_some());
    assert_eq!(group.memory_in_use().is_some(), group.bounds_memory());
    assert!(!counts(&group).ran_out_of_memory && !counts(&group).ran_out_of_processes);
    drop(group);
    assert!(folders.iter().all(|folder| !folder.exists()));
}

#[test]
fn version_2_is_written_and_read() {
    let (_place, mut group, folder) = group(Version::V2);
    assert_eq!(group.folders.len(), 1, "one folder for all");
    assert_eq!(read(&folder, "memory.max"), "1073741824");
    assert_eq!(read(&folder, "pids.max"), "65");
    assert!(!counts(&group).ran_out_of_memory && !counts(&group).ran_out_of_processes);
    assert_eq!((group.cpu_time(), counts(&group).peak_memory), (None, None));
    put(
        &folder,
        &[
            ("memory.swap.max", "max"),
            ("memory.oom.group", "0"),
            ("memory.peak", "4096\n"),
            (
                "cpu.stat",
                "usage_usec 1500000\nuser_usec 1\nsystem_usec 2\n",
            ),
            // Near misses: a longer key and an event of another kind.
            ("memory.events", "oom 3\noom_kill 0\noom_group_kill 1\n"),
            ("pids.events", "max 0\n"),
            (
                "cpu.pressure",
                "some avg10=0.00 total=9\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7000\n",
            ),
        ],
    );
    reopened(&mut group);
    group.set_limits(&Limits::default()).unwrap();
    assert_eq!(read(&folder, "memory.swap.max"), "0");
    assert_eq!(read(&folder, "memory.oom.group"), "1");
    assert_eq!(group.cpu_time(), Some(Duration::from_millis(1500)));
    assert_eq!(counts(&group).peak_memory, Some(4096));
    assert_eq!(group.stalled(), Some(Duration::from_millis(7)));
    assert!(!counts(&group).ran_out_of_memory && !counts(&group).ran_out_of_processes);
    put(
        &folder,
        &[
            ("memory.events", "oom 1\noom_kill 1\n"),
            ("pids.events", "max 2\n"),
        ],
    );
    assert!(counts(&group).ran_out_of_memory && counts(&group).ran_out_of_processes);
    put(&folder, &[("memory.events", "oom 0\noom_kill 1\n")]);
    assert!(!counts(&group).ran_out_of_memory && counts(&group).killed_for_others);
    group.add(Pid::from_raw(42)).unwrap();
    group.kill();
    assert_eq!(read(&folder, "cgroup.procs"), "42");
    assert_eq!(read(&folder, "cgroup.kill"), "1");
    // A kernel removes a group with its files; here they would only keep it.
    group.folders.clear();
}

#[test]
fn version_1_is_written_and_read() {
    let (_place, mut group, folder) = group(Version::V1);
    assert_eq!(read(&folder, "memory.limit_in_bytes"), "1073741824");
    assert!(!folder.join("memory.memsw.limit_in_bytes").exists());
    put(
        &folder,
        &[
            ("memory.memsw.limit_in_bytes", "0"),
            ("memory.max_usage_in_bytes", "8192\n"),
            ("cpuacct.usage", "2000000000\n"),
            (
                "memory.oom_control",
                "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
            ),
            ("pids.events", "garbage"),
        ],
    );
    reopened(&mut group);
    group.set_limits(&Limits::default()).unwrap();
    assert_eq!(read(&folder, "memory.memsw.limit_in_bytes"), "1073741824");
    assert_eq!(group.cpu_time(), Some(Duration::from_secs(2)));
    assert_eq!(counts(&group).peak_memory, Some(8192));
    assert!(!counts(&group).ran_out_of_memory && !counts(&group).ran_out_of_processes);
    put(
        &folder,
        &[(
            "memory.oom_control",
            "oom_kill_disable 0\nunder_oom 1\noom_kill 4\n",
        )],
    );
    assert!(!counts(&group).ran_out_of_memory && counts(&group).killed_for_others);
    put(&folder, &[("memory.max_usage_in_bytes", "1073700000\n")]);
    assert!(counts(&group).ran_out_of_memory && !counts(&group).killed_for_others);
    assert_eq!(group.stalled(), None);
    assert!(group.counts().is_some());
    // Used again: not after a kill, nor while much of the last job is still held.
    assert!(!group.renew(&Limits::default()));
    put(
        &folder,
        &[
            ("memory.oom_control", "oom_kill 0\n"),
            ("memory.usage_in_bytes", "1048576\n"),
        ],
    );
    reopened(&mut group);
    let fewer = Limits {
        memory: 64 * MIB,
        ..Limits::default()
    };
    assert!(group.renew(&fewer));
    assert_eq!(
        read(&folder, "memory.limit_in_bytes"),
        (64 * MIB).to_string()
    );
    assert_eq!(&read(&folder, "memory.max_usage_in_bytes")[..1], "0");
    put(&folder, &[("memory.usage_in_bytes", "104857600000\n")]);
    assert!(!group.renew(&fewer));
    group.kill();
    assert!(!folder.join("cgroup.kill").exists());
    group.folders.clear();
}

#[test]
fn a_group_that_cannot_be_limited_is_not_made() {
    let place = tempfile::tempdir().unwrap();
    let base = |name: &str| {
        Some(Base {
            version: Version::V2,
            folder: place.path().join(name),
        })
    };
    fs::create_dir(place.path().join("there")).unwrap();
    let controllers = Controllers {
        cpu: base("there"),
        memory: base("missing"),
        ..Controllers::default()
    };
    let error = Group::create(&controllers, 1, &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
    let left = fs::read_dir(place.path().join("there")).unwrap().count();
    assert_eq!(left, 0, "what was made is removed");
}

#[test]
fn residents_are_set_off_against_the_next_job() {
    for version in [Version::V1, Version::V2] {
        let (_place, mut group, folder) = group(version);
        let (limit, in_use, peak) = match version {
            Version::V1 => (
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "memory.max_usage_in_bytes",
            ),
            Version::V2 => ("memory.max", "memory.current", "memory.peak"),
        };
        put(
            &folder,
            &[
                (limit, ""),
                ("pids.max", ""),
                ("pids.current", "3\n"),
                (in_use, "1048576\n"),
                (peak, "0\n"),
            ],
        );
        reopened(&mut group);
        group.renew_first();
        put(&folder, &[(in_use, "11534336\n"), (peak, "20971520\n")]);
        group.set_off(2).unwrap();
        let limits = Limits::default();
        // Ten more were in use than before, by two processes.
        assert_eq!(read(&folder, limit), (limits.memory + 10 * MIB).to_string());
        assert_eq!(
            read(&folder, "pids.max"),
            (u64::from(limits.processes) + 3).to_string()
        );
        assert_eq!(counts(&group).peak_memory, Some(10 * MIB));
        // Four of these the next job counts as its own.
        group.share(4 * MIB).unwrap();
        assert_eq!(read(&folder, limit), (limits.memory + 6 * MIB).to_string());
        assert!(group.renew(&limits));
        // What a job left counts against the next one; it is waited for, but not for ever.
        put(&folder, &[(in_use, "15728640\n")]);
        assert!(!group.renew(&limits));
        put(&folder, &[(in_use, "11534336\n")]);
        assert!(group.renew(&limits));
        assert!(group.is_at_rest());
        // Somebody was overlooked.
        put(&folder, &[("pids.current", "4\n")]);
        assert!(!group.is_at_rest());
        assert!(group.set_off(2).is_err());
    }
}

#[test]
fn a_peak_that_cannot_be_forgotten_is_nobodys() {
    let (_place, mut group, folder) = group(Version::V2);
    put(
        &folder,
        &[
            ("memory.max", ""),
            ("pids.max", ""),
            ("pids.current", "2\n"),
            ("memory.current", "1048576\n"),
            ("memory.peak", "20971520\n"),
        ],
    );
    // As before Linux 6.12.
    let as_read_only = |group: &mut Group| {
        reopened(group);
        group.counters.peak = fs::File::open(folder.join("memory.peak")).ok();
    };
    as_read_only(&mut group);
    group.renew_first();
    let limits = Limits::default();
    // The first job's is its own, and a job without residents beside it needs nothing.
    group.share(0).unwrap();
    assert_eq!(counts(&group).peak_memory, Some(20 * MIB));
    assert!(group.renew(&limits), "it can be used again");
    assert_eq!(counts(&group).peak_memory, None);
    // Interpreters that were made for a job are not its own either.
    as_read_only(&mut group);
    put(&folder, &[("memory.current", "11534336\n")]);
    group.set_off(1).unwrap();
    group.share(4 * MIB).unwrap();
    assert_eq!(counts(&group).peak_memory, None);
    assert_eq!(group.job_memory(), Some(5 * MIB));
    group.folders.clear();
}

#[test]
fn what_is_kept_of_files_is_no_jobs_memory() {
    for (version, held, in_use) in [
        (Version::V1, "rss", "memory.usage_in_bytes"),
        (Version::V2, "anon", "memory.current"),
    ] {
        let (_place, mut group, folder) = group(version);
        let stat = |held_now: u64| format!("{held} {held_now}\nfile 7\nshmem 100\n");
        put(
            &folder,
            &[
                ("pids.max", ""),
                (in_use, "1048576\n"),
                ("memory.stat", &stat(0)),
            ],
        );
        reopened(&mut group);
        group.renew_first();
        let limits = Limits::default();
        // Ten more are in use. That they are no process's is to be told.
        put(
            &folder,
            &[(in_use, "11534336\n"), ("memory.stat", &stat(10 * MIB))],
        );
        assert!(!group.renew(&limits));
        put(&folder, &[("memory.stat", &stat(0))]);
        assert!(group.renew(&limits));
        assert_eq!(group.job_memory(), Some(MIB));
        // But not without end.
        put(&folder, &[(in_use, "1048576000\n")]);
        assert!(!group.renew(&limits));
        group.folders.clear();
    }
}
