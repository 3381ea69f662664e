//! Python: comments begin with `#` and end with the line.
//!
//! On every line, whatever follows the first `#` counts as a comment. Comments that declare an encoding are made inert as
//! well, since the staged file is UTF-8 whatever they say: Python would otherwise read something else than what was
//! executed.

use super::{push_inert, taken};

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

pub(super) fn neutralised(code: &str) -> String {
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
        let words = WORDS.iter().copied();
        match taken(words.chain(may_declare.then_some(CODING)), rest) {
            Some(length) => {
                push_inert(&rest[..length], out);
                rest = &rest[length..];
            }
            None => {
                out.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
    }
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
