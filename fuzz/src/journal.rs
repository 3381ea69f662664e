//! The journal, after any crash or accident.

use fumehood::journal::line::{decode, encode};
use fumehood::journal::{Follow, Index, JournalError, Reader, Record, RejectedRecord};

use super::bytes::{Bytes, file};

/// A line gives the record that was written or none; a torn tail never loses an earlier record and is
/// measured to the byte; damage before the end is never passed over.
pub(crate) fn check(data: &[u8]) {
    if let Ok(record) = decode(data) {
        let line = encode(&record).expect("what was read can be written");
        assert_eq!(decode(&line[..line.len() - 1]).as_ref(), Ok(&record));
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
    }
    // Whether it is one or not; `read` looks after the rest.
    let _ = read(&file("journal", data));

    let mut bytes = Bytes::new(data);
    let mut journal = Vec::new();
    let count = bytes.below(5) as u64;
    for line in 0..count {
        let record = Record::Rejected(RejectedRecord {
            line,
            reason: bytes.text(),
            origin: None,
        });
        journal.extend(encode(&record).expect("a text can be written"));
    }
    let whole = journal.len();
    // A torn write: the beginning of a record, then whatever the file system left there.
    let last = Record::Rejected(RejectedRecord {
        line: count,
        reason: bytes.text(),
        origin: None,
    });
    let last = encode(&last).expect("a text can be written");
    let cut = (bytes.number() as usize) % last.len();
    journal.extend_from_slice(&last[..cut]);
    if bytes.byte() & 1 == 1 {
        journal.extend(std::iter::repeat_n(0, bytes.below(200)));
    }
    let path = file("torn", &journal);
    let seen = read(&path);
    let (tail, lines) = seen.expect("a torn tail is no damage");
    assert_eq!(lines, (0..count).collect::<Vec<_>>());
    assert_eq!(
        (tail.whole, tail.torn),
        (whole as u64, (journal.len() - whole) as u64)
    );

    // One byte changed before the last record: told, or it was in the torn tail.
    if count >= 2 {
        let place = (bytes.number() as usize) % whole;
        let flip = bytes.byte().max(1);
        journal[place] ^= flip;
        let last_begins = journal[..whole - 1]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        match read(&file("damaged", &journal)) {
            Err(()) => {}
            Ok((tail, lines)) => {
                assert!(
                    place >= last_begins.saturating_sub(1),
                    "damage at {place} of {whole}"
                );
                assert!(lines.len() as u64 >= count - 2 && tail.torn > 0);
            }
        }
    }
}

/// Reads a journal twice, as a stream and as an index, and has both agree.
fn read(path: &std::path::Path) -> Result<(fumehood::journal::Tail, Vec<u64>), ()> {
    let reader = Reader::open(path).expect("the file is there");
    let length = std::fs::metadata(path).expect("the file is there").len();
    let mut lines = Vec::new();
    let mut places = Vec::new();
    let tail = reader.each(|place, record| {
        if let Record::Rejected(record) = &record {
            lines.push(record.line);
        }
        places.push((place, record));
    });
    for (place, record) in &places {
        assert_eq!(reader.at(*place).as_ref().ok(), Some(record));
    }
    let index = Index::read(Reader::open(path).expect("the file is there"));
    assert_eq!(tail.is_ok(), index.is_ok());
    // Whoever follows it sees the same, piece by piece.
    let mut follow = Follow::open(path).expect("the file is there");
    let mut followed = Vec::new();
    let end = loop {
        let piece = follow.poll(3, |record| {
            followed.push(record);
            Ok::<(), JournalError>(())
        });
        match piece {
            Ok(3) => {}
            Ok(_) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    if tail.is_ok() {
        assert!(end.is_ok() && followed.iter().eq(places.iter().map(|(_, record)| record)));
    }
    if end.is_err() {
        assert!(tail.is_err());
    }
    let tail = tail.map_err(drop)?;
    assert_eq!(tail.whole + tail.torn, length);
    assert_eq!(tail.whole > 0, !places.is_empty());
    Ok((tail, lines))
}
