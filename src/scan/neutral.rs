//! Takes the force out of comments that steer a scanner, with every line kept in its place.
//!
//! A scanner must judge the code, not obey it. In whatever may be a comment, the words by which comments silence scanners
//! lose their last letter to a `_`. No scanner's own idea of where a comment begins is relied on: what counts here is wider
//! than any, and reaches into a string literal only where it looks like a comment and holds such a word, which no rule
//! looks at.

mod python;
mod slashes;

use super::language::Language;

/// `code` with such comments made inert. As many bytes and as many lines as before.
pub fn neutralised(language: Language, code: &str) -> String {
    match language {
        Language::Python => python::neutralised(code),
        Language::C | Language::Cpp => {
            slashes::neutralised(&slashes::without_moves(code), &slashes::C)
        }
        Language::Go => slashes::neutralised(code, &slashes::GO),
    }
}

/// Bytes of `text` that are taken by the shortest of the `words` that stand there, if one does. The shortest: with
/// `nosemgrep` made inert at its end, `nosem` would still stand there.
fn taken<'a>(words: impl Iterator<Item = &'a str>, text: &str) -> Option<usize> {
    words.filter_map(|word| length_of(word, text)).min()
}

/// `text`, which is such a word, with its last letter made inert.
fn push_inert(text: &str, out: &mut String) {
    let mut word = text.to_owned();
    let last = word.pop().map_or(0, char::len_utf8);
    // A word's last letter may be one of the two long ones below.
    out.push_str(&word);
    out.extend(std::iter::repeat_n('_', last));
}

/// Bytes of `word` at the start of `text`, if it stands there in any case. Two letters outside of ASCII
/// match by the rules of Unicode: the long s and the Kelvin sign.
fn length_of(word: &str, text: &str) -> Option<usize> {
    let mut characters = text.char_indices();
    for wanted in word.chars() {
        let (_, found) = characters.next()?;
        let folded = match found {
            '\u{17F}' => 's',
            '\u{212A}' => 'k',
            other => other.to_ascii_lowercase(),
        };
        if folded != wanted {
            return None;
        }
    }
    Some(characters.next().map_or(text.len(), |(at, _)| at))
}
