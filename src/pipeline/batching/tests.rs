use std::sync::{Arc, Mutex};

use super::*;
use crate::base::digest::Digest;
use crate::pipeline::window::Room;

/// Longer than any test takes: what does not come by itself never comes.
const NEVER: Duration = Duration::from_secs(3600);
/// When a test has waited too long.
const TOO_LONG: Duration = Duration::from_secs(20);

fn bounds(patience: Duration, under_way: usize) -> Bounds {
    Bounds {
        patience,
        under_way,
        ..Bounds::default()
    }
}

/// Brings programs of these sizes into a room of so many KiB, as the reader of samples does, and gives the sizes of the batches in
/// which they were scanned.
fn batches(sizes: Vec<usize>, room: usize, bounds: &Bounds) -> Vec<usize> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let (sender, programs) = mpsc::channel(256);
    let room = Room::of(room);
    let (counter, is_waited_for) = (room.counter(), room.is_waited_for());
    let handle = runtime.handle().clone();
    let feeder = std::thread::spawn(move || {
        for (number, size) in sizes.into_iter().enumerate() {
            let share = handle.block_on(counter.take(size)).unwrap();
            let program = Program {
                digest: Digest::of(number.to_string()),
                code: "x".repeat(size),
                share,
            };
            sender.blocking_send(program).unwrap();
        }
    });
    let seen = Arc::new(Mutex::new(Vec::new()));
    let scan = |batch: Vec<Program>| {
        let seen = Arc::clone(&seen);
        async move {
            tokio::time::sleep(Duration::from_millis(3)).await;
            seen.lock().unwrap().push(batch.len());
            Ok(())
        }
    };
    let all = in_batches(programs, is_waited_for, bounds, scan);
    let ended = runtime.block_on(async { tokio::time::timeout(TOO_LONG, all).await });
    ended
        .expect("the batch waits for programs, and they for room")
        .unwrap();
    feeder.join().unwrap();
    Arc::into_inner(seen).unwrap().into_inner().unwrap()
}

#[test]
fn a_window_that_holds_less_than_a_batch_is_no_deadlock() {
    // Eight small programs fit.
    for under_way in [1, 2, 3] {
        let sizes = batches(vec![100; 1000], 64, &bounds(NEVER, under_way));
        assert_eq!(sizes.iter().sum::<usize>(), 1000);
        assert!(sizes.iter().all(|size| (1..=8).contains(size)), "{sizes:?}");
        assert!(
            sizes.len() <= 500,
            "hardly more than one at a time: {}",
            sizes.len()
        );
    }
    // One program takes half of the room, and two of them take it all.
    let sizes = batches(vec![1 << 20; 50], 1024, &bounds(NEVER, 1));
    assert_eq!(sizes.iter().sum::<usize>(), 50);
    // Small ones behind a large one, and in front of it.
    let mixed = (0..600).map(|number| if number % 7 == 3 { 40 << 10 } else { 10 });
    let sizes = batches(mixed.collect(), 64, &bounds(NEVER, 1));
    assert_eq!(sizes.iter().sum::<usize>(), 600);
}

#[test]
fn batches_are_whole_where_the_window_holds_more() {
    let room = 32 << 10;
    for under_way in [1, 2, 4] {
        let mut sizes = batches(vec![500; 10_300], room, &bounds(NEVER, under_way));
        sizes.sort_unstable();
        assert_eq!(sizes, [300, 2000, 2000, 2000, 2000, 2000], "{under_way}");
    }
    // By bytes: never more than what is one batch for the scanner.
    let sizes = batches(vec![600 << 10; 20], room, &bounds(NEVER, 1));
    assert!(
        sizes.iter().all(|size| size * (600 << 10) <= BATCH_BYTES),
        "{sizes:?}"
    );
    assert_eq!(sizes.iter().sum::<usize>(), 20);
    assert!(sizes.len() <= 4, "{sizes:?}");
}

#[test]
fn the_end_does_not_wait_for_more() {
    assert_eq!(batches(vec![10; 5], 32 << 10, &bounds(NEVER, 1)), [5]);
    assert_eq!(batches(Vec::new(), 32 << 10, &bounds(NEVER, 1)), [0; 0]);
}

fn on_one_thread<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::time::timeout(TOO_LONG, future).await.unwrap() })
}

async fn send(sender: &mpsc::Sender<Program>, room: &Room, code: &str) {
    let program = Program {
        digest: Digest::of(code),
        code: code.to_owned(),
        share: room.counter().take(code.len()).await.unwrap(),
    };
    sender.send(program).await.unwrap();
}

#[test]
fn a_program_does_not_wait_for_others_for_ever() {
    on_one_thread(async {
        let (sender, programs) = mpsc::channel(256);
        let (done, mut is_done) = mpsc::channel(1);
        let room = Room::default();
        let bounds = bounds(Duration::from_millis(10), 1);
        let scanning = in_batches(programs, room.is_waited_for(), &bounds, move |batch| {
            let done = done.clone();
            async move {
                done.send(batch.len()).await.unwrap();
                Ok(())
            }
        });
        let feeding = async {
            send(&sender, &room, "a").await;
            // Nothing more comes, but the end has not come either.
            assert_eq!(is_done.recv().await, Some(1));
            send(&sender, &room, "b").await;
            assert_eq!(is_done.recv().await, Some(1));
            drop(sender);
        };
        let (ended, ()) = tokio::join!(scanning, feeding);
        ended.unwrap();
    });
}

#[test]
fn the_first_error_ends_it() {
    on_one_thread(async {
        let (sender, programs) = mpsc::channel(256);
        let room = Room::default();
        let bounds = Bounds {
            programs: 2,
            ..bounds(NEVER, 1)
        };
        for code in ["a", "b", "c"] {
            send(&sender, &room, code).await;
        }
        // The sender is still there: whoever brings programs finds out by the closed channel.
        let failing = |_| async { Err(PipelineError::Interrupted) };
        let ended = in_batches(programs, room.is_waited_for(), &bounds, failing).await;
        assert!(matches!(ended, Err(PipelineError::Interrupted)));
        assert!(sender.is_closed());
    });
}
