//! Text that LaTeX shows as it is, whatever is in it.

use std::fmt::Write as _;

use crate::base::text::for_terminal;

/// `text` such that LaTeX sets it as it stands: no command, no comment, no end of a cell, a row or an argument, no
/// ligature. What comes out is ASCII, and letters that pdfLaTeX knows by itself with T1 fonts; any other character
/// becomes `\fumehoodchar{4E2D}`, which the head of the file defines. Control characters and those that nobody sees are
/// written out as on a terminal.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + text.len() / 4);
    let text = for_terminal(text);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' | '\t' => safe.push(' '),
            '\\' => safe.push_str("\\textbackslash{}"),
            '{' | '}' | '%' | '_' | '#' | '&' | '$' => {
                safe.push('\\');
                safe.push(character);
            }
            '~' => safe.push_str("\\textasciitilde{}"),
            '^' => safe.push_str("\\textasciicircum{}"),
            '<' => safe.push_str("\\textless{}"),
            '>' => safe.push_str("\\textgreater{}"),
            '|' => safe.push_str("\\textbar{}"),
            // By their numbers: babel makes commands of them, and single characters are not in all fonts by name.
            '"' | '\'' | '`' => _ = write!(safe, "\\symbol{{{}}}", u32::from(character)),
            // Behind the end of a row these would be an option of it.
            '[' | ']' | '*' => _ = write!(safe, "{{{character}}}"),
            // Two of them would be one long sign, or the other sort of quotes.
            '-' | ',' if characters.peek() == Some(&character) => {
                _ = write!(safe, "{{{character}}}");
            }
            '…' => safe.push_str("\\dots{}"),
            '–' => safe.push_str("\\textendash{}"),
            '—' => safe.push_str("\\textemdash{}"),
            ' '..='~' => safe.push(character),
            other if is_letter_of_t1(other) => safe.push(other),
            other => _ = write!(safe, "\\fumehoodchar{{{:04X}}}", u32::from(other)),
        }
    }
    safe
}

/// Whether T1 fonts have it and every LaTeX since 2018 reads it without a further package.
fn is_letter_of_t1(c: char) -> bool {
    matches!(c,
        'À'..='Ö' | 'Ø'..='ö' | 'ø'..='ÿ' | 'Ă'..='ć' | 'Č'..='đ' | 'Ę'..='ě' | 'Ğ' | 'ğ' | 'ı' | 'Ł' | 'ł' | 'Ń' | 'ń'
        | 'Ň' | 'ň' | 'Ő'..='ŕ' | 'Ř'..='ś' | 'Ş'..='ť' | 'Ů'..='ű' | 'Ÿ'..='ž')
}
