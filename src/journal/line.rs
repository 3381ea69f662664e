//! One line of the journal: a versioned, checksummed record in JSON.
//!
//! `{"v":1,"check":"1a2b3c4d","record":{...}}`: the check is the start of the BLAKE3 digest of the
//! record's text, so that a line which a crash tore or a disk damaged is told from one that was
//! written whole.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::record::Record;
use crate::base::digest::Digest;
use crate::base::version::JOURNAL;

/// Hexadecimal digits of the check.
const CHECK_DIGITS: usize = 8;

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    v: u32,
    check: &'a str,
    #[serde(borrow)]
    record: &'a RawValue,
}

/// Only what every version has had, and will have.
#[derive(Deserialize)]
struct Version {
    v: u32,
}

/// Why a line holds no record for us.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is not what was written.
    Damaged(String),
    /// It is whole, in a version that we do not know.
    Version(u32),
}

/// The line for a record, line feed included.
///
/// # Errors
/// When the record cannot be written as JSON.
pub fn encode(record: &Record) -> serde_json::Result<Vec<u8>> {
    let record = serde_json::value::to_raw_value(record)?;
    let check = Digest::of(record.get()).short(CHECK_DIGITS);
    let mut line = serde_json::to_vec(&Envelope {
        v: JOURNAL,
        check: &check,
        record: &record,
    })?;
    line.push(b'\n');
    Ok(line)
}

/// The record of a line, without its line feed.
///
/// # Errors
/// When the line is damaged, or of an unknown version.
pub fn decode(line: &[u8]) -> Result<Record, Unreadable> {
    let damaged = |error: serde_json::Error| Unreadable::Damaged(error.to_string());
    let version: Version = serde_json::from_slice(line).map_err(damaged)?;
    if version.v != JOURNAL {
        return Err(Unreadable::Version(version.v));
    }
    let envelope: Envelope<'_> = serde_json::from_slice(line).map_err(damaged)?;
    let check = Digest::of(envelope.record.get()).short(CHECK_DIGITS);
    if check != envelope.check {
        return Err(Unreadable::Damaged(format!(
            "its check is {}, but its text gives {check}",
            crate::base::text::one_line(envelope.check, 16)
        )));
    }
    serde_json::from_str(envelope.record.get()).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::super::record::RejectedRecord;
    use super::*;

    fn record() -> Record {
        Record::Rejected(RejectedRecord {
            line: 7,
            reason: "not \"JSON\"\n".to_owned(),
            origin: None,
        })
    }

    #[test]
    fn lines_survive() {
        let line = encode(&record()).unwrap();
        assert_eq!(line.iter().filter(|b| **b == b'\n').count(), 1);
        assert_eq!(decode(&line[..line.len() - 1]), Ok(record()));
    }

    #[test]
    fn any_changed_or_missing_byte_is_noticed() {
        let line = encode(&record()).unwrap();
        let line = &line[..line.len() - 1];
        for length in 0..line.len() {
            assert!(decode(&line[..length]).is_err(), "cut to {length}");
        }
        for place in 0..line.len() {
            let mut changed = line.to_vec();
            changed[place] ^= 1;
            assert_ne!(decode(&changed), Ok(record()), "byte {place}");
            assert!(decode(&changed).is_err(), "byte {place}");
        }
    }

    #[test]
    fn other_versions_are_named() {
        let line = br#"{"v":9,"something":"else"}"#;
        assert_eq!(decode(line), Err(Unreadable::Version(9)));
    }
}
