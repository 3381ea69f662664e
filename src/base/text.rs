//! Text from hostile places: kept within bounds, and made safe to show.

use serde::{Deserialize, Serialize};

/// The beginning and the end of a byte stream, with a count of all that it held.
///
/// Bytes that are no UTF-8 are shown as U+FFFD; nothing else is lost but the middle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// The first bytes as text.
    pub head: String,
    /// The last bytes as text, empty when `head` holds everything.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tail: String,
    /// Bytes in the whole stream.
    pub bytes: u64,
}

impl Excerpt {
    /// An excerpt of `bytes` with at most `head` bytes of its start and `tail` bytes of its end.
    pub fn of(bytes: &[u8], head: usize, tail: usize) -> Self {
        let total = bytes.len() as u64;
        if bytes.len() <= head + tail {
            return Self {
                head: lossy(bytes),
                tail: String::new(),
                bytes: total,
            };
        }
        Self {
            head: lossy(&bytes[..head]),
            tail: lossy(&bytes[bytes.len() - tail..]),
            bytes: total,
        }
    }

    /// Whether the middle is missing.
    pub fn is_cut(&self) -> bool {
        !self.tail.is_empty()
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `text` with everything that could steer a terminal made visible: control characters (other than
/// line feed and tab), bidirectional overrides and other invisible format characters.
pub fn for_terminal(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => safe.push(character),
            c if c.is_control() || is_invisible_format(c) => {
                safe.extend(c.escape_unicode());
            }
            c => safe.push(c),
        }
    }
    safe
}

/// `text` on one line of at most `width` characters, safe for a terminal.
pub fn one_line(text: &str, width: usize) -> String {
    let flat: String = text
        .chars()
        .map(|c| if c == '\n' || c == '\t' { ' ' } else { c })
        .collect();
    let safe = for_terminal(flat.trim());
    if safe.chars().count() <= width {
        return safe;
    }
    let mut cut: String = safe.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

fn is_invisible_format(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_controls_are_made_visible() {
        assert_eq!(
            for_terminal("a\u{1b}[31mb\u{202e}c\r"),
            "a\\u{1b}[31mb\\u{202e}c\\u{d}"
        );
        assert_eq!(for_terminal("ü\n\t"), "ü\n\t");
    }

    #[test]
    fn excerpts_keep_both_ends() {
        let cut = Excerpt::of(b"0123456789", 3, 2);
        assert_eq!(
            (cut.head.as_str(), cut.tail.as_str(), cut.bytes),
            ("012", "89", 10)
        );
        assert!(!Excerpt::of(b"01234", 3, 2).is_cut());
    }

    #[test]
    fn lines_are_cut_to_width() {
        assert_eq!(one_line("ab\ncd", 10), "ab cd");
        assert_eq!(one_line("abcdef", 4), "abc…");
    }
}
