//! The imports at the head of a program.

use fumehood::harness::imports::leading;

/// What is found is written in the text, once each, in plain names; a text more never changes what was
/// found before, and is not read when the one before it is not quiet.
pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let found = leading(&[&text]);
    assert!(found.len() <= 64);
    for (place, import) in found.iter().enumerate() {
        assert!(!found[..place].contains(import), "{import} is there twice");
        for word in import.split(['.', ':']) {
            assert!(text.contains(word), "{word:?} was made up");
            let is_plain = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
            assert!(!word.is_empty() && word.bytes().all(is_plain), "{word:?}");
        }
    }
    let more = leading(&[&text, "import zzz"]);
    assert!(more.starts_with(&found));
    assert!(more.len() <= found.len() + 1);
    // Whatever is loud ends it: nothing that stands behind can be found.
    let loud = leading(&[&text, "zzz()\nimport zzy"]);
    assert_eq!(loud, found);
}
