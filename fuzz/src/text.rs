//! Text from hostile places, made safe to show.

use fumehood::base::text::{Excerpt, for_terminal, one_line};

use super::bytes::Bytes;

/// Characters that show nothing but change what is shown around them, or how: Unicode's category Cf
/// without the visible Arabic, Syriac and Kaithi marks, and its line and paragraph separators.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Nothing steers a terminal, plain text stays, bounds hold.
pub(crate) fn check(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let width = usize::from(bytes.byte()).max(1);
    let (head, tail) = (bytes.below(64), bytes.below(64));
    let rest = bytes.rest();
    let text = String::from_utf8_lossy(rest);
    let safe = for_terminal(&text);
    let bad = |c: &char| steers(*c) && !matches!(c, '\n' | '\t');
    assert_eq!(safe.chars().find(bad), None, "{safe:?}");
    assert_eq!(for_terminal(&safe), safe);
    if !text.chars().any(|c| bad(&c)) {
        assert_eq!(safe, text);
    }
    let line = one_line(&text, width);
    assert!(line.chars().count() <= width);
    assert_eq!(line.chars().find(|c| steers(*c)), None, "{line:?}");

    let excerpt = Excerpt::of(rest, head, tail);
    assert_eq!(excerpt.bytes, rest.len() as u64);
    // A byte that is no text becomes three.
    assert!(excerpt.head.len() <= 3 * (head + tail) && excerpt.tail.len() <= 3 * tail);
    if rest.len() <= head + tail {
        assert_eq!(excerpt.head, text);
    }
}
