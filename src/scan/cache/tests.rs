use super::*;

fn answers(range: std::ops::Range<u32>) -> Vec<(Digest, Vec<u8>)> {
    range
        .map(|n| (Digest::of(n.to_le_bytes()), n.to_string().into_bytes()))
        .collect()
}

fn codes(range: std::ops::Range<u32>) -> Vec<Digest> {
    answers(range).into_iter().map(|(code, _)| code).collect()
}

#[tokio::test]
async fn what_was_kept_is_found_by_the_same_scanner_only_and_by_other_processes() {
    let home = tempfile::tempdir().unwrap();
    let (one, other) = (Digest::of("one"), Digest::of("other"));
    let cache = Arc::new(Cache::open(home.path()).unwrap());
    cache.put(one, answers(0..3000)).await;
    let second = Arc::new(Cache::open(home.path()).unwrap());
    let found = second.get(one, codes(2999..3001)).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[&codes(2999..3000)[0]], b"2999");
    assert!(second.get(other, codes(0..10)).await.is_empty());
    // Both write.
    second.put(other, answers(0..5)).await;
    cache.put(other, answers(5..10)).await;
    assert_eq!(second.get(other, codes(0..10)).await.len(), 10);
}

#[tokio::test]
async fn a_damaged_file_is_made_anew_and_one_that_breaks_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let scanner = Digest::of("one");
    let path = Cache::open(home.path()).unwrap().path().to_owned();
    fs::write(&path, vec![7; 65_536]).unwrap();
    let cache = Arc::new(Cache::open(home.path()).unwrap());
    cache.put(scanner, answers(0..2)).await;
    assert_eq!(cache.get(scanner, codes(0..2)).await.len(), 2);
    // It breaks under our feet: no answers, and no failure.
    cache
        .with(|connection| connection.execute_batch("DROP TABLE answers"))
        .unwrap();
    assert!(cache.get(scanner, codes(0..2)).await.is_empty());
    cache.put(scanner, answers(0..2)).await;
    assert!(cache.get(scanner, codes(0..2)).await.is_empty());

    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(Cache::open(&file).unwrap_err().contains("cannot be used"));
}

#[tokio::test]
async fn what_nobody_asks_for_is_dropped() {
    let home = tempfile::tempdir().unwrap();
    let scanner = Digest::of("one");
    let cache = Arc::new(Cache::open(home.path()).unwrap());
    cache.put(scanner, answers(0..2)).await;
    let age = |days: i64| {
        let old = cache.today - days;
        cache
            .with(|connection| connection.execute("UPDATE answers SET used = ?1", [old]))
            .unwrap();
    };
    // What is asked for is fresh again.
    age(KEPT_DAYS);
    assert_eq!(cache.get(scanner, codes(0..1)).await.len(), 1);
    let later = Arc::new(Cache::open(home.path()).unwrap());
    assert_eq!(later.get(scanner, codes(0..2)).await.len(), 2);
    age(KEPT_DAYS + 1);
    assert_eq!(cache.get(scanner, codes(0..1)).await.len(), 1);
    let later = Arc::new(Cache::open(home.path()).unwrap());
    assert_eq!(later.get(scanner, codes(0..2)).await.len(), 1);
}
