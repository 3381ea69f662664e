//! Profiles that a user wrote.

use std::path::{Component, Path};

use fumehood::sandbox::Profile;
use fumehood::sandbox::seccomp::{LONGEST_PROGRAM, Policy, compile};

/// A profile that is taken has a reason for every rule, no path that climbs, a policy, and a program
/// that the kernel takes; written down it is the same profile.
pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let text = format!("name = 'own'\ndescription = 'd'\n{text}");
    let Ok(profile) = Profile::parse("own", &text) else {
        return;
    };
    let policy = Policy::of(&profile.syscall).expect("its rules were checked");
    assert!(compile(&policy).len() <= LONGEST_PROGRAM);
    for rule in &profile.syscall {
        assert!(!rule.reason.trim().is_empty());
    }
    let trees = profile.tree.iter().map(|tree| &tree.path);
    for path in trees.chain(profile.scratch.iter().map(|scratch| &scratch.path)) {
        let climbs = |part| matches!(part, Component::ParentDir);
        assert!(path.is_absolute() && path != Path::new("/"));
        assert!(!path.components().any(climbs));
    }
    let json = serde_json::to_string(&profile).expect("a profile can be written");
    let again: Profile = serde_json::from_str(&json).expect("what was written can be read");
    assert_eq!(again, profile);
    assert_eq!(again.digest(), profile.digest());
}
