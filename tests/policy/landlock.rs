//! The Landlock rules on files on the real kernel, at every interface that it offers. Each act is done
//! twice in the same surroundings, with and without the rules: what fails with them alone is refused
//! by nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::thread;

use fumehood::sandbox::profile::{Access, LandlockRule};
use fumehood::sandbox::{Profile, landlock, sys};
use nix::errno::Errno;

use crate::acts::{ON_FILES, Place, Right, World, granted_by};
use crate::support;

/// Runs `act` in a thread of its own, under these rules if any: Landlock holds for a thread, and ends
/// with it.
pub(crate) fn under<T: Send>(
    rules: Option<(&[LandlockRule], bool, u32)>,
    act: impl FnOnce() -> T + Send,
) -> T {
    let confined = || {
        if let Some((rules, refuse_tcp, interface)) = rules {
            let interface = landlock::interface(interface).unwrap();
            let permit = sys::Permit::random().unwrap();
            let rules = landlock::Ruleset::new(rules, refuse_tcp, interface, permit).unwrap();
            sys::set_no_new_privs().unwrap();
            rules.restrict_self(permit).unwrap();
        }
        act()
    };
    thread::scope(|scope| scope.spawn(confined).join().unwrap())
}

/// The interfaces to try: all that both this kernel and fumehood know. Others are named.
pub(crate) fn interfaces() -> std::ops::RangeInclusive<u32> {
    let offered = sys::landlock_abi();
    for newer in offered + 1..=landlock::NEWEST {
        support::skip(&format!(
            "Landlock interface {newer}: this kernel has {offered}"
        ));
    }
    1..=offered.min(landlock::NEWEST)
}

pub(crate) fn profiles() -> impl Iterator<Item = Profile> {
    Profile::built_in().map(|name| Profile::load(name, None).unwrap())
}

/// What should be granted at a place.
fn granted(rules: &[LandlockRule], place: &Place) -> Vec<Right> {
    rules
        .iter()
        .filter(|rule| place.named.starts_with(&rule.path))
        .flat_map(|rule| granted_by(rule.access))
        .copied()
        .collect()
}

fn is_let(rules: &[LandlockRule], place: &Place, right: Right, interface: u32) -> bool {
    // Before there was a right to give files a name in another folder, nobody under rules could.
    if right == Right::Refer && interface < right.since() {
        return false;
    }
    let granted = granted(rules, place);
    [Some(right), right.besides()]
        .into_iter()
        .flatten()
        .all(|right| right.since() > interface || granted.contains(&right))
}

type Decisions = BTreeMap<(PathBuf, Right), Result<(), Errno>>;

/// Every act at every place of a fresh world, under the rules or without any.
fn decisions(rules: &[LandlockRule], placed: &[LandlockRule], interface: Option<u32>) -> Decisions {
    let world = World::new(placed);
    // The rules in force may be fewer than those that the world was made for.
    let moved: Vec<LandlockRule> = (placed.iter().zip(&world.rules))
        .filter(|(rule, _)| rules.contains(rule))
        .map(|(_, moved)| moved.clone())
        .collect();
    assert_eq!(moved.len(), rules.len());
    let act = || {
        let acts = world.places.iter().flat_map(|place| {
            let acts = place.rights().iter();
            acts.map(|right| ((place.named.clone(), *right), place.act(*right)))
        });
        acts.collect()
    };
    under(interface.map(|number| (&*moved, false, number)), act)
}

#[test]
fn every_rule_on_files_holds_both_ways_at_every_interface() {
    for profile in profiles() {
        let rules = &profile.landlock;
        let places = World::new(rules).places;
        for (act, seen) in decisions(rules, rules, None) {
            assert_eq!(seen, Ok(()), "without any rule: {act:?}");
        }
        for interface in interfaces() {
            let seen = decisions(rules, rules, Some(interface));
            let (mut allowed, mut refused) = (0, 0);
            for place in &places {
                for right in place.rights() {
                    let wanted = match is_let(rules, place, *right, interface) {
                        true => Ok(()),
                        // The folder's rights lack nothing but this one, which older kernels
                        // and programs know as two file systems.
                        false
                            if *right == Right::Refer
                                && granted(rules, place).contains(&Right::MakeReg) =>
                        {
                            Err(Errno::EXDEV)
                        }
                        false => Err(Errno::EACCES),
                    };
                    let seen = seen[&(place.named.clone(), *right)];
                    let name = &profile.name;
                    assert_eq!(
                        seen, wanted,
                        "{name}, interface {interface}: {right:?} at {place:?}"
                    );
                    *(if seen.is_ok() {
                        &mut allowed
                    } else {
                        &mut refused
                    }) += 1;
                }
            }
            eprintln!(
                "{}, Landlock interface {interface}: {allowed} acts allowed, {refused} refused",
                profile.name
            );
            assert!(allowed > 20 && refused > 20);
        }
    }
}

