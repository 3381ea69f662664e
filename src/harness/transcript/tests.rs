use proptest::prelude::*;

use super::signed::signed;
use super::*;

const NONCE: [u8; 32] = [7; 32];

fn events(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|json| signed(&NONCE, json)).collect()
}

const BEGIN: &str = r#"{"seq":0,"event":"begin","cases":["a","b"]}"#;
const LOADED: &str = r#"{"seq":1,"event":"loaded"}"#;
const CASE: &str = r#"{"seq":2,"event":"case","id":"a","outcome":"passed","detail":""}"#;
const END: &str = r#"{"seq":3,"event":"end","fixture":""}"#;

#[test]
fn a_whole_run_is_read() {
    let transcript = Transcript::read(&events(&[BEGIN, LOADED, CASE, END]), &NONCE);
    assert_eq!(transcript.forged, None);
    assert_eq!(
        transcript.declared.as_deref(),
        Some(&["a".to_owned(), "b".to_owned()][..])
    );
    assert!(transcript.loaded && transcript.ended);
    assert!(transcript.result("a").is_some() && transcript.result("b").is_none());
}

#[test]
fn a_torn_last_line_is_no_forgery() {
    let bytes = events(&[BEGIN, LOADED, CASE]);
    for cut in 0..bytes.len() {
        let transcript = Transcript::read(&bytes[..cut], &NONCE);
        assert_eq!(transcript.forged, None, "cut at {cut}");
        assert!(!transcript.ended);
    }
}

#[test]
fn forgeries_are_told() {
    let unsigned = [
        signed(&NONCE, BEGIN),
        format!("{LOADED} {}\n", "0".repeat(64)).into_bytes(),
    ]
    .concat();
    let replayed = events(&[BEGIN, LOADED, CASE, CASE]);
    let twice = events(&[
        BEGIN,
        LOADED,
        CASE,
        r#"{"seq":3,"event":"case","id":"a","outcome":"passed"}"#,
    ]);
    let stranger = events(&[
        BEGIN,
        r#"{"seq":1,"event":"case","id":"z","outcome":"passed"}"#,
    ]);
    let after = [events(&[BEGIN, LOADED, CASE, END]), b"x".to_vec()].concat();
    let again = events(&[BEGIN, r#"{"seq":1,"event":"begin","cases":[]}"#]);
    let late = events(&[r#"{"seq":0,"event":"loaded"}"#]);
    let text = b"all tests passed\n".to_vec();
    for bytes in [
        unsigned, replayed, twice, stranger, after, again, late, text,
    ] {
        let transcript = Transcript::read(&bytes, &NONCE);
        assert!(
            transcript.forged.is_some(),
            "{}",
            String::from_utf8_lossy(&bytes)
        );
    }
    assert!(
        Transcript::read(&events(&[BEGIN]), &[8; 32])
            .forged
            .is_some()
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Transcript::read(&bytes, &NONCE);
    }

    #[test]
    fn no_json_makes_it_panic(json in r#"\{"seq":0,"event":"[a-z]{1,5}".{0,20}\}"#) {
        let _ = Transcript::read(&signed(&NONCE, &json), &NONCE);
    }
}
