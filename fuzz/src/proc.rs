//! Files of `/proc` with names that a hostile process chose.

use std::path::Component;

use fumehood::base::owner::Owner;
use fumehood::base::stat::Stat;
use fumehood::sandbox::cgroup::hierarchies;

use super::bytes::Bytes;

/// No name shifts a field or hides a process; no path of a control group leaves its mount; names of
/// folders that are not ours have no owner.
pub(crate) fn check(data: &[u8]) {
    let _ = Stat::parse(data);
    let mut bytes = Bytes::new(data);
    let name = bytes.take(15).to_vec();
    let state = char::from(b'A' + bytes.byte() % 26);
    let fields: Vec<u64> = (0..bytes.below(50)).map(|_| bytes.number()).collect();
    let mut stat = b"77 (".to_vec();
    stat.extend_from_slice(&name);
    stat.extend_from_slice(format!(") {state}").as_bytes());
    for field in &fields {
        stat.extend_from_slice(format!(" {field}").as_bytes());
    }
    stat.push(b'\n');
    let read = Stat::parse(&stat).expect("any name is a name");
    assert_eq!(read.state(), state);
    for (number, field) in (4..).zip(&fields) {
        assert_eq!(read.field(number), *field, "field {number} of {name:?}");
    }
    assert_eq!(read.field(4 + fields.len()), 0);

    let rest = String::from_utf8_lossy(bytes.rest());
    let (mounts, own) = rest.split_once('\u{1}').unwrap_or((&rest, "0::/\n"));
    for hierarchy in hierarchies(mounts, own) {
        let Some(own) = hierarchy.own else { continue };
        let below = own
            .strip_prefix(&hierarchy.mount)
            .expect("it lies below its mount");
        assert!(
            below
                .components()
                .all(|part| matches!(part, Component::Normal(_)))
        );
    }
    if let Some(owner) = Owner::of_name(&rest, "fumehood-") {
        assert!(rest.starts_with("fumehood-"));
        let same = Owner::of_name(&format!("fumehood-{owner}-x"), "fumehood-");
        assert_eq!(same, Some(owner));
    }
}