/// Without any one of the rules something is decided otherwise, and only where that rule reaches.
#[test]
fn no_rule_on_files_is_redundant() {
    let mut sets: Vec<Vec<LandlockRule>> = profiles().map(|profile| profile.landlock).collect();
    sets.dedup();
    // The fewest rights and the most; between them the same rights go to the same rules.
    let ends = BTreeSet::from_iter(interfaces().min().into_iter().chain(interfaces().max()));
    for (rules, interface) in sets
        .iter()
        .flat_map(|set| ends.iter().map(move |end| (set, *end)))
    {
        let whole = decisions(rules, rules, Some(interface));
        for dropped in rules {
            let mut fewer = rules.clone();
            fewer.retain(|rule| rule != dropped);
            let changed: Vec<_> = decisions(&fewer, rules, Some(interface))
                .into_iter()
                .filter(|(act, seen)| whole[act] != *seen)
                .collect();
            assert!(!changed.is_empty(), "{dropped:?} changes nothing");
            for ((place, right), seen) in changed {
                assert!(
                    seen.is_err() && place.starts_with(&dropped.path),
                    "{right:?} at {} without {dropped:?}: {seen:?}",
                    place.display()
                );
            }
        }
    }
}

/// A file gets a name in another folder only where both may be changed, and gains nothing by it.
#[test]
fn files_are_linked_between_rules_that_grant_the_same_only() {
    for profile in profiles() {
        let rules = &profile.landlock;
        for interface in [None].into_iter().chain(interfaces().map(Some)) {
            let world = World::new(rules);
            let folders: Vec<&Place> = world.places.iter().filter(|place| !place.is_file).collect();
            let confined = interface.map(|number| (&*world.rules, false, number));
            let links = under(confined, || {
                let mut links = Vec::new();
                for (number, from) in folders.iter().enumerate() {
                    for to in &folders {
                        links.push((*from, *to, from.link_into(to, &number.to_string())));
                    }
                }
                links
            });
            let mut allowed = 0;
            for (from, to, seen) in links {
                let may = interface.is_none_or(|interface| {
                    let grants = |place| granted(rules, place);
                    let gains = ON_FILES
                        .iter()
                        .any(|right| grants(to).contains(right) && !grants(from).contains(right));
                    is_let(rules, to, Right::Refer, interface)
                        && grants(from).contains(&Right::Refer)
                        && !gains
                });
                allowed += usize::from(may);
                let good = match seen {
                    Ok(()) => may,
                    Err(errno) => !may && matches!(errno, Errno::EACCES | Errno::EXDEV),
                };
                assert!(
                    good,
                    "{}, interface {interface:?}: {seen:?} from {from:?} to {to:?}",
                    profile.name
                );
            }
            assert_eq!(allowed > 0, interface != Some(1));
        }
    }
}

/// The rules are these: the profiles say so, and whoever changes them says so here, too.
#[test]
fn the_rules_on_files_are_what_the_folders_and_devices_are_for() {
    for profile in profiles() {
        let mut wanted = vec![(PathBuf::from("/"), Access::Execute)];
        // What a job may write is what is mounted for it to write.
        let scratch = profile.scratch.iter();
        wanted.extend(scratch.map(|folder| (folder.path.clone(), Access::Write)));
        // Nobody has to write into the kernel's randomness.
        let devices = profile.device.iter().map(|device| device.path.clone());
        wanted.extend(
            devices
                .filter(|path| !path.ends_with("random") && !path.ends_with("urandom"))
                .map(|path| (path, Access::Use)),
        );
        let rules: Vec<_> = profile
            .landlock
            .iter()
            .map(|rule| (rule.path.clone(), rule.access))
            .collect();
        assert_eq!(rules, wanted, "{}", profile.name);
    }
}
