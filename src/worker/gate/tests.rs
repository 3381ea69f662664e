use super::*;
use crate::base::limits::MIB;

const GIB: u64 = 1024 * MIB;

fn gate(cores: usize, spare: usize, memory: u64) -> Arc<Gate> {
    let gate = Arc::new(Gate::new(cores, Headroom::of(memory)));
    gate.spare(spare);
    gate
}

fn need(limit: u64, expected: Option<u64>, care: Care) -> Need {
    Need {
        limit,
        expected,
        waits: false,
        care,
    }
}

fn to_wait() -> Need {
    Need {
        waits: true,
        ..usual()
    }
}

fn usual() -> Need {
    need(GIB, Some(MIB), Care::Usual)
}

type Turn = std::pin::Pin<Box<dyn Future<Output = Option<Admission>>>>;

/// Somebody at the gate.
fn ask(gate: &Arc<Gate>, need: Need) -> Turn {
    let gate = Arc::clone(gate);
    let mut turn: Turn = Box::pin(async move { gate.enter(need).await });
    // Once, so that it stands in the queue.
    assert!(poll(&mut turn).is_none());
    turn
}

fn poll(turn: &mut Turn) -> Option<Admission> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match turn.as_mut().poll(&mut context) {
        std::task::Poll::Ready(admission) => Some(admission.unwrap()),
        std::task::Poll::Pending => None,
    }
}

fn enter(gate: &Arc<Gate>, need: Need) -> Option<Admission> {
    let gate = Arc::clone(gate);
    let mut turn: Turn = Box::pin(async move { gate.enter(need).await });
    poll(&mut turn)
}

#[test]
fn as_many_run_as_there_are_processors_and_the_next_in_their_order() {
    let gate = gate(2, 0, 64 * GIB);
    let mut inside: Vec<Admission> = (0..2).map(|_| enter(&gate, usual()).unwrap()).collect();
    let (mut first, mut second) = (ask(&gate, usual()), ask(&gate, usual()));
    inside.pop();
    assert!(poll(&mut second).is_none());
    inside.push(poll(&mut first).unwrap());
    assert!(poll(&mut second).is_none());
    inside.clear();
    assert!(poll(&mut second).is_some());
}

#[test]
fn who_waits_holds_no_processor_and_no_more_than_the_spare_ones_wait() {
    let gate = gate(1, 3, 64 * GIB);
    let mut inside = vec![enter(&gate, usual()).unwrap()];
    for _ in 0..3 {
        let mut next = ask(&gate, usual());
        inside.last_mut().unwrap().waits(true);
        inside.last_mut().unwrap().waits(true);
        inside.push(poll(&mut next).unwrap());
    }
    let mut fifth = ask(&gate, usual());
    inside.last_mut().unwrap().waits(true);
    assert!(
        poll(&mut fifth).is_none(),
        "all sleep, and there are enough"
    );
    // All of them wake: nobody else comes in until the last but one has gone.
    inside.iter_mut().for_each(|one| one.waits(false));
    for _ in 0..3 {
        assert!(poll(&mut fifth).is_none());
        inside.pop();
    }
    assert!(poll(&mut fifth).is_none(), "one still uses the processor");
    inside.pop();
    assert!(poll(&mut fifth).is_some());
}

#[test]
fn who_does_not_wait_any_more_for_leave_is_passed_over() {
    let gate = gate(1, 0, 64 * GIB);
    let inside = enter(&gate, usual());
    let (gone, mut stays) = (ask(&gate, usual()), ask(&gate, usual()));
    drop(gone);
    drop(inside);
    let admitted = poll(&mut stays).unwrap();
    // One that is let in and goes before it notices gives its leave back.
    let (unaware, mut last) = (ask(&gate, usual()), ask(&gate, usual()));
    drop(admitted);
    assert!(poll(&mut last).is_none());
    drop(unaware);
    assert!(poll(&mut last).is_some());
}

#[test]
fn memory_is_never_promised_twice() {
    // 128 processors and 64 GiB, limits of 1 GiB each, and nothing known about the jobs.
    let gate = gate(128, 0, 64 * GIB);
    let unknown = need(GIB, None, Care::Usual);
    let mut inside = Vec::new();
    while let Some(admission) = enter(&gate, unknown) {
        inside.push(admission);
    }
    assert_eq!(inside.len(), 64);
    // Once it is seen what such jobs use, all processors have work.
    (0..100).for_each(|_| gate.learn(100 * MIB));
    inside.clear();
    while let Some(admission) = enter(&gate, unknown) {
        inside.push(admission);
    }
    assert_eq!(inside.len(), 128);
}

