//! Quotes in C and C++ that a reader of lines takes otherwise than a compiler does, and behind which code hides. Pure.
//!
//! Some scanners read quotes by rules of their own: an apostrophe in text that no compiler looks at, a digit separator or
//! a raw string opens a string for them that ends somewhere below. Such code is not given to them.

use super::Language;

/// Why a scanner that knows only plain quotes cannot be trusted with `code`, if so: a literal that does not end on its
/// line, an apostrophe within a number, or a raw string.
pub(super) fn may_hide(language: Language, code: &str) -> Option<&'static str> {
    if !matches!(language, Language::C | Language::Cpp) {
        return None;
    }
    let bytes = code.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => at = end_of_line(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                let Some(length) = code[at + 2..].find("*/") else {
                    return Some("a comment in it does not end");
                };
                at += length + 4;
            }
            quote @ (b'"' | b'\'') => {
                let before = at.checked_sub(1).map(|at| bytes[at]);
                if quote == b'\'' && before.is_some_and(|byte| in_number(bytes, at, byte)) {
                    return Some("an apostrophe within a number may hide code from it");
                }
                // A raw string, or a macro of that name before a string: who knows.
                if quote == b'"' && before == Some(b'R') {
                    return Some("a raw string may hide code from it");
                }
                match end_of_literal(bytes, at, quote) {
                    Some(end) => at = end,
                    None => return Some("a quote that is not closed may hide code from it"),
                }
            }
            _ => at += 1,
        }
    }
    None
}

/// Whether the apostrophe at `at`, behind this byte, stands in a number.
fn in_number(bytes: &[u8], at: usize, before: u8) -> bool {
    if !before.is_ascii_alphanumeric() {
        return false;
    }
    let word = bytes[..at]
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'\''));
    // A number begins with a digit; `u8'x'` and `L'x'` do not.
    word.last().is_some_and(u8::is_ascii_digit)
}

/// Behind the line's end, which a backslash before it joins with the next line.
fn end_of_line(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        if is_joined(bytes, at) {
            at = behind_join(bytes, at);
        } else if matches!(bytes[at], b'\n' | b'\r') {
            return at;
        } else {
            at += 1;
        }
    }
    at
}

fn end_of_literal(bytes: &[u8], open: usize, quote: u8) -> Option<usize> {
    let mut at = open + 1;
    while at < bytes.len() {
        match bytes[at] {
            _ if is_joined(bytes, at) => at = behind_join(bytes, at),
            b'\\' => at += 2,
            b'\n' | b'\r' => return None,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

fn is_joined(bytes: &[u8], at: usize) -> bool {
    bytes[at] == b'\\' && matches!(bytes.get(at + 1), Some(b'\n' | b'\r'))
}

fn behind_join(bytes: &[u8], at: usize) -> usize {
    let both = bytes.get(at + 1) == Some(&b'\r') && bytes.get(at + 2) == Some(&b'\n');
    at + if both { 3 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_code_is_given_to_all() {
        for code in [
            "",
            "char c = '\\'', d = '\"'; char *s = \"it's \\\"so\\\"\"; // don't\n/* don't \" */ int x;\n",
            "char *s = \"one \\\n two\"; wchar_t w = L'x'; char u = u8'y';\n",
            "int a = 0x1f; int b = a/2; char c='x';\r\n#define R 1\n",
            "// joined \\\n don't\nint x;\n",
        ] {
            assert_eq!(may_hide(Language::C, code), None, "{code}");
            assert_eq!(may_hide(Language::Cpp, code), None, "{code}");
        }
        // Others have quotes of other kinds.
        assert_eq!(may_hide(Language::Python, "'''\n'\n'''"), None);
        assert_eq!(may_hide(Language::Go, "`\n'\n`"), None);
    }

    #[test]
    fn what_hides_code_is_seen() {
        for code in [
            "#if 0\n'\n#endif\nvoid f(char *x) { gets(x); }\n#if 0\n'\n#endif\n",
            "#if 0\ndon't\n#endif\n",
            "const char *a = R\"(\")\";\nvoid f(char *x) { gets(x); }\n",
            "auto a = u8R\"(x)\";\n",
            "int a = 1'000; int c = '/*';\n",
            "int a = 0xff'ff;\n",
            "char *s = \"open\nint x;\n",
            "char *s = \"open",
            "char *s = \"ends \\\\\n\";\n",
            "/* open\nint x;\n",
        ] {
            assert!(may_hide(Language::Cpp, code).is_some(), "{code}");
        }
    }
}
