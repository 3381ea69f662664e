//! C, C++ and Go: comments stand between `/*` and `*/`, or behind `//`.
//!
//! Where a comment may be: behind a `//` up to the end of the line and of those that it is continued on, and behind a `/*`
//! until a `*/` that none of the readings can overlook. Strings are not looked at, since a reader that takes another
//! place for the end of a string would see a comment where this file saw none.

use super::{length_of, push_inert, taken};

/// What is made inert in a language's comments. Lower case; compared without regard to case.
#[derive(Debug)]
pub(super) struct Words {
    /// Anywhere in a comment.
    anywhere: &'static [&'static str],
    /// Directly behind the sign that begins one.
    first: &'static [&'static str],
}

/// `cppcheck-suppress` begins a family (`-begin`, `-file`, `-macro`); flawfinder takes the words of two older tools, too.
pub(super) const C: Words = Words {
    anywhere: &[
        "flawfinder:",
        "its4:",
        "rats:",
        "cppcheck-suppress",
        "nosemgrep",
        "nosem",
        "nosonar",
        "nosec",
        "nolint",
        "bearer:disable",
        "codeql",
        "lgtm",
        "coverity[",
    ],
    first: &[],
};

/// Beside what silences scanners: constraints that leave a file out, files that are not there, and `//line`, after which
/// findings are reported in another place.
pub(super) const GO: Words = Words {
    anywhere: &[
        "nosec",
        "gosec:disable",
        "nolint",
        "lint:ignore",
        "lint:file-ignore",
        "nosemgrep",
        "nosem",
        "nosonar",
        "bearer:disable",
        "codeql",
        "lgtm",
        "go:build",
        "go:embed",
        "+build",
    ],
    first: &["line"],
};

/// Bytes between the sign of a directive and its name that are looked at, so that no code takes long.
const LOOK_AHEAD: usize = 1000;

pub(super) fn neutralised(code: &str, words: &Words) -> String {
    let mut out = String::with_capacity(code.len());
    let mut line = false;
    let mut block = None;
    let mut at = 0;
    while let Some(character) = code[at..].chars().next() {
        let rest = &code[at..];
        if rest.starts_with("//") {
            line = true;
        } else if rest.starts_with("/*") {
            block = Some(at);
        } else if rest.starts_with("*/") && block.is_some_and(|begin| at >= begin + 2) {
            block = None;
        } else if character == '\n' && !is_continued(&code[..at]) {
            line = false;
        }
        let begins = matches!(&code.as_bytes()[..at], [.., b'/', b'/' | b'*']);
        let first = words.first.iter().filter(|_| begins);
        let found = (line || block.is_some())
            .then(|| taken(words.anywhere.iter().chain(first).copied(), rest))
            .flatten();
        match found {
            Some(length) => {
                push_inert(&rest[..length], &mut out);
                at += length;
            }
            None => {
                out.push(character);
                at += character.len_utf8();
            }
        }
    }
    out
}

/// Whether a line goes on behind its end. Some let blanks follow the backslash, and it has another spelling.
fn is_continued(before: &str) -> bool {
    let line = before.trim_end_matches([' ', '\t', '\u{b}', '\u{c}', '\r']);
    line.ends_with('\\') || line.ends_with("??/")
}

/// C with blanks in place of the directives after which findings would be reported in another line or another file: `#line`,
/// `# 5 "file"`, and cppcheck's own `#file` and `#endfile`.
pub(super) fn without_moves(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut at = 0;
    while let Some(character) = code[at..].chars().next() {
        let length = match hash(&code[at..]) {
            Some(sign) if may_begin(&code[..at]) && moves(&code[at + sign..]) => {
                logical_line(&code[at..])
            }
            _ => 0,
        };
        if length == 0 {
            out.push(character);
            at += character.len_utf8();
            continue;
        }
        for blanked in code[at..at + length].chars() {
            match blanked {
                '\n' | '\r' => out.push(blanked),
                other => out.extend(std::iter::repeat_n(' ', other.len_utf8())),
            }
        }
        at += length;
    }
    out
}

/// Length of a `#` in any of its spellings.
fn hash(text: &str) -> Option<usize> {
    ["#", "%:", "??="]
        .iter()
        .find(|sign| text.starts_with(**sign))
        .map(|sign| sign.len())
}

/// Whether a directive may begin behind `before`: at the beginning of a line, or behind a comment.
fn may_begin(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\t', '\u{b}', '\u{c}']);
    before.is_empty() || before.ends_with(['\n', '\r']) || before.ends_with("*/")
}

/// Whether a directive that goes on like this moves what follows it. One that hides its name behind more than is looked
/// at does.
fn moves(text: &str) -> bool {
    let near = text.floor_char_boundary(LOOK_AHEAD);
    let text = match skip_blanks(&text[..near]) {
        "" if near < text.len() => return true,
        text => text,
    };
    let is_word = |word: &&str| {
        length_of(word, text).is_some_and(|length| {
            let next = text[length..].chars().next();
            !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
        })
    };
    text.starts_with(|c: char| c.is_ascii_digit())
        || ["line", "file", "endfile"].iter().any(is_word)
}

/// Behind blanks, comments and continued lines.
fn skip_blanks(text: &str) -> &str {
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start_matches([' ', '\t', '\u{b}', '\u{c}']);
        let next = if let Some(comment) = trimmed.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, behind)| behind)
        } else if let Some(end) = trimmed.strip_prefix('\\') {
            let end = end.trim_start_matches([' ', '\t', '\r']);
            match end.strip_prefix('\n') {
                Some(behind) => behind,
                None => return trimmed,
            }
        } else {
            return trimmed;
        };
        rest = next;
    }
}