#[test]
fn two_jobs_run_on_two_processors_however_small_the_host() {
    let gate = gate(2, 6, GIB / 2);
    let mut both = [(); 2].map(|()| enter(&gate, need(GIB, None, Care::Usual)).unwrap());
    both.iter_mut().for_each(|one| one.waits(true));
    let mut third = ask(&gate, usual());
    assert!(poll(&mut third).is_none(), "there is no memory for it");
}

#[test]
fn who_met_a_shortage_gets_less_company_and_in_the_end_none() {
    let gate = gate(4, 0, 4 * GIB);
    let mut inside: Vec<Admission> = (0..3).map(|_| enter(&gate, usual()).unwrap()).collect();
    inside.push(enter(&gate, need(3 * GIB, Some(MIB), Care::Full)).unwrap());
    inside.pop();
    let greedy = need(4 * GIB, Some(MIB), Care::Full);
    let mut again = ask(&gate, greedy);
    inside.clear();
    let again = poll(&mut again).unwrap();
    let mut alone = ask(&gate, need(GIB, Some(MIB), Care::Alone));
    let mut behind = ask(&gate, usual());
    drop(again);
    let alone = poll(&mut alone).unwrap();
    assert!(poll(&mut behind).is_none(), "it has no company");
    drop(alone);
    let behind = poll(&mut behind).unwrap();
    // The host turned out to be smaller than it looked.
    let most = enter(&gate, need(3 * GIB, Some(3 * GIB), Care::Usual)).unwrap();
    let third = enter(&gate, usual()).unwrap();
    gate.ran_short();
    drop((most, third));
    assert!(enter(&gate, need(2 * GIB, Some(2 * GIB), Care::Full)).is_some());
    assert!(enter(&gate, need(3 * GIB, Some(3 * GIB), Care::Full)).is_none());
    drop(behind);
}

#[test]
fn who_will_wait_goes_in_first_and_leaves_places_for_those_who_run() {
    let gate = gate(1, 3, 64 * GIB);
    let mut inside = vec![enter(&gate, usual()).unwrap()];
    let mut runner = ask(&gate, usual());
    for _ in 0..3 {
        let mut sleeper = ask(&gate, to_wait());
        assert!(poll(&mut sleeper).is_none());
        inside[0].waits(true);
        // It came later, and goes in first.
        assert!(poll(&mut runner).is_none());
        inside.push(poll(&mut sleeper).unwrap());
        inside.remove(0);
        inside.last_mut().unwrap().waits(true);
        inside.insert(0, poll(&mut runner).unwrap());
        runner = ask(&gate, usual());
    }
    // Three of four places: the next sleeper stays outside, while those who run follow each other.
    let mut fourth = ask(&gate, to_wait());
    for _ in 0..3 {
        inside.remove(0);
        assert!(poll(&mut fourth).is_none());
        inside.insert(0, poll(&mut runner).unwrap());
        runner = ask(&gate, usual());
    }
    inside.pop();
    inside.remove(0);
    assert!(poll(&mut fourth).is_some());
}

#[test]
fn what_was_promised_for_want_of_knowledge_shrinks_as_others_end() {
    let gate = gate(8, 0, 4 * GIB);
    let unknown = need(GIB, None, Care::Usual);
    let inside: Vec<Admission> = (0..4).map(|_| enter(&gate, unknown).unwrap()).collect();
    let mut fifth = ask(&gate, unknown);
    (0..100).for_each(|_| gate.learn(MIB));
    assert!(poll(&mut fifth).is_none(), "nobody has gone");
    let mut sixth = ask(&gate, unknown);
    drop(inside.into_iter().next());
    assert!(poll(&mut fifth).is_some());
    assert!(poll(&mut sixth).is_some(), "it fits beside them by now");
}

#[test]
fn who_will_wait_lets_others_before_as_long_as_nobody_knows_what_jobs_use() {
    let gate = gate(1, 3, 4 * GIB);
    let unknown = need(GIB, None, Care::Usual);
    let sleeper = Need {
        waits: true,
        ..unknown
    };
    let inside = enter(&gate, unknown).unwrap();
    let (mut first, mut second) = (ask(&gate, sleeper), ask(&gate, unknown));
    drop(inside);
    assert!(poll(&mut first).is_none());
    let inside = poll(&mut second).unwrap();
    let mut third = ask(&gate, unknown);
    (0..100).for_each(|_| gate.learn(MIB));
    drop(inside);
    assert!(poll(&mut third).is_none());
    assert!(poll(&mut first).is_some());
}
