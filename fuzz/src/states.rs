//! Counters of runs, which come from other machines.

use fumehood::base::digest::Digest;
use fumehood::metrics::figures;
use fumehood::pipeline::Counted;

/// Counters that are read give the same bytes when written and read again, and nothing new when merged with themselves;
/// figures can be made of them, whatever they say.
pub(crate) fn check(data: &[u8]) {
    // Nearly none has the right digest, so that the rest is looked at with one.
    let _ = Counted::parse(data);
    let bytes = [data, Digest::of(data).as_bytes()].concat();
    let Ok(mut counted) = Counted::parse(&bytes) else {
        return;
    };
    let written = counted.to_bytes().expect("what was read can be written");
    let again = Counted::parse(&written).expect("what was written can be read");
    assert_eq!(again.to_bytes().expect("as before"), written);
    if counted.merge(again).is_ok() {
        assert_eq!(counted.to_bytes().expect("as before"), written);
    }
    if let Ok(whole) = counted.whole() {
        for (_, group) in whole.groups().iter() {
            for figure in figures::all(group, &[1, 2], 10) {
                assert!(figure.tasks <= group.tasks());
            }
        }
        let _ = (whole.weaknesses(), whole.infra(), whole.groups().samples());
    }
}