/// Bytes up to the end of a line, with those that it is continued on.
fn logical_line(text: &str) -> usize {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        if !is_continued(line.strip_suffix('\n').unwrap_or(line)) {
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use crate::scan::Language;
    use crate::scan::neutral::neutralised;

    fn check(language: Language, cases: &[(&str, &str)]) {
        for (before, after) in cases {
            assert_eq!(neutralised(language, before), *after);
            assert_eq!(before.len(), after.len());
            assert_eq!(neutralised(language, after), *after, "twice is once");
        }
    }

    #[test]
    fn comments_that_silence_scanners_of_c_become_inert() {
        let cases = [
            (
                "gets(x); // Flawfinder: ignore",
                "gets(x); // Flawfinder_ ignore",
            ),
            (
                "gets(x); /*  RATS:\nignore */ITS4: 1",
                "gets(x); /*  RATS_\nignore */ITS4: 1",
            ),
            ("/* a\n * its4: x\n */", "/* a\n * its4_ x\n */"),
            (
                "// cppcheck-suppress-begin x",
                "// cppcheck-suppres_-begin x",
            ),
            (
                "//nosemgrep // codeql[x] NOLINTNEXTLINE",
                "//nose_grep // code_l[x] NOLIN_NEXTLINE",
            ),
        ];
        let cases = cases.map(|(before, after)| (before, after.replace("code_l", "codeq_")));
        let cases: Vec<_> = cases.iter().map(|(b, a)| (*b, a.as_str())).collect();
        check(Language::C, &cases);
        check(Language::Cpp, &cases);
    }

    #[test]
    fn no_reading_of_where_a_comment_is_gets_past() {
        check(
            Language::C,
            &[
                // A string may hold what looks like the beginning or the end of a comment.
                ("s = \"/*\"; x /*/ nosem */", "s = \"/*\"; x /*/ nose_ */"),
                ("s = \"*/\"; // nosem", "s = \"*/\"; // nose_"),
                ("/* \" */ x // nosem", "/* \" */ x // nose_"),
                ("// a \\\nnosem", "// a \\\nnose_"),
                ("// a ?\u{3f}/\nnosem", "// a ?\u{3f}/\nnose_"),
                ("// a\r nosem", "// a\r nose_"),
                ("// no\u{17F}em", "// no\u{17F}e_"),
            ],
        );
    }

    #[test]
    fn comments_that_steer_go_and_its_scanners_become_inert() {
        check(
            Language::Go,
            &[
                ("x() // #nosec G101", "x() // #nose_ G101"),
                ("x() //nosec", "x() //nose_"),
                ("//gosec:disable G1", "//gosec:disabl_ G1"),
                (
                    "//nolint:all //lint:ignore X y",
                    "//nolin_:all //lint:ignor_ X y",
                ),
                (
                    "//go:build ignore\n// +build x",
                    "//go:buil_ ignore\n// +buil_ x",
                ),
                ("//line x.go:1\n/*line :5*/", "//lin_ x.go:1\n/*lin_ :5*/"),
                ("// a line of text", "// a line of text"),
            ],
        );
    }

    #[test]
    fn no_directive_moves_what_is_found() {
        check(
            Language::C,
            &[
                ("#line 7 \"x.c\"\nint a;", "             \nint a;"),
                ("a;\n  # 3 \"x\" 2\nb;", "a;\n           \nb;"),
                ("/* a */ # /* b */ line 3\nb", "/* a */                 \nb"),
                ("#\\\nline 5\nb", "  \n      \nb"),
                ("#line 5 \\\n \"x\"\nb", "         \n    \nb"),
                (
                    "%:file \"x\"\r\n?\u{3f}=endfile",
                    "          \r\n          ",
                ),
                ("#LINE 5\n", "       \n"),
            ],
        );
        for plain in [
            "#define line 5\n",
            "#include <x>\n",
            "a # line\n",
            "#liner\n",
            "#if 0\n",
        ] {
            assert_eq!(neutralised(Language::C, plain), plain);
        }
        assert_eq!(neutralised(Language::Go, "#line 7"), "#line 7");
    }

    #[test]
    fn code_is_left_alone() {
        for code in [
            "int nosec = nolint; case RATS: x = 'nosem';\n",
            "s = \"flawfinder: ignore\";\n",
            "a / b * c; // plain, ünïcode\n/* more */ int nosec;\n",
            "",
            "/",
            "/*",
            "//",
            "#",
            "*/nosem",
        ] {
            assert_eq!(neutralised(Language::C, code), code);
            assert_eq!(neutralised(Language::Go, code), code);
        }
    }

    proptest::proptest! {
        #[test]
        fn bytes_and_lines_are_kept(code in r#"[/*\\\n\r"'#%: a-z]{0,60}"#, tail: String) {
            let code = format!("{code}{tail}");
            for language in Language::ALL {
                let inert = neutralised(language, &code);
                assert_eq!(inert.len(), code.len());
                assert_eq!(inert.matches('\n').count(), code.matches('\n').count());
                assert_eq!(language.lines(&inert), language.lines(&code));
                assert_eq!(neutralised(language, &inert), inert);
            }
        }
    }
}
