//! Takes the force out of comments that steer a scanner, with every line kept in its place.
//!
//! A scanner must judge the code, not obey it. On every line, whatever follows the first `#` loses the
//! words by which comments silence scanners: their last letter becomes `_`. That reaches every comment,
//! and a string literal only where it holds a `#` and such a word, which no rule looks at. Comments that
//! declare an encoding are treated likewise, since the staged file is UTF-8 whatever they say: Python
//! would otherwise read something else than what was executed.

/// Words that silence a scanner. Lower case; compared without regard to case.
const WORDS: [&str; 13] = [
    "nosec",
    "noqa",
    "nosemgrep",
    "nosem",
    "nosonar",
    "bearer:disable",
    "ruff:",
    "flake8:",
    "pylint:",
    "lgtm",
    "codeql",
    "pragma:",
    "/// script",
];
/// Words that declare an encoding when they stand before `:` or `=` in the first two lines.
const CODING: &str = "coding";

/// `code` with such comments made inert. As many bytes and as many lines as before.
pub fn neutralised(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    // Every terminator that Python or a scanner knows: after a lone carriage return a comment ends.
    for (number, line) in code.split_inclusive(['\n', '\r']).enumerate() {
        match line.find('#') {
            None => out.push_str(line),
            Some(at) => {
                out.push_str(&line[..at]);
                // A carriage return with its line feed counts as two here, so look one line further.
                comment(&line[at..], number < 4, &mut out);
            }
        }
    }
    out
}

fn comment(text: &str, may_declare: bool, out: &mut String) {
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let matched = WORDS
            .iter()
            .copied()
            .chain(may_declare.then_some(CODING))
            .filter_map(|word| length_of(word, rest))
            // The shortest: with `nosemgrep` made inert at its end, `nosem` would still stand there.
            .min();
        match matched {
            Some(length) => {
                let mut word = rest[..length].to_owned();
                let last = word.pop().map_or(0, char::len_utf8);
                // A word's last letter may be one of the two long ones below.
                out.push_str(&word);
                out.extend(std::iter::repeat_n('_', last));
                rest = &rest[length..];
            }
            None => {
                out.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_that_silence_scanners_become_inert() {
        for (before, after) in [
            ("eval(x)  # nosec", "eval(x)  # nose_"),
            (
                "eval(x)  #NOSEC B307 # NoQA: S307",
                "eval(x)  #NOSE_ B307 # NoQ_: S307",
            ),
            ("# ruff: noqa\n", "# ruff_ noq_\n"),
            ("# ruff: disable[S]\r\nx", "# ruff_ disable[S]\r\nx"),
            ("x # nosemgrep: a\ry # noqa", "x # nose_grep: a\ry # noq_"),
            (
                "# bearer:disable python_lang_eval",
                "# bearer:disabl_ python_lang_eval",
            ),
            ("# no\u{17F}ec", "# no\u{17F}e_"),
        ] {
            assert_eq!(neutralised(before), after);
            assert_eq!(before.len(), after.len());
        }
    }

    #[test]
    fn encodings_cannot_be_declared() {
        assert_eq!(
            neutralised("#!/x\r\n# -*- Coding: utf-7 -*-\n"),
            "#!/x\r\n# -*- Codin_: utf-7 -*-\n"
        );
        let far = "1\n2\n3\n4\n5\n# coding: utf-7\n";
        assert_eq!(neutralised(far), far);
    }

    #[test]
    fn code_is_left_alone() {
        for code in [
            "nosec = noqa = 1\n",
            "s = 'noqa'\n",
            "x = 1  # a plain comment, ünïcode\n",
            "",
            "#",
            "\r\r\n\n",
        ] {
            assert_eq!(neutralised(code), code);
        }
    }
}
