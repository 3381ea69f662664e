//! The channel from a driver that shares its process with a snippet.

use fumehood::harness::{CaseOutcome, CaseResult, Transcript};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::bytes::Bytes;

const NONCE: [u8; 32] = [7; 32];

/// Bytes without the key say nothing; what the driver said before them is kept; each case reports once,
/// and only when it was declared.
pub(crate) fn check(data: &[u8]) {
    let raw = Transcript::read(data, &NONCE);
    assert!(raw.declared.is_none() && raw.cases.is_empty() && !raw.ended && !raw.loaded);

    let mut bytes = Bytes::new(data);
    let mut channel = Vec::new();
    let mut number = 0;
    while !bytes.is_empty() && number < 40 {
        let line = event(&mut bytes, number);
        sign(&line, &mut channel);
        number += 1;
        if bytes.byte() > 240 {
            break;
        }
    }
    let honest = Transcript::read(&channel, &NONCE);
    judge(&honest);

    // Whatever a snippet writes behind is told, and takes nothing away.
    let noise = bytes.rest();
    let whole_lines = noise.contains(&b'\n');
    channel.extend_from_slice(noise);
    let disturbed = Transcript::read(&channel, &NONCE);
    judge(&disturbed);
    assert_eq!(disturbed.declared, honest.declared);
    assert_eq!(disturbed.cases.len(), honest.cases.len());
    assert_eq!(disturbed.ended, honest.ended);
    if whole_lines || (honest.ended && !noise.is_empty()) {
        assert!(disturbed.forged.is_some());
    }
    // A torn tail is no forgery, and nothing before it is lost.
    if let Some(cut) = channel.len().checked_sub(noise.len() + 1) {
        let torn = Transcript::read(&channel[..cut], &NONCE);
        judge(&torn);
        assert!(torn.cases.len() <= honest.cases.len());
        assert!(torn.cases.len() + 1 >= honest.cases.len());
    }
}

fn judge(transcript: &Transcript) {
    let mut seen = std::collections::HashSet::new();
    for (id, result) in &transcript.cases {
        assert!(seen.insert(id), "case {id} twice");
        assert!(
            transcript
                .declared
                .iter()
                .flatten()
                .any(|known| known == id)
        );
        assert!(transcript.result(id).is_some());
        // These a driver never says; they are conclusions.
        if let CaseResult::Judged { outcome, .. } = result {
            assert!(!matches!(
                outcome,
                CaseOutcome::Missing | CaseOutcome::Undecided
            ));
        }
    }
}

fn event(bytes: &mut Bytes<'_>, number: u64) -> String {
    const EVENTS: [&str; 8] = [
        "begin",
        "case",
        "loaded",
        "load_error",
        "tests_error",
        "tampered",
        "end",
        "other",
    ];
    const OUTCOMES: [&str; 10] = [
        "passed",
        "failed",
        "error",
        "skipped",
        "timeout",
        "returned",
        "raised",
        "no_result",
        "missing",
        "",
    ];
    if bytes.byte() == 255 {
        // Anything at all, signed.
        return bytes.text().replace('\n', " ");
    }
    let kind = match number {
        0 if bytes.byte() < 250 => "begin",
        _ => EVENTS[bytes.below(EVENTS.len())],
    };
    let names = ["a", "b", "c", "", "\u{1b}[2J"];
    let cases: Vec<&str> = names[..bytes.below(names.len() + 1)].to_vec();
    let number = if bytes.byte() < 250 {
        number
    } else {
        bytes.number()
    };
    serde_json::json!({
        "seq": number,
        "event": kind,
        "cases": cases,
        "id": names[bytes.below(names.len())],
        "outcome": OUTCOMES[bytes.below(OUTCOMES.len())],
        "value": bytes.text(),
        "detail": bytes.text(),
    })
    .to_string()
}

fn sign(line: &str, channel: &mut Vec<u8>) {
    let mut mac = Hmac::<Sha256>::new_from_slice(&NONCE).expect("any key is long enough");
    mac.update(line.as_bytes());
    channel.extend_from_slice(line.as_bytes());
    channel.push(b' ');
    for byte in mac.finalize().into_bytes() {
        channel.extend_from_slice(format!("{byte:02x}").as_bytes());
    }
    channel.push(b'\n');
}
